"""The committed lessons: in step with their sources and clean under the lint.

No kernel runs here; nbval executes the notebooks elsewhere.
"""

import re

import nbformat
import pytest

from authoring import lint, tags
from authoring.build import Course
from tl_course.app import course, startpage

COURSE = Course()
FILES = lint.find(COURSE.root)


def name(path):
    return path.relative_to(COURSE.root).as_posix()


@pytest.mark.integration
def test_everything_generated_is_in_step():
    assert COURSE.out_of_step() == []


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=pytest.mark.integration if path.suffix == ".ipynb" else ()) for path in FILES],
    ids=map(name, FILES),
)
def test_lint_has_nothing_to_report(path):
    problems = lint.check(path, COURSE)
    assert not problems, "\n".join(map(str, problems))


# --- links ------------------------------------------------------------------------------------------------------------

NOTEBOOKS = [path for path in FILES if path.suffix == ".ipynb"]
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def links(path):
    """The relative links of a notebook's prose, the generated lines of links apart."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    generated = [_LINK.findall(cell.source) for cell in cells if "nav" in tags.of(cell)]
    return generated, [link for cell in cells for link in _LINK.findall(cell.source)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_every_link_of_a_notebook_leads_somewhere_in_the_repository(path):
    (top, bottom), every = links(path)
    assert top == bottom
    assert [link for link in every if not (path.parent / link).is_file()] == []
    assert {f"../{startpage.GLOSSARY}", f"../{startpage.HELP}"} <= set(top)


def test_a_lesson_leads_back_forward_and_to_its_exercise():
    lessons = sorted(path for path in NOTEBOOKS if path.parent.name == "notebooks")
    for position, path in enumerate(lessons):
        (top, _), _ = links(path)
        wanted = {other.name for other in lessons[max(position - 1, 0) : position + 2]} - {path.name}
        exercise = COURSE.root / "exercises" / path.name
        wanted |= {f"../exercises/{path.name}"} if exercise.is_file() else set()
        assert wanted <= set(top)
        if exercise.is_file():
            assert f"../notebooks/{path.name}" in links(exercise)[0][0]


def test_every_link_leads_somewhere_in_a_learners_copy_too(tmp_path):
    work = tmp_path / "work"
    course.make_workspace(work)
    startpage.write(work)
    copies = [path for folder in ("notebooks", "exercises") for path in (work / folder).glob("*.ipynb")]
    assert {path.name for path in copies} == {path.name for path in NOTEBOOKS if path.parent.name != "solutions"}
    for path in copies:
        dead = [link for link in links(path)[1] if not (path.parent / link).is_file()]
        assert not dead, f"{path.name}: {dead}"
