"""Lesson 02: sum or mean."""

from __future__ import annotations

import math

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _rates(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [{"rate": float(rng.uniform(0.01, 1)), "count": int(rng.integers(2, 500))} for _ in range(4)]
    return [*drawn, {"rate": 0.1, "count": 1}]


QUESTION = Question(
    slug="sum_or_mean",
    lesson="02",
    title="The same steps from a sum",
    kind="implement",
    difficulty=1,
    minutes=4,
    points=1,
    hints=(
        "The loss of a sum over `count` examples is `count` times the mean. What does that do to its gradient?",
        "A step of plain gradient descent is rate × gradient, and that product must not change.",
        "The gradient is `count` times as long, so the rate must be `count` times as small.",
    ),
    inputs=_rates,
    reference=lambda rate, count: rate / count,
    why=(
        "A sum is a mean with a learning rate that changes with the batch: halve the batch, and the steps "
        "halve. That is why this course takes means. A rate copied from a paper is worth nothing until you know "
        "which of the two the paper took."
    ),
    wrong=(
        Wrong(
            "multiplied",
            "The wrong way round: the gradient of the sum is already too long, and this makes the steps longer still, "
            "by `count` squared.",
            lambda rate, count: rate * count,
        ),
        Wrong(
            "unchanged",
            "With the same rate every step is `count` times as long: the gradient of a sum is the sum of the "
            "gradients, not their mean.",
            lambda rate, count: rate,
        ),
        Wrong(
            "square root",
            "The square root is a rule of thumb for the noise of batches of another size. Here nothing is random: the "
            "gradient is exactly `count` times as long.",
            lambda rate, count: rate / math.sqrt(count),
        ),
    ),
)
