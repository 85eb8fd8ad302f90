"""Lesson 09: the share of padding."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _plans(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    plans = [[rng.integers(3, 60, size=size).tolist() for size in sizes] for sizes in ((8, 8, 3), (2, 9), (1, 1, 5))]
    return [{"batches": plan} for plan in [*plans, [[7, 7, 7], [12]], [[int(rng.integers(5, 50))]]]]


def _cells(batches: list[list[int]]) -> int:
    return sum(len(batch) * max(batch) for batch in batches)


def _real(batches: list[list[int]]) -> int:
    return sum(sum(batch) for batch in batches)


def _longest_everywhere(batches: list[list[int]]) -> float:
    longest = max(max(batch) for batch in batches)
    return 1 - _real(batches) / sum(len(batch) * longest for batch in batches)


QUESTION = Question(
    slug="padding_share",
    lesson="09",
    title="Work for nothing",
    kind="implement",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "A batch is a rectangle. How high is it, how wide, and how many of its places hold a real token?",
        "With dynamic padding a batch is as wide as *its own* longest text: `len(batch) * max(batch)` places.",
        "Add the places of all batches, add the real tokens of all batches, and divide once, at the end.",
    ),
    inputs=_plans,
    reference=lambda batches: 1 - _real(batches) / _cells(batches),
    why=(
        "This is the share of the work that a GPU does for nothing. It changes with the plan alone: the same texts, "
        "sorted into buckets, need fewer places, and every answer stays what it was, because the mask hides padding."
    ),
    wrong=(
        Wrong(
            "mean of shares",
            "You average the shares of the batches. A small batch then counts as much as a large one; add places and "
            "tokens over all batches first.",
            lambda batches: sum(1 - sum(one) / (len(one) * max(one)) for one in batches) / len(batches),
        ),
        Wrong(
            "padding over real",
            "You divide the padding by the real tokens. A share is of *all* places; this ratio can pass one.",
            lambda batches: (_cells(batches) - _real(batches)) / _real(batches),
        ),
        Wrong(
            "longest of all",
            "Each batch is padded to the longest text of all batches here. With dynamic padding the longest of its own "
            "batch decides.",
            _longest_everywhere,
        ),
        Wrong(
            "share of real tokens",
            "This is the share of real tokens. Give the share of padding: subtract it from one.",
            lambda batches: _real(batches) / _cells(batches),
        ),
        Wrong(
            "a number of tokens",
            "This is the number of padding tokens, where their share of all places was asked for.",
            lambda batches: _cells(batches) - _real(batches),
        ),
    ),
)
