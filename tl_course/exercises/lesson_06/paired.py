"""Lesson 06: a paired comparison."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import gives


def _two_networks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    even = rng.integers(3, 7)
    for only_a, only_b in (
        (rng.integers(7, 13), rng.integers(2, 5)),
        (rng.integers(1, 4), rng.integers(6, 12)),
        (even, even),
        (0, rng.integers(4, 9)),
    ):
        both_right, same, different = rng.integers(8, 16), rng.integers(4, 9), rng.integers(3, 8)
        kinds = np.repeat([0, 1, 2, 3, 4], [both_right, only_a, only_b, same, different])
        labels = rng.integers(0, 5, size=len(kinds))
        wrong, other = (labels + 1) % 5, (labels + 2) % 5
        said_a = np.where((kinds == 0) | (kinds == 1), labels, wrong)
        said_b = np.where((kinds == 0) | (kinds == 2), labels, np.where(kinds == 4, other, wrong))
        order = rng.permutation(len(kinds))
        cases.append({"labels": labels[order], "said_a": said_a[order], "said_b": said_b[order]})
    same = rng.integers(0, 5, size=20)
    return [*cases, {"labels": same, "said_a": same, "said_b": same}]


def _tail(wins: int, tosses: int) -> float:
    """The chance that a fair coin shows heads at least so often."""
    return sum(math.comb(tosses, k) for k in range(wins, tosses + 1)) / 2**tosses


def _wins(labels: Tensor, said_a: Tensor, said_b: Tensor) -> tuple[int, int]:
    right_a, right_b = said_a == labels, said_b == labels
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())


def _paired(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    only_a, only_b = _wins(labels, said_a, said_b)
    return [only_a, only_b, min(1.0, 2 * _tail(max(only_a, only_b), only_a + only_b))]


def _disagreements(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    only_a, _ = _wins(labels, said_a, said_b)
    tosses = int((said_a != said_b).sum())
    return [only_a, tosses - only_a, min(1.0, 2 * _tail(max(only_a, tosses - only_a), tosses))]


def _disagreements_of_b(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    """The same mistake from the other side: B's wins, and the rest is A's."""
    only_b, rest, p = _disagreements(labels, said_b, said_a)
    return [rest, only_b, p]


def _all_right(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    a, b = int((said_a == labels).sum()), int((said_b == labels).sum())
    return [a, b, min(1.0, 2 * _tail(max(a, b), a + b))]


def _with_p(change):
    def answer(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
        return [*_wins(labels, said_a, said_b), change(*_wins(labels, said_a, said_b))]

    return answer


QUESTION = Question(
    slug="paired",
    lesson="06",
    title="Two networks, the same pictures",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "Which pictures say anything about who is better? Not those that both got right, and not those that both got "
        "wrong, even if they were wrong in different ways.",
        "Count the pictures that only A got right, and those that only B got right. Their sum is the number of tosses; "
        "the larger count, how often the coin fell on one side.",
        "p = 2 · Σ comb(tosses, k) / 2^tosses for k from the larger count to `tosses`, and never more than 1.",
    ),
    inputs=_two_networks,
    reference=_paired,
    why=(
        "Only the pictures that one of them got right count, each as the toss of a coin. Both ends count, since you "
        "did not know beforehand which would win. The same two accuracies on *different* pictures would tell you "
        "far less."
    ),
    wrong=(
        Wrong(
            "swapped",
            "The two counts are swapped: the first is the number of pictures that only *A* got right.",
            lambda labels, said_a, said_b: _paired(labels, said_b, said_a),
            recognise=gives(lambda labels, said_a, said_b: _wins(labels, said_b, said_a), first=2),
        ),
        Wrong(
            "both wrong, differently",
            "You count a picture as a disagreement whenever the two answers differ. Where both are *wrong* in "
            "different ways, neither has won: compare each answer with the label.",
            _disagreements,
            recognise=gives(_disagreements, _disagreements_of_b, first=2),
        ),
        Wrong(
            "all right answers",
            "These are all right answers of each network. The pictures that both got right are in both counts, and "
            "they say nothing about who is better.",
            _all_right,
            recognise=gives(_all_right, first=2),
        ),
        Wrong(
            "one side",
            "The counts are right, and p is one-sided: the chance that the coin falls on the winner's side so often. "
            "You did not know who would win, so double it.",
            _with_p(lambda a, b: _tail(max(a, b), a + b)),
        ),
        Wrong(
            "A's side only",
            "The counts are right, but p starts at A's count, even when B has won. Take the larger of the two, "
            "A's or B's.",
            _with_p(lambda a, b: min(1.0, 2 * _tail(a, a + b))),
        ),
        Wrong(
            "above one",
            "The counts are right, but where the two are equally good p is above 1. A probability is at most 1: both "
            "tails together hold the middle twice.",
            _with_p(lambda a, b: 2 * _tail(max(a, b), a + b)),
        ),
        Wrong(
            "larger than",
            "The counts are right, but p leaves out the very result that you saw: it is the chance of a result at "
            "*least* so one-sided.",
            _with_p(lambda a, b: min(1.0, 2 * _tail(max(a, b) + 1, a + b))),
        ),
    ),
)
