"""The parts of notebooks and README that are made from the lessons that exist, so that no link can be forgotten.

* the links at the top and bottom of every lesson and every worksheet;
* the sentences that replace ``{{budget}}`` in a lesson's Markdown: seconds, memory, the reader's minutes, and how much
  more the larger profiles compute;
* the table of lessons, which stands in the README between ``<!-- lessons -->`` and ``<!-- /lessons -->``.
"""

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from authoring import tags
from authoring.rules import core
from authoring.sources import Lesson
from authoring.timings import Timing
from tl_course.app import course, startpage
from tl_course.models import MODELS
from tl_course.profiles import PROFILES, Profile

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
    more = further_minutes(lesson)
    folded = f", and about {more} more for the folded sections, which nothing later needs" if more else ""
    yours = f"Your own time: about {lesson.minutes} minutes, which is a guess{folded}."
    if timing is None:
        return yours
    measured = f"Running every cell took at most {timing.seconds} s and {timing.megabytes} MB, on two CPU threads."
    return " ".join([measured, *_larger(lesson), yours])


_ROLES = {"extractor": re.compile(r"\benv\.extractor\b"), "backbone": re.compile(r"\benv\.backbone\b"),
          "text": re.compile(r"\benv\.text\b")}  # fmt: skip
_STEPS = re.compile(r"\benv\.steps\(")


def _larger(lesson: Lesson) -> list[str]:
    """A sentence on the larger profiles, from the operations of the networks that a lesson asks for by their role."""
    code = "\n".join(cell.source for cell in lesson.cells if cell.cell_type == "code")
    roles = [role for role, name in _ROLES.items() if name.search(code)]
    if not roles:
        return []
    (usual, mini), *larger = PROFILES.items()
    work, steps = [], []
    for name, profile in larger:
        times = max(_operations(profile, role) / _operations(mini, role) for role in roles)
        work.append(f"about {_rounded(times)} times as many multiplications at the size of `{name}`")
        steps.append(f"{profile.longer // mini.longer} times")
    sentence = f"That was the `{usual}` profile. For one example the network takes {' and '.join(work)}"
    if _STEPS.search(code):
        sentence += f"; training takes {' and '.join(steps)} as many steps"
    return [f"{sentence}."]


def _operations(profile: Profile, role: str) -> float:
    """Multiplications for one example, with pictures of the profile's size."""
    info = MODELS[getattr(profile, role)]
    return info.macs * ((profile.pixels / info.size) ** 2 if info.kind == "image" else 1)


def _rounded(times: float) -> str:
    """Two digits are all that an estimate has.

    >>> _rounded(54.48), _rounded(6.2), _rounded(1.97)
    ('54', '6', '2')
    """
    return f"{float(f'{times:.2g}'):.0f}"


WORDS_A_MINUTE, LINES_A_MINUTE = 120, 12
"""How fast a reader is whose second language is English: words of prose, and lines of code."""


def further_minutes(lesson: Lesson) -> int:
    """Return how long a reader needs for the folded further sections, rounded up to five minutes; 0 without any.

    A guess from their words and lines of code; the header's ``minutes`` are those of the core.
    """
    learners = [cell for cell in lesson.cells if "instructor" not in tags.of(cell)]
    folded = [cell for cell, more in zip(learners, course.further(learners), strict=True) if more]
    words = sum(core.words(cell.source) for cell in folded if cell.cell_type == "markdown")
    lines = sum(len(cell.source.splitlines()) for cell in folded if cell.cell_type == "code")
    return 5 * math.ceil((words / WORDS_A_MINUTE + lines / LINES_A_MINUTE) / 5)


def lesson_table(lessons: Sequence[Lesson], timings: Mapping[str, Timing]) -> str:
    """Return the Markdown table of the lessons that exist."""
    rows = ["| no. | lesson | what it is about | your minutes | seconds to run |", "|---|---|---|---:|---:|"]
    for lesson in lessons:
        seconds = timings[lesson.stem].seconds if lesson.stem in timings else "–"
        link = f"[{_cell(lesson.title)}](notebooks/{lesson.stem}.ipynb)"
        rows.append(f"| {lesson.number} | {link} | {_cell(lesson.summary)} | {minutes(lesson)} | {seconds} |")
    return "\n".join(rows) + "\n"


def minutes(lesson: Lesson) -> str:
    """Return a reader's minutes with a lesson, as a table's cell: the core, and after a plus what is folded."""
    return startpage.minutes(lesson.minutes, further_minutes(lesson))


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
