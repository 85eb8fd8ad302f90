"""Lesson 01: labels to a threshold."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import each
from tl_course.exercises.values import Data


def _curves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for budgets in ([10, 30, 100], [5, 20, 80, 320], [10, 100, 1000]):
        means = np.sort(rng.uniform(0.2, 0.9, size=len(budgets)))
        between = int(rng.integers(1, len(budgets)))
        at = means[between - 1] + rng.uniform(0.2, 0.8) * (means[between] - means[between - 1])
        cases.append({"budgets": budgets, "means": means.tolist(), "threshold": float(at)})
    low = float(rng.uniform(0.2, 0.3))
    edges = [
        ([10, 30, 100], [low, 0.4, 0.5], 0.8),
        ([10, 30, 100], [0.6 + low / 10, 0.7, 0.8], 0.5),
        ([10, 30, 100], [low, 0.4, 0.9], 0.4),
        ([10, 20, 40, 80], [low, 0.6, 0.45, 0.7], 0.5),  # it dips, and crosses again
        ([10, 30, 100], [0.5, 0.6, 0.7], 0.5),
        ([10, 30, 100], [low, 0.4, 0.5], 0.5),
    ]
    return [*cases, *({"budgets": b, "means": m, "threshold": t} for b, m, t in edges)]


def _needed(between) -> object:
    """An answer that puts the crossing where ``between(low, high, share)`` says."""

    def answer(budgets: list[int], means: list[float], threshold: float) -> float:
        if means[0] >= threshold:
            return budgets[0]
        for (low, before), (high, after) in pairwise(zip(budgets, means, strict=True)):
            if before < threshold <= after:
                return between(low, high, (threshold - before) / (after - before))
        return math.inf

    return answer


def _by_log(low: float, high: float, share: float) -> float:
    return low * (high / low) ** share


def _last_if_never(budgets: list[int], means: list[float], threshold: float) -> float:
    found = _needed(_by_log)(budgets, means, threshold)
    return budgets[-1] if found == math.inf else found


def _last_crossing(budgets: list[int], means: list[float], threshold: float) -> float:
    found = math.inf if means[0] < threshold else budgets[0]
    for (low, before), (high, after) in pairwise(zip(budgets, means, strict=True)):
        if before < threshold <= after:
            found = _by_log(low, high, (threshold - before) / (after - before))
    return found


def _is_a_budget(found: Data, expected: Data, case: Case) -> bool:
    """Whether one of the budgets was given, or what is right, as where the threshold is never reached."""
    return found in case["budgets"] or found == expected


QUESTION = Question(
    slug="labels_to",
    lesson="01",
    title="Labels to a threshold",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Three cases: the curve starts at or above the threshold; it crosses between two budgets; it never gets there.",
        "Between two budgets walk in a straight line on the *logarithmic* axis: half the way from 10 to 1,000 is 100.",
        "With `share = (threshold - before) / (after - before)` the crossing is `low * (high / low) ** share`. For the "
        "third case: `float('inf')`.",
    ),
    inputs=_curves,
    reference=_needed(_by_log),
    why=(
        "Now transfer can be told in labels, which is what people pay for: so many with it, so many without. Where a "
        "curve never reaches the threshold, an honest answer is *more than we tried*, and no number at all."
    ),
    wrong=(
        Wrong(
            "straight on labels",
            "You interpolate on the labels themselves. The axis of budgets is logarithmic: from 10 to 30 is as far as "
            "from 30 to 90, and the straight line puts the crossing too far to the right.",
            _needed(lambda low, high, share: low + share * (high - low)),
        ),
        Wrong(
            "next budget",
            "This is the first budget that was tried and is enough. Go along the line between the two budgets to where "
            "it crosses.",
            _needed(lambda low, high, share: high),
        ),
        Wrong(
            "last budget if never",
            "Where the curve never reaches the threshold you give the last budget, as if it had been enough. It was "
            "not: give infinity.",
            _last_if_never,
        ),
        Wrong(
            "last crossing",
            "A curve may dip and cross twice, and you give the last crossing. The threshold is reached at the *first*.",
            _last_crossing,
        ),
        Wrong(
            "budget before",
            "This is the last budget that was *not* enough. Go along the line to where it crosses the threshold.",
            _needed(lambda low, high, share: low if share < 1 else high),
            recognise=each(_is_a_budget),
        ),
    ),
)
