"""Recorded sentences as a lesson's text: rendered when its notebook is assembled, so no kernel must run to show them.

What they say depends on the records alone. So a notebook is out of step with its source as soon as a record says
something else.
"""

import re
from types import SimpleNamespace

from nbformat import NotebookNode

from authoring import tags
from authoring.sources import Lesson
from tl_course import records

_CALL = re.compile(r"tl\.records\.claim\([^()\n]*\)")
_SHOWN = re.compile(r"; \[E\d+\]\([^)]*\)")
_MARK = re.compile(r"\[\^(\d\d\.\w+)\]")


def is_claim(cell: NotebookNode) -> bool:
    """Whether a cell of a source holds a claim and nothing else."""
    return "claim" in tags.of(cell) and _CALL.fullmatch(cell.source.strip()) is not None


def sentence(cell: NotebookNode, lesson: Lesson, target: str) -> str:
    """Return what a claim says in a lesson whose live experiments run on ``target``.

    A claim's own target may be ``task.name``.
    """
    said = eval(cell.source, {"tl": SimpleNamespace(records=records), "task": SimpleNamespace(name=target)})
    return said.markdown.replace(f"(#{records.HEADING})", f"({_address(lesson)})")


def without_mark(text: str) -> str:
    """Return what a claim says for a page that has no table of evidence.

    >>> without_mark("It falls. *(recorded: 5 seeds; [E3](#Evidence))*")
    'It falls. *(recorded: 5 seeds)*'
    """
    return _SHOWN.sub("", text)


def with_marks(text: str, lesson: Lesson) -> str:
    """Return prose with its marks, written [^05.far_order], as links to the table; the lint names those of no claim."""
    known = records.registry()
    return _MARK.sub(
        lambda found: f"[{records.mark(found[1])}]({_address(lesson)})" if found[1] in known else found[0], text
    )


def evidence(lesson: Lesson, profile: str) -> str:
    """Return the section that the marks of a lesson link to; nothing where it claims nothing."""
    if not any(id.startswith(f"{lesson.number}.") for id in records.registry()):
        return ""
    return (
        f"## {records.HEADING}\n\nEach mark in this lesson, such as E1, is a row: what was tested, and what came out. "
        "A sentence with that mark stands for no more than its row.\n\n"
        f"{records.evidence(lesson.number, profile=profile)._repr_markdown_()}"
    )


def _address(lesson: Lesson) -> str:
    """Where the table is. JupyterLab goes to a heading that it has not drawn only where the link names the notebook."""
    return f"{lesson.stem}.ipynb#{records.HEADING}"
