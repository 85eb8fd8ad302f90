"""Lesson 10: whole documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tl_course.exercises.lesson_10._shared import numbers
from tl_course.exercises.question import Case, Question, Wrong


def _shelves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for sizes, count in (([4, 3, 5, 2, 4, 3], 6), ([1, 6, 2, 2, 5], 5), ([2, 2, 2, 2], 4), ([1] * 6, 3)):
        document = rng.permutation(np.repeat(rng.permutation(len(sizes)), sizes))
        order = rng.permutation(len(document))
        cases.append({"document": document.tolist(), "order": order.tolist(), "count": count})
    # By hand: the second text of the order belongs to the first one's document.
    return [*cases, {"document": [0, 0, 0, 1, 1, 2], "order": [1, 0, 3, 5, 2, 4], "count": 4}]


def _of_documents(document: Sequence[int], chosen: set[int]) -> list[int]:
    return [place for place, one in enumerate(document) if one in chosen]


def _whole_documents(document: list[int], order: list[int], count: int) -> list[int]:
    chosen: set[int] = set()
    for place in order:
        if len(_of_documents(document, chosen)) >= count:
            break
        chosen.add(document[place])
    return _of_documents(document, chosen)


def _one_of_each(document: list[int], order: list[int], count: int) -> list[int]:
    """The first text of each document in the order, ``count`` of them."""
    first = {document[place]: place for place in reversed(order)}
    return [place for place in order if first[document[place]] == place][:count]


def _so_many_documents(document: list[int], order: list[int], count: int) -> list[int]:
    return _of_documents(document, set(list(dict.fromkeys(document[place] for place in order))[:count]))


def _cut_off(document: list[int], order: list[int], count: int) -> list[int]:
    chosen = list(dict.fromkeys(document[place] for place in order))
    return sorted(_of_documents(document, set(chosen)), key=lambda place: chosen.index(document[place]))[:count]


QUESTION = Question(
    slug="whole_documents",
    lesson="10",
    title="A split that does not leak",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "In the broken split, how many documents have sentences on both sides?",
        "Draw documents rather than sentences: when a sentence comes up in `order`, all of its document goes to the "
        "test.",
        "Keep a set of chosen documents. Go through `order`; stop as soon as the chosen ones hold `count` texts; else "
        "add `document[place]`. At last return all places whose document is chosen.",
    ),
    inputs=_shelves,
    reference=_whole_documents,
    why=(
        "No document stands on both sides, so the test asks about texts of which nothing was seen. The test comes out "
        "a little larger than asked for, which is the price. A split by sentences praises a network for having met the "
        "product, the film or the writer before."
    ),
    wrong=(
        Wrong(
            "sentences drawn",
            "These are the first `count` sentences of the order: their documents go on in the training set. Move "
            "*whole* documents.",
            lambda document, order, count: order[:count],
        ),
        Wrong(
            "every document touched",
            "No document is cut, but too many are taken: you take every document that the first `count` sentences "
            "belong to. Stop as soon as the chosen documents hold `count` texts.",
            lambda document, order, count: _of_documents(document, {document[place] for place in order[:count]}),
        ),
        Wrong(
            "documents counted",
            "You take `count` documents, where *texts* were meant: the test is several times too large.",
            _so_many_documents,
        ),
        Wrong(
            "one sentence of each",
            "You take one sentence of each document. The rest of the document stays to learn from: this leaks from "
            "every one of them.",
            _one_of_each,
        ),
        Wrong(
            "last document cut",
            "You cut the last document in two, so that exactly `count` texts are in the test. Its other half leaks; "
            "let the test be a little larger.",
            _cut_off,
            recognise=lambda found, expected, cases: all(
                len(mine) == case["count"] and set(mine) <= set(theirs)
                for mine, theirs, case in zip(found, expected, cases, strict=True)
            ),
        ),
    ),
    probe=numbers,
)
