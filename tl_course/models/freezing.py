"""Freezing a part of a network, and the proof that it stayed as it was.

Three things move in a network that is trained, and freezing has to stop all three:

* parameters, by gradients: ``requires_grad_(False)`` stops them;
* parameters, by an optimiser that still finds a ``.grad`` from an earlier step (momentum, weight decay): the gradients
  are dropped, and optimisers skip a parameter without one;
* BatchNorm's running statistics, and the noise of dropout, which follow ``module.training`` and nothing else: frozen
  modules are put in eval, and kept there.

How they are kept there: ``model.train()`` walks down the tree and calls ``child.train()``. In a frozen module that
method is covered by one that changes nothing. It is an ordinary attribute of that one object: no class is patched,
nothing runs in the forward pass, ``copy.deepcopy`` and ``pickle`` carry it along, and ``unfreeze`` takes it away.

``nn.SyncBatchNorm.convert_sync_batchnorm`` puts new modules in the places of frozen ones, which know nothing of that.
So in a module that is trainable and has frozen children ``train`` is covered, too: it first freezes what has taken a
frozen child's place with nothing trainable in it, and then does what it always does.

A network that torch.compile wrapped is frozen inside its wrapper. One that DistributedDataParallel wrapped is refused:
that wrapper has noted which parameters get gradients, and waits for them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from tl_course.models.structure import (
    count_parameters,
    is_distributed,
    layer_groups,
    plain_name,
    refuse_lazy,
    unwrap,
)


class FrozenMovedError(ValueError):
    """A parameter or buffer that was frozen is not what it was."""


@dataclass(frozen=True)
class FreezeReport:
    """What is frozen in a model, with a hash of each tensor as it was at that moment.

    Parameters
    ----------
    frozen, trainable : int
        Numbers in frozen and in trainable parameters.
    modules : tuple of str
        Names of the modules that are kept in eval.
    hashes : dict of str to str
        For each frozen parameter and each buffer of a frozen module, the sha256 of its shape, type and bytes.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small", num_classes=10)
    >>> report = models.freeze(model, except_head=True)
    >>> print(report)
    1,620,000 numbers frozen, 2,890 trainable; 41 modules kept in eval
    >>> report.check(model)
    True
    """

    frozen: int
    trainable: int
    modules: tuple[str, ...]
    hashes: dict[str, str] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.frozen:,} numbers frozen, {self.trainable:,} trainable; {len(self.modules)} modules kept in eval"

    def moved(self, model: nn.Module) -> list[str]:
        """Name the frozen tensors that are no longer what they were (or no longer there)."""
        _check_values(model)
        now = _tensors(model)
        return [name for name, old in self.hashes.items() if name not in now or _hash(now[name]) != old]

    def check(self, model: nn.Module) -> bool:
        """Return True when no frozen parameter and no frozen buffer moved, to the last bit.

        Parameters
        ----------
        model : nn.Module
            The model that was frozen, or a copy of it, on any device, and in any wrapper.

        Raises
        ------
        FrozenMovedError
            When one did; the message names it.
        ValueError
            When the model's tensors have no values (on the meta device, or of lazy layers).
        """
        moved = self.moved(model)
        if moved:
            more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""
            raise FrozenMovedError(
                f"{len(moved)} of {len(self.hashes)} frozen tensors moved: {', '.join(moved[:3])}{more}; "
                "freeze before building the optimiser, and let nothing put frozen modules back in train mode."
            )
        return True


def freeze(
    model: nn.Module, *, except_head: bool = False, until: str | None = None, parts: Sequence[str] | None = None
) -> FreezeReport:
    """Freeze a model or a part of it: no gradient, no statistics, no dropout, until :func:`unfreeze`.

    Without a choice the whole model is frozen (a teacher, say). What was frozen before stays frozen. Build the
    optimiser afterwards, from the parameters that are still trainable.

    Parameters
    ----------
    model : nn.Module
    except_head : bool
        Freeze everything but the head: what a linear probe needs.
    until : str, optional
        Freeze the groups of :func:`~tl_course.models.layer_groups` from the input up to this one, which is included.
    parts : list of str, optional
        Freeze these: names of groups, or of submodules as ``model.named_modules()`` gives them.

    Returns
    -------
    FreezeReport
        About all that is frozen in the model now.

    Raises
    ------
    ValueError
        When more than one choice is made, a name is not in the model, tensors have no values yet (on the meta device,
        or of lazy layers), or DistributedDataParallel has wrapped the model. Nothing is changed then.

    Notes
    -----
    Setting ``requires_grad`` on a *module* (``model.fc.requires_grad = True``) makes a new attribute and changes no
    parameter; the method is ``requires_grad_``, with an underscore at its end.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small")
    >>> report = models.freeze(model, until="layer2")
    >>> _ = model.train()
    >>> model.layer2.training, model.layer3.training
    (False, True)
    """
    _refuse_distributed(model, "freeze")
    model = unwrap(model)
    _check_values(model)
    chosen = list(_chosen(model, except_head, until, parts))
    _hold_what_took_a_place(model)
    for module in chosen:
        for parameter in module.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        for part in module.modules():
            _hold(part)
    _hold_full_containers(model)
    _watch(model)
    return _report(model)


def unfreeze(model: nn.Module, *, parts: Sequence[str] | None = None) -> None:
    """Undo :func:`freeze`: all of it, or only for some parts.

    The parameters get gradients again, and the modules follow ``model.train()`` and ``model.eval()`` again; for now
    they take the mode that the rest of the model is in. An optimiser that was built before does not know them.

    Parameters
    ----------
    model : nn.Module
    parts : list of str, optional
        Names of groups or submodules, as for :func:`freeze`; everything if left out.

    Raises
    ------
    ValueError
        When a name is not in the model, or DistributedDataParallel has wrapped the model.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small").train()
    >>> report = models.freeze(model, except_head=True)
    >>> models.unfreeze(model, parts=["layer4"])
    >>> model.layer3.training, model.layer4.training
    (False, True)
    """
    _refuse_distributed(model, "unfreeze")
    model = unwrap(model)
    mode = model.train.keywords["before"] if is_held(model) else model.training
    chosen = [model] if parts is None else _named(model, parts)
    _hold_what_took_a_place(model)
    free = {part for module in chosen for part in module.modules()}
    for module in model.modules():
        if is_held(module) and not free.isdisjoint(module.modules()):
            _release(module)
            module.training = mode
    _watch(model)
    for module in chosen:
        module.requires_grad_(True)
        module.train(mode)


def is_held(module: nn.Module) -> bool:
    """Say whether a module is frozen and kept in eval.

    >>> layer = nn.Dropout()
    >>> report = freeze(layer)
    >>> is_held(layer), layer.train().training
    (True, False)
    """
    return _stands_in(unwrap(module), _stay_in_eval)


def _stay_in_eval(module: nn.Module, mode: bool = True, *, before: bool) -> nn.Module:
    """Stand in for ``module.train`` in a frozen module: it is in eval afterwards, whatever mode is asked for."""
    module.training = False  # a wrapper of torch.compile sets its module's attribute before it calls this
    return module


def _train_around(module: nn.Module, mode: bool = True, *, frozen: tuple[str, ...]) -> nn.Module:
    """Stand in for ``module.train`` in a module with frozen children: freeze what took their places, then go on."""
    _hold_in_places(module, frozen)
    return type(module).train(module, mode)


def _hold_in_places(module: nn.Module, names: Iterable[str]) -> None:
    """Hold the children of these names, all of each, unless something in them is trainable."""
    for name in names:
        child = module._modules.get(name)
        if child is not None and not is_held(child) and not any(p.requires_grad for p in child.parameters()):
            for part in child.modules():
                _hold(part)


def _stands_in(module: nn.Module, function: Callable[..., nn.Module]) -> bool:
    """Say whether a function of this file stands in for ``module.train``."""
    return getattr(vars(module).get("train"), "func", None) is function


def _hold(module: nn.Module) -> None:
    module = unwrap(module)  # what torch.compile puts around a part has no state of its own
    if not is_held(module):
        module.train = partial(_stay_in_eval, module, before=module.training)
        module.training = False


def _release(module: nn.Module) -> None:
    module = unwrap(module)
    if is_held(module):
        del module.train


def _hold_what_took_a_place(model: nn.Module) -> None:
    """Do now what the next ``model.train()`` would do about modules that took the place of frozen ones."""
    for module in list(model.modules()):
        if _stands_in(module, _train_around):
            _hold_in_places(module, module.train.keywords["frozen"])


def _watch(model: nn.Module) -> None:
    """Cover ``train`` of each module that is trainable and has frozen children, and of no other."""
    for module in model.modules():
        frozen = () if is_held(module) else tuple(name for name, part in module.named_children() if is_held(part))
        if _stands_in(module, _train_around):
            del module.train
        if frozen and unwrap(module) is module:
            module.train = partial(_train_around, module, frozen=frozen)


def _refuse_distributed(model: nn.Module, verb: str) -> None:
    if is_distributed(model):
        raise ValueError(
            f"{verb} the model before DistributedDataParallel wraps it, which notes then what gets gradients: {verb} "
            "model.module, and wrap that again."
        )


def _check_values(model: nn.Module) -> None:
    """Refuse a model whose tensors cannot be hashed, since a report about them would prove nothing."""
    refuse_lazy(model)
    for name, tensor in _tensors(model).items():
        if tensor.is_meta:
            raise ValueError(
                f"{name} is on the meta device and has no values yet: load the weights first (model.to_empty and "
                "load_state_dict)."
            )


def _hold_full_containers(module: nn.Module) -> bool:
    """Hold each container with nothing trainable in it, whose parts are all held."""
    module = unwrap(module)
    if is_held(module):
        return True
    parts = [_hold_full_containers(part) for part in module.children()]
    if parts and all(parts) and not any(p.requires_grad for p in module.parameters(recurse=False)):
        _hold(module)
    return is_held(module)


def _chosen(model: nn.Module, except_head: bool, until: str | None, parts: Sequence[str] | None) -> Iterable[nn.Module]:
    if except_head + (until is not None) + (parts is not None) > 1:
        raise ValueError("choose one of except_head, until and parts; call freeze again to freeze more.")
    if parts is not None:
        return _named(model, parts)
    if except_head:
        body = [module for _, modules in layer_groups(model)[:-1] for module in modules]
        if not body:
            raise ValueError(f"this {type(model).__name__} is only a head; leave out except_head to freeze it.")
        return body
    if until is None:
        return [model]
    groups = layer_groups(model)
    names = [name for name, _ in groups]
    if until not in names:
        raise ValueError(f"{type(model).__name__} has no group {until!r}; its groups are {', '.join(names)}.")
    return [module for _, modules in groups[: names.index(until) + 1] for module in modules]


def _named(model: nn.Module, parts: Sequence[str]) -> list[nn.Module]:
    if isinstance(parts, str):
        raise ValueError(f"parts must be a list of names, for example parts=[{parts!r}].")
    named = {plain_name(name): [module] for name, module in model.named_modules()}
    with contextlib.suppress(ValueError):  # a network that cannot be grouped still has named submodules
        named |= dict(layer_groups(model))
    for name in parts:
        if name not in named:
            raise ValueError(f"{type(model).__name__} has no part {name!r}; it has {', '.join(_part_names(model))}.")
    return [module for name in parts for module in named[name]]


def _part_names(model: nn.Module) -> list[str]:
    try:
        return [name for name, _ in layer_groups(model)]
    except ValueError:
        return [name for name, _ in model.named_children()]


def _report(model: nn.Module) -> FreezeReport:
    held = {plain_name(name): unwrap(module) for name, module in model.named_modules() if is_held(module)}
    names = [plain_name(name) for name, parameter in model.named_parameters() if not parameter.requires_grad]
    names += [".".join(filter(None, (n, b))) for n, m in held.items() for b, _ in m.named_buffers(recurse=False)]
    tensors = _tensors(model)
    total, trainable = count_parameters(model)
    return FreezeReport(total - trainable, trainable, tuple(held), {name: _hash(tensors[name]) for name in names})


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    model = unwrap(model)
    return {plain_name(name): tensor for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def _hash(tensor: Tensor) -> str:
    data = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{tuple(data.shape)} {data.dtype} ".encode())
    digest.update(data.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
