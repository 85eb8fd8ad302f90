"""Exercises: questions with instant checks, hints, and what is solved so far.

``check(slug, answer)`` tries an answer on fresh inputs and says *not attempted*, *wrong* and why, or *right* and why it
matters; ``hint(slug)`` gives the next hint; ``progress()`` is a table over all exercises. The questions of a lesson are
in ``lesson_NN``; a question keeps what runs the learner's code (its *evidence*) apart from what judges it.
"""

from tl_course.exercises.catalogue import find, lessons, questions
from tl_course.exercises.checking import check, collect, hint, is_blank, progress
from tl_course.exercises.question import (
    NOT_ATTEMPTED,
    RIGHT,
    UNCHECKED,
    WRONG,
    Case,
    Evidence,
    Question,
    Verdict,
    Wrong,
)
from tl_course.exercises.showing import Hint, Progress
from tl_course.exercises.values import Data, Unfit, decode, encode

__all__ = [
    "NOT_ATTEMPTED",
    "RIGHT",
    "UNCHECKED",
    "WRONG",
    "Case",
    "Data",
    "Evidence",
    "Hint",
    "Progress",
    "Question",
    "Unfit",
    "Verdict",
    "Wrong",
    "check",
    "collect",
    "decode",
    "encode",
    "find",
    "hint",
    "is_blank",
    "lessons",
    "progress",
    "questions",
]
