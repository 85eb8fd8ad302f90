"""Lesson 02: the two ends of the dial."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _valleys(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for lam in (float(rng.uniform(0.2, 3)), float(rng.uniform(0.2, 3)), 0.0, 1e12):
        target, source = rng.normal(size=(2, 2))
        cases.append({"curvature": rng.uniform(0.2, 4, size=2), "target": target, "source": source, "lam": lam})
    return cases


QUESTION = Question(
    slug="spring",
    lesson="02",
    title="Where the spring comes to rest",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=2,
    hints=(
        "At a minimum the gradient is zero. Write down both terms' derivatives by one θ.",
        "h(θ − θ_t) + λ(θ − θ_s) = 0. Solve for θ.",
        "θ is an average of θ_t and θ_s with the weights h and λ. Check both ends: λ = 0 and λ very large.",
    ),
    inputs=_valleys,
    reference=lambda curvature, target, source, lam: (curvature * target + lam * source) / (curvature + lam),
    why=(
        "An average of two wishes, the target's weighed by its curvature h and the source's by λ. Where the "
        "target's data say much (h large), they win; along the flat valley, where they say little, the source decides. "
        "λ = 0 forgets the source, λ → ∞ never leaves it."
    ),
    wrong=(
        Wrong(
            "swapped",
            "The wrong one wins: with λ = 0 this rests at the source's weights, where there is no spring at all. λ is "
            "the source's weight, h the target's.",
            lambda curvature, target, source, lam: (lam * target + curvature * source) / (curvature + lam),
        ),
        Wrong(
            "curvature forgotten",
            "The curvature is not in it: this is right only where h = 1. A steep valley resists the spring more than a "
            "flat one.",
            lambda curvature, target, source, lam: (target + lam * source) / (1 + lam),
        ),
        Wrong(
            "not divided",
            "The weights do not add up to one: for a large λ this runs away instead of resting at the source.",
            lambda curvature, target, source, lam: curvature * target + lam * source,
        ),
        Wrong(
            "weight decay",
            "This rests between the target's minimum and zero: plain weight decay. The spring's other end is at the "
            "source's weights.",
            lambda curvature, target, source, lam: curvature * target / (curvature + lam),
        ),
        Wrong(
            "twice lambda",
            "λ pulls with double strength here: did a factor ½ get lost? The penalty is ½λ(θ − θ_s)², and its "
            "derivative λ(θ − θ_s).",
            lambda curvature, target, source, lam: (curvature * target + 2 * lam * source) / (curvature + 2 * lam),
        ),
    ),
)
