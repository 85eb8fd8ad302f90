"""Outputs of code cells between a build and the repository: made storable, and carried over from one build to the next.

Executing a lesson takes most of a minute; while its code stays as it is, so do its outputs. A change of prose or links
then costs nothing.
"""

import re
import sys

from nbformat import NotebookNode

from authoring import tags

_PROGRESS_BAR = re.compile(r"\d+%\|.*\| \d+/|\d+it \[")
ENVIRONMENT = ".venv"
"""What a built notebook calls the folder of the environment."""
WIDGET = "application/vnd.jupyter.widget-view+json"
PLACEHOLDER = "<p><em>An interactive widget appears here when you run this cell.</em></p>"


def clean(notebook: NotebookNode) -> None:
    """Make the outputs of a fresh execution storable, in place.

    A widget is a random id without its kernel, so a sentence takes its place; a picture or table that a cell shows
    beside it stays. A progress bar goes: it has nothing more to say. An error keeps its last line: the rest names files
    of this machine. The doctor tells a learner where the environment lies; for all others it is ``.venv``.
    """
    for cell in _code(notebook):
        cell.outputs = [output for output in cell.outputs if not _is_progress_bar(output)]
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = output.text.replace(sys.prefix, ENVIRONMENT)
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
            data = output.get("data", {})
            if data.pop(WIDGET, None) is not None:
                data.pop("text/plain", None)
                data.setdefault("text/html", PLACEHOLDER)
                data["text/plain"] = "An interactive widget"


def reusable(new: NotebookNode, old: NotebookNode) -> bool:
    """Whether executing ``new`` would repeat what ``old`` shows: same code, profile and target, all of it executed."""
    course = old.metadata.get("tl_course", {})
    settings_agree = all(course.get(key) == new.metadata.tl_course[key] for key in ("profile", "target"))
    executed = all(cell.execution_count is not None for cell in _code(old) if cell.source.strip())
    return settings_agree and executed and same_program(new, old)


def same_program(new: NotebookNode, old: NotebookNode) -> bool:
    """Whether two notebooks hold the same code, and may fail in the same cells."""
    return _program(new) == _program(old)


def carry_over(old: NotebookNode, new: NotebookNode) -> None:
    """Give the code cells of ``new`` the outputs of ``old``, which must hold the same code."""
    for source, target in zip(_code(old), _code(new), strict=True):
        target.outputs, target.execution_count = source.outputs, source.execution_count


def _is_progress_bar(output: NotebookNode) -> bool:
    """Whether an output is the widget that tqdm draws in a notebook."""
    data = output.get("data", {})
    return WIDGET in data and _PROGRESS_BAR.search(data.get("text/plain", "")) is not None


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _program(notebook: NotebookNode) -> list[tuple[str, bool]]:
    """What decides the outputs: the code, and whether a cell may fail."""
    return [(cell.source, "raises-exception" in tags.of(cell)) for cell in _code(notebook)]
