"""Lesson 02: batches of unequal size."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import has_shape


def _batches(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = [
        {"gradients": rng.normal(size=(len(sizes), 4)), "sizes": np.array(sizes, dtype=float)}
        for sizes in ([5, 5, 2], [int(rng.integers(1, 9)) for _ in range(4)], [4, 4, 4], [3, 1])
    ]
    return [*cases, {"gradients": rng.normal(size=(1, 4)), "sizes": np.array([7.0])}]


def _weighed(gradients: Tensor, sizes: Tensor) -> Tensor:
    return (gradients * sizes[:, None]).sum(dim=0) / sizes.sum()


QUESTION = Question(
    slug="short_batch",
    lesson="02",
    title="The short last batch",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "In the mean over all examples each example counts 1/N. How much does one of them count in its batch's mean?",
        "Turn each mean back into a sum by multiplying it by its batch's size. Then add, and divide once.",
        "`(gradients * sizes[:, None]).sum(dim=0) / …`: and what is N, in terms of `sizes`?",
    ),
    inputs=_batches,
    reference=_weighed,
    why=(
        "Each example now counts the same, in a full batch and in a short one. A loop that averages its batches' "
        "means lets the examples of a short last batch count more than all others. Without shuffling they are the "
        "same examples in every epoch. An average of batch accuracies is wrong in the same way."
    ),
    wrong=(
        Wrong(
            "plain mean",
            "This averages the batches, not the examples: in batches of 5, 5 and 2 each of the last two examples "
            "counts two and a half times as much as any other.",
            lambda gradients, sizes: gradients.mean(dim=0),
        ),
        Wrong(
            "plain sum",
            "This adds the batches' means. The gradient of the mean over all examples is no longer than the "
            "longest of them, however many they are.",
            lambda gradients, sizes: gradients.sum(dim=0),
        ),
        Wrong(
            "not divided",
            "The weights are right, and their total is missing: this is the gradient of the sum over all examples, "
            "N times too long.",
            lambda gradients, sizes: (gradients * sizes[:, None]).sum(dim=0),
        ),
        Wrong(
            "divided by the number of batches",
            "You weigh each batch by its size, and then divide by the number of batches. Divide by the number of "
            "examples.",
            lambda gradients, sizes: (gradients * sizes[:, None]).sum(dim=0) / len(sizes),
        ),
        Wrong(
            "wrong axis",
            "This weighs or averages along the wrong axis: each row of `gradients` belongs to one batch, so rows are "
            "weighed and added, and as many numbers as a gradient has remain.",
            lambda gradients, sizes: gradients.mean(dim=1),
            recognise=has_shape(lambda case: case["sizes"].shape),
        ),
    ),
)
