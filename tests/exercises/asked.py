"""One small question for the tests of the engine, and a check of it."""

import numpy as np

from tl_course import exercises
from tl_course.exercises import Question, Wrong

SECONDS = 0.4


def cases_of(seed):
    rng = np.random.default_rng(seed)
    return [{"x": rng.normal(size=3), "factor": float(factor)} for factor in (0.5, 3)]


def question(**changed):
    fields = {
        "slug": "scale",
        "lesson": "99",
        "title": "Scale",
        "kind": "implement",
        "difficulty": 1,
        "minutes": 1,
        "points": 2,
        "hints": ("First hint.", "Second hint."),
        "inputs": cases_of,
        "reference": lambda x, factor: factor * x,
        "why": "It scales.",
        "wrong": (Wrong("added", "You add.", lambda x, factor: factor + x),),
        "seconds": SECONDS,
    }
    return Question(**(fields | changed))


def check(answer, **options):
    return exercises.check("scale", answer, **options)
