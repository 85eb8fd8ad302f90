"""Lesson 09: what a rare word weighs."""

from __future__ import annotations

import math

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import gives

_WORDS = ("the", "film", "films", "good", "plot", "goodness", "dull")


def _corpora(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for word in ("film", "good", "unseen"):
        texts = [" ".join(rng.choice(_WORDS, size=rng.integers(3, 8))) for _ in range(int(rng.integers(4, 9)))]
        texts += ["the films and the goodness", f"a {'good film' if word != 'unseen' else 'story'} good film"]
        cases.append({"texts": texts, "word": word})
    # By hand: one text holds the word, two hold its letters, and it occurs three times.
    return [*cases, {"texts": ["film after film after film", "the films", "dull", "good"], "word": "film"}]


def _idf(texts: list[str], word: str, *, smooth: int = 1, plus: float = 1.0, log=math.log) -> float:
    having = sum(word in text.split() for text in texts)
    return log((smooth + len(texts)) / (smooth + having)) + plus


def _with_log(log) -> object:
    """An answer with another logarithm."""
    return lambda texts, word: _idf(texts, word, log=log)


QUESTION = Question(
    slug="idf",
    lesson="09",
    title="What a rare word weighs",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "The formula counts *texts*: how many there are, and how many of them hold the word, once or more.",
        "`text.split()` gives the words of a text; `word in text` would look for letters, and find *film* in *films*.",
        "`having = sum(word in text.split() for text in texts)`, then the natural logarithm of "
        "`(1 + len(texts)) / (1 + having)`, plus one.",
    ),
    inputs=_corpora,
    reference=_idf,
    why=(
        "A word of every text weighs 1, a rare one more. The ones in the fraction keep a word that no text holds from "
        "dividing by zero. That much is all TF-IDF knows: whether a word is rare, and nothing of what it means."
    ),
    wrong=(
        Wrong(
            "letters, not words",
            "You look for the letters anywhere in a text, so *film* is found in *films*. Split the text into words "
            "first.",
            lambda texts, word: math.log((1 + len(texts)) / (1 + sum(word in text for text in texts))) + 1,
        ),
        Wrong(
            "occurrences",
            "You count how often the word occurs. A text that says it three times is still one text that holds it.",
            lambda texts, word: math.log((1 + len(texts)) / (1 + sum(text.split().count(word) for text in texts))) + 1,
        ),
        Wrong(
            "one at the end missing",
            "The one at the end is missing, so a word that every text holds would weigh nothing at all.",
            lambda texts, word: _idf(texts, word, plus=0.0),
        ),
        Wrong(
            "not smoothed",
            "The ones in the fraction are missing: for a word that no text holds this divides by zero. And such words "
            "come, in every test.",
            lambda texts, word: _idf(texts, word, smooth=0),
        ),
        Wrong(
            "other logarithm",
            "The logarithm is another one: the formula has ln, which is `math.log` with one argument.",
            _with_log(math.log10),
            recognise=gives(_with_log(math.log10), _with_log(math.log2)),
        ),
    ),
)
