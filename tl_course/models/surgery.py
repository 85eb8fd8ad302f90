"""Operations on layers that ask what in them transfers: keep some, re-initialise others, or shuffle their numbers.

A re-initialised part has the weights that the architecture has from a random start. A part with shuffled weights keeps
every number of each tensor, and so their mean and spread, and loses which number stands where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tl_course.environment import generator
from tl_course.models.structure import Group, layer_groups, refuse_lazy, unwrap


@dataclass(frozen=True)
class SurgeryReport:
    """What an operation on layers changed.

    Attributes
    ----------
    done : str
        The operation, such as "re-initialised".
    kept, changed : tuple of str
        Groups of :func:`~tl_course.models.layer_groups` of which no number was touched, and the others.
    tensors : tuple of str
        Names of the parameters and buffers that have other values now.
    numbers : int
        How many numbers these hold.

    Examples
    --------
    >>> print(SurgeryReport("re-initialised", ("stem",), ("layer1", "fc"), ("layer1.weight", "fc.weight"), 3500))
    kept stem; layer1, fc re-initialised: 3,500 numbers in 2 tensors
    """

    done: str
    kept: tuple[str, ...]
    changed: tuple[str, ...]
    tensors: tuple[str, ...]
    numbers: int

    def __str__(self) -> str:
        kept, changed = (", ".join(names) or "nothing" for names in (self.kept, self.changed))
        return f"kept {kept}; {changed} {self.done}: {self.numbers:,} numbers in {len(self.tensors)} tensors"


def reinitialise(model: nn.Module, *, keep: int, donor: nn.Module) -> SurgeryReport:
    """Keep the first groups of layers, and take all others from a network with random weights.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    keep : int
        How many groups to keep, from the input on: 0 keeps none. The head is the last group and always re-initialised.
    donor : nn.Module
        The same architecture with random weights, such as ``create(name, num_classes=…, seed=…)``. It is not changed.

    Returns
    -------
    SurgeryReport

    Raises
    ------
    ValueError
        If ``keep`` is not among the groups, or the donor is another architecture. Nothing is changed then.

    Notes
    -----
    The question is that of Yosinski and others (2014): up to which layer are features general? Buffers, such as
    BatchNorm's running statistics, go with their layers.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small", weights="letters")
    >>> print(reinitialise(model, keep=3, donor=models.create("resnet_small", num_classes=37, seed=1)))
    kept stem, layer1, layer2; layer3, layer4, fc re-initialised: 1,556,171 numbers in 38 tensors
    """
    model, donor = unwrap(model), unwrap(donor)
    groups, theirs = _groups(model, keep), layer_groups(donor)
    mine, other = _tensors(model, groups[keep:]), _tensors(donor, theirs[keep:])
    if [(name, tensor.shape) for name, tensor in mine.items()] != [(name, t.shape) for name, t in other.items()]:
        raise ValueError(
            "the donor has other tensors than the model in the layers that are not kept: create both by one name, "
            "with as many classes."
        )
    with torch.no_grad():
        for name, tensor in mine.items():
            tensor.copy_(other[name])
    return _report("re-initialised", groups, keep, mine)


def shuffle_weights(model: nn.Module, *, keep: int = 0, convolutions: bool = False, seed: int = 0) -> SurgeryReport:
    """Keep the first groups of layers, and shuffle the numbers within each tensor of the others, but for the head.

    Parameters
    ----------
    model : nn.Module
        Changed in place.
    keep : int
        How many groups to leave as they are, from the input on.
    convolutions : bool
        Shuffle the weights of convolutions and linear layers alone. Otherwise those of normalisation, biases and
        running statistics, too.
    seed : int

    Returns
    -------
    SurgeryReport
        The head counts as kept: it is a new one in most questions that ask this.

    Raises
    ------
    ValueError
        If ``keep`` is not among the groups. Nothing is changed then.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small", weights="letters")
    >>> before = model.layer4[0].conv1.weight.clone()
    >>> print(shuffle_weights(model, keep=4, convolutions=True))
    kept stem, layer1, layer2, layer3, fc; layer4 shuffled: 1,207,296 numbers in 3 tensors
    >>> torch.equal(before.flatten().sort()[0], model.layer4[0].conv1.weight.flatten().sort()[0])
    True
    """
    model = unwrap(model)
    groups = _groups(model, keep)
    random = generator(seed)
    chosen = {
        name: tensor
        for name, tensor in _tensors(model, groups[keep:-1]).items()
        if tensor.numel() > 1 and (not convolutions or tensor.dim() > 1)
    }
    with torch.no_grad():
        for tensor in chosen.values():
            order = torch.randperm(tensor.numel(), generator=random).to(tensor.device)
            tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))
    return _report("shuffled", groups, keep, chosen, head_kept=True)


def _groups(model: nn.Module, keep: int) -> list[Group]:
    """The groups of a network, if so many of them can be kept."""
    groups = layer_groups(model)
    if not 0 <= keep < len(groups):
        raise ValueError(
            f"keep={keep}: this network has {len(groups) - 1} groups before its head; keep 0 to all of them."
        )
    return groups


def _tensors(model: nn.Module, groups: Sequence[Group]) -> dict[str, Tensor]:
    """The parameters and buffers of some groups, by their names in the model."""
    refuse_lazy(model)
    inside = {id(part) for _, modules in groups for module in modules for part in module.modules()}
    return {
        f"{path}.{name}".lstrip("."): tensor
        for path, module in model.named_modules()
        if id(module) in inside
        for name, tensor in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    }


def _report(
    done: str, groups: Sequence[Group], keep: int, tensors: dict[str, Tensor], head_kept: bool = False
) -> SurgeryReport:
    names = [name for name, _ in groups]
    last = len(names) - 1 if head_kept else len(names)
    kept = (*names[:keep], *names[last:])
    return SurgeryReport(
        done, kept, tuple(names[keep:last]), tuple(tensors), sum(tensor.numel() for tensor in tensors.values())
    )
