"""Lesson 06: an interval."""

from __future__ import annotations

import functools
import math

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import gives


def _counts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [{"right": int(rng.integers(1, n)), "n": n} for n in (int(rng.integers(20, 400)) for _ in range(3))]
    ends = ((10, 10), (0, 25), (1, 1), (29, 30), (2, 12))
    return [*drawn, *({"right": right, "n": n} for right, n in ends)]


_OTHER_Z = (1.0, 1.28, 1.2816, 1.64, 1.645, 1.6449, 2.0, 2.326, 2.576, 2.5758)


def _interval(right: int, n: int, z: float = 1.96) -> list[float]:
    p = right / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return [centre - half, centre + half]


def _textbook(right: int, n: int) -> list[float]:
    p = right / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return [p - half, p + half]


def _around_p(right: int, n: int) -> list[float]:
    low, high = _interval(right, n)
    return [right / n - (high - low) / 2, right / n + (high - low) / 2]


def _undivided(right: int, n: int) -> list[float]:
    return [end * (1 + 1.96**2 / n) for end in _interval(right, n)]


QUESTION = Question(
    slug="interval",
    lesson="06",
    title="The accuracy and its interval",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "What does the textbook's formula say about ten of ten? Which formula of the lesson does not?",
        "Wilson's interval: its centre is pulled from p towards one half, and both centre and half width are divided "
        "by 1 + z²/n.",
        "centre = (p + z²/(2n)) / (1 + z²/n), half = z·√(p(1 − p)/n + z²/(4n²)) / (1 + z²/n).",
    ),
    inputs=_counts,
    reference=_interval,
    why=(
        'Ten of ten now say "at least 72 per cent", where the textbook\'s formula was certain. With few pictures the '
        "interval is honest about how little was seen; with many it agrees with the textbook's. Neither of them knows "
        "what another training run would have given."
    ),
    wrong=(
        Wrong(
            "textbook",
            "This is the textbook's interval. At ten of ten its width is zero, and near the ends it goes beyond 0 or "
            "1: it takes the measured p for the true one. Use Wilson's.",
            _textbook,
        ),
        Wrong(
            "textbook, cut off",
            "Cutting the textbook's interval off at 0 and 1 hides where it fails; it does not mend it. Ten of ten "
            "still has a width of zero.",
            lambda right, n: [min(max(end, 0.0), 1.0) for end in _textbook(right, n)],
        ),
        Wrong(
            "around p",
            "The half width is Wilson's, but its centre is not p: it is pulled towards one half, most of all where "
            "there are few pictures. At ten of ten yours goes above 1.",
            _around_p,
        ),
        Wrong(
            "not divided",
            "Divide both the centre and the half width by 1 + z²/n. Without it the interval of few pictures lies too "
            "high.",
            _undivided,
        ),
        Wrong(
            "another z",
            "The interval has the right form and another width: 95 of a hundred belongs to z = 1.96. (1.645 belongs to "
            "90, and z = 1 to 68.)",
            lambda right, n: _interval(right, n, z=1.645),
            recognise=gives(*(functools.partial(_interval, z=z) for z in _OTHER_Z), rtol=1e-3),
        ),
    ),
    rtol=1e-3,  # z is 1.96 or 1.959964
    atol=1e-4,
)
