"""The pages a workspace opens on: the path of lessons with what is done, the glossary, and what to do when stuck.

They are Markdown files, ``START.md``, ``GLOSSARY.md`` and ``HELP.md``, made by each ``tl-course start``, and the first
again while JupyterLab runs. What is done is read off the learner's own notebooks (which cells have run) and off the
notes that the checks of the exercises keep. The last two also lie at the top of the repository, so that one link from a
lesson leads to them there and here.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tl_course import assets, environment
from tl_course.app import course
from tl_course.assets.copies import instead
from tl_course.assets.store import megabytes
from tl_course.records import notes

PAGE = course.START
GLOSSARY = "GLOSSARY.md"
HELP = "HELP.md"
IN_A_CLONE = ".venv/bin/tl-course"
"""What to type in a clone where nobody knows the reader's machine: ``make`` puts the environment there."""
README = "README.md"
JUPYTER_CONFIG = Path(__file__).with_name("jupyter_config")
"""Lets JupyterLab show Markdown files as pages, where the learner has not chosen otherwise."""

SHORT = ("00", "01", "04", "05", "06", "09")
"""The lessons of the short path: fine-tune a network for pictures and one for texts, and judge both."""
FINETUNE_MINUTES = 10
"""A guess of a learner's time with ``tl-course finetune``, the last step of the short path."""

_TITLE = re.compile(r"^# +(.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Stop:
    """One lesson on the path, as the learner's folder has it.

    Attributes
    ----------
    name : str
        The notebook's file name.
    title : str
    minutes : int or None
        The author's guess of a reader's time for the core; None where the lesson names none.
    cells, run : int
        How many code cells the core has, and how many of them have run; folded further sections do not count.
    questions, solved : int
        How many the exercise asks, and how many are solved; no questions where there is no exercise.
    further : int or None
        Minutes that the folded further sections take; None where the lesson has none.
    """

    name: str
    title: str
    minutes: int | None
    cells: int
    run: int
    questions: int = 0
    solved: int = 0
    further: int | None = None

    @property
    def done(self) -> bool:
        """Whether every code cell of the core has run."""
        return self.run == self.cells > 0

    @property
    def state(self) -> str:
        """Say how far the learner is, in a few words."""
        if self.done:
            return "✓ done"
        return f"{self.run} of {self.cells} cells run" if self.run else "not begun"


def stops(workspace: Path) -> list[Stop]:
    """Return the lessons in order, with what the learner has done of each.

    Parameters
    ----------
    workspace : pathlib.Path
        The learner's folder.
    """
    right = _solved()
    return [_stop(path, workspace, right) for path in course.lessons()]


def _stop(lesson: Path, workspace: Path, right: set[str]) -> Stop:
    title = _TITLE.search("\n".join(_sources(_cells(lesson), "markdown")))
    mine = _cells(workspace / "notebooks" / lesson.name)
    code = [cell for cell, more in zip(mine, course.further(mine), strict=True) if _is_code(cell) and not more]
    asked = _questions(course.root() / "exercises" / lesson.name)
    return Stop(
        lesson.name,
        title[1] if title else lesson.stem,
        _minutes(lesson, "minutes"),
        len(code),
        sum(cell.get("execution_count") is not None for cell in code),
        len(asked),
        len(right.intersection(asked)),
        _minutes(lesson, "further"),
    )


def _minutes(lesson: Path, which: str) -> int | None:
    """Return a guess of a reader's time, from the notebook's metadata; None where there is none."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        minutes = json.loads(lesson.read_text(encoding="utf-8"))["metadata"]["tl_course"][which]
        return minutes if isinstance(minutes, int) else None
    return None


def _cells(notebook: Path) -> list[dict]:
    """Return the cells of a notebook; none where there is none, or it is no notebook."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return [cell for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"] if isinstance(cell, dict)]
    return []


def _is_code(cell: dict) -> bool:
    return cell.get("cell_type") == "code" and bool("".join(cell.get("source", "")).strip())


def _sources(cells: list[dict], kind: str) -> list[str]:
    return ["".join(cell.get("source", "")) for cell in cells if cell.get("cell_type") == kind]


def _questions(exercise: Path) -> list[str]:
    """Return the names of the questions that an exercise checks."""
    ids = [cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "") for cell in _cells(exercise)]
    return [name.removesuffix("-check") for name in ids if name.endswith("-check")]


def _solved() -> set[str]:
    return {slug for slug, entry in notes.read().items() if entry["status"] == "right"}


# --- the page -----------------------------------------------------------------------------------------------------


def next_stop(path: Sequence[Stop]) -> Stop | None:
    """Return the lesson to open: the first that is not done; None at the end."""
    return next((stop for stop in path if not stop.done), None)


def write(workspace: Path) -> Stop | None:
    """Write the pages into a workspace, never over a learner's notes in them, and return the lesson that comes next."""
    words = course.root() / "docs" / "site" / "glossary.toml"
    if words.is_file():
        course.put(glossary(words.read_text(encoding="utf-8")), workspace, GLOSSARY)
    course.put(help_page(anywhere()), workspace, HELP)
    path = stops(workspace)
    course.put(page(path, with_glossary=words.is_file(), sizes=sizes()), workspace, PAGE)
    return next_stop(path)


def beside_the_readme(words: str) -> dict[str, str]:
    """Return glossary and help as they lie at the top of the repository, by their names.

    >>> pages = beside_the_readme('[[term]]\\nen = "head"\\nzh = "分类头"\\nmeaning = "The part that names classes."')
    >>> sorted(pages)
    ['GLOSSARY.md', 'HELP.md']
    """
    return {GLOSSARY: glossary(words, back=README), HELP: help_page(back=README)}


def _back(back: str) -> str:
    return f"[Back to {'the path' if back == PAGE else back}]({back})"


def glossary(words: str, *, back: str = PAGE) -> str:
    """Return the course's glossary as a page, from the TOML that holds its terms.

    >>> print(glossary('[[term]]\\nen = "head"\\nzh = "分类头"\\nmeaning = "The part that names classes."'))
    # Glossary
    ...
    | head | 分类头 | The part that names classes. |
    """
    rows = ["| English | 中文 | meaning |", "|---|---|---|"]
    for term in tomllib.loads(words)["term"]:
        cells = (term[key].replace("|", "\\|") for key in ("en", "zh", "meaning"))
        rows.append(f"| {' | '.join(cells)} |")
    return f"# Glossary\n\n{_back(back)}\n\n" + "\n".join(rows) + "\n"


def command() -> str:
    """Return what to type for ``tl-course`` in this terminal, which need not know the environment.

    >>> command().split()[-1].endswith(("tl-course", "tl_course.app.cli"))
    True
    """
    return "tl-course" if shutil.which("tl-course") else anywhere()


def anywhere() -> str:
    """Return what to type for ``tl-course`` in any terminal, one that knows nothing of the environment.

    >>> anywhere().split()[-1].endswith(("tl-course", "tl_course.app.cli"))
    True
    """
    python = Path(sys.executable)
    script = python.with_name(f"tl-course{python.suffix if os.name == 'nt' else ''}")
    typed = environment.shorten_home(script if script.is_file() else python)
    typed = f'"{typed}"' if " " in typed else typed
    return typed if script.is_file() else f"{typed} -m tl_course.app.cli"


def sizes() -> str:
    """Say at which size the lessons run, and which of its files are not there yet.

    >>> sizes().startswith("Profile: **")
    True
    """
    name = environment.chosen_profile()
    missing = [asset for asset in assets.for_profile(name) if assets.status(asset) != "cached"]
    said = f"Profile: **{name}**, {environment.PROFILES[name].summary}."
    if without := instead():
        said = f"{said} Pictures: {without}."
    if not missing:
        return said
    weight = megabytes(sum(asset.size for asset in missing))
    names = ", ".join(asset.name for asset in missing)
    return f"{said} Not fetched yet: {names} ({weight}); `tl-course fetch --profile {name}` gets what it can."


def page(path: Sequence[Stop], *, with_glossary: bool = False, sizes: str = "") -> str:
    """Return the start page as Markdown; ``sizes`` is the sentence on the profile.

    >>> print(page([Stop("00_first.ipynb", "Start here", 25, 9, 9), Stop("01_next.ipynb", "And now", 50, 9, 3)]))
    # Your course
    <BLANKLINE>
    **Next: [01 And now](notebooks/01_next.ipynb)**, about 50 minutes of yours. 1 of 2 lessons done.
    <BLANKLINE>
    All 2 lessons take about 1¼ hours of yours.
    ...
    """
    rows = ["| no. | lesson | your minutes | exercises | so far |", "|---|---|---:|---|---|", *map(_row, path)]
    words = f"A word you do not know stands in the [glossary, English and 中文]({GLOSSARY}).\n" if with_glossary else ""
    sizes = sizes and f"\n{sizes}\n"
    opening = "\n\n".join(filter(None, ["# Your course", _where(path), _total(path), _short(path)]))
    about = _ABOUT_FURTHER + _ABOUT if any(stop.further for stop in path) else _ABOUT
    return f"{opening}\n\n" + "\n".join(rows) + f"\n\n{words}{_STUCK}\n{_ENOUGH}{sizes}\n{about}"


def _where(path: Sequence[Stop]) -> str:
    done = sum(stop.done for stop in path)
    ahead = next_stop(path)
    if ahead is None:
        return f"All {len(path)} lessons are done. Well done, and now take them to your own data."
    minutes = f", about {ahead.minutes} minutes of yours" if ahead.minutes else ""
    return f"**Next: {_link(ahead)}**{minutes}. {done} of {len(path)} lessons done."


def _total(path: Sequence[Stop]) -> str:
    core, further = (sum(getattr(stop, part) or 0 for stop in path) for part in ("minutes", "further"))
    more = f", and their folded further sections about {hours(further)} more" if further else ""
    return f"All {len(path)} lessons take about {hours(core)} of yours{more}." if core else ""


def _short(path: Sequence[Stop]) -> str:
    """The short path with its minutes; nothing where a lesson of it is not there or names no minutes."""
    steps = [stop for stop in path if stop.name[:2] in SHORT and stop.minutes]
    if len(steps) < len(SHORT):
        return ""
    total = sum(stop.minutes or 0 for stop in steps) + FINETUNE_MINUTES
    links = ", ".join(f"[{stop.name[:2]}](notebooks/{stop.name}) ({stop.minutes} min)" for stop in steps)
    return (
        f"**Little time?** The short path takes about {hours(total)}: lessons {links}, then `tl-course finetune` on "
        f"pictures or texts of your own ({FINETUNE_MINUTES} min; `--help` says how). Leave out what is folded."
    )


def hours(minutes: float) -> str:
    """Return minutes as hours, to the next quarter: a guess is no more exact.

    >>> hours(75), hours(235), hours(60), hours(5)
    ('1¼ hours', '4 hours', '1 hour', '¼ hour')
    """
    whole, quarters = divmod(max(1, round(minutes / 15)), 4)
    number = f"{whole or ''}{('', '¼', '½', '¾')[quarters]}"
    return f"{number} hour{'s' if whole > 1 or (whole and quarters) else ''}"


def _link(stop: Stop) -> str:
    return f"[{stop.name[:2]} {stop.title}](notebooks/{stop.name})"


def _row(stop: Stop) -> str:
    exercise = f"[{stop.solved} of {stop.questions} solved](exercises/{stop.name})" if stop.questions else "–"
    link = _link(stop).replace("|", "\\|").replace(f"[{stop.name[:2]} ", "[", 1)
    return f"| {stop.name[:2]} | {link} | {minutes(stop.minutes, stop.further)} | {exercise} | {stop.state} |"


def minutes(core: int | None, further: int | None) -> str:
    """Return a table's cell on a reader's minutes: those of the core, and after a plus those of what is folded.

    >>> minutes(35, 20), minutes(35, None), minutes(None, None)
    ('35 + 20', '35', '–')
    """
    return f"{core or '–'} + {further}" if further else f"{core or '–'}"


_STUCK = f"Stuck? [Here is what helps]({HELP}).\n"

_ENOUGH = f"""\
**Enough for today?** Each open notebook has a kernel, and a kernel keeps its memory until you shut it down: *Kernel →
Shut Down All Kernels…*. `tl-course stop` in a terminal ends JupyterLab with all of them; [how to type it]({HELP}).
"""

_ABOUT_FURTHER = """\
*35 + 20* minutes: the core takes 35; the folded sections take 20 more, and nothing later needs them.
"""

_ABOUT = """\
Minutes are guesses of your own time; every lesson opens with what the machine needs. A lesson counts as done when all
cells of its core have run and the notebook is saved. While `make lab` or `tl-course start` runs, this page follows
within seconds: come back to its tab, or choose *File → Reload Markdown File from Disk*. Nothing here writes over what
you changed.
"""


def help_page(command: str = IN_A_CLONE, *, back: str = PAGE) -> str:
    """Return the page for a learner who is stuck; ``command`` is what to type in a terminal.

    >>> print(help_page())
    # When you are stuck
    <BLANKLINE>
    [Back to the path](START.md)
    ...
    """
    return f"# When you are stuck\n\n{_back(back)}\n\n{help_text(command)}"


def help_text(command: str = IN_A_CLONE, *, words: str = GLOSSARY) -> str:
    """Return what helps, as a list in Markdown.

    Parameters
    ----------
    command : str
        What to type where ``tl-course`` is not found.
    words : str
        The glossary's file.

    >>> "type `python -m tl_course.app.cli` in its place" in help_text("python -m tl_course.app.cli")
    True
    """
    return _HELP.replace("COMMAND", command).replace("WORDS", words)


_HELP = """\
* **A cell ends with an error.** Read its last line first: it says what is wrong and what to do. Then *Kernel → Restart
  Kernel and Run All Cells*: most surprises come from cells run out of order.
* **You stopped a cell that trains.** The model is where it was after its last whole step.
  `tl.training.interrupted_run()` gives you that run; the cells below the stopped one still wait for a whole run,
  so run the cell again.
* **An exercise will not come right.** `tl.hint("its_name")` gives the next hint; its name stands below its heading.
* **Something is missing or slow.** `tl-course doctor` in a terminal (*File → New → Terminal*) says what, and what to
  do.
* **`tl-course` is not found.** That terminal does not know the course's environment; type `COMMAND` in its place.
* **The memory is full.** Each open notebook has a kernel, and a kernel keeps its memory after its tab is closed.
  *Kernel → Shut Down All Kernels…* gives the memory back; run a notebook again from its first cell afterwards.
* **You are done for today.** Save your notebooks. `tl-course stop` ends the JupyterLab of your workspace and all its
  kernels. Is your workspace elsewhere? Add `--workspace FOLDER`, as you did with `tl-course start`.
* **You want a lesson as it was.** `tl-course reset 03` gives you a fresh lesson 03, and with `--exercise` a fresh
  exercise 03. Yours is kept beside it with `.mine-1` in its name. For a workspace elsewhere add `--workspace FOLDER`.
* **The network is gone.** The lessons need none. Were the files never fetched, then a neighbour's bundle has them:
  `tl-course fetch --from usb.zip`.
* **A word is new to you.** The [glossary](WORDS) has it in English and Chinese.
* **A sentence makes no sense.** Then it is ours to mend: open an issue and say which.
"""


def jupyter_environment() -> dict[str, str]:
    """Return the environment for JupyterLab: that of kernels, and Markdown shown as pages.

    >>> str(JUPYTER_CONFIG) in jupyter_environment()["JUPYTER_CONFIG_PATH"]
    True
    """
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    folders = [others] if others else []
    here = str(Path(sys.executable).parent)
    return {
        **environment.for_kernels(),
        "JUPYTER_CONFIG_PATH": os.pathsep.join([*folders, str(JUPYTER_CONFIG)]),
        "PATH": os.pathsep.join(filter(None, [here, os.environ.get("PATH")])),  # JupyterLab's terminals find tl-course
    }
