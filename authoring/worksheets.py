"""Exercises: one source, from which a worksheet without answers and a worked solution are made.

A source is ``authoring/exercises/NN_slug.py``, named as its lesson, in the percent format and without a header. What
stands between ``### BEGIN SOLUTION`` and ``### END SOLUTION`` is the answer: the worksheet has
``...  # YOUR CODE HERE`` in its place. ``{{question some_slug}}`` in Markdown becomes a heading and a line about the
question, ``{{budget}}`` a sentence about all of them. Cells tagged ``solution`` appear in the solution alone.

Every question of ``tl_course.exercises`` for that lesson is asked once: a Markdown cell that announces it, a code cell
that defines ``answer_some_slug``, and after it a cell with nothing but ``tl.check("some_slug", answer_some_slug)``.
The two code cells carry nbgrader's metadata.
"""

import copy
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from authoring import tags
from authoring.assemble import KERNELSPEC, LANGUAGE_INFO, PROFILE, TARGET
from authoring.generated import BUDGET, HELP
from authoring.sources import Lesson, SourceError, split_header
from tl_course.exercises import Question

STUB = "...  # YOUR CODE HERE"
BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"

_REGION = re.compile(rf"^([ ]*){BEGIN}\n(.*?)^[ ]*{END}[ ]*$", re.MULTILINE | re.DOTALL)
_ANSWER = re.compile(r"^(?:def |class )?answer_(\w+?)\b", re.MULTILINE)
_CHECK = re.compile(r'tl\.check\("(\w+)", answer_(\w+)\)')
_QUESTION = re.compile(r"\{\{question (\w+)\}\}")


@dataclass(frozen=True)
class Worksheet:
    """The exercises of one lesson as their author wrote them.

    Attributes
    ----------
    path : pathlib.Path
        The source.
    lesson : Lesson
        The lesson they belong to.
    cells : tuple of NotebookNode
        All cells, answers included.
    questions : tuple of Question
        What they ask, in the order of the source.
    """

    path: Path
    lesson: Lesson
    cells: tuple[NotebookNode, ...]
    questions: tuple[Question, ...]

    @property
    def stem(self) -> str:
        """File name without its ending, that of the lesson."""
        return self.path.stem


def find(root: Path, lessons: Sequence[Lesson], questions: Sequence[Question]) -> list[Worksheet]:
    """Return the exercises that exist under ``root``, in order.

    Raises
    ------
    SourceError
        If a source is no worksheet; one sentence that names the file and what to write in it.
    """
    return [read(path, lessons, questions) for path in sorted((root / "authoring" / "exercises").glob("*.py"))]


def read(path: Path, lessons: Sequence[Lesson], questions: Sequence[Question]) -> Worksheet:
    """Read one source.

    Raises
    ------
    SourceError
        As `find` does.
    """
    lesson = next((lesson for lesson in lessons if lesson.stem == path.stem), None)
    if lesson is None:
        raise SourceError(f"exercises/{path.name} belongs to no lesson; give it the name of its lesson's source.")
    header, cells = split_header(path)
    if header:
        raise SourceError(f"exercises/{path.name} has a header, which exercises do not need; remove it.")
    expected = {question.slug: question for question in questions if question.lesson == lesson.number}
    order = _order(path, cells, list(expected))
    return Worksheet(path, lesson, tuple(cells), tuple(expected[slug] for slug in order))


def _order(path: Path, cells: Sequence[NotebookNode], expected: list[str]) -> list[str]:
    """The slugs in the order of the source, each of them announced, answered and checked, in this order."""
    announced, answered, checked = [], [], []
    for cell in cells:
        if cell.cell_type == "markdown":
            announced += _QUESTION.findall(cell.source)
        elif checks := _checks(cell):
            checked += checks
        elif slug := answer_of(cell, path):
            answered.append(slug)
        if not len(announced) >= len(answered) >= len(checked):
            raise SourceError(
                f"exercises/{path.name}: a question is answered before it is announced, or checked before it is "
                "answered; the order is {{question slug}}, answer, tl.check."
            )
    for what, found in (("announced", announced), ("answered", answered), ("checked", checked)):
        if sorted(found) != sorted(expected):
            names = ", ".join(sorted(set(found) ^ set(expected))) or ", ".join(found)
            raise SourceError(
                f"exercises/{path.name}: every question of tl_course/exercises/lesson_{path.stem[:2]} must be "
                f"{what} once; look at {names}."
            )
    if not announced == answered == checked:
        raise SourceError(f"exercises/{path.name}: questions are announced, answered and checked in different orders.")
    return announced


def _checks(cell: NotebookNode) -> list[str]:
    return [slug for slug, name in _CHECK.findall(cell.source) if slug == name]


def answer_of(cell: NotebookNode, path: Path) -> str | None:
    """Return the slug of the question that a code cell answers, or None where it answers none.

    Raises
    ------
    SourceError
        If its markers do not fit each other, or it defines no ``answer_<slug>``.
    """
    begins, ends = cell.source.count(BEGIN), cell.source.count(END)
    if not begins and not ends:
        return None
    if begins != ends or begins != len(_REGION.findall(cell.source)):
        raise SourceError(f"exercises/{path.name}: {BEGIN} and {END} do not pair up in a cell; mend its markers.")
    names = set(_ANSWER.findall(cell.source))
    if len(names) != 1:
        raise SourceError(
            f"exercises/{path.name}: a cell with a solution must define one answer_<slug> at its top level."
        )
    return names.pop()


# --- the two notebooks ---------------------------------------------------------------------------------------------


def assemble(worksheet: Worksheet, *, root: Path, worked: bool) -> NotebookNode:
    """Return the worksheet, or with ``worked`` the solution, without outputs."""
    body = [_cell(cell, worksheet, worked) for cell in worksheet.cells if worked or "solution" not in tags.of(cell)]
    links = new_markdown_cell(_links(worksheet, worked), metadata={"tags": ["nav"]})
    cells = [links, *body, copy.deepcopy(links)]
    for position, cell in enumerate(cells):
        cell.id = f"{worksheet.stem}-{position:03d}"
    course = {
        "exercise": worksheet.lesson.number,
        "profile": PROFILE,
        "source": worksheet.path.relative_to(root).as_posix(),
        "target": TARGET,
    }
    metadata = {"kernelspec": copy.deepcopy(KERNELSPEC), "language_info": copy.deepcopy(LANGUAGE_INFO)}
    return new_notebook(cells=cells, metadata={**metadata, "tl_course": course})


def _cell(cell: NotebookNode, worksheet: Worksheet, worked: bool) -> NotebookNode:
    cell_tags = sorted(tags.of(cell))
    metadata: dict = {"tags": cell_tags} if cell_tags else {}
    if cell.cell_type == "markdown":
        text = cell.source.replace("# Exercises", "# Solutions", 1) if worked else cell.source
        return new_markdown_cell(_filled(text, worksheet.questions), metadata=metadata)
    slug = answer_of(cell, worksheet.path)
    checks = _checks(cell)
    if slug:
        metadata["nbgrader"] = _nbgrader(slug, solution=True)
    elif checks:
        [question] = [question for question in worksheet.questions if question.slug == checks[0]]
        metadata["nbgrader"] = _nbgrader(f"{question.slug}-check", points=question.points)
    return new_code_cell((worked_source if worked else stub_source)(cell.source), metadata=metadata)


def worked_source(source: str) -> str:
    """Return a cell's code with its answer and without the markers."""
    return _REGION.sub(lambda found: found[2].rstrip("\n"), source)


def stub_source(source: str) -> str:
    """Return a cell's code with each answer replaced by the stub, which is no answer and raises nothing.

    At the top level the stub names the answer: ``answer_slug = ...  # YOUR CODE HERE``.
    """

    def stub(found: re.Match) -> str:
        if found[1] or not (name := _ANSWER.search(found[2])):
            return found[1] + STUB
        return f"answer_{name[1]} = {STUB}"

    return _REGION.sub(stub, source)


def _nbgrader(grade_id: str, *, solution: bool = False, points: int | None = None) -> dict:
    """A cell's metadata in nbgrader's schema 3."""
    fields = {"grade": not solution, "grade_id": grade_id, "locked": not solution, "schema_version": 3}
    fields |= {"solution": solution, "task": False}
    return fields if points is None else fields | {"points": points}


def _filled(markdown: str, questions: Sequence[Question]) -> str:
    by_slug = {question.slug: question for question in questions}
    markdown = _QUESTION.sub(lambda found: heading(by_slug[found[1]]), markdown)
    return markdown.replace(BUDGET, budget(questions))


def heading(question: Question) -> str:
    """Return a question's heading and the line about it."""
    points = "no points" if not question.points else f"{question.points} point{'s' if question.points > 1 else ''}"
    about = f"{question.kind} · difficulty {question.difficulty} of 5 · about {question.minutes} minutes · {points}"
    return f"## {question.title}\n\n`{question.slug}` · {about}"


def budget(questions: Sequence[Question]) -> str:
    """Return what the exercises of a lesson cost and count, as a sentence."""
    minutes, points = sum(one.minutes for one in questions), sum(one.points for one in questions)
    return f"{len(questions)} questions, {points} points, about {minutes} minutes of yours, which is a guess."


def _links(worksheet: Worksheet, worked: bool) -> str:
    number, title = worksheet.lesson.number, worksheet.lesson.title
    parts = [f"[← Lesson {number} {title}](../notebooks/{worksheet.stem}.ipynb)"]
    if worked:
        parts += [f"[Exercises {number}](../exercises/{worksheet.stem}.ipynb)", f"**Solutions {number}: try first**"]
    else:
        parts.append(f"**Exercises {number}**")
    return " · ".join([*parts, HELP])


def program(worksheet: Worksheet) -> list[tuple[str | None, str]]:
    """Return the code of the solution as ``(slug or None, source)``, the checks left out."""
    return [
        (answer_of(cell, worksheet.path), textwrap.dedent(worked_source(cell.source)))
        for cell in worksheet.cells
        if cell.cell_type == "code" and not _checks(cell)
    ]
