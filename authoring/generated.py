"""The parts of notebooks and README that are made from the lessons that exist, so that no link can be forgotten.

* the links at the top and bottom of every lesson and every worksheet;
* the sentence that replaces ``{{budget}}`` in a lesson's Markdown: seconds, memory, the reader's minutes;
* the table of lessons, which stands in the README between ``<!-- lessons -->`` and ``<!-- /lessons -->``.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from authoring.sources import Lesson
from authoring.timings import Timing
from tl_course.app import startpage

BUDGET = "{{budget}}"
HELP = f"[Glossary](../{startpage.GLOSSARY}) · [Stuck?](../{startpage.HELP})"
"""Links that hold in the repository and in a learner's copy: both have these pages at their top."""

_README = re.compile(r"(<!-- lessons -->\n).*?(<!-- /lessons -->)", re.DOTALL)


def navigation(lesson: Lesson, lessons: Sequence[Lesson], exercises: Path) -> str:
    """Return the links of a lesson: its own name, its exercises where they exist and help; below, back and forward.

    The links are relative to ``notebooks/``; a copy of the course keeps them alive by keeping the folders' names.
    """
    position = [other.stem for other in lessons].index(lesson.stem)
    here = [f"**Lesson {lesson.number}**"]
    if (exercises / f"{lesson.stem}.ipynb").is_file():
        here.append(f"[Exercises](../exercises/{lesson.stem}.ipynb)")
    ways = []
    if position > 0:
        before = lessons[position - 1]
        ways.append(f"[← {before.number} {before.title}]({before.stem}.ipynb)")
    if position + 1 < len(lessons):
        after = lessons[position + 1]
        ways.append(f"[{after.number} {after.title} →]({after.stem}.ipynb)")
    # The first line is short: over its right half lie JupyterLab's buttons for the chosen cell.
    return "<br>\n".join(" · ".join(line) for line in ([*here, HELP], ways) if line)


def budget(lesson: Lesson, timing: Timing | None) -> str:
    """Return what a lesson costs its reader, as a sentence or two."""
    yours = f"Your own time: about {lesson.minutes} minutes, which is a guess."
    if timing is None:
        return yours
    measured = f"Running every cell took at most {timing.seconds} s and {timing.megabytes} MB, on two CPU threads."
    return f"{measured} {yours}"


def lesson_table(lessons: Sequence[Lesson], timings: Mapping[str, Timing]) -> str:
    """Return the Markdown table of the lessons that exist."""
    rows = ["| no. | lesson | what it is about | seconds to run |", "|---|---|---|---:|"]
    for lesson in lessons:
        seconds = timings[lesson.stem].seconds if lesson.stem in timings else "–"
        link = f"[{_cell(lesson.title)}](notebooks/{lesson.stem}.ipynb)"
        rows.append(f"| {lesson.number} | {link} | {_cell(lesson.summary)} | {seconds} |")
    return "\n".join(rows) + "\n"


def fill_readme(readme: str, table: str) -> str:
    """Return the README's text with the table between its markers.

    Raises
    ------
    ValueError
        If the markers are not there.
    """
    if not _README.search(readme):
        raise ValueError("The README has no lines '<!-- lessons -->' and '<!-- /lessons -->' to fill; add them.")
    return _README.sub(lambda found: found[1] + table + found[2], readme)


def _cell(text: str) -> str:
    """A table cell's text: a bar in it would end the cell."""
    return text.replace("|", "\\|")
