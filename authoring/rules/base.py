"""What a rule sees and what it returns.

A rule is a generator: it takes a Document and yields ``(position of the cell or None, message)``. Its message says what
is wrong and what to do; the cell is named by :class:`Problem`. ``@rule`` says which kinds of document it holds for.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from nbformat import NotebookNode

from authoring import tags

if TYPE_CHECKING:
    from authoring.build import Course


class Kind(Enum):
    """What a file is; it decides which rules hold for it."""

    LESSON_SOURCE = "a lesson's source"
    LESSON = "a built lesson"
    EXERCISE_SOURCE = "the source of exercises"
    EXERCISE = "an exercise, not executed"
    SOLUTION = "worked exercises, executed"
    RECORD = "the script of a record, one cell in all"


LESSONS = (Kind.LESSON_SOURCE, Kind.LESSON)
EXECUTED = (Kind.LESSON, Kind.SOLUTION)
NOTEBOOKS = tuple(kind for kind in Kind if kind is not Kind.RECORD)


@dataclass(frozen=True)
class Document:
    """One file under the lint.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    kind : Kind
        What it is.
    notebook : NotebookNode
        Its cells.
    course : Course
        All lessons, to compare a notebook with its source.
    """

    path: Path
    kind: Kind
    notebook: NotebookNode
    course: "Course"

    def cells(self, cell_type: str) -> Iterator[tuple[int, NotebookNode]]:
        """Yield position and cell of one type; generated links and sentences from records are left out."""
        for position, cell in enumerate(self.notebook.cells):
            made = tags.GENERATED | {"claim"} if cell.cell_type == "markdown" else tags.GENERATED
            if cell.cell_type == cell_type and not made & tags.of(cell):
                yield position, cell

    def outputs(self) -> Iterator[tuple[int, NotebookNode, NotebookNode]]:
        """Yield position, cell and output for every output there is."""
        for position, cell in self.cells("code"):
            for output in cell.get("outputs", []):
                yield position, cell, output


@dataclass(frozen=True)
class Problem:
    """One finding, printed as one line."""

    path: Path
    rule: str
    message: str
    cell: str | None = None

    def __str__(self) -> str:
        where = f"{self.path}: {self.cell}" if self.cell else str(self.path)
        return f"{where}: {self.message} [{self.rule}]"


Findings = Iterator[tuple[int | None, str]]
Check = Callable[[Document], Findings]


@dataclass(frozen=True)
class Rule:
    """A named check and the kinds of document it holds for."""

    name: str
    kinds: tuple[Kind, ...]
    check: Check

    def problems(self, document: Document) -> Iterator[Problem]:
        """Yield what the rule finds in a document it holds for."""
        if document.kind in self.kinds:
            for position, message in self.check(document):
                yield Problem(document.path, self.name, message, _label(document.notebook, position))


RULES: list[Rule] = []
"""Every rule, in the order of the modules."""


def rule(*kinds: Kind) -> Callable[[Check], Check]:
    """Enter a check into RULES for these kinds of document; for every kind of notebook where none is named."""

    def enter(check: Check) -> Check:
        RULES.append(Rule(check.__name__.replace("_", "-"), kinds or NOTEBOOKS, check))
        return check

    return enter


def _label(notebook: NotebookNode, position: int | None) -> str | None:
    """A cell's number and first line: enough to find it in a notebook and in a source, which knows no numbers."""
    if position is None:
        return None
    lines = notebook.cells[position].source.strip().splitlines()
    return f"cell {position + 1} ({lines[0][:40] if lines else 'empty'})"
