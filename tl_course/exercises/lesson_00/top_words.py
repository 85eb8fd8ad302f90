"""Lesson 00: the words in front."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import close, each, has_nan, on
from tl_course.exercises.values import Data

WORDS = ("teapot", "cello", "lighthouse", "hedgehog", "kayak", "zebra", "umbrella", "violin", "tram", "acorn")


def _scores(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for classes, count, scale in ((10, 3, 2.0), (7, 1, 1.0), (5, 5, 3.0)):
        words = rng.permutation(WORDS)[:classes].tolist()
        cases.append({"logits": scale * rng.normal(size=classes), "words": words, "count": count})
    large = {"logits": rng.permutation([1000.0, 999.0, 997.5, 990.0]), "words": list(WORDS[:4]), "count": 2}
    return [*cases, large]


def _top(
    scores: Callable[[Tensor], Tensor] = lambda logits: logits.softmax(dim=0),
    order: Callable[[Tensor, int], Tensor] = lambda scores, count: scores.argsort(descending=True)[:count],
    after: Callable[[Tensor], Tensor] = lambda chosen: chosen,
) -> Callable:
    """Words with their scores, with parts that can be spoilt."""

    def answer(logits: Tensor, words: list[str], count: int) -> list[list]:
        made = scores(logits)
        places = order(made, count)
        return [[words[k], float(p)] for k, p in zip(places.tolist(), after(made[places]), strict=True)]

    return answer


def _exponentials(logits: Tensor) -> Tensor:
    return logits.exp() / logits.exp().sum()


def _has_the_words(found: Data, expected: Data, case: Case) -> bool:
    """Whether words and order are right, whatever the numbers."""
    return [word for word, _ in found] == [word for word, _ in expected]


def _are_sigmoids(found: Data, expected: Data, case: Case) -> bool:
    """Whether every number is the sigmoid of its word's score, in whatever order the words are."""
    scores = dict(zip(case["words"], case["logits"], strict=True))
    return all(close(p, 1 / (1 + np.exp(-scores[word]))) for word, p in found)


QUESTION = Question(
    slug="top_words",
    lesson="00",
    title="The words in front",
    kind="implement",
    difficulty=1,
    minutes=6,
    points=2,
    hints=(
        "Two steps: make probabilities of *all* the scores, then pick the largest.",
        "`logits.softmax(dim=0)` gives the probabilities; its `.topk(count)` gives the largest, in order, as `.values` "
        "and `.indices`.",
        "Walk along both together: `for p, k in zip(best.values.tolist(), best.indices.tolist())`, and put "
        "`[words[k], p]` into a list.",
    ),
    inputs=_scores,
    reference=_top(),
    why=(
        "The probabilities are those among *all* words, so what is not shown is missing from the sum. You also see how "
        "sure the network is. That is all there is to a head's answer: a closed list of words, and a number for "
        "each."
    ),
    wrong=(
        Wrong(
            "scores shown",
            "The words are right, and their numbers are the raw scores. Scores have no scale of their own: softmax "
            "makes probabilities of them.",
            _top(scores=lambda logits: logits),
        ),
        Wrong(
            "only those shown",
            "Softmax was taken among the chosen words only, so theirs add up to one and the network looks surer than "
            "it is. First softmax over all, then choose.",
            _top(after=lambda chosen: chosen / chosen.sum()),
        ),
        Wrong(
            "least likely first",
            "These are the words at the other end: the least likely ones. The largest probability comes first.",
            _top(order=lambda scores, count: scores.argsort()[:count]),
        ),
        Wrong(
            "largest last",
            "The words are right, in the wrong order: the most likely one comes first.",
            _top(order=lambda scores, count: scores.argsort(descending=True)[:count].flip(0)),
        ),
        Wrong(
            "too large to exponentiate",
            "The formula is right, and it breaks where scores are large: e to the thousandth is infinity for a "
            "computer, and infinity over infinity is no number. `softmax` subtracts the largest score first.",
            _top(scores=_exponentials),
            recognise=on(-1, has_nan()),
        ),
        Wrong(
            "sigmoid",
            "A sigmoid looks at each word alone, so the numbers do not add up to one. Here the words compete for one "
            "answer: softmax.",
            _top(
                scores=torch.sigmoid, order=lambda scores, count: scores.argsort(descending=True, stable=True)[:count]
            ),
            recognise=on(slice(3), each(_are_sigmoids)),  # of large scores they are all 1
        ),
        Wrong(
            "as they came",
            "These are the first words of the list, in the order in which they came. Choose the most likely ones.",
            _top(order=lambda scores, count: torch.arange(count)),
        ),
        Wrong(
            "no probability",
            "The words are right, and the numbers beside them are not their probabilities: softmax over all scores.",
            _top(scores=lambda logits: logits - logits.logsumexp(dim=0)),
            recognise=each(_has_the_words),
        ),
    ),
)
