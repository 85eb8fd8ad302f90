"""What the recipe is given, made from images or texts: a task, the names of its examples, and what to know of them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from tl_course.data.task import Problems, Task
from tl_course.recipes.findings import Findings
from tl_course.recipes.splitting import SplitPositions


@dataclass(frozen=True)
class Prepared:
    """A task that is ready to be learned, and what a reader of the report should know of it.

    Attributes
    ----------
    task : Task
    names : dict of str to list of str
        For each part what its examples are called: a file below the folder, or a line of the table.
    findings : Findings
        What there is to say of the data.
    found : tuple of int
        For each class how many examples were found, before copies and broken ones were left out.
    lists : dict of str to list of str
        Longer lists under a heading each, for example the files that were skipped.
    test_places, test_columns : list of tuple
        For each test example names and cells: where it stands (file, or line and text), and what else its table has.
    """

    task: Task
    names: dict[str, list[str]]
    findings: Findings = field(default_factory=Findings)
    found: tuple[int, ...] = ()
    lists: dict[str, list[str]] = field(default_factory=dict)
    test_places: list[tuple[tuple[str, str], ...]] = field(default_factory=list)
    test_columns: list[tuple[tuple[str, str], ...]] = field(default_factory=list)


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


def joined(names: Sequence[str]) -> str:
    """Name several things in a sentence.

    >>> joined(["a"]), joined(["a", "b", "c"])
    ("'a'", "'a', 'b' and 'c'")
    """
    *others, last = map(repr, names)
    return f"{', '.join(others)} and {last}" if others else last


def tell_near_copies(
    prepared: Prepared, split: SplitPositions, labels: Sequence[int], thing: str, alike: str, names: Sequence[str]
) -> None:
    """Say how many near copies there are and where they stand; list them.

    Parameters
    ----------
    prepared : Prepared
    split : SplitPositions
    labels : sequence of int
        Class numbers of all examples.
    thing : str
        What an example is called, "image" or "text".
    alike : str
        In what near copies may differ.
    names : sequence of str
        Of all examples.
    """
    near = split.near
    if not near.series:
        return
    total = sum(map(len, near.series))
    sentence = (
        f"{counted(total, thing)} are near copies of one another ({alike}), in {len(near.series):,} series; "
        "each series stands on one side of the split."
    )
    if near.untied:
        sentence += (
            f" To keep them together would tie {near.untied:,} groups into one set of most {thing}s, so groups alone "
            f"were divided, and {len(near.left_out):,} of the near copies are left out of training or validation."
        )
    elif near.left_out:
        sentence += f" The data came divided, so {len(near.left_out):,} of them are left out of training or validation."
    if near.apart:
        named = ", ".join(repr(name) for name in near.apart)
        sentence += (
            f" Not so in {named}: nearly all of it is one series, stands on both sides and flatters the accuracy."
        )
    mixed = sum(len({int(labels[position]) for position in members}) > 1 for members in near.series)
    if mixed:
        sentence += f" In {mixed:,} of the series the labels differ."
    prepared.findings.tell("Near copies", sentence, "leakage")
    prepared.lists["Near copies"] = [" = ".join(names[position] for position in members) for members in near.series]


# Why some of the data are not used, where no budget in minutes was given.
USUALLY = "to stay within some minutes; with --minutes you decide on the time, and more are used"


def tell_unused(prepared: Prepared, split: SplitPositions, why: str = USUALLY) -> None:
    """Note how many examples are not used because more would cost more time than they are worth."""
    for part, count in split.unused.items():
        if count:
            total = count + len(split.positions[part])
            prepared.findings.tell(
                "Not used",
                f"Of {counted(total, 'example')} for {part}, {total - count:,} are used, {why}.",
            )


def tell_tied(prepared: Prepared, split: SplitPositions, thing: str, groups: Sequence[Hashable] | None = None) -> None:
    """Say so where one set that stays together is so large that the parts cannot have their usual sizes.

    Parameters
    ----------
    prepared : Prepared
    split : SplitPositions
    thing : str
        What an example is called, "image" or "text".
    groups : sequence, optional
        The group of each example, as in :class:`~tl_course.recipes.splitting.Examples`.
    """
    tied, task = split.near.tied, prepared.task
    total = sum(len(positions) for positions in split.positions.values()) + sum(split.unused.values())
    if len(tied) <= total / 2:
        return
    names = list(dict.fromkeys(groups[position] for position in tied)) if groups else []
    what = f"One group, {names[0]!r}, holds" if names else "One series of near copies holds"
    prepared.findings.tell(
        "Groups" if names else "Near copies",
        f"{what} {len(tied):,} of {counted(total, thing)} and stands on one side, so there are "
        f"{counted(len(task.test), thing)} to test and {len(task.validation):,} to choose by.",
        "warning",
    )


def tell_absent(prepared: Prepared) -> None:
    """Say which classes have no test example, where the data came divided so."""
    task = prepared.task
    absent = [name for number, name in enumerate(task.class_names) if not (task.test.labels == number).any()]
    if absent:
        said = f"No test example of {', '.join(absent)}: nothing is known about how well that is recognised."
        prepared.findings.tell("Parts", said, "warning")
