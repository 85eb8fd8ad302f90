"""Rules for a file as a whole: its tags, its size, its agreement with its source."""

from authoring import tags
from authoring.rules.base import Document, Findings, Kind, rule

MAX_NOTEBOOK_BYTES = 1_500_000


@rule()
def unknown_tag(document: Document) -> Findings:
    """A mistyped tag does nothing, silently."""
    for position, cell in enumerate(document.notebook.cells):
        for tag in sorted(tags.of(cell) - set(tags.KNOWN)):
            yield position, f"unknown tag {tag!r}; known are {', '.join(sorted(tags.KNOWN))}"


@rule(Kind.LESSON_SOURCE, Kind.EXERCISE_SOURCE)
def misplaced_tag(document: Document) -> Findings:
    """The learners' notebook must run the same code as the author's, and links are generated."""
    for position, cell in enumerate(document.notebook.cells):
        if "nav" in tags.of(cell):
            yield position, "links are generated; delete this cell"
        if "instructor" in tags.of(cell) and cell.cell_type == "code":
            yield position, "code for the instructor alone would change what learners run; make it Markdown"
        if "further" in tags.of(cell) and not cell.source.startswith("#"):
            yield position, "JupyterLab folds the section below a heading; put the tag on the cell that opens with it"


@rule(Kind.LESSON, Kind.SOLUTION, Kind.EXERCISE)
def big_notebook(document: Document) -> Findings:
    """GitHub shows no notebook that is much bigger than this."""
    size = document.path.stat().st_size
    if size > MAX_NOTEBOOK_BYTES:
        yield None, f"{size / 1e6:.1f} MB, {MAX_NOTEBOOK_BYTES / 1e6:.1f} at most; make its figures smaller"


@rule(Kind.LESSON)
def stale(document: Document) -> Findings:
    """What GitHub shows must be what the source says."""
    lesson = next((lesson for lesson in document.course.lessons if lesson.stem == document.path.stem), None)
    if lesson is None:
        yield None, "has no source in authoring/lessons; delete it or write one"
    elif not document.course.in_step(lesson, document.notebook):
        yield None, "is out of step with its source; run python -m authoring.build"
