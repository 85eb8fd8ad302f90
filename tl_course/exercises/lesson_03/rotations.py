"""Lesson 03: labels for nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import has_shape
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _photographs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"images": rng.integers(0, 256, size=(count, 3, 3, 3)).astype(np.uint8)} for count in (2, 5, 1)]


def _turned(images: Tensor, turns=(0, 1, 2, 3), dims=(2, 3), labels=(0, 1, 2, 3)) -> tuple[Tensor, Tensor]:
    made = torch.cat([torch.rot90(images, turn, dims=dims) for turn in turns])
    return made, torch.tensor(labels).repeat_interleave(len(images))


def _flipped(images: Tensor) -> tuple[Tensor, Tensor]:
    kinds = (images, images.flip(3), images.flip(2), images.flip(2).flip(3))
    return torch.cat(kinds), torch.arange(4).repeat_interleave(len(images))


def _labels_against(images: Tensor) -> tuple[Tensor, Tensor]:
    return _turned(images)[0], torch.arange(4).repeat(len(images))


def _pairs(answer: object, case: Case) -> Data:
    need_function(answer, "answer_rotations(images)")
    made = answer(tensors(case)["images"])
    if not isinstance(made, tuple | list) or len(made) != 2:
        raise Unfit("Give back two tensors: the turned pictures, and their labels.")
    return {"pictures": plain(made[0]), "labels": plain(made[1])}


QUESTION = Question(
    slug="rotations",
    lesson="03",
    title="Labels for nothing",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "`torch.rot90(images, k, dims=…)` turns by k quarters. Which two axes of N×3×H×W are height and width?",
        "Height and width are axes 2 and 3. Make four sets, k = 0, 1, 2, 3, and join them with `torch.cat`.",
        "All N pictures with k = 0 come first, so the labels are N zeros, N ones and so on: "
        "`torch.arange(4).repeat_interleave(len(images))`.",
    ),
    inputs=_photographs,
    reference=_turned,
    why=(
        "Four labelled examples from each picture, and no person labelled anything. To say by how much a photograph "
        "was turned, a network has to know what is up in it. For letters and digits mind that a turned 6 is a 9: a "
        "pretext task can ask for what the pictures do not say."
    ),
    wrong=(
        Wrong(
            "wrong axes",
            "This turns axes 1 and 2, channels and height, as for a single picture: colours become rows. As these "
            "pictures have three channels and three rows, nothing raises. In N×3×H×W height and width are axes 2 and "
            "3.",
            lambda images: _turned(images, dims=(1, 2)),
        ),
        Wrong(
            "labels in another order",
            "The pictures come turn by turn, and your labels picture by picture: 0, 1, 2, 3, 0, 1, … So most pictures "
            "have another one's label. `repeat_interleave` repeats each label N times.",
            _labels_against,
        ),
        Wrong(
            "the other way round",
            "You turned the other way: what is labelled 1 is turned by 270 degrees. Here one quarter is what "
            "`torch.rot90(…, 1, dims=(2, 3))` does, as in the lesson.",
            lambda images: _turned(images, turns=(0, 3, 2, 1)),
        ),
        Wrong(
            "degrees",
            "The labels are degrees. Cross-entropy wants the *number of a class*: 0, 1, 2 or 3.",
            lambda images: _turned(images, labels=(0, 90, 180, 270)),
        ),
        Wrong(
            "upright left out",
            "The pictures as they are were left out. *Not turned* is an answer too, and a network that never sees it "
            "need not know what upright looks like.",
            lambda images: _turned(images, turns=(1, 2, 3), labels=(1, 2, 3)),
            recognise=has_shape(lambda case: (3 * len(case["images"]), None, None, None), "pictures"),
        ),
        Wrong(
            "flipped",
            "These are mirror images. Mirrored left to right, most photographs look as natural as before, and there is "
            "nothing to find out. Turn them: `torch.rot90`.",
            _flipped,
        ),
    ),
    probe=_pairs,
)
