"""How the learning rate moves over a run: a factor for each step, from 0 to 1, by which every rate is multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

from tl_course.plain_numbers import real_number, whole_number

# What one_cycle starts and ends at, as parts of the peak: PyTorch's defaults, div_factor 25 and final_div_factor 1e4.
ONE_CYCLE_START, ONE_CYCLE_END = 1 / 25, 1 / 25e4


def _decay(shape: Callable[[float], float], step: int, steps: int, warmup: float) -> float:
    warm = round(warmup * steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    return shape((step - warm) / (steps - warm))


def _one_cycle(step: int, steps: int, warmup: float) -> float:
    top = warmup * steps - 1
    if step <= top:
        return _half_cosine(ONE_CYCLE_START, 1.0, step / top if top > 0 else 1.0)
    return _half_cosine(1.0, ONE_CYCLE_END, (step - top) / (steps - 1 - top))


def _half_cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


# name: (factor(step, steps, warmup), share of the steps in which the rate rises unless the caller says otherwise)
SCHEDULES: dict[str, tuple[Callable[[int, int, float], float], float]] = {
    "constant": (partial(_decay, lambda share: 1.0), 0.0),
    "cosine": (partial(_decay, lambda share: (1 + math.cos(math.pi * share)) / 2), 0.1),
    "linear": (partial(_decay, lambda share: 1 - share), 0.1),
    "one_cycle": (_one_cycle, 0.3),
}


def make_schedule(name: str, steps: int, warmup: float | None = None) -> Callable[[int], float]:
    """Make a schedule: a function from a step (0, 1 … steps−1) to the factor on every learning rate in that step.

    The rate rises in a straight line for the first ``warmup`` of the steps (one_cycle: along half a cosine), and then

    ============= ============================================================================================
    Name          The factor
    ============= ============================================================================================
    "constant"    stays
    "cosine"      falls along half a cosine to almost 0 (Loshchilov & Hutter 2017, without restarts)
    "linear"      falls in a straight line to almost 0 (what BERT was fine-tuned with)
    "one_cycle"   starts at 1/25, falls to 1/250,000 (Smith & Topin 2018; PyTorch's ``OneCycleLR``, rates only)
    ============= ============================================================================================

    No step has the factor 0: it would be a step for nothing.

    Parameters
    ----------
    name : {"constant", "cosine", "linear", "one_cycle"}
    steps : int
        Length of the run.
    warmup : float, optional
        Share of the steps in [0, 1); 0 for constant, 0.1 for cosine and linear, 0.3 for one_cycle unless given.

    Raises
    ------
    ValueError
        When the name is unknown, the share is not in [0, 1), or there are no steps.

    Examples
    --------
    >>> factor = make_schedule("linear", steps=10, warmup=0.2)
    >>> [round(factor(step), 2) for step in range(10)]
    [0.33, 0.67, 1.0, 0.88, 0.75, 0.62, 0.5, 0.38, 0.25, 0.12]
    """
    if name not in SCHEDULES:
        raise ValueError(f"there is no schedule {name!r}; choose one of {', '.join(SCHEDULES)}.")
    steps, warmup = whole_number("steps", steps), real_number("warmup", warmup)
    if steps < 1:
        raise ValueError(f"a schedule cannot have {steps} steps; give at least 1.")
    factor, usual = SCHEDULES[name]
    warmup = usual if warmup is None else warmup
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup={warmup} is not a share of the steps; give a number from 0 up to below 1.")
    return lambda step: factor(step, steps, warmup)
