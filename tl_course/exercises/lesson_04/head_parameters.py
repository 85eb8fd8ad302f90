"""Lesson 04: how many parameters a head has."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _widths(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [rng.integers(2, 300, size=count).tolist() for count in (2, 3, 4)]
    return [*({"widths": widths} for widths in drawn), {"widths": [25088, 4096, 4096, 1000]}, {"widths": [512, 1]}]


def _head_parameters(widths: list[int]) -> int:
    return sum(inputs * outputs + outputs for inputs, outputs in pairwise(widths))


QUESTION = Question(
    slug="head_parameters",
    lesson="04",
    title="The price of a head",
    kind="implement",
    difficulty=1,
    minutes=5,
    points=1,
    hints=(
        "A linear layer from 3 numbers to 2 is a matrix and a bias. How many numbers is that?",
        "Each layer has inputs × outputs weights and one bias for each *output*. Add up the layers: "
        "`pairwise(widths)` gives their pairs.",
    ),
    inputs=_widths,
    reference=_head_parameters,
    why=(
        "For VGG16's three layers that is 123,642,856, nine tenths of the whole network, before a single picture is "
        "convolved. With a probe on its last hidden layer you train 40,970 numbers instead, and a hundred labels can "
        "say something about them."
    ),
    wrong=(
        Wrong(
            "no biases",
            "The matrices are counted right, the biases are missing: each layer adds one number for each of its "
            "outputs.",
            lambda widths: sum(a * b for a, b in pairwise(widths)),
        ),
        Wrong(
            "biases of the inputs",
            "You count a bias for each *input*. A bias is added to what comes out, so there is one for each output.",
            lambda widths: sum(a * b + a for a, b in pairwise(widths)),
        ),
        Wrong(
            "last layer only",
            "This is the last layer alone. All layers of the head count, the hidden ones most of all.",
            lambda widths: widths[-2] * widths[-1] + widths[-1],
        ),
        Wrong(
            "first to last",
            "This is one layer from the first width to the last. A hidden layer between them has two matrices, not "
            "one.",
            lambda widths: widths[0] * widths[-1] + widths[-1],
        ),
        Wrong(
            "widths added",
            "These are the numbers that flow through the layers, one for each unit. Between two layers *every* pair of "
            "units has a weight.",
            lambda widths: sum(widths),
        ),
    ),
    rtol=1e-9,
)
