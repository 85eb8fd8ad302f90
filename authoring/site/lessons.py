"""Notebooks as pages: lessons and exercises as they were committed, made fit for a site where nothing runs."""

from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from authoring import tags
from authoring.site.content import Content, ContentError
from authoring.site.pages import exercise_link
from authoring.sources import Lesson
from tl_course.records import HEADING

HELP = ("[glossary](../glossary.md)", "[stuck?](../help.md)")
WIDGETS = "application/vnd.jupyter.widget-view+json"


def pages(content: Content, *, instructor: bool) -> dict[str, str]:
    """Return a notebook for each lesson and exercise by its path; for the instructor notes and solutions as well."""
    found = {}
    for lesson in content.lessons:
        found[f"lessons/{lesson.stem}.ipynb"] = nbformat.writes(page(content, lesson, instructor=instructor))
    folders = ("exercises", "solutions") if instructor else ("exercises",)
    existing = {lesson.stem for lesson in content.lessons}
    for folder in folders:
        for path in sorted((content.root / folder).glob("[0-9][0-9]_*.ipynb")):
            if path.stem in existing:
                found[f"{folder}/{path.name}"] = nbformat.writes(_worksheet(path))
    return found


def page(content: Content, lesson: Lesson, *, instructor: bool = False) -> NotebookNode:
    """Return a lesson's notebook for the site.

    The lines of links are replaced by one below the title: the site has its own way forward and back. Widgets leave
    their picture.

    Raises
    ------
    ContentError
        If the instructor's notes cannot be put in place, because notebook and source are out of step.
    """
    notebook = nbformat.read(content.root / "notebooks" / f"{lesson.stem}.ipynb", as_version=4)
    if instructor:
        notebook.cells = _with_notes(lesson, notebook.cells)
    notebook.cells = [_still(cell) for cell in notebook.cells if "nav" not in tags.of(cell)]
    title, _, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f"{title}\n\n{_facts(content, lesson)}\n{rest}"
    _link_evidence(notebook, lesson)
    return _numbered(notebook, lesson.stem)


def _link_evidence(notebook: NotebookNode, lesson: Lesson) -> None:
    """Let the marks lead to the table by a name, as the site wants it, in place of a notebook's heading."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace(f"({lesson.stem}.ipynb#{HEADING})", f"(#evidence-{lesson.number})")
            if cell.source == f"## {HEADING}":
                cell.source = f"(evidence-{lesson.number})=\n{cell.source}"


def _facts(content: Content, lesson: Lesson) -> str:
    asked = exercise_link(content, lesson.stem, folder="../")
    facts = [f"Lesson {lesson.number}", f"exercises: {asked}" if asked else "no exercises yet"]
    return " · ".join([*facts, *HELP, f"[中文](#chinese-{lesson.number})"])


def _still(cell: NotebookNode) -> NotebookNode:
    """A cell without what needs a running kernel."""
    if cell.cell_type != "code":
        return cell
    for output in cell.outputs:
        output.get("data", {}).pop(WIDGETS, None)
    return cell


def _with_notes(lesson: Lesson, cells: list[NotebookNode]) -> list[NotebookNode]:
    """The notebook's cells with the source's notes to the instructor between them."""
    made = [cell for cell in cells if "evidence" in tags.of(cell)]
    bare = [cell for cell in cells if not tags.GENERATED & tags.of(cell)]
    learners = [cell for cell in lesson.cells if "instructor" not in tags.of(cell)]
    if len(bare) != len(learners):
        raise ContentError(
            f"notebooks/{lesson.stem}.ipynb is out of step with its source; "
            f"run python -m authoring.build {lesson.number}."
        )
    remaining = iter(bare)
    told = [_note(cell.source) if "instructor" in tags.of(cell) else next(remaining) for cell in lesson.cells]
    return [*told, *made]


def _note(text: str) -> NotebookNode:
    text = text.removeprefix("**For the instructor.** ")  # the box says so itself
    return new_markdown_cell(f"::::{{admonition}} For the instructor\n:class: important\n\n{text}\n::::")


def _worksheet(path: Path) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [_still(cell) for cell in notebook.cells if "nav" not in tags.of(cell)]
    title, _, rest = notebook.cells[0].source.partition("\n")
    back = f"[Lesson {path.stem[:2]}](../lessons/{path.name})"
    back = " · ".join([back, *HELP])
    back += " · `make lab` opens these questions where they can be answered"
    notebook.cells[0].source = f"{title}\n\n{back}\n{rest}"
    return _numbered(notebook, path.stem)


def _numbered(notebook: NotebookNode, stem: str) -> NotebookNode:
    for position, cell in enumerate(notebook.cells):
        cell["id"] = f"{stem}-{position:03d}"
    return notebook
