"""All questions of the course, found in the modules ``lesson_NN`` beside this one."""

from __future__ import annotations

import difflib
import functools
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Iterable
from pathlib import Path

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


def load(folder: Path, lesson: str) -> list[Question]:
    """Return a teacher's own questions, from ``lesson_NN.py`` in a folder.

    Raises
    ------
    ValueError
        If there is no such module, it cannot be imported, or it has no questions.
    """
    file = Path(folder) / f"lesson_{lesson}.py"
    if not file.is_file():
        raise ValueError(f"{folder} has no lesson_{lesson}.py; it is to define QUESTIONS.")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{file} cannot be imported ({type(error).__name__}: {error}).") from error
    found = list(getattr(module, "QUESTIONS", ()))
    if not found or not all(isinstance(one, Question) for one in found):
        raise ValueError(f"{file} has no questions: it is to define QUESTIONS, a tuple of Question.")
    return found


def forget() -> None:
    """Forget the questions that were loaded, so that they are loaded again when asked for."""
    _of.cache_clear()


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
