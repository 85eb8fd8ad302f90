"""Where a network's head is, and its layers in groups from the input to the head.

The rules go by the attribute names of torchvision, timm and transformers, so that they hold for the course's networks
and for one that a reader brings along.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn
from torch.nn.parallel import DataParallel, DistributedDataParallel
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

HEAD_NAMES = ("fc", "classifier", "head", "heads")
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

    It is looked for in the attribute ``fc`` (ResNet, Inception), ``classifier`` (VGG, EfficientNet, BERT), ``head`` or
    ``heads``, and otherwise in the whole module; the last ``nn.Linear`` there is the head.

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
    a ResNet, the blocks between poolings of a VGG, the layers of a BERT. Each parameter stands in exactly one group.
    Layers without parameters (dropout, pooling) go with the group that they follow.

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
    if hasattr(model, "layer4"):
        return _stages(
            model, {"stem": ["conv1", "bn1", "relu", "maxpool"]} | {f"layer{i}": [f"layer{i}"] for i in range(1, 5)}
        )
    if hasattr(model, "conv_stem"):
        blocks = {f"blocks.{i}": [f"blocks.{i}"] for i in range(len(model.blocks))}
        return _stages(model, {"stem": ["conv_stem", "bn1"]} | blocks | {"top": ["conv_head", "bn2", "global_pool"]})
    if hasattr(model, "Mixed_5b"):
        return _inception_groups(model)
    if is_text(model):
        return _transformer_groups(model, head)
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
    body = model.base_model
    layers = (body.encoder if hasattr(body, "encoder") else body.transformer).layer
    groups = [("embeddings", [body.embeddings]), *((f"layer.{i}", [layer]) for i, layer in enumerate(layers))]
    pooler = [getattr(body, "pooler", None)]
    pooler += [part for part in model.children() if part is not body and part is not head]
    return [*groups, ("pooler", [part for part in pooler if part is not None])]


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
