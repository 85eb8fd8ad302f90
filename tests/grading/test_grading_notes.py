"""What of a notebook is left aside is told at its question: on the page, in the table, in a list for the teacher."""

import copy
import csv
import re
from urllib.parse import unquote

import pytest
from classroom import HEAD, RIGHT, cell_of, notebook, stub, twice

from tl_course.exercises import NOT_ATTEMPTED, WRONG
from tl_course.grading import Mark, pages, table
from tl_course.grading.marking import judged
from tl_course.grading.notebooks import extract
from tl_course.grading.results import Graded
from tl_course.grading.submissions import safe_names

OPEN = stub("02", "sum_or_mean")


def with_cell(made: dict, source: str, below: str, metadata=None) -> dict:
    """The same notebook with a cell of the learner's own below the cell of a question."""
    made = copy.deepcopy(made)
    place = made["cells"].index(cell_of(made, below)) + 1
    made["cells"].insert(place, {"cell_type": "code", "metadata": metadata or {}, "source": source})
    return made


def drive(text: str) -> str:
    return f"{text}\n{HEAD}{RIGHT}"


CASES = {
    "a new cell below the stub": (with_cell(notebook(sum_or_mean=OPEN), HEAD + RIGHT, "sum_or_mean"), "also defined"),
    "split, the second half without a name": (
        with_cell(notebook(sum_or_mean="import math"), HEAD + RIGHT, "sum_or_mean"),
        "also defined",
    ),
    "split, both halves with the name": (
        twice(notebook(sum_or_mean="import math"), "sum_or_mean", HEAD + RIGHT),
        "twice",
    ),
    "three copies": (
        twice(twice(notebook(sum_or_mean=OPEN), "sum_or_mean", HEAD), "sum_or_mean", HEAD + RIGHT),
        "3 times",
    ),
    "in the check's cell": (
        with_cell(notebook(sum_or_mean=OPEN), HEAD + RIGHT, "spring", {"nbgrader": {"grade_id": "spring-check"}}),
        "also defined",
    ),
    "a drive": (
        notebook(sum_or_mean=drive("from google.colab import drive\ndrive.mount('/content/drive')")),
        "Google Colab",
    ),
    "a drive, in other words": (notebook(sum_or_mean=drive("import google.colab as c")), "Google Colab"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_left_aside_is_told_at_its_question(case, sheet):
    made, said = CASES[case]
    found = extract(made, sheet)
    assert list(found.about) == ["sum_or_mean"]
    assert said in " ".join(found.about["sum_or_mean"])
    assert found.notes == []


@pytest.mark.parametrize("made", [
    notebook(),
    notebook("02", "exercises"),
    notebook(sum_or_mean=drive("# no google.colab here")),
    with_cell(notebook(), "x = answer_sum_or_mean(1, 2)\ndef answer_sum_or_means(): ...", "sum_or_mean"),
])  # fmt: skip
def test_where_nothing_is_left_aside_nothing_is_told(made, sheet):
    found = extract(made, sheet)
    assert (found.about, found.notes) == ({}, [])


def graded(student: str, made: dict, sheet, status=WRONG, **changed) -> Graded:
    """A result in which the first question has a status, and all others are right."""
    marks = [Mark(one.slug, one.title, one.points, one.points, "right") for one in sheet.questions]
    first = sheet.questions[0]
    marks[0] = Mark(first.slug, first.title, 0, first.points, status, **changed)
    return Graded(student, "", marks, extract(made, sheet))


@pytest.fixture
def results(sheet):
    below = CASES["a new cell below the stub"][0]
    return [
        graded("Ann Lee", below, sheet, NOT_ATTEMPTED),
        graded("王芳 <b>", CASES["a drive"][0], sheet, reason="raised", error_type="ModuleNotFoundError", message="A."),
        graded(
            "Cy", notebook(sum_or_mean="1 / 0"), sheet, reason="raised", error_type="ZeroDivisionError", message="B."
        ),
        graded("Dee", below, sheet, "right"),
    ]


def test_the_page_tells_it_at_the_question_and_shows_the_code(results, sheet):
    page = pages.feedback(results[0], sheet)
    first = page[page.index("<section") : page.index("</section>")]
    assert "<code>answer_sum_or_mean</code> is also defined in a cell" in first
    assert "Your code" in first
    assert "YOUR CODE HERE" in first
    long = graded("Eve", notebook(sum_or_mean="# <script>" + "x" * 10**5), sheet)
    assert len(pages.feedback(long, sheet)) < 60_000
    assert "<script" not in pages.feedback(long, sheet)


def test_the_summary_lists_all_that_a_person_should_look_at(results, sheet):
    told = pages.summary(results, sheet, "grades-feedback")
    listed = told[told.index("To look at yourself") : told.index("<h2>Students")]
    assert ("Ann Lee" in listed, "王芳" in listed, "Cy" in listed, "Dee" in listed) == (True, True, False, False)
    assert "Google Colab" in listed
    assert "To look at yourself" not in pages.summary(results[2:], sheet)


def test_the_summary_links_to_the_pages(results, sheet, tmp_path):
    pages.write_all(tmp_path / "my grades-feedback", results, sheet)
    pages.write_summary(tmp_path / "s.html", results, sheet, tmp_path / "my grades-feedback")
    places = set(re.findall("href='([^']*)'", (tmp_path / "s.html").read_text("utf-8")))
    assert len(places) == len(safe_names(results)) == 4
    assert all((tmp_path / unquote(place)).is_file() for place in places)


def test_different_errors_are_different_mistakes(results, sheet):
    told = pages.summary(results, sheet)
    assert "1 × raised ModuleNotFoundError</strong>, for instance: A." in told
    assert "1 × raised ZeroDivisionError</strong>, for instance: B." in told


def test_the_totals_have_a_column_for_each_question(results, sheet, tmp_path):
    table.write_totals(tmp_path / "t.csv", results, sheet)
    rows = list(csv.DictReader((tmp_path / "t.csv").read_text("utf-8-sig").splitlines()))
    slugs = [question.slug for question in sheet.questions]
    assert list(rows[0])[-len(slugs) :] == slugs
    assert [sum(int(row[slug]) for slug in slugs) for row in rows] == [int(row["points"]) for row in rows]
    table.write(tmp_path / "g.csv", results, sheet)
    notes = [row["notes"] for row in csv.DictReader((tmp_path / "g.csv").read_text("utf-8-sig").splitlines())]
    assert "also defined" in notes[0]
    assert not notes[1]


@pytest.mark.parametrize("kind", ["ValueError", "x" * 100, "<b>", "", "with spaces"])
def test_the_name_of_an_error_is_a_name(sheet, kind):
    from tl_course.exercises import Evidence, encode

    question = sheet.questions[0]
    cases = question.inputs(0)
    shown = Evidence(fault="raised", error="it was", error_type=kind).as_data()
    assert judged(question, encode([shown] * len(cases)), cases).error_type == (kind if kind == "ValueError" else "")
