"""A lesson's source made into a notebook, all but the outputs.

Nothing here depends on the machine or the moment: equal sources give equal notebooks. So a committed notebook is in
step with its source exactly when it equals, outputs aside, what :func:`assemble` returns.
"""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from authoring import claims, generated, tags
from authoring.sources import Lesson
from authoring.timings import Timing

PROFILE = "mini"
TARGET = "mnist_m"
"""The target of a new notebook where nobody names one: its data are always at hand."""

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "codemirror_mode": {"name": "ipython", "version": 3},
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "nbconvert_exporter": "python",
    "pygments_lexer": "ipython3",
}


def assemble(
    lesson: Lesson,
    lessons: Sequence[Lesson],
    *,
    root: Path,
    target: str,
    timings: Mapping[str, Timing],
) -> NotebookNode:
    """Return the learners' notebook of a lesson, without outputs.

    Parameters
    ----------
    lesson : Lesson
        What to assemble.
    lessons : sequence of Lesson
        All lessons that exist, for the links.
    root : pathlib.Path
        The repository.
    target : str
        The data set of the live experiment; a lesson's own target goes before it.
    timings : mapping of str to Timing
        What lessons cost.

    Raises
    ------
    SourceError
        If the source asks for what cannot be built.
    """
    links = generated.navigation(lesson, lessons, root / "exercises")
    budget = generated.budget(lesson, timings.get(lesson.stem))
    target = lesson.target or target
    body = [_cell(cell, lesson, budget, target) for cell in lesson.cells if "instructor" not in tags.of(cell)]
    # last, since a folded section hides all that stands below it
    cells = [_links(links), *body, _links(links), *_evidence(lesson)]
    for position, cell in enumerate(cells):
        cell.id = f"{lesson.stem}-{position:03d}"
    notebook = new_notebook(
        cells=cells,
        metadata={
            "kernelspec": copy.deepcopy(KERNELSPEC),
            "language_info": copy.deepcopy(LANGUAGE_INFO),
            "tl_course": {
                "minutes": lesson.minutes,
                "profile": PROFILE,
                "source": lesson.path.relative_to(root).as_posix(),
                "target": target,
            },
        },
    )
    if more := generated.further_minutes(lesson):
        notebook.metadata.tl_course["further"] = more
    return notebook


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a copy of a notebook as if it had never been executed."""
    bare = copy.deepcopy(notebook)
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return bare


def _links(text: str) -> NotebookNode:
    return new_markdown_cell(text, metadata={"tags": ["nav"]})


def _evidence(lesson: Lesson) -> list[NotebookNode]:
    """The table that the marks of a lesson's sentences link to, folded; none where it claims nothing."""
    if not (said := claims.evidence(lesson, PROFILE)):
        return []
    heading, _, table = said.partition("\n\n")
    # two cells: JupyterLab folds what stands below the cell of a heading, not what stands in it
    folded = {"tags": ["evidence", "further"], "jp-MarkdownHeadingCollapsed": True}
    return [new_markdown_cell(heading, metadata=folded), new_markdown_cell(table, metadata={"tags": ["evidence"]})]


def _cell(cell: NotebookNode, lesson: Lesson, budget: str, target: str) -> NotebookNode:
    """A learner's copy of a source cell; a claim becomes its sentence, which can be read before any cell is run."""
    if claims.is_claim(cell):
        return new_markdown_cell(claims.sentence(cell, lesson, target), metadata={"tags": ["claim"]})
    metadata = {}
    cell_tags = tags.of(cell)
    if cell_tags:
        metadata["tags"] = sorted(cell_tags)
    if cell.cell_type != "code":
        if "further" in cell_tags:
            metadata["jp-MarkdownHeadingCollapsed"] = True
        return new_markdown_cell(
            claims.with_marks(cell.source.replace(generated.BUDGET, budget), lesson), metadata=metadata
        )
    if "hide-input" in cell_tags:
        metadata["jupyter"] = {"source_hidden": True}
    return new_code_cell(cell.source, metadata=metadata)
