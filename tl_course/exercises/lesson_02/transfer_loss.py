"""Lesson 02: the mixture."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, agrees, gives, nan_hidden, on


def _mixtures(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for alpha in (float(rng.uniform(0.1, 0.4)), float(rng.uniform(0.6, 0.9)), 0.5, 0.0, 1.0):
        source, target = rng.uniform(0.2, 3.0, size=2)
        cases.append({"source_loss": np.array(source), "target_loss": np.array(target), "alpha": alpha})
    nan = np.array(math.nan)
    broken = [{**cases[3], "source_loss": nan}, {**cases[4], "target_loss": nan}, {**cases[2], "source_loss": nan}]
    return cases + broken


def _mixture(source_loss: Tensor, target_loss: Tensor, alpha: float) -> Tensor:
    if alpha == 0:
        return target_loss
    if alpha == 1:
        return source_loss
    return alpha * source_loss + (1 - alpha) * target_loss


def _between_the_ends(formula: Callable) -> Recogniser:
    """Recognise a formula wherever 0 < α < 1."""
    return on(lambda case: 0 < case["alpha"] < 1, gives(formula, name="value"))


QUESTION = Question(
    slug="transfer_loss",
    lesson="02",
    title="A mixture with clean ends",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "Write the formula first, and check it. Then think of α = 0 with a source loss that is NaN.",
        "`0 * nan` is `nan`. At the ends the other term must not be multiplied by zero; it must be left out.",
        "Two `if`s before the formula: at 0 return the one loss, at 1 the other.",
    ),
    inputs=_mixtures,
    reference=_mixture,
    why=(
        "At α = 0 and α = 1 the other loss is left out, not multiplied by zero. So even a diverged source cannot "
        "spoil the control run without it. An ablation is only one if the term is really gone."
    ),
    wrong=(
        Wrong(
            "ends not clean",
            "The formula is right between the ends. But at α = 0 and α = 1 the other term is multiplied by zero, and "
            "`0 * nan` is `nan`: leave it out there.",
            lambda s, t, alpha: alpha * s + (1 - alpha) * t,
        ),
        Wrong(
            "nan hidden",
            "This replaces every NaN by a number, between the ends too. There a loss that has diverged must be seen: a "
            "run that goes on as if nothing had happened is worse than one that stops.",
            lambda s, t, alpha: torch.nan_to_num(alpha * s) + torch.nan_to_num((1 - alpha) * t),
            recognise=nan_hidden("value"),
        ),
        Wrong(
            "alpha on the target",
            "Here α weighs the source. You put it on the target, as Ben-David and others do; which side it is on has "
            "to be checked with every paper.",
            lambda s, t, alpha: _mixture(t, s, alpha),
            recognise=_between_the_ends(lambda s, t, a: a * t + (1 - a) * s),
        ),
        Wrong(
            "no (1 - alpha)",
            "The target's loss always counts in full here. The two weights must add up to one, or α changes the length "
            "of the steps as well as their direction.",
            lambda s, t, alpha: alpha * s + t,
            recognise=_between_the_ends(lambda s, t, a: a * s + t),
        ),
        Wrong(
            "alpha on both",
            "α multiplies both losses here, as in source text 001's program: it sets the length of the step, and "
            "balances nothing.",
            lambda s, t, alpha: alpha * (s + t),
            recognise=_between_the_ends(lambda s, t, a: a * (s + t)),
        ),
        Wrong(
            "cut from the graph",
            "The value is right, but its gradient is not: a `.item()`, `.detach()` or `float()` cut it off from the "
            "weights, and no optimiser could learn from it.",
            lambda s, t, alpha: _mixture(s.detach(), t.detach(), alpha),
            recognise=agrees("value"),
        ),
    ),
    probe=with_gradients("source_loss", "target_loss"),
)
