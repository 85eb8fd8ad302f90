"""What the recipe is given, made from images or texts: a task, the names of its examples, and what to know of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from tl_course.data.task import Problems, Task
from tl_course.recipes.splitting import SplitPositions


@dataclass(frozen=True)
class Prepared:
    """A task that is ready to be learned, and what a reader of the report should know of it.

    Attributes
    ----------
    task : Task
    names : dict of str to list of str
        For each part what its examples are called: a file below the folder, or a line of the table.
    facts : list of str
        Sentences for the section "Data".
    warnings : list of str
        Sentences that belong at the top of the report.
    lists : dict of str to list of str
        Longer lists under a heading each, for example the files that were skipped.
    """

    task: Task
    names: dict[str, list[str]]
    facts: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lists: dict[str, list[str]] = field(default_factory=dict)


class Skips(Problems):
    """Problems as the command line speaks of them.

    >>> Skips("raise").add("cat/1.jpg is broken", "replace it")
    Traceback (most recent call last):
    ValueError: cat/1.jpg is broken; replace it, or pass --on-error skip to go on without it.
    """

    def add(self, what: str, way_out: str) -> None:
        """Note one problem, or raise ValueError with it and the way out."""
        if not self.skip:
            raise ValueError(f"{what}; {way_out}, or pass --on-error skip to go on without it.")
        self.pass_over(what)

    def pass_over(self, what: str) -> None:
        """Note what is left out in any case."""
        self.tell(f"{what}.")


def counted(number: int, thing: str) -> str:
    """Write a number with its noun.

    >>> counted(1, "image"), counted(1200, "text"), counted(2, "class")
    ('1 image', '1,200 texts', '2 classes')
    """
    plural = "" if number == 1 else "es" if thing.endswith("s") else "s"
    return f"{number:,} {thing}{plural}"


def tell_unused(prepared: Prepared, split: SplitPositions) -> None:
    """Note how many examples are not used because more would cost more time than they are worth."""
    for part, count in split.unused.items():
        if count:
            total = count + len(split.positions[part])
            prepared.facts.append(
                f"Of {counted(total, 'example')} for {part}, {total - count:,} are used, to stay within some minutes."
            )
