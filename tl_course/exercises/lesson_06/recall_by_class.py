"""Lesson 06: recall from a confusion matrix."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import has_shape, nan_hidden


def _matrices(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = []
    for classes in (3, 5):
        matrix = rng.integers(1, 20, size=(classes, classes)) + np.diag(rng.integers(10, 40, size=classes))
        drawn.append({"matrix": matrix})
    absent, never_said = (rng.integers(1, 20, size=(4, 4)) for _ in range(2))
    absent[2], never_said[:, 1] = 0, 0
    return [*drawn, {"matrix": absent}, {"matrix": never_said}]


def _recall(matrix: Tensor) -> Tensor:
    return matrix.diagonal() / matrix.sum(dim=1)


QUESTION = Question(
    slug="recall_by_class",
    lesson="06",
    title="Of those that are, how many were called so?",
    kind="repair",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "Recall asks about the pictures that *are* of a class. Where do all pictures of class 2 stand: in a row or in "
        "a column?",
        "The right ones are on the diagonal, and a row's sum is the number of pictures of that class.",
        "`matrix.diagonal() / matrix.sum(dim=…)`: summing over which axis leaves one number for each row? PyTorch "
        "makes 0/0 NaN by itself.",
    ),
    inputs=_matrices,
    reference=_recall,
    why=(
        "A row holds all pictures of one class, so diagonal over row is recall; diagonal over column is precision. And "
        'a class without test pictures has no recall: NaN says "we do not know", 0 would say "it fails".'
    ),
    wrong=(
        Wrong(
            "precision",
            "This is precision: of the pictures that were *called* so, how many are. You divided by the sums of the "
            "columns; the pictures that *are* of a class stand in its row.",
            lambda matrix: matrix.diagonal() / matrix.sum(dim=0),
        ),
        Wrong(
            "share of all",
            "You divided by the number of all pictures. Then even a perfect network has a recall of one tenth for each "
            "of ten classes. Divide by the number of pictures of *this* class.",
            lambda matrix: matrix.diagonal() / matrix.sum(),
        ),
        Wrong(
            "nan hidden",
            "The rows are right, but a class of which no picture was tested got a number. Nothing is known about it: "
            "leave it NaN, or somebody will average it in.",
            lambda matrix: torch.nan_to_num(_recall(matrix)),
            recognise=nan_hidden(),
        ),
        Wrong(
            "one number",
            "This is one number, the accuracy over all classes. Recall is asked for class by class: an accuracy can be "
            "high while one class is never found.",
            lambda matrix: matrix.diagonal().sum() / matrix.sum(),
            recognise=has_shape(()),
        ),
        Wrong(
            "counts",
            "These are counts, the numbers on the diagonal. How much 40 right ones are worth depends on how many there "
            "were: divide.",
            lambda matrix: matrix.diagonal(),
        ),
    ),
)
