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
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn

from tl_course.models.structure import count_parameters, layer_groups


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
        now = _tensors(model)
        return [name for name, old in self.hashes.items() if name not in now or _hash(now[name]) != old]

    def check(self, model: nn.Module) -> bool:
        """Return True when no frozen parameter and no frozen buffer moved, to the last bit.

        Parameters
        ----------
        model : nn.Module
            The model that was frozen, or a copy of it, on any device.

        Raises
        ------
        FrozenMovedError
            When one did; the message names it.
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
        When more than one choice is made, or a name is not in the model.

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
    for module in _chosen(model, except_head, until, parts):
        for parameter in module.parameters():
            parameter.requires_grad_(False)
            parameter.grad = None
        for part in module.modules():
            _hold(part)
    _hold_full_containers(model)
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
        When a name is not in the model.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small").train()
    >>> report = models.freeze(model, except_head=True)
    >>> models.unfreeze(model, parts=["layer4"])
    >>> model.layer3.training, model.layer4.training
    (False, True)
    """
    mode = model.train.keywords["before"] if is_held(model) else model.training
    chosen = [model] if parts is None else _named(model, parts)
    free = {part for module in chosen for part in module.modules()}
    for module in model.modules():
        if is_held(module) and not free.isdisjoint(module.modules()):
            del module.train
            module.training = mode
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
    return "train" in vars(module)


def _stay_in_eval(module: nn.Module, mode: bool = True, *, before: bool) -> nn.Module:
    """Stand in for ``module.train`` in a frozen module: whatever mode is asked for, nothing changes."""
    return module


def _hold(module: nn.Module) -> None:
    if not is_held(module):
        module.train = partial(_stay_in_eval, module, before=module.training)
        module.training = False


def _hold_full_containers(module: nn.Module) -> bool:
    """Hold each container with nothing trainable in it, whose parts are all held."""
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
            raise ValueError(f"this {type(model).__name__} is nothing but a head; there is nothing else to freeze.")
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
    named = {name: [module] for name, module in model.named_modules()}
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
    held = {name: module for name, module in model.named_modules() if is_held(module)}
    names = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    names += [".".join(filter(None, (n, b))) for n, m in held.items() for b, _ in m.named_buffers(recurse=False)]
    tensors = _tensors(model)
    total, trainable = count_parameters(model)
    return FreezeReport(total - trainable, trainable, tuple(held), {name: _hash(tensors[name]) for name in names})


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {**dict(model.named_parameters()), **dict(model.named_buffers())}


def _hash(tensor: Tensor) -> str:
    data = tensor.detach().cpu().contiguous()
    digest = hashlib.sha256(f"{tuple(data.shape)} {data.dtype} ".encode())
    digest.update(data.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
