"""Gradual unfreezing: the head learns first, then one group of layers after the other, from the head down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from tl_course import models
from tl_course.plain_numbers import whole_number
from tl_course.training.optim import modules_of, trainable

UnfreezeAt = Mapping[int, Sequence[str]]


def gradual(model: nn.Module, *, every: int) -> dict[int, tuple[str, ...]]:
    """Make a schedule that unfreezes one more group of layers every so many steps, from the head down to the input.

    Parameters
    ----------
    model : nn.Module
        Only its groups are looked at.
    every : int
        Steps between two groups; the first is unfrozen after so many steps.

    Returns
    -------
    dict of int to tuple of str
        What ``fit(..., unfreeze=...)`` takes: steps done → names of groups (or submodules).

    Raises
    ------
    ValueError
        When ``every`` is below 1 or the model cannot be grouped.

    Notes
    -----
    Howard & Ruder (2018), section 3.3, who unfreeze one layer an epoch.

    Examples
    --------
    >>> gradual(models.create("resnet_small"), every=50)
    {50: ('layer4',), 100: ('layer3',), 150: ('layer2',), 200: ('layer1',), 250: ('stem',)}
    """
    every = whole_number("every", every)
    if every is None or every < 1:
        raise ValueError(f"every={every} steps is no interval; give at least 1.")
    body = [name for name, _ in models.layer_groups(model)[:-1]]
    return {every * (place + 1): (name,) for place, name in enumerate(reversed(body))}


def plan_unfreezing(
    model: nn.Module, loss: object, schedule: UnfreezeAt | None, steps: int
) -> tuple[dict[int, list[str]], list[Tensor]]:
    """Check a schedule against a model and a run, and freeze every part that it names until its step comes.

    Parts that the schedule does not name stay as they are, frozen or not.

    Parameters
    ----------
    model : nn.Module
    loss : optional
        Where it is a module, it moves as well.
    schedule : mapping of int to list of str, optional
    steps : int
        Length of the run.

    Returns
    -------
    schedule : dict of int to list of str
        In the order of the steps.
    movable : list of Tensor
        Parameters that are trainable now or will be, and buffers.

    Raises
    ------
    ValueError
        When a step lies outside the run, or a name is not in the model.

    Examples
    --------
    >>> model = models.create("resnet_small")
    >>> plan_unfreezing(model, None, {2: ["layer4"]}, steps=5)[0]
    {2: ['layer4']}
    >>> model.layer4[0].conv1.weight.requires_grad, model.layer3[0].conv1.weight.requires_grad
    (False, True)
    """
    schedule = {
        step: [names] if isinstance(names, str) else list(names)
        for step, names in sorted(plain_steps(schedule).items())
    }
    for step, names in schedule.items():
        if not 0 <= step < steps:
            raise ValueError(
                f"unfreeze names step {step} for {', '.join(names)}, and this run has the steps 0 to {steps - 1}; "
                "unfreeze earlier or train longer."
            )
    models.unfreeze(model, parts=[name for names in schedule.values() for name in names])
    modules = modules_of(model, loss)
    movable = [*trainable(modules), *(buffer for module in modules for buffer in module.buffers())]
    schedule.pop(0, None)  # unfrozen from the start
    if schedule:
        models.freeze(model, parts=[name for names in schedule.values() for name in names])
    return schedule, movable


def plain_steps(schedule: UnfreezeAt | None) -> UnfreezeAt:
    """Return a schedule whose steps are Python's own whole numbers; an empty one for None.

    >>> import numpy as np
    >>> plain_steps({np.int64(5): ["layer4"]})
    {5: ['layer4']}
    """
    return {whole_number("unfreeze's step", step): names for step, names in (schedule or {}).items()}
