"""Exercises: questions with instant checks, hints, and what is solved so far.

``check(slug, answer)`` tries an answer on fresh inputs and says *not attempted*, *wrong* and why, or *right* and why it
matters; ``hint(slug)`` gives the next hint; ``progress()`` is a table over all exercises. The questions of a lesson are
in ``lesson_NN``. A `Question` runs the learner's code and keeps what it shows (its *evidence*); a `Judge` judges that.
"""

from tl_course.exercises.catalogue import find, lessons, questions
from tl_course.exercises.checking import check, collect, hint, is_blank, progress
from tl_course.exercises.display import NOT_ATTEMPTED, RIGHT, UNCHECKED, WRONG, Hint, Progress, Verdict
from tl_course.exercises.judging import Judge
from tl_course.exercises.question import Case, Evidence, Question, Wrong
from tl_course.exercises.values import Data, Unfit, decode, encode
from tl_course.records import notes

__all__ = [
    "NOT_ATTEMPTED",
    "RIGHT",
    "UNCHECKED",
    "WRONG",
    "Case",
    "Data",
    "Evidence",
    "Hint",
    "Judge",
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
    "notes",
    "progress",
    "questions",
]
