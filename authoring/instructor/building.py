"""Put the pack together in one folder."""

import importlib.util
import shutil
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from authoring import tags
from authoring.instructor import pages, slides
from authoring.instructor.built_course import BuiltCourse
from authoring.sources import Lesson
from tl_course.app import running

MARK = ".tl_course_instructor"
"""A file that says: this folder was made here, and may be made again."""


class InstructorError(RuntimeError):
    """The pack cannot be made; the message says what to do."""


def build(root: Path, out: Path) -> Iterator[str]:
    """Make the pack and yield a line for each of its parts.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    out : pathlib.Path
        The folder to make; an older pack in it is replaced, anything else is not.

    Raises
    ------
    InstructorError
        If no lesson is built, or something else lies at ``out``.
    """
    course = BuiltCourse(root)
    if not course.lessons:
        raise InstructorError("No lesson is built yet; run python -m authoring.build first.")
    texts = pages.filled(course)  # before anything is deleted: a page may be wrong
    _empty(out)
    mathjax = _copy_mathjax(out / "mathjax")
    if not mathjax:
        yield "formulas stay as they are typed: for a local MathJax, pip install -c constraints.txt -e '.[book]'"
    for name, text in texts.items():
        (out / name).with_suffix(".html").write_text(pages.as_html(name, text, mathjax=mathjax), encoding="utf-8")
    yield f"{len(texts)} pages: open {out / 'index.html'}"
    for lesson in course.lessons:
        yield _lesson(course, lesson, out, mathjax)
    for folder in ("exercises", "solutions"):
        if (root / folder).is_dir():
            shutil.copytree(root / folder, out / folder, ignore=shutil.ignore_patterns(".*"))
    for lesson in course.left_out:
        yield f"{lesson.stem} is left out: its notebook is not what its source makes; run python -m authoring.build"


def _lesson(course: BuiltCourse, lesson: Lesson, out: Path, mathjax: bool) -> str:
    running.save(with_notes(course, lesson), out / "notebooks" / f"{lesson.stem}.ipynb")
    shown = slides.of(course, lesson)
    page = slides.as_html(shown, title=f"{lesson.number} {lesson.title}", mathjax=mathjax)
    file = out / "slides" / f"{lesson.stem}.html"
    file.parent.mkdir(exist_ok=True)
    file.write_text(page, encoding="utf-8")
    notes = sum("instructor" in tags.of(cell) for cell in lesson.cells)
    return f"{lesson.stem}: {notes or 'no'} note{'s' if notes != 1 else ''}, {len(shown)} slides"


def with_notes(course: BuiltCourse, lesson: Lesson) -> NotebookNode:
    """Return the lesson's notebook, outputs included, with the notes to the instructor where they were written."""
    notebook = course.notebook(lesson)
    first, last = (cell for cell in notebook.cells if "nav" in tags.of(cell))
    body = [_note(source) if built is None else built for source, built in course.cells(lesson)]
    evidence = [cell for cell in notebook.cells if "evidence" in tags.of(cell)]
    notebook.cells = [first, *body, last, *evidence]
    for position, cell in enumerate(notebook.cells):
        cell.id = f"{lesson.stem}-{position:03d}"
    return notebook


def _note(source: NotebookNode) -> NotebookNode:
    quoted = "\n".join(f"> {line}".rstrip() for line in source.source.splitlines())
    return new_markdown_cell(quoted, metadata={"tags": ["instructor"]})


def _empty(out: Path) -> None:
    """Make an empty folder where an older pack, or nothing, is."""
    if out.exists():
        if not (out / MARK).is_file():
            raise InstructorError(f"{out} is there and no instructor's pack; give another --out.")
        shutil.rmtree(out)
    out.mkdir(parents=True)
    (out / MARK).touch()


def _copy_mathjax(folder: Path) -> bool:
    """Copy the MathJax that jupyter-server-mathjax brings, where it is installed; tell whether it is."""
    found = importlib.util.find_spec("jupyter_server_mathjax")
    if found is None:
        return False
    static = Path(found.submodule_search_locations[0]) / "static"
    shutil.copytree(static, folder, ignore=shutil.ignore_patterns("localization", "SVG", "__pycache__"))
    return True
