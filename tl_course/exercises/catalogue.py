"""All questions of the course, found in the modules ``lesson_NN`` beside this one."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable

from tl_course.exercises.question import Question


def lessons() -> list[str]:
    """Return the numbers of the lessons that have questions.

    >>> lessons()[0] <= lessons()[-1]
    True
    """
    import tl_course.exercises as package

    names = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name[-2:] for name in names if re.fullmatch(r"lesson_\d\d", name))


def questions(lesson: str | None = None) -> list[Question]:
    """Return the questions of a lesson in their order, or of all lessons.

    Parameters
    ----------
    lesson : str, optional
        Two digits.

    Examples
    --------
    >>> {question.lesson for question in questions("02")}
    {'02'}
    """
    numbers = lessons() if lesson is None else [lesson]
    return [question for number in numbers for question in _of(number)]


@functools.cache
def _of(number: str) -> tuple[Question, ...]:
    if number not in lessons():
        return ()
    return tuple(importlib.import_module(f"tl_course.exercises.lesson_{number}").QUESTIONS)


def find(slug: object) -> Question | None:
    """Return the question of this name, or None.

    >>> find("no such question") is None
    True
    """
    return next((question for question in questions() if question.slug == slug), None)


def nearest(slug: object, known: Iterable[str] | None = None) -> str:
    """Return a sentence for a name that no question has.

    >>> nearest("l2sp", ["l2_sp", "dial"])
    'There is no question `l2sp`. Did you mean `l2_sp`?'
    """
    known = list(known) if known is not None else [question.slug for question in questions()]
    close = difflib.get_close_matches(str(slug)[:60], known, n=1, cutoff=0.5)
    guess = f"Did you mean `{close[0]}`?" if close else "Its name stands in the line below its heading."
    return f"There is no question `{str(slug)[:60]}`. {guess}"
