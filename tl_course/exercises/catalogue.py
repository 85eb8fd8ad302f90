"""All questions of the course, found in the modules and packages ``lesson_NN`` beside this one.

Where there are many, a lesson's questions are a package: ``lesson_NN/__init__.py`` defines ``QUESTIONS``, and each
module ``lesson_NN/slug.py`` holds one question. What hides answers from a learner's process asks `holds_questions`
about modules in memory and `answers` about files on disk.
"""

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
    names = (module.name for module in pkgutil.iter_modules(sys.modules[__package__].__path__))
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
    """Return a teacher's own questions, from ``lesson_NN.py`` or the package ``lesson_NN`` in a folder.

    Raises
    ------
    ValueError
        If neither or both are there, if it cannot be imported, or if it has no questions.
    """
    file = sources(folder, lesson)[0]
    name = f"lesson_{lesson}"
    inside = [str(file.parent)] if file.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
    module = importlib.util.module_from_spec(spec)
    for old in [old for old in sys.modules if old == name or old.startswith(f"{name}.")]:
        del sys.modules[old]
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ValueError(f"{file} cannot be imported ({type(error).__name__}: {error}).") from error
    found = list(getattr(module, "QUESTIONS", ()))
    if not found or not all(isinstance(one, Question) for one in found):
        raise ValueError(f"{file} has no questions; define QUESTIONS in it, a tuple of Question.")
    return found


def sources(folder: Path, lesson: str) -> list[Path]:
    """Return the files that hold a lesson's questions, the one that defines ``QUESTIONS`` first.

    Parameters
    ----------
    folder : pathlib.Path
        Where ``lesson_NN.py`` lies, or the package ``lesson_NN``.
    lesson : str
        Two digits.

    Raises
    ------
    ValueError
        If neither is there, or both.
    """
    module, package = Path(folder) / f"lesson_{lesson}.py", Path(folder) / f"lesson_{lesson}"
    first = package / "__init__.py"
    if module.is_file() and first.is_file():
        raise ValueError(f"{folder} has both {module.name} and the folder {package.name}; keep one of them.")
    if module.is_file():
        return [module]
    if not first.is_file():
        raise ValueError(f"{folder} has no {module.name} and no {package.name}/__init__.py; define QUESTIONS in one.")
    return [first, *sorted(set(package.rglob("*.py")) - {first})]


def answers(folder: Path) -> list[Path]:
    """Return every file and folder in a folder that holds questions, compiled ones too.

    >>> from tl_course import exercises
    >>> all("lesson_" in path.name for path in answers(Path(exercises.__file__).parent))
    True
    """
    return sorted([*Path(folder).glob("lesson_*"), *Path(folder).glob("__pycache__/lesson_*")])


def holds_questions(name: str) -> bool:
    """Whether a module of this name is a lesson's, or lies in a lesson's package: the course's or a teacher's own.

    >>> holds_questions("tl_course.exercises.lesson_12.distil_loss"), holds_questions("lesson_05")
    (True, True)
    >>> holds_questions("tl_course.exercises.networks"), holds_questions("tests.lesson_05")
    (False, False)
    """
    return name.removeprefix("tl_course.exercises.").startswith("lesson_")


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
