"""Lesson 13: weights and the length of a step."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from tl_course.exercises.probes import with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees


def _weighed_data(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, factor in ((12, 1.0), (7, 1 / 50), (20, 30.0), (1, 3.0)):
        weights = factor * rng.lognormal(size=count)
        if count > 10:
            weights[:3] = 0.0  # a selection is a weighing, too
        cases.append(
            {
                "theta": rng.normal(size=3),
                "x": rng.normal(size=(count, 3)),
                "y": rng.integers(0, 2, size=count).astype(float),
                "weights": weights,
            }
        )
    return cases


def _each(theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(x @ theta, y, reduction="none")


QUESTION = Question(
    slug="weighed_loss",
    lesson="13",
    title="Weights that leave the step as long as it was",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "Let all weights be equal. Which loss should that be, and which one does the broken line give?",
        "It divides by the number of examples twice: once in the weights, once in the mean.",
        "Divide the weights by their *mean*, or leave out the second division.",
    ),
    inputs=_weighed_data,
    reference=lambda theta, x, y, weights: (weights / weights.mean() * _each(theta, x, y)).mean(),
    why=(
        "With equal weights this is the plain mean loss, and doubling all weights changes nothing: the learning rate, "
        "and the balance with a penalty, stay what they were. In the broken line both change with the size of the data "
        "set. The run with weights then looks bad for a reason that has nothing to do with weighing."
    ),
    wrong=(
        Wrong(
            "divided twice",
            "Still divided twice: weights that sum to one, and then a mean. For equal weights it is the plain loss "
            "over n, so every step is n times shorter.",
            lambda theta, x, y, weights: (weights / weights.sum() * _each(theta, x, y)).mean(),
        ),
        Wrong(
            "raw",
            "These are the weights as they came. Double all of them, and every step is twice as long: a common factor "
            "says nothing about the examples, and must not act as a learning rate.",
            lambda theta, x, y, weights: (weights * _each(theta, x, y)).mean(),
        ),
        Wrong(
            "raw sum",
            "This adds up the weighed losses and divides by nothing: more examples, or larger weights, make longer "
            "steps.",
            lambda theta, x, y, weights: (weights * _each(theta, x, y)).sum(),
        ),
        Wrong(
            "not averaged",
            "The weights have a mean of one now, but their losses are added up: for equal weights every step is n "
            "times longer than it was.",
            lambda theta, x, y, weights: (weights / weights.mean() * _each(theta, x, y)).sum(),
        ),
        Wrong(
            "no weights",
            "Every example counts the same here. Did you take the mean of the losses *before* the weights came in? "
            "Then they multiply one number, and their aim is gone: `reduction='none'` first.",
            lambda theta, x, y, weights: _each(theta, x, y).mean(),
        ),
        Wrong(
            "largest is one",
            "Divided by the largest weight, so that it is one. Then a single extreme example makes all steps short.",
            lambda theta, x, y, weights: (weights / weights.max() * _each(theta, x, y)).mean(),
        ),
        Wrong(
            "cut from the graph",
            "The value is right, but its gradient is not: a `.item()`, `.detach()` or `float()` cut it off from "
            "`theta`, and no optimiser could learn from it.",
            lambda theta, x, y, weights: (weights / weights.mean() * _each(theta.detach(), x, y)).mean(),
            recognise=agrees("value"),
        ),
    ),
    probe=with_gradients("theta"),
)
