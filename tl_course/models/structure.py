"""Where a network's head is, and its layers in groups from the input to the head.

The rules go by the attribute names of torchvision, timm and transformers, so that they hold for the course's networks
and for one that a reader brings along.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

HEAD_NAMES = ("fc", "classifier", "head", "heads")
# Parts of an encoder that come after its layers; all others come before.
AFTER_LAYERS = ("pooler", "final_norm", "final_layer_norm", "norm", "ln", "LayerNorm")
Group = tuple[str, list[nn.Module]]


class Parameters(NamedTuple):
    """How many numbers a network holds, and how many of them training may change."""

    total: int
    trainable: int


def unwrap(model: nn.Module) -> nn.Module:
    """Return the network that torch.compile, DistributedDataParallel or DataParallel wrapped; another one as it is.

    The wrapper and the network share their parameters, and the network's have plain names.

    >>> layer = nn.Linear(4, 2)
    >>> unwrap(nn.DataParallel(layer)) is layer, unwrap(layer) is layer
    (True, True)
    """
    while True:
        if "_orig_mod" in model._modules:
            model = model._modules["_orig_mod"]
        elif isinstance(model, (DataParallel, DistributedDataParallel)):
            model = model.module
        else:
            return model


def is_distributed(model: nn.Module) -> bool:
    """Say whether one of the wrappers around a network is DistributedDataParallel.

    >>> is_distributed(nn.Linear(4, 2))
    False
    """
    while not isinstance(model, DistributedDataParallel):
        if "_orig_mod" not in model._modules:
            return False
        model = model._modules["_orig_mod"]
    return True


def plain_name(name: str) -> str:
    """Return a module's or tensor's name without what torch.compile puts into it where a part was compiled.

    >>> plain_name("layer1._orig_mod.0.conv1.weight")
    'layer1.0.conv1.weight'
    """
    return ".".join(part for part in name.split(".") if part != "_orig_mod")


def refuse_lazy(model: nn.Module) -> None:
    """Raise ValueError where a layer has no shape yet.

    >>> refuse_lazy(nn.LazyLinear(2))
    Traceback (most recent call last):
    ValueError: the lazy layers of this LazyLinear have no shape yet (weight ...): run one batch through it first.
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if isinstance(tensor, (UninitializedParameter, UninitializedBuffer)):
            raise ValueError(
                f"the lazy layers of this {type(model).__name__} have no shape yet ({name} is the first of them): run "
                "one batch through it first."
            )


def count_parameters(model: nn.Module) -> Parameters:
    """Count the numbers in a network's parameters.

    Parameters
    ----------
    model : nn.Module
        Also on the meta device, or compiled or distributed.

    Returns
    -------
    Parameters
        ``total`` and ``trainable``; buffers such as BatchNorm's running statistics are not parameters.

    Raises
    ------
    ValueError
        When a lazy layer has no shape yet.

    Examples
    --------
    >>> count_parameters(nn.Linear(4, 2))
    Parameters(total=10, trainable=10)
    """
    refuse_lazy(model)
    parameters = list(model.parameters())
    return Parameters(sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad))


def is_text(model: nn.Module) -> bool:
    """Say whether a model is one of transformers' (it takes token ids and an attention mask)."""
    return hasattr(unwrap(model), "base_model_prefix")


def head_of(model: nn.Module) -> tuple[str, nn.Linear]:
    """Find the head: the last linear layer, which turns features into one number for each class.

    It is what a network of timm names as its classifier; else it is looked for in the attribute ``fc`` (ResNet,
    Inception), ``classifier`` (VGG, EfficientNet, BERT), ``head`` or ``heads``, and otherwise in the whole module; the
    last ``nn.Linear`` there is the head.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    name : str
        Dotted name of the head inside ``model`` (empty when ``model`` itself is a linear layer); of a compiled or
        distributed model, inside the network that was wrapped.
    head : nn.Linear

    Raises
    ------
    ValueError
        When there is no linear layer, or it is lazy and has no shape yet.

    Examples
    --------
    >>> from tl_course import models
    >>> models.head_of(models.create("vgg_small"))
    ('classifier.3', Linear(in_features=256, out_features=10, bias=True))
    """
    model = unwrap(model)
    if hasattr(model, "get_classifier") and isinstance(own := model.get_classifier(), nn.Linear):
        refuse_lazy(own)
        return plain_name(next(name for name, part in model.named_modules() if part is own)), own
    start = next((name for name in HEAD_NAMES if isinstance(getattr(model, name, None), nn.Module)), "")
    linear = [(name, part) for name, part in model.get_submodule(start).named_modules() if isinstance(part, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{type(model).__name__} has no head: no nn.Linear in {start or 'it'}; give a network that ends in one."
        )
    name, head = linear[-1]
    refuse_lazy(head)
    return plain_name(".".join(filter(None, (start, name)))), head


def layer_groups(model: nn.Module) -> list[Group]:
    """Split a network into groups of layers, from the input to the head.

    The groups are what layer-wise learning rates, gradual unfreezing and ``freeze(until=...)`` speak of: the stages of
    a ResNet or ConvNeXt, the blocks of a ViT or those between poolings of a VGG, the layers of a BERT. Each parameter
    stands in exactly one group, also one that belongs to no layer (the positions of a ViT). Layers without parameters
    (dropout, pooling) go with the group that they follow.

    Parameters
    ----------
    model : nn.Module

    Returns
    -------
    list of (str, list of nn.Module)
        The last group is the head, under the name that :func:`head_of` gives.

    Raises
    ------
    ValueError
        When the model has no head, or parameters that no group holds.

    Examples
    --------
    >>> from tl_course import models
    >>> [name for name, _ in models.layer_groups(models.create("resnet_small"))]
    ['stem', 'layer1', 'layer2', 'layer3', 'layer4', 'fc']
    """
    model = unwrap(model)
    name, head = head_of(model)
    groups = [*_body_groups(model, head), (name or "head", [head])]
    _check_cover(model, groups)
    return groups


def _body_groups(model: nn.Module, head: nn.Linear) -> list[Group]:
    if model is head:
        return []
    if hasattr(model, "layer4") and hasattr(model, "conv1"):
        return _stages(
            model, {"stem": ["conv1", "bn1", "relu", "maxpool"]} | {f"layer{i}": [f"layer{i}"] for i in range(1, 5)}
        )
    if hasattr(model, "conv_stem") and hasattr(model, "bn2"):
        blocks = {f"blocks.{i}": [f"blocks.{i}"] for i in range(len(model.blocks))}
        return _stages(model, {"stem": ["conv_stem", "bn1"]} | blocks | {"top": ["conv_head", "bn2", "global_pool"]})
    if hasattr(model, "Mixed_5b"):
        return _inception_groups(model)
    if is_text(model):
        return _transformer_groups(model, head)
    if hasattr(model, "get_classifier"):
        return _timm_groups(model, head)
    if isinstance(getattr(model, "features", None), nn.Sequential):
        return _vgg_groups(model, head)
    return _by_parameters([(n, part) for n, part in model.named_children() if part is not head])


def _stages(model: nn.Module, names: dict[str, list[str]]) -> list[Group]:
    present = dict(model.named_modules())
    groups = [(group, [present[name] for name in parts if name in present]) for group, parts in names.items()]
    if "avgpool" in present:
        groups[-1][1].append(present["avgpool"])
    return groups


def _inception_groups(model: nn.Module) -> list[Group]:
    children = [name for name, _ in model.named_children()]
    first = children.index("Mixed_5b")
    stages = {f"Mixed_{i}": [name for name in children if name.startswith(f"Mixed_{i}")] for i in (5, 6, 7)}
    stages["Mixed_6"] += [name for name in children if name == "AuxLogits"]
    stages["Mixed_7"] += ["dropout"]
    return _stages(model, {"stem": children[:first]} | stages)


def _transformer_groups(model: nn.Module, head: nn.Linear) -> list[Group]:
    """Group an encoder of transformers: what stands before its list of layers, each layer, and what follows.

    What layers share stands before them (the relative positions of a DeBERTa), since the first needs it already.
    """
    body = model.base_model
    lists = [(name, part) for name, part in body.named_modules() if isinstance(part, nn.ModuleList)]
    if not lists:
        raise ValueError(f"the layers of {type(model).__name__} cannot be grouped: it has no list of layers.")
    name, layers = max(lists, key=lambda each: sum(p.numel() for p in each[1].parameters()))
    before, after = [], []
    inside = body
    for step in name.split("."):
        shared = hasattr(inside, "rel_embeddings")  # a DeBERTa's norm of them, and no norm at the end
        for child, part in inside.named_children():
            if child != step:
                (after if child in AFTER_LAYERS and not shared else before).append(part)
        inside = getattr(inside, step)
    for part in model.children():
        if part is not body and part is not head:
            after += [each for each in part.children() if each is not head] if head in part.modules() else [part]
    groups = [("embeddings", before), *((f"layer.{i}", [layer]) for i, layer in enumerate(layers))]
    if any(True for part in after for _ in part.parameters()):
        return [*groups, ("pooler", after)]
    groups[-1][1].extend(after)
    return groups


def _timm_groups(model: nn.Module, head: nn.Linear) -> list[Group]:
    """Group a network as timm itself divides it for rates layer by layer, by stages where it knows them.

    A parameter that hangs on no layer of its own (a ViT's positions and class token) is put into a ``ParameterList``,
    so that a group stays a list of modules: it holds the very same parameter.
    """
    from timm.models._manipulate import group_with_matcher

    heads = {id(parameter) for parameter in head.parameters()}
    own = [(name, parameter) for name, parameter in model.named_parameters() if id(parameter) not in heads]
    if hasattr(model, "group_matcher"):
        try:
            matcher = model.group_matcher(coarse=True)
        except AssertionError:  # a few know their blocks only
            matcher = model.group_matcher(coarse=False)
        place_of = group_with_matcher(iter(own), matcher, reverse=True)
    else:
        firsts = [_first_steps(model, name) for name, _ in own]
        order = list(dict.fromkeys(firsts))
        place_of = {name: order.index(first) for (name, _), first in zip(own, firsts, strict=True)}
    found: dict[int, list[tuple[str, nn.Module]]] = {}
    _divide(model, "", head, {id(parameter): place_of[name] for name, parameter in own}, found)
    groups: list[Group] = []
    for place in sorted(found):
        parts = [part for _, part in found[place]]
        named = [name for name, part in found[place] if any(True for _ in part.parameters())]
        if groups and place == max(found) and all(p.ndim < 2 for part in parts for p in part.parameters()):
            groups[-1][1].extend(parts)  # the norm before a head is no layer of its own
        else:
            groups.append((_group_name(named, {name for name, _ in groups}), parts))
    return groups


def _first_steps(model: nn.Module, name: str) -> str:
    """Return the part of a network that a parameter is in: an entry of a list, or one of the children."""
    first, *rest = name.split(".")
    listed = isinstance(getattr(model, first), (nn.Sequential, nn.ModuleList)) and rest
    return f"{first}.{rest[0]}" if listed else first


def _divide(
    module: nn.Module, name: str, head: nn.Linear, number: dict[int, int], found: dict[int, list[tuple[str, nn.Module]]]
) -> None:
    """Hand each part of a network to its group: whole where all its parameters are of one, else its parts."""
    for child, parameter in module.named_parameters(recurse=False):
        holder = nn.ParameterList([parameter])
        found.setdefault(number[id(parameter)], []).append((f"{name}.{child}".lstrip("."), holder))
    last = min(found, default=0)
    for child, part in module.named_children():
        if part is head:
            continue
        full = f"{name}.{child}".lstrip(".")
        inside = list(part.parameters())
        groups = {number.get(id(parameter)) for parameter in inside}
        if len(groups) == 1 and None not in groups:
            last = groups.pop()
            found.setdefault(last, []).append((full, part))
        elif inside:
            _divide(part, full, head, number, found)
            last = max(found)
        else:
            found.setdefault(last, []).append((full, part))


def _group_name(names: list[str], taken: set[str]) -> str:
    """Name a group by the beginning that the names of its parts share, or by the first of them.

    >>> _group_name(["stages.0.blocks", "stages.0.downsample"], {"stem"}), _group_name(["pos", "patch_embed"], set())
    ('stages.0', 'stem')
    """
    steps = [set(step) for step in zip(*(name.split(".") for name in names), strict=False)]
    shared = ".".join(min(step) for step in itertools.takewhile(lambda step: len(step) == 1, steps))
    return next(name for name in (shared, "" if taken else "stem", *names) if name and name not in taken)


def _vgg_groups(model: nn.Module, head: nn.Linear) -> list[Group]:
    groups: list[Group] = [("block1", [])]
    for layer in model.features:
        if groups[-1][1] and isinstance(groups[-1][1][-1], nn.MaxPool2d):
            groups.append((f"block{len(groups) + 1}", []))
        groups[-1][1].append(layer)
    hidden = [model.avgpool, *(layer for layer in model.classifier.children() if layer is not head)]
    if any(True for layer in hidden for _ in layer.parameters()):
        return [*groups, ("hidden", hidden)]
    groups[-1][1].extend(hidden)
    return groups


def _by_parameters(children: list[tuple[str, nn.Module]]) -> list[Group]:
    groups: list[Group] = []
    for name, part in children:
        if not groups or any(True for _ in part.parameters()):
            groups.append((name, []))
        groups[-1][1].append(part)
    return groups


def _check_cover(model: nn.Module, groups: list[Group]) -> None:
    seen = [id(p) for _, parts in groups for part in parts for p in part.parameters()]
    for name, parameter in model.named_parameters():
        if seen.count(id(parameter)) != 1:
            raise ValueError(
                f"the layers of {type(model).__name__} cannot be grouped: {name} belongs to "
                f"{seen.count(id(parameter))} groups; name the parts yourself."
            )
