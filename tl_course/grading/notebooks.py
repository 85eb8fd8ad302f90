"""Our worksheet and a learner's notebook: which of its cells are answers, under any file name."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import tl_course
from tl_course.exercises import NOT_ATTEMPTED, WRONG, Question
from tl_course.grading.submissions import MAX_ALL_BYTES, MAX_BYTES, Piece, Refused, Submission

MAX_PARTS = 4_000_000
"""Commas and brackets in a notebook: each may become an object many times as large as itself."""
MAX_CELL = 200_000

EXERCISES = Path(tl_course.__file__).resolve().parent.parent / "exercises"


@dataclass(frozen=True)
class Part:
    """A code cell of a worksheet: ``kind`` is ``"code"``, ``"answer"`` or ``"check"``; ``name`` a slug or a number."""

    kind: str
    name: str
    source: str = ""


@dataclass(frozen=True)
class Worksheet:
    """An exercise as we wrote it.

    Attributes
    ----------
    number : str
        Of the lesson, two digits.
    title : str
    parts : tuple of Part
        Its code cells in order.
    questions : tuple of Question
        Those of its questions that have an answer cell.
    version : str
        Of the package, with a digest of worksheet and questions.
    """

    number: str
    title: str
    parts: tuple[Part, ...]
    questions: tuple[Question, ...]
    version: str

    @property
    def points(self) -> int:
        return sum(question.points for question in self.questions)


def worksheet(
    number: str, questions: Sequence[Question], folders: Sequence[Path], sources: Sequence[Path]
) -> Worksheet:
    """Read a worksheet.

    Parameters
    ----------
    number : str
        Two digits.
    questions : sequence of Question
    folders : sequence of pathlib.Path
        Where to look for ``NN_*.ipynb``; the first that has one counts.
    sources : sequence of pathlib.Path
        Files that the version depends on besides.

    Raises
    ------
    ValueError
        If there is no worksheet, or none of its cells is one of these questions'.
    """
    found = [path for folder in folders for path in sorted(folder.glob(f"{number}_*.ipynb"))]
    if not found:
        where = " or ".join(map(str, folders))
        raise ValueError(f"There is no worksheet {number}_….ipynb in {where}; restore it from the repository.")
    data = found[0].read_bytes()
    slugs = {question.slug for question in questions}
    parts = []
    for position, cell in enumerate(json.loads(data)["cells"]):
        if cell["cell_type"] != "code":
            continue
        name = grade_id(cell)
        if name in slugs:
            parts.append(Part("answer", name))
        elif name.removesuffix("-check") in slugs:
            parts.append(Part("check", name.removesuffix("-check")))
        else:
            parts.append(Part("code", str(position), source_of(cell)))
    asked = {part.name for part in parts if part.kind == "answer"}
    if not asked:
        raise ValueError(f"No cell of {found[0].name} belongs to one of the questions {', '.join(sorted(slugs))}.")
    digest = hashlib.sha256(data)
    for source in sources:
        digest.update(source.read_bytes())
    return Worksheet(
        number,
        found[0].stem.partition("_")[2].replace("_", " "),
        tuple(parts),
        tuple(question for question in questions if question.slug in asked),
        f"{tl_course.__version__}+{digest.hexdigest()[:8]}",
    )


# --- a learner's notebook --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Missing:
    """Why there is no answer to a question that could be run.

    Attributes
    ----------
    status : str
        Of the mark: ``"not attempted"``, or ``"wrong"`` where there is something.
    reason : str
        To count by.
    message : str
        For the learner.
    """

    status: str
    reason: str
    message: str


@dataclass
class Answers:
    """What of a student's files is graded.

    Attributes
    ----------
    cells : dict of str
        Source of the answer to each question, as far as there is one.
    missing : dict of str to Missing
        For each other question, why there is none.
    digest : str
        Of the answers: what a mark depends on.
    file : str
    stamp : datetime.datetime or None
    late : bool
    notes : list of str
        What teacher and student should know of how the files were read; never a word on other students.
    about : dict of str to list of str
        Such notes on single questions.
    """

    cells: dict[str, str]
    missing: dict[str, Missing]
    digest: str = ""
    file: str = ""
    stamp: datetime | None = None
    late: bool = False
    notes: list[str] = field(default_factory=list)
    about: dict[str, list[str]] = field(default_factory=dict)


def choose(submission: Submission, sheet: Worksheet, due: datetime | None = None) -> Answers:
    """Return the answers of a student's newest notebook of this exercise.

    Raises
    ------
    Refused
        If no file is one.
    """
    piece, notebook, notes = pick(submission, sheet)
    answers = extract(notebook, sheet)
    answers.file, answers.stamp = piece.name, piece.stamp
    answers.late = piece.late or bool(due and piece.stamp and piece.stamp > due)
    answers.notes = [*notes, *answers.notes]
    return answers


def pick(submission: Submission, sheet: Worksheet) -> tuple[Piece, dict, list[str]]:
    """Return a student's newest notebook of this exercise: the file, its content, and notes on what there was besides.

    Raises
    ------
    Refused
        If no file is one.
    """
    newest: tuple[Piece, dict, list[str]] | None = None  # the others are not held in memory
    refused: list[tuple[Piece, Refused]] = []
    count = read = 0
    for piece in sorted(submission.pieces, key=lambda one: not one.name.endswith(".ipynb")):
        try:
            if read > MAX_ALL_BYTES:
                raise Refused("too large", f"The files before it have more than {MAX_ALL_BYTES // 2**20} MB.")
            data = piece.read()
            read += len(data)
            notebook, notes = parse(data)
        except Refused as reason:
            refused.append((piece, reason))
            read += MAX_BYTES if reason.word == "broken zip" else 0  # it may have been unpacked before that showed
            continue
        if is_of(notebook, sheet):
            count += 1
            if newest is None or _age(newest[0]) <= _age(piece):
                newest = piece, notebook, notes
    if newest is None:
        raise _why_nothing(submission, refused)
    piece, notebook, notes = newest
    if count > 1:
        notes = [*notes, f"{count} submissions, the newest counts"]
    broken = [other.name for other, reason in refused if other.name.endswith((".ipynb", ".zip"))]
    return piece, notebook, [*notes, *(f"not readable: {name}" for name in broken[:3])]


def _why_nothing(submission: Submission, refused: list[tuple[Piece, Refused]]) -> Refused:
    if not submission.pieces:
        return Refused("nothing handed in", "Nothing was handed in.")
    if not refused:
        return Refused("other exercise", "There is a notebook, but of another exercise.")
    piece, reason = min(refused, key=lambda one: not one[0].name.endswith((".ipynb", ".zip")))
    return Refused(reason.word, f"{piece.name}: {reason}")


def _age(piece: Piece) -> tuple:
    """A key: when it was handed in; in one zip, the date there; then the number in its name."""
    return piece.stamp or datetime.min, piece.inner_stamp or datetime.min, _natural(piece.name)


def _natural(name: str) -> list[tuple[int, str, str]]:
    """A key by which ``a-10`` comes after ``a-9``; Python reads no number of more than a few thousand digits."""
    found = re.findall(r"(\d*)(\D*)", Path(name).stem)
    numbers = [(digits.lstrip("0"), text) for digits, text in found]
    return [(len(digits), digits, text) for digits, text in numbers]


def parse(data: bytes) -> tuple[dict, list[str]]:
    """Read a notebook; returns it, and notes on how it was read.

    Raises
    ------
    Refused
        If the bytes are not a notebook, or a damaged one.

    Examples
    --------
    >>> parse(b'{"cells": [], "nbformat": 4}')
    ({'cells': [], 'nbformat': 4}, [])
    """
    if not data.strip():
        raise Refused("empty file", "The file is empty.")
    text, notes = _text(data)
    if not text.lstrip().startswith("{"):
        raise Refused("not a notebook", "The file is not a notebook.")
    if sum(text.count(sign) for sign in ",[{") > MAX_PARTS:
        raise Refused("too large", "The notebook has too many parts to be read.")
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError, MemoryError) as error:
        raise Refused("corrupt", "The notebook is damaged: it is not valid JSON.") from error
    if not isinstance(notebook.get("cells"), list):
        raise Refused("not a notebook", "The file has no cells: it is not a notebook, or a very old one.")
    return notebook, notes


def _text(data: bytes) -> tuple[str, list[str]]:
    """The text of a file, whatever wrote it."""
    encodings = ["utf-16"] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig"]
    try:
        return data.decode(encodings[0]), [] if encodings[0] == "utf-8-sig" else ["not UTF-8, read as UTF-16"]
    except UnicodeDecodeError:
        return data.decode("latin-1"), ["not UTF-8, read as Latin-1"]


def is_of(notebook: dict, sheet: Worksheet) -> bool:
    """Whether a notebook is a copy of this worksheet, by its own word or by its cells."""
    metadata = notebook.get("metadata")
    ours = metadata.get("tl_course") if isinstance(metadata, dict) else None
    if isinstance(ours, dict) and ours.get("exercise") == sheet.number:
        return True
    slugs = {question.slug for question in sheet.questions}
    codes = [cell for cell in notebook["cells"] if is_code(cell)]
    return any(grade_id(cell) in slugs for cell in codes) or any(
        defines(source_of(cell), slug) for cell in codes for slug in slugs
    )


def extract(notebook: dict, sheet: Worksheet) -> Answers:
    """Return the answers in a notebook's cells. Of two cells with one name the first counts.

    What is left aside is told at its question: a second cell of the name, or an answer in a cell that has none.
    """
    cells: dict[str, str] = {}
    about: dict[str, list[str]] = {}
    codes = [cell for cell in notebook["cells"] if is_code(cell)]
    slugs = [question.slug for question in sheet.questions]
    names = [grade_id(cell) for cell in codes]
    for cell, name in zip(codes, names, strict=True):
        if name in slugs:
            cells.setdefault(name, source_of(cell))
    lost = []
    for slug in slugs:
        others = [cell for cell, name in zip(codes, names, strict=True) if name != slug]
        elsewhere = [text for cell in others if defines(text := source_of(cell), slug)]
        if slug not in cells and elsewhere:
            cells[slug] = elsewhere.pop(0)
            lost.append(slug)
        about[slug] = _left_aside(slug, names.count(slug), cells.get(slug, ""), len(elsewhere))
    notes = [_LOST.format(", ".join(lost))] if lost else []
    absent = Missing(NOT_ATTEMPTED, "no cell", "The cell of this question is not in the notebook.")
    missing = {slug: absent for slug in slugs if slug not in cells}
    for slug, source in list(cells.items()):
        if len(source) > MAX_CELL:
            missing[slug] = Missing(WRONG, "too long", f"The cell has more than {MAX_CELL:,} characters.")
            del cells[slug]
    lacking = {slug: one.status for slug, one in missing.items()}
    digest = hashlib.sha256(json.dumps([cells, lacking], sort_keys=True).encode()).hexdigest()
    return Answers(cells, missing, digest, notes=notes, about={slug: told for slug, told in about.items() if told})


_LOST = "cells had lost their names, and were found by what they define: {}"
_COLAB = re.compile(r"^[^#\n]*\bgoogle\.colab\b|^[^#\n]*\bdrive\.mount\(", re.MULTILINE)


def _left_aside(slug: str, count: int, source: str, elsewhere: int) -> list[str]:
    """Notes on one question: what of the notebook is not graded, and what cannot work here."""
    told = []
    if count > 1:
        told.append(
            f"the cell is there {'twice' if count == 2 else f'{count} times'} (copied, or split); the first counts"
        )
    if elsewhere:
        told.append(f"`answer_{slug}` is also defined in a cell that is not the question's own; that one is not graded")
    if _COLAB.search(source):
        told.append("the cell asks for Google Colab (its drive, say), which is not there when answers are graded")
    return told


def defines(source: str, slug: str) -> bool:
    """Whether the source of a cell defines the answer to a question."""
    return re.search(rf"^(?:def answer_{slug}\b|answer_{slug}\s*=)", source, re.MULTILINE) is not None


def is_code(cell: object) -> bool:
    """Whether something in a list of cells is a cell with code."""
    return isinstance(cell, dict) and cell.get("cell_type") == "code"


def grade_id(cell: dict) -> str:
    """The name that nbgrader's metadata give a cell; empty if there is none, or nonsense."""
    metadata = cell.get("metadata")
    grading = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = grading.get("grade_id") if isinstance(grading, dict) else None
    return name if isinstance(name, str) else ""


def source_of(cell: dict) -> str:
    source = cell.get("source")
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""
