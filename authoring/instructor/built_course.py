"""What the pack is made from: the lessons that were executed, what they cost, their exercises."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from authoring import claims, sources, tags, timings
from authoring.sources import Lesson
from authoring.timings import Timing
from tl_course import exercises


@dataclass(frozen=True)
class BuiltCourse:
    """The course under one root, as an instructor needs it.

    A lesson counts when its notebook was built, and is what its source would make.
    """

    root: Path = sources.ROOT

    @cached_property
    def lessons(self) -> list[Lesson]:
        """Return the lessons that can be taught, in order."""
        return [lesson for lesson in sources.find(self.root) if self.cells(lesson)]

    @cached_property
    def left_out(self) -> list[Lesson]:
        """Return the lessons whose notebook is missing or older than their source."""
        return [lesson for lesson in sources.find(self.root) if not self.cells(lesson)]

    @cached_property
    def timings(self) -> dict[str, Timing]:
        """Return what lessons cost to run, by their stems."""
        return timings.read(self.root)

    @property
    def megabytes(self) -> int:
        """Return the memory that the hungriest lesson needs."""
        return max((self.timings[lesson.stem].megabytes for lesson in self._timed), default=0)

    @property
    def seconds(self) -> int:
        """Return the seconds that all lessons take to run, one after the other."""
        return sum(self.timings[lesson.stem].seconds for lesson in self._timed)

    @property
    def _timed(self) -> list[Lesson]:
        return [lesson for lesson in self.lessons if lesson.stem in self.timings]

    def notebook(self, lesson: Lesson) -> NotebookNode:
        """Return the notebook as it was built."""
        return nbformat.read(self.root / "notebooks" / f"{lesson.stem}.ipynb", as_version=4)

    def cells(self, lesson: Lesson) -> list[tuple[NotebookNode, NotebookNode | None]]:
        """Return each cell of the source with that of the notebook; a note to the instructor stands alone.

        An empty list means that there is no notebook, or that its code is not the source's.
        """
        if not (self.root / "notebooks" / f"{lesson.stem}.ipynb").is_file():
            return []
        built = [cell for cell in self.notebook(lesson).cells if not tags.GENERATED & tags.of(cell)]
        learners = [cell for cell in lesson.cells if "instructor" not in tags.of(cell)]
        if [_code(cell) for cell in built] != [_code(cell) for cell in learners]:
            return []
        remaining = iter(built)
        return [(cell, None if "instructor" in tags.of(cell) else next(remaining)) for cell in lesson.cells]

    def homework(self, lesson: Lesson) -> int:
        """Return the minutes that the lesson's exercises ask for; 0 where it has none."""
        if not (self.root / "exercises" / f"{lesson.stem}.ipynb").is_file():
            return 0
        return sum(question.minutes for question in exercises.questions(lesson.number))


def _code(cell: NotebookNode) -> str | None:
    """The code of a cell; none of one that shows a claim, which is a sentence once it is built."""
    return cell.source if cell.cell_type == "code" and not claims.is_claim(cell) else None
