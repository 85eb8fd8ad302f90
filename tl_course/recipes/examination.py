"""The table of what was found, which is shown before anything is trained."""

from __future__ import annotations

import io
import sys

from tl_course.data.task import SPLITS
from tl_course.recipes.prepared import Prepared

# More classes than this are not listed one by one, only so many of the smallest.
MOST_CLASSES, SMALLEST = 24, 8
HEAD = ("Class", "Found", "Training", "Validation", "Test")
# Where nobody sees the end of a line, lines are not broken.
WIDE = 100_000


def class_rows(prepared: Prepared) -> list[tuple[str, int, int, int, int]]:
    """Return for each class how many examples were found, and how many of them each part has."""
    task = prepared.task
    counts = [getattr(task, part).labels.bincount(minlength=task.num_classes).tolist() for part in SPLITS]
    found = prepared.found or [sum(each) for each in zip(*counts, strict=True)]
    return list(zip(task.class_names, found, *counts, strict=True))


def as_text(prepared: Prepared, width: int | None = None) -> str:
    """Return what was found as a table of text: the classes and their parts, then what there is to say of them.

    Parameters
    ----------
    prepared : Prepared
    width : int, optional
        Letters in a line; by default those of the terminal, and without a limit where the output is no terminal.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    stream = io.StringIO()
    width = width or (Console().width if sys.stdout.isatty() else WIDE)
    console = Console(file=stream, width=width, color_system=None, force_terminal=False, legacy_windows=False)
    classes = Table(box=None, pad_edge=False)
    classes.add_column(HEAD[0], overflow="fold")
    for name in HEAD[1:]:
        classes.add_column(name, justify="right")
    for name, *counts in _shown_rows(prepared):
        classes.add_row(Text(printable(name)), *(f"{count:,}" for count in counts))
    console.print(classes)
    told = Table(box=None, pad_edge=False, show_header=False)
    told.add_column(no_wrap=True)
    told.add_column(overflow="fold")
    for topic, sentence, weight in prepared.findings.by_weight():
        told.add_row(Text(f"{topic}:" if weight == "fact" else f"{topic}!"), Text(printable(sentence)))
    if told.rows:
        console.print()
        console.print(told)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


def _shown_rows(prepared: Prepared) -> list[tuple]:
    rows = class_rows(prepared)
    total = ("all", *(sum(column) for column in list(zip(*rows, strict=True))[1:]))
    if len(rows) <= MOST_CLASSES:
        return [*rows, total]
    rows = sorted(rows, key=lambda row: row[1])
    rest = rows[SMALLEST:]
    between = (f"… and {len(rest):,} larger ones", *(sum(column) for column in list(zip(*rest, strict=True))[1:]))
    return [*rows[:SMALLEST], between, total]


def printable(text: str) -> str:
    """Write letters that a terminal obeys or does not show as escapes; all others stay.

    >>> printable("two\\nlines \\x1b[31m"), printable("caf\u00e9 \u732b")
    ('two\\\\nlines \\\\x1b[31m', 'caf\u00e9 \u732b')
    """
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
