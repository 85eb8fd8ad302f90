"""The optimiser: what is trainable, in groups that may have rates of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from tl_course import models
from tl_course.plain_numbers import real_number, real_numbers

# name: weight decay unless the caller says otherwise. AdamW's is decoupled from the gradient, SGD's is added to it.
OPTIMIZERS = {"adamw": 0.01, "sgd": 1e-4}
MOMENTUM = 0.9


def parameter_groups(
    model: nn.Module,
    loss: object = None,
    *,
    lr: float,
    head_lr: float | None = None,
    layer_decay: float | None = None,
) -> list[dict[str, Any]]:
    """Put the trainable parameters of a model into an optimiser's groups, from the input to the head.

    Without ``head_lr`` and ``layer_decay`` there is one group. Otherwise there is one for each of
    :func:`tl_course.models.layer_groups`, and the group k places before the head learns at ``lr · layer_decay^k``
    (discriminative fine-tuning, Howard & Ruder 2018, whose decay is 1/2.6 = 0.38). Frozen parameters are in no group.

    Parameters
    ----------
    model : nn.Module
    loss : optional
        Where it is a module with parameters of its own (a regressor, a discriminator), they are one more group.
    lr : float
        The rate at the head.
    head_lr : float, optional
        Another rate for the head, and for the loss, which are new; ``lr`` if left out.
    layer_decay : float, optional
        In (0, 1]; 1 gives every group of the body the same rate.

    Returns
    -------
    list of dict
        Each with ``params``, ``lr`` and ``name``: what ``torch.optim.AdamW(groups)`` takes.

    Raises
    ------
    ValueError
        When a rate is not positive, ``layer_decay`` is not in (0, 1], or the model cannot be grouped.

    Examples
    --------
    >>> model = models.create("resnet_small")
    >>> groups = parameter_groups(model, lr=1e-3, head_lr=1e-2, layer_decay=0.5)
    >>> [(group["name"], group["lr"]) for group in groups[-3:]]
    [('layer3', 0.00025), ('layer4', 0.0005), ('fc', 0.01)]
    """
    lr, head_lr, layer_decay = real_numbers(lr=lr, head_lr=head_lr, layer_decay=layer_decay)
    for name, value in (("lr", lr), ("head_lr", head_lr)):
        if value is not None and not value > 0:
            raise ValueError(f"{name}={value} is no learning rate; give a number above 0, such as 1e-3.")
    if layer_decay is not None and not 0 < layer_decay <= 1:
        raise ValueError(f"layer_decay={layer_decay} must be above 0 and at most 1, such as 0.5.")
    if head_lr is None and layer_decay is None:
        parts = [("all", [model], lr)]
    else:
        layers = models.layer_groups(model)
        rates = [lr * (layer_decay or 1.0) ** place for place in reversed(range(len(layers)))]
        rates[-1] = head_lr or lr
        parts = [(name, modules, rate) for (name, modules), rate in zip(layers, rates, strict=True)]
    if isinstance(loss, nn.Module):
        parts.append(("loss", [loss], head_lr or lr))
    groups = [{"params": trainable(modules), "lr": rate, "name": name} for name, modules, rate in parts]
    return [group for group in groups if group["params"]]


def make_optimizer(name: str, groups: list[dict[str, Any]], weight_decay: float | None = None) -> torch.optim.Optimizer:
    """Make AdamW (Loshchilov & Hutter 2019) or SGD with momentum 0.9, as PyTorch has them, for these groups.

    Parameters
    ----------
    name : {"adamw", "sgd"}
    groups : list of dict
        From :func:`parameter_groups`.
    weight_decay : float, optional
        0.01 for AdamW and 1e-4 for SGD unless given.

    Raises
    ------
    ValueError
        When the name is unknown, the decay negative, or nothing is trainable.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> optimizer = make_optimizer("sgd", parameter_groups(layer, lr=0.1))
    >>> optimizer.param_groups[0]["momentum"], optimizer.param_groups[0]["weight_decay"]
    (0.9, 0.0001)
    """
    if name not in OPTIMIZERS:
        raise ValueError(f"there is no optimizer {name!r}; choose one of {', '.join(OPTIMIZERS)}.")
    decay = OPTIMIZERS[name] if weight_decay is None else real_number("weight_decay", weight_decay)
    if decay < 0:
        raise ValueError(f"weight_decay={decay} would push weights away from 0; give 0 or more.")
    if not groups:
        raise ValueError(
            "nothing is trainable: every parameter of the model is frozen; call tl.models.unfreeze(model, parts=[...]) "
            "for the parts that should learn, or freeze with except_head=True."
        )
    # One fused kernel for all parameters is twice as fast as a loop over them, where a device has it.
    fused = all(parameter.device.type in ("cpu", "cuda") for group in groups for parameter in group["params"]) or None
    groups = [{**group, "peak": group["lr"]} for group in groups]
    if name == "sgd":
        return torch.optim.SGD(groups, momentum=MOMENTUM, weight_decay=decay, fused=fused)
    return torch.optim.AdamW(groups, weight_decay=decay, fused=fused)


def admit(optimizer: torch.optim.Optimizer, groups: list[dict[str, Any]]) -> None:
    """Give the optimiser those parameters of the groups that it does not know yet.

    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.bias.requires_grad_(False)
    >>> optimizer = make_optimizer("adamw", parameter_groups(layer, lr=0.1))
    >>> _ = layer.requires_grad_(True)
    >>> admit(optimizer, parameter_groups(layer, lr=0.1))
    >>> [[tuple(parameter.shape) for parameter in group["params"]] for group in optimizer.param_groups]
    [[(1, 2)], [(1,)]]
    """
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    for group in groups:
        new = [parameter for parameter in group["params"] if id(parameter) not in known]
        if new:
            optimizer.add_param_group({**group, "params": new, "peak": group["lr"]})


def set_rates(optimizer: torch.optim.Optimizer, factor: float) -> None:
    """Set each group's learning rate to its own peak times a schedule's factor.

    >>> optimizer = make_optimizer("sgd", parameter_groups(nn.Linear(2, 1), lr=0.1))
    >>> set_rates(optimizer, 0.5)
    >>> optimizer.param_groups[0]["lr"]
    0.05
    """
    factor = real_number("factor", factor)
    for group in optimizer.param_groups:
        group["lr"] = group["peak"] * factor


def trainable(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Return the parameters of modules that get gradients.

    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.bias.requires_grad_(False)
    >>> [tuple(parameter.shape) for parameter in trainable([layer])]
    [(1, 2)]
    """
    return [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]


def modules_of(model: nn.Module, loss: object) -> list[nn.Module]:
    """Return the model, and the loss if it is a module as well.

    >>> len(modules_of(nn.ReLU(), nn.Linear(2, 1))), len(modules_of(nn.ReLU(), print))
    (2, 1)
    """
    return [model, loss] if isinstance(loss, nn.Module) else [model]
