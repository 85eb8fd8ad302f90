"""Exercises as a course folder for nbgrader, and a class's submissions in the places where nbgrader looks for them.

nbgrader takes answers out of a *source* and gives learners the *release*. The source is put together from the
committed worksheet and its solution, so that the release is the worksheet.
"""

from __future__ import annotations

import copy
import json
import re
import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path

from tl_course.exercises import catalogue
from tl_course.grading import submissions
from tl_course.grading.notebooks import EXERCISES, defines, grade_id, is_code, pick, source_of, worksheet
from tl_course.grading.state import write_whole
from tl_course.grading.submissions import Refused

STUB = "...  # YOUR CODE HERE"
CONFIG = "nbgrader_config.py"

_CONFIG_TEXT = f'''\
"""nbgrader's settings for the exercises of tl-course. Yours to change: it is never written over."""

import os
import sys
from pathlib import Path

os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # for its own helper
os.environ.setdefault("TL_LEDGER", "off")  # learners' answers are not your own progress

c = get_config()  # noqa: F821, which is how nbgrader reads this file
c.CourseDirectory.course_id = "tl-course"
c.ClearSolutions.code_stub = {{"python": "{STUB}"}}
c.Execute.timeout = 180  # seconds for one cell; the first one imports PyTorch
c.OverwriteCells.add_missing_cells = True  # a check that a learner deleted is put back
'''

_STUB_LINE = re.compile(rf"^([ ]*)(?:(answer_\w+) = )?{re.escape(STUB)}$", re.MULTILINE)


def write_course(folder: Path, numbers: Sequence[str] = (), *, force: bool = False) -> list[str]:
    """Write nbgrader's settings and the source of exercises.

    Parameters
    ----------
    folder : pathlib.Path
        The course folder; made where there is none.
    numbers : sequence of str
        Of the lessons; all exercises where empty.
    force : bool
        Write over sources that are there and differ. The settings are never written over.

    Returns
    -------
    list of str
        The exercises' names, which nbgrader calls assignments.

    Raises
    ------
    ValueError
        If there is no such exercise, or a source that differs is there already.
    """
    sheets = _worksheets(numbers)
    if not (folder / CONFIG).exists():
        write_whole(folder / CONFIG, _CONFIG_TEXT)
    for sheet in sheets:
        worked = EXERCISES.with_name("solutions") / sheet.name
        made = source(json.loads(sheet.read_bytes()), json.loads(worked.read_bytes()))
        _put(folder / "source" / sheet.stem / sheet.name, made, force)
    return [sheet.stem for sheet in sheets]


def _worksheets(numbers: Sequence[str]) -> list[Path]:
    known = {path.name[:2]: path for path in sorted(EXERCISES.glob("[0-9][0-9]_*.ipynb"))}
    wanted = [number.zfill(2) for number in numbers] or list(known)
    for number in wanted:
        if number not in known:
            raise ValueError(f"There are no exercises {number!r}; there are {', '.join(known)}.")
    return [known[number] for number in wanted]


def source(sheet: dict, worked: dict) -> dict:
    """Return a worksheet with the solution's answers between nbgrader's marks.

    Parameters
    ----------
    sheet, worked : dict
        The worksheet and its solution as notebooks.
    """
    answers = {grade_id(cell): source_of(cell) for cell in worked["cells"]}
    made = copy.deepcopy(sheet)
    for cell in made["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["source"] = marked(source_of(cell), answers[grade_id(cell)])
    return made


def marked(stub: str, worked: str) -> str:
    """Return a worked cell with marks around what learners must write.

    >>> print(marked("def f(x):\\n    ...  # YOUR CODE HERE\\n", "def f(x):\\n    return 2 * x\\n"))
    def f(x):
        ### BEGIN SOLUTION
        return 2 * x
        ### END SOLUTION
    <BLANKLINE>
    >>> print(marked("answer_f = ...  # YOUR CODE HERE", "answer_f = 'A'"))
    answer_f = (
        ### BEGIN SOLUTION
        'A'
        ### END SOLUTION
    )

    Raises
    ------
    ValueError
        If one is not the stub of the other.
    """
    kept, stubs, end = [], list(_STUB_LINE.finditer(stub)), 0
    for found in stubs:
        kept.append(stub[end : found.start()])
        end = found.end()
    kept.append(stub[end:])
    parts = re.fullmatch("(.*?)".join(map(re.escape, kept)), worked, re.DOTALL)
    if not stubs or parts is None:
        raise ValueError(f"This worksheet and its solution do not fit each other: {stub[:60]!r}.")
    text = kept[0]
    for found, answer, after in zip(stubs, parts.groups(), kept[1:], strict=True):
        text += _between_marks(answer, indent=found[1], name=found[2]) + after
    return text


def _between_marks(answer: str, *, indent: str, name: str | None) -> str:
    """An answer between marks; at the top level within brackets, so that the stub that takes its place has its name."""
    if name is None:
        return f"{indent}### BEGIN SOLUTION\n{answer}\n{indent}### END SOLUTION"
    value = textwrap.indent(answer.removeprefix(f"{name} = "), "    ")
    return f"{name} = (\n    ### BEGIN SOLUTION\n{value}\n    ### END SOLUTION\n)"


def hand_over(folder: Path, number: str, place: Path, *, force: bool = False, say: Callable[[str], None]) -> int:
    """Put a class's notebooks where nbgrader looks for them, matched by content and under the name it asks for.

    Names of cells are as nbgrader needs them; see `mended`.

    Parameters
    ----------
    folder : pathlib.Path
        The course folder.
    number : str
        Of the lesson.
    place : pathlib.Path
        A folder, a zip or a notebook; as a learning platform exports them.
    force : bool
        Write over submissions that are there and differ.
    say : callable
        Told of each student without a notebook that could be taken.

    Returns
    -------
    int
        How many were put.

    Raises
    ------
    ValueError
        If there is nothing at that place, or a submission that differs is there already.
    """
    [path] = _worksheets([number])
    sheet = worksheet(path.name[:2], catalogue.questions(path.name[:2]), [EXERCISES], [])
    found = submissions.find(place)
    count = 0
    for submission, name in zip(found, submissions.safe_names(found), strict=True):
        try:
            piece, notebook, _ = pick(submission, sheet)
        except Refused as reason:
            say(f"{submission.student}: {reason}")
            continue
        target = folder / "submitted" / name / path.stem
        _put(target / path.name, mended(notebook, json.loads(path.read_bytes())), force)
        if piece.stamp:
            write_whole(target / "timestamp.txt", f"{piece.stamp.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\n")
        count += 1
    return count


def mended(notebook: dict, sheet: dict) -> dict:
    """Return a learner's notebook as nbgrader can grade it and make a page of it.

    An answer cell that has lost its name gets it back, found by what it defines; of two cells with one name the second
    loses it; notes on widgets that lack the widgets' state, as Colab leaves them, go. Sources stay as they are.

    Parameters
    ----------
    notebook, sheet : dict
        The learner's notebook, and the worksheet.
    """
    made = copy.deepcopy(notebook)
    codes = [cell for cell in made["cells"] if is_code(cell)]
    named: set[str] = set()
    for cell in codes:
        name = grade_id(cell)
        if name in named:
            del cell["metadata"]["nbgrader"]
        named |= {name} - {""}
    for ours in sheet["cells"]:
        settings = ours["metadata"].get("nbgrader", {})
        name = settings.get("grade_id", "")
        if settings.get("solution") and name not in named:
            lost = [cell for cell in codes if not grade_id(cell) and defines(source_of(cell), name)]
            for cell in lost[:1]:
                cell["metadata"] = {**_dict(cell.get("metadata")), "nbgrader": settings}
    widgets = _dict(made.get("metadata")).get("widgets", {})
    if not isinstance(widgets, dict) or not all("state" in _dict(one) for one in widgets.values()):
        del made["metadata"]["widgets"]
    return made


def _dict(value: object) -> dict:
    return value if isinstance(value, dict) else {}


def _put(file: Path, notebook: dict, force: bool) -> None:
    text = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    if file.exists() and not force and file.read_bytes() != text.encode(errors="replace"):
        raise ValueError(f"{file} is there already, with other contents; pass --force to write over it.")
    write_whole(file, text)
