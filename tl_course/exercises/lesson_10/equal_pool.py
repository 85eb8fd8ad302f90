"""Lesson 10: one third from each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tl_course.exercises.lesson_10._shared import numbers
from tl_course.exercises.question import Case, Question, Wrong


def _sources(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for sizes, count in (([40, 90, 20], 30), ([25, 12, 31], 20), ([9, 30, 14], 10), ([50, 20, 70, 30], 7)):
        numbers = rng.permutation(sum(sizes)).tolist()
        starts = np.cumsum([0, *sizes])
        sources = [numbers[start : start + size] for start, size in zip(starts, sizes, strict=False)]
        cases.append({"sources": sources, "count": count})
    return cases


def _from_each(sources: list[list[int]], shares: Sequence[int]) -> list[int]:
    return [text for source, share in zip(sources, shares, strict=True) for text in source[:share]]


def _shares(count: int, many: int) -> list[int]:
    return [count // many + (place < count % many) for place in range(many)]


def _proportional(sources: list[list[int]], count: int) -> list[int]:
    total = sum(len(source) for source in sources)
    return _from_each(sources, [count * len(source) // total for source in sources])


QUESTION = Question(
    slug="equal_pool",
    lesson="10",
    title="A pool at equal labels",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "How many labels does the broken pool hold, and from how many sources do they come?",
        "`count // len(sources)` from each; what remains of the division goes to the first sources, one text each.",
        "`share = count // k + (place < count % k)` for the source at this place, and `source[:share]`.",
    ),
    inputs=_sources,
    reference=lambda sources, count: _from_each(sources, _shares(count, len(sources))),
    why=(
        "The pool has exactly as many labels as its rival from a single source, and equally many of each kind. Had it "
        "had three times as many, the comparison would have shown what more labels are worth, and not what more "
        "sources are."
    ),
    wrong=(
        Wrong(
            "first source only",
            "All come from the first source, or nearly all: joining lists and cutting off takes what stands in front.",
            lambda sources, count: [text for source in sources for text in source][:count],
        ),
        Wrong(
            "count from each",
            "You take `count` labels from *each* source: the pool has several times as many as its rival, and would "
            "win by number.",
            lambda sources, count: _from_each(sources, [count] * len(sources)),
        ),
        Wrong(
            "remainder lost",
            "The remainder is lost: where `count` cannot be divided, the pool has a label or two less than its rival. "
            "Give one more to each of the first sources.",
            lambda sources, count: _from_each(sources, [count // len(sources)] * len(sources)),
        ),
        Wrong(
            "remainder to the last",
            "The number is right, but the whole remainder comes from the last source. Give one more text to each of "
            "the *first* sources, so that no two differ by more than one.",
            lambda sources, count: _from_each(
                sources,
                [count // len(sources)] * (len(sources) - 1) + [count // len(sources) + count % len(sources)],
            ),
        ),
        Wrong(
            "by size",
            "You take from each source by its size. The largest source would rule the pool; take equal parts.",
            _proportional,
        ),
    ),
    probe=numbers,
)
