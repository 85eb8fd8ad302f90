"""Lesson 12: where it looks."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, each, gives, on, right_but_nan


def _feature_maps(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    shapes = ((3, 5, 2, 4), (2, 4, 3, 3), (2, 1, 2, 3))
    drawn = [{"maps": rng.normal(loc=0.3, size=shape)} for shape in shapes]
    dead = rng.normal(size=(3, 4, 2, 3))
    dead[1] = 0
    return [*drawn, {"maps": dead}]


def _energy(maps: Tensor) -> Tensor:
    return maps.square().sum(dim=1).flatten(1)


def _attention(maps: Tensor) -> Tensor:
    return F.normalize(_energy(maps), dim=1)


def _over_its_norm(maps: Tensor) -> Tensor:
    return _energy(maps) / _energy(maps).norm(dim=1, keepdim=True)


QUESTION = Question(
    slug="attention_map",
    lesson="12",
    title="Where does it look?",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "One number for each position: how much is going on there, in all channels together. Which axis disappears?",
        "`maps.square().sum(dim=1)` is N×H×W. Flatten it to a row for each picture, and divide each row by its length.",
        "`F.normalize(rows, dim=1)` divides by the Euclidean length, and leaves a row of zeros as it is.",
    ),
    inputs=_feature_maps,
    reference=_attention,
    why=(
        "The channels are gone, so a student with few of them can be compared with a teacher that has many; and the "
        "length is gone, so it does not matter whose activations are larger. What is left is where the network looks. "
        "Where nothing fires it looks nowhere, and that must not turn the loss into NaN."
    ),
    wrong=(
        Wrong(
            "nan where nothing fires",
            "One picture is wrong: where every activation is zero you divide zero by zero. It makes the whole batch's "
            "loss NaN. `F.normalize` knows that case.",
            _over_its_norm,
            recognise=all_of(on(slice(-1), agrees()), right_but_nan()),
        ),
        Wrong(
            "positions summed",
            "You summed over the positions and kept the channels: that says which filters fire, not where. The "
            "channels are axis 1 of N×C×H×W, and they are the ones to disappear.",
            lambda maps: F.normalize(maps.square().sum(dim=(2, 3)), dim=1),
            recognise=each(lambda found, expected, case: np.shape(found) == case["maps"].shape[:2]),
        ),
        Wrong(
            "not normalised",
            "The rows are not divided by their length. Then a teacher with larger activations, or with more channels, "
            "asks its student for larger numbers instead of for looking at the same place.",
            _energy,
            recognise=gives(_energy, lambda maps: maps.square().mean(dim=1).flatten(1)),
        ),
        Wrong(
            "not squared",
            "You summed the activations as they are: a strongly negative channel then hides a strongly positive one at "
            "the same place. Square first.",
            lambda maps: F.normalize(maps.sum(dim=1).flatten(1), dim=1),
        ),
        Wrong(
            "squared too late",
            "You squared the sum, where the sum of squares was asked for: before the square, positive and negative "
            "channels have already cancelled.",
            lambda maps: F.normalize(maps.sum(dim=1).square().flatten(1), dim=1),
        ),
        Wrong(
            "absolute values",
            "These are sums of absolute values. Both forms are in the paper; here it is squares, which give the strong "
            "places more weight.",
            lambda maps: F.normalize(maps.abs().sum(dim=1).flatten(1), dim=1),
        ),
        Wrong(
            "root taken",
            "You took the root of the sum of squares, the length across channels. Take the sum itself.",
            lambda maps: F.normalize(maps.norm(dim=1).flatten(1), dim=1),
        ),
        Wrong(
            "divided by its sum",
            "Each row now sums to one, like probabilities. Its Euclidean *length* must be one: divide by the root "
            "of the sum of squares.",
            lambda maps: F.normalize(_energy(maps), p=1, dim=1),
        ),
        Wrong(
            "whole batch as one",
            "You divided by the length of the whole batch's numbers. Then what one picture looks like depends on the "
            "others; each row has a length of its own.",
            lambda maps: _energy(maps) / _energy(maps).norm(),
        ),
    ),
)
