"""Lesson 06: choosing an epoch, and the number to report."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _scores(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count in (6, 12, 9):
        validation, test = (rng.permutation(np.arange(40, 40 + 2 * count))[:count] / 100 for _ in range(2))
        best = int(validation.argmax())
        if best == int(test.argmax()) or best == count - 1:  # the choices must tell the answers apart
            validation = np.roll(validation, -1 if best else 1)
            best = int(validation.argmax())
            test[best] = 0.35
        cases.append({"validation": validation, "test": test})
    cases.append({"validation": np.array([0.5, 0.7, 0.7, 0.6]), "test": np.array([0.8, 0.5, 0.6, 0.4])})
    return [*cases, {"validation": np.array([0.61]), "test": np.array([0.58])}]


def _choose(validation: Tensor, test: Tensor) -> list[float]:
    best = int(validation.argmax())
    return [best, float(test[best])]


def _last_of_the_best(validation: Tensor, test: Tensor) -> list[float]:
    best = int((validation == validation.max()).nonzero()[-1])
    return [best, float(test[best])]


QUESTION = Question(
    slug="choose_fairly",
    lesson="06",
    title="Which epoch, and which number",
    kind="repair",
    difficulty=2,
    minutes=5,
    points=2,
    hints=(
        "Which of the two lists may decide? And which of them holds the number that you may report?",
        "`validation.argmax()` gives the epoch. The number to report is in the other list, at the same place.",
    ),
    inputs=_scores,
    reference=_choose,
    why=(
        "Validation chooses, the test is asked about that one network, and its answer stands, even if another epoch "
        "would have looked better. The number is often a little lower than the prettiest one. It is the one that new "
        "pictures will bear out."
    ),
    wrong=(
        Wrong(
            "chosen by the test",
            "The test scores chose the epoch, so the score that you report is the largest of many noisy numbers. Let "
            "the validation scores choose.",
            lambda validation, test: [int(test.argmax()), float(test.max())],
        ),
        Wrong(
            "validation reported",
            "The epoch is right, but the number is the validation score that chose it, and that flatters as well. "
            "Report the test score of that epoch.",
            lambda validation, test: [int(validation.argmax()), float(validation.max())],
        ),
        Wrong(
            "best of both",
            "The epoch was chosen by validation, and the number is the best test score of *any* epoch: it belongs to "
            "another network than the one you keep.",
            lambda validation, test: [int(validation.argmax()), float(test.max())],
        ),
        Wrong(
            "last epoch",
            "You take the last epoch and do not look at the validation scores. That is honest, but here you should "
            "choose one.",
            lambda validation, test: [len(test) - 1, float(test[-1])],
        ),
        Wrong(
            "last of equals",
            "Where two epochs are equally good on the validation pictures, the first was asked for: it costs less "
            "training. And the test must not break the tie either.",
            _last_of_the_best,
        ),
        Wrong(
            "counted from one",
            "The number is right, but epochs are counted from zero here, as `argmax` does.",
            lambda validation, test: [int(validation.argmax()) + 1, float(test[int(validation.argmax())])],
        ),
    ),
)
