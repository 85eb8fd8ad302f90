"""Find and read the lessons' sources, so that every other tool sees a lesson and not a file.

A source opens with a header that carries what a notebook has no place for::

    # ---
    # tl_course:
    #   summary: One line for the table of lessons.
    #   minutes: 25
    # ---

``minutes`` is the author's guess of a reader's time with the core. ``target`` (optional) fixes the data set of a lesson
that always runs on the same one.
"""

import copy
import functools
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

import jupytext
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]
"""The repository."""

_NAME = re.compile(r"(\d\d)_[a-z0-9]+(?:_[a-z0-9]+)*")
_REQUIRED = {"summary": str, "minutes": int}
_OPTIONAL = {"target": str}


class SourceError(ValueError):
    """A lesson's source cannot be read as one."""


@dataclass(frozen=True)
class Lesson:
    """One lesson as its author wrote it.

    Attributes
    ----------
    path : pathlib.Path
        The source file.
    title, summary : str
        The first ``# `` heading, and the header's one line.
    minutes : int
        A guess of the reader's time.
    target : str or None
        The data set the lesson always runs on, if it has one of its own.
    cells : tuple of NotebookNode
        All cells, the instructor's included.
    """

    path: Path
    title: str
    summary: str
    minutes: int
    target: str | None
    cells: tuple[NotebookNode, ...]

    @property
    def stem(self) -> str:
        """File name without its ending: ``05_fine_tuning``."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits the file name starts with."""
        return self.stem[:2]


def find(root: Path = ROOT) -> list[Lesson]:
    """Return the lessons that exist under ``root``, in order.

    Raises
    ------
    SourceError
        If a source is no lesson, or two have one number.
    """
    lessons = [read(path) for path in sorted((root / "authoring" / "lessons").glob("*.py"))]
    for before, after in itertools.pairwise(lessons):
        if before.number == after.number:
            raise SourceError(f"{before.path.name} and {after.path.name} share a number; rename one of them.")
    return lessons


def read(path: Path) -> Lesson:
    """Read one source.

    Raises
    ------
    SourceError
        One sentence that names the file and what to write in it.
    """
    if not _NAME.fullmatch(path.stem):
        raise SourceError(f"{path.name} is not named NN_slug.py (two digits, then words in lower case); rename it.")
    text, cells = split_header(path)
    header = _header(path, text)
    if any(cell.cell_type == "raw" for cell in cells):
        raise SourceError(f"{path.name} has a raw cell, which no reader sees; make it Markdown or code.")
    return Lesson(
        path=path,
        title=_title(path, cells),
        summary=header["summary"].strip(),
        minutes=header["minutes"],
        target=header.get("target"),
        cells=tuple(cells),
    )


def split_header(path: Path) -> tuple[str, list[NotebookNode]]:
    """Return the header's text (empty where there is none) and the cells of a source."""
    cells = copy.deepcopy(_cells(path.read_text(encoding="utf-8")))
    # jupytext keeps a header that is not its own as a raw cell between lines of dashes.
    if cells and cells[0].cell_type == "raw" and cells[0].source.startswith("---"):
        return cells[0].source.strip("-\n"), cells[1:]
    return "", cells


@functools.lru_cache(maxsize=100)
def _cells(text: str) -> list[NotebookNode]:
    """The cells of a source; parsing all of them takes seconds, and one process often asks several times."""
    return jupytext.reads(text, fmt="py:percent").cells


def _header(path: Path, text: str) -> dict:
    """Read the header and check its keys and types."""
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SourceError(f"{path.name}: the header is not YAML ({' '.join(str(error).split())}).") from None
    header = parsed.get("tl_course") if isinstance(parsed, dict) else None
    if not isinstance(header, dict):
        raise SourceError(f"{path.name} has no tl_course header; authoring/sources.py shows one to copy.")
    known = _REQUIRED | _OPTIONAL
    for key, value in header.items():
        if key not in known:
            raise SourceError(f"{path.name}: the header has an unknown key {key!r}; known are {', '.join(known)}.")
        if not isinstance(value, known[key]):
            raise SourceError(f"{path.name}: {key} in the header must be of type {known[key].__name__}, not {value!r}.")
    for key in _REQUIRED:
        if key not in header:
            raise SourceError(f"{path.name}: the header lacks {key}; add it.")
    if not header["summary"].strip() or "\n" in header["summary"].strip():
        raise SourceError(f"{path.name}: summary in the header must be one line of text.")
    return header


def _title(path: Path, cells: list[NotebookNode]) -> str:
    """The text of the heading that opens the lesson."""
    first = cells[0] if cells else None
    found = re.match(r"# +(.+)", first.source.lstrip()) if first and first.cell_type == "markdown" else None
    if not found:
        raise SourceError(f"{path.name} does not start with a Markdown cell that opens with '# Title'; add one.")
    return found[1].strip()
