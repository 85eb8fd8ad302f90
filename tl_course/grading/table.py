"""The results as tables."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tl_course.data.tables import harmless
from tl_course.exercises import RIGHT
from tl_course.grading.notebooks import Worksheet
from tl_course.grading.results import Graded
from tl_course.grading.state import write_whole

COLUMNS = (
    "student", "id", "question", "points", "of", "status", "reason", "late", "submitted", "file", "notes",
    "course version",
)  # fmt: skip


def write(file: Path, results: Iterable[Graded], sheet: Worksheet) -> None:
    """Write a line for each student and question."""
    rows = []
    for one in results:
        for m in one.marks:
            more = one.answers.about.get(m.question, ())
            rows.append([*_who(one), m.question, m.points, m.of, m.status, m.reason, *_what(one, more), sheet.version])
    _write(file, COLUMNS, rows)


def write_totals(file: Path, results: Iterable[Graded], sheet: Worksheet) -> None:
    """Write a line for each student, with a column for each question, as learning platforms take them."""
    columns = ("student", "id", "exercise", "points", "of", "late", "submitted", "file", "notes", "course version")
    columns += tuple(question.slug for question in sheet.questions)
    rows = []
    for one in results:
        each = {mark.question: mark.points for mark in one.marks}
        more = [f"{mark.question}: {note}" for mark, note in one.to_look_at]
        row = [*_who(one), sheet.number, one.points, sheet.points, *_what(one, more), sheet.version]
        rows.append([*row, *(each.get(question.slug, 0) for question in sheet.questions)])
    _write(file, columns, rows)


def _who(one: Graded) -> list[str]:
    return [one.student, one.identity]


def _what(one: Graded, more: Iterable[str]) -> list[str]:
    stamp = one.answers.stamp.isoformat(" ") if one.answers.stamp else ""
    return ["late" if one.answers.late else "", stamp, one.answers.file, "; ".join([*one.notes_for_teacher, *more])]


def _write(file: Path, columns: Iterable[str], rows: Iterable[list[object]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([one_line(cell) for cell in row] for row in rows)
    write_whole(file, "\ufeff" + text.getvalue())  # the mark tells spreadsheets that this is UTF-8


def one_line(cell: object) -> object:
    """Return what goes into a cell: a text on one line, which no spreadsheet computes.

    >>> one_line("=1  +1"), one_line("Ann"), one_line(3)
    ("'=1 +1", 'Ann', 3)
    """
    return harmless(" ".join(cell.split())) if isinstance(cell, str) else cell


def with_twins(results: list[Graded]) -> list[Graded]:
    """Note where students' answers are the same in every character, if they solved anything."""
    groups = defaultdict(list)
    for one in results:
        if any(mark.status == RIGHT for mark in one.marks):
            groups[one.answers.digest].append(one.student)
    noted = []
    for one in results:
        others = [name for name in groups.get(one.answers.digest, []) if name != one.student]
        noted.append(dataclasses.replace(one, twins=tuple(others)))
    return noted
