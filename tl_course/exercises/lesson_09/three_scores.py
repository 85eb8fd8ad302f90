"""Lesson 09: precision, recall and F1."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _counts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [[int(n) for n in rng.integers(1, 80, size=3)] for _ in range(3)]
    edges = [
        [0, 5, 9],
        [0, 0, int(rng.integers(1, 9))],
        [0, int(rng.integers(1, 9)), 0],
        [0, 0, 0],
        [1, 0, 0],
        [2, 60, 3],
    ]
    return [{"tp": tp, "fp": fp, "fn": fn} for tp, fp, fn in [*drawn, *edges]]


def _share(part: float, whole: float, empty: float = 0.0) -> float:
    return part / whole if whole else empty


def _three_scores(tp: int, fp: int, fn: int, empty: float = 0.0) -> list[float]:
    return [_share(tp, tp + fp, empty), _share(tp, tp + fn, empty), _share(2 * tp, 2 * tp + fp + fn, empty)]


def _of_both(combine) -> object:
    """An answer that makes its third number of precision and recall."""

    def answer(tp: int, fp: int, fn: int) -> list[float]:
        precision, recall, _ = _three_scores(tp, fp, fn)
        return [precision, recall, combine(precision, recall)]

    return answer


def _divides(tp: int, fp: int, fn: int) -> list[float]:
    return [tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)]


def _divides_by_both(tp: int, fp: int, fn: int) -> list[float]:
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return [precision, recall, 2 * precision * recall / (precision + recall)]


QUESTION = Question(
    slug="three_scores",
    lesson="09",
    title="Precision, recall, F1, and nothing over nothing",
    kind="implement",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Precision asks those that were *called* positive, recall those that *are*.",
        "Which of the three fractions can have a zero below the line, and when? Here such a fraction counts as zero.",
        "F1 from the counts: `2 * tp / (2 * tp + fp + fn)`. Test each denominator before you divide.",
    ),
    inputs=_counts,
    reference=_three_scores,
    why=(
        "The three are right on the edges, too. A classifier that never says *positive* has no precision to speak of; "
        "libraries call it 0 and warn. In a rare class this happens often, so say which value you took: with 1 in its "
        "place, silence would look perfect."
    ),
    wrong=(
        Wrong(
            "swapped",
            "Precision and recall have changed places. Precision divides by all that were *called* positive, TP + FP; "
            "recall by all that *are*, TP + FN.",
            lambda tp, fp, fn: _three_scores(tp, fn, fp),
        ),
        Wrong(
            "nothing over nothing",
            "It stops where nothing was called positive, or nothing is positive: then a denominator is zero. The "
            "fraction must count as 0.",
            _divides,
        ),
        Wrong(
            "no precision and no recall",
            "It stops where nothing was found: the first denominators may be zero, and where precision and recall are "
            "both 0 so is the one of F1. Let such a fraction count as 0.",
            _divides_by_both,
        ),
        Wrong(
            "one for nothing",
            "Where there is nothing to divide by, this gives 1. A classifier that never says *positive* would then be "
            "perfectly precise.",
            lambda tp, fp, fn: _three_scores(tp, fp, fn, empty=1.0),
        ),
        Wrong(
            "arithmetic mean",
            "Your F1 is the plain mean of precision and recall. The harmonic mean stays near the smaller of the two: "
            "calling everything positive must not earn one half.",
            _of_both(lambda precision, recall: (precision + recall) / 2),
        ),
        Wrong(
            "half of it",
            "Your F1 is half of what it should be: the factor 2 above the line is missing, so even a perfect "
            "classifier gets one half.",
            _of_both(lambda precision, recall: _share(precision * recall, precision + recall)),
        ),
    ),
)
