"""What is decided is decided by fields: however a sentence is worded, marks stay, and no page names another student."""

import dataclasses
import random
import string
from types import SimpleNamespace

import pytest
from classroom import QUICK, notebook
from draws import seeds

from tl_course.exercises import RIGHT, Evidence, encode
from tl_course.grading import Mark, job, marking, notebooks, results
from tl_course.grading.job import PACKAGE
from tl_course.grading.marking import HELPER, judged, mark
from tl_course.grading.notebooks import Answers, Missing, extract
from tl_course.grading.pages import feedback, summary
from tl_course.grading.results import Graded
from tl_course.grading.server_client import Attempt
from tl_course.grading.table import with_twins, write, write_totals

DIED = Attempt([], "died")


def word(rng: random.Random) -> str:
    return "".join(rng.choices(string.ascii_uppercase, k=12))


def students(rng: random.Random, sheet, count: int = 6) -> list[Graded]:
    """A class in which some have handed in the same, with notes of any wording."""
    first = sheet.questions[0]
    marks = [Mark(first.slug, first.title, first.points, first.points, RIGHT)]
    return [
        Graded(word(rng), "", marks, Answers({}, {}, rng.choice(["same", "other"]), notes=[word(rng)]))
        for _ in range(count)
    ]


@pytest.mark.parametrize("seed", seeds(5))
def test_a_students_page_names_no_other_student_whatever_the_teachers_note_says(seed, sheet, monkeypatch, tmp_path):
    rng = random.Random(seed)
    found = with_twins(students(rng, sheet))
    notes = property(lambda one: [*one.answers.notes, word(rng), *(f"{name} {word(rng)}" for name in one.twins)])
    monkeypatch.setattr(Graded, "notes_for_teacher", notes)
    for one in found:
        page = feedback(one, sheet)
        assert one.student in page
        assert one.answers.notes[0][1:] in page
        assert not [other.student for other in found if other is not one and other.student in page]
    told = summary(found, sheet)
    write(tmp_path / "grades.csv", found, sheet)
    write_totals(tmp_path / "totals.csv", found, sheet)
    for place in (told, (tmp_path / "grades.csv").read_text("utf-8"), (tmp_path / "totals.csv").read_text("utf-8")):
        for one in found:  # the teacher is told
            assert all(f"{name} " in place for name in one.twins)


def test_the_summary_says_points_of_how_many_and_puts_numbers_under_their_heads(sheet):
    found = students(random.Random(0), sheet)
    told = summary(found, sheet)
    assert told.count(f"<td class='number'>{found[0].points} of {sheet.points}</td>") == len(found)
    for name in ("right", "wrong", "not attempted", "points"):
        assert f"<th scope='col' class='number'>{name}</th>" in told
    assert "<th scope='col'>student</th>" in told


@pytest.mark.parametrize("seed", seeds(3))
def test_twins_are_the_others_with_the_same_answers(seed, sheet):
    made = students(random.Random(seed), sheet, 8)
    for one in with_twins(made):
        same = [other.student for other in made if other.answers.digest == one.answers.digest]
        assert sorted([*one.twins, one.student]) == sorted(same)


def test_students_who_solved_nothing_are_no_twins(sheet):
    made = students(random.Random(0), sheet, 8)
    wrong = [dataclasses.replace(mark, status="wrong", points=0) for mark in made[0].marks]
    assert not any(one.twins for one in with_twins([dataclasses.replace(one, marks=wrong) for one in made]))


def test_the_table_names_some_twins_and_no_crowd(sheet):
    one = dataclasses.replace(students(random.Random(0), sheet, 1)[0], twins=tuple("abcdefgh"))
    assert one.notes_for_teacher[-1] == f"the very same cells as {', '.join('abcdefgh'[: results.TWINS_NAMED])}"


@pytest.mark.parametrize("wording", ["It has more than can be said.", "", "x"])
@pytest.mark.parametrize(("status", "reason"), [("wrong", "too long"), ("not attempted", "no cell")])
def test_what_a_missing_cell_is_worth_does_not_hang_on_its_sentence(sheet, status, reason, wording):
    slug = sheet.questions[0].slug
    answers = extract(notebook(), sheet)
    del answers.cells[slug]
    answers.missing[slug] = Missing(status, reason, wording)
    found, _ = mark(answers, sheet, lambda steps, limits: DIED, QUICK)
    assert (found[0].question, found[0].status, found[0].reason, found[0].message) == (slug, status, reason, wording)


def test_a_cell_that_is_too_long_is_wrong_and_one_that_is_gone_not_attempted(sheet, monkeypatch):
    monkeypatch.setattr(notebooks, "MAX_CELL", 10)
    assert {one.status for one in extract(notebook(), sheet).missing.values()} == {"wrong"}
    assert {one.status for one in extract({"cells": []}, sheet).missing.values()} == {"not attempted"}


def test_marks_are_kept_only_while_every_file_of_the_engine_is_the_same(monkeypatch):
    read = []
    monkeypatch.setattr(job, "worksheet", lambda number, questions, folders, sources: read.extend(sources))
    job._sheet(SimpleNamespace(exercise="02", tests=None))
    names = {str(file.relative_to(PACKAGE / "exercises")) for file in read}
    assert {"judging.py", "lesson_02/spring.py", "recognisers/named_parts.py"} <= names
    assert not any("lesson_05" in name for name in names)


def test_the_digest_does_not_hang_on_the_wording(sheet, monkeypatch):
    made = {"cells": []}
    before = extract(made, sheet).digest
    monkeypatch.setattr(notebooks, "Missing", lambda status, reason, message: Missing(status, reason, message[::-1]))
    assert extract(made, sheet).digest == before


@pytest.mark.parametrize(
    ("error_type", "error", "helped"),
    [("NameError", "in other words", True), ("ValueError", "NameError: name 'x' is not defined", False)],
)
def test_the_advice_about_helpers_follows_the_type_of_the_error(sheet, error_type, error, helped):
    question = sheet.questions[0]
    cases = question.inputs(0)
    shown = Evidence(fault="raised", error=error, error_type=error_type)
    judgement = judged(question, encode([shown.as_data()] * len(cases)), cases)
    assert judgement.reason == "raised"
    assert (HELPER in judgement.detail) is helped
    cell = [
        {"step": number, "missing": True}
        if "question" in step
        else {"step": number, "error": error, "error_type": error_type}
        for number, step in enumerate(marking._Session(extract(notebook(), sheet), sheet, QUICK).steps())
    ]
    found, _ = mark(
        extract(notebook(), sheet), sheet, lambda steps, limits: Attempt([*cell, {"finished": True}], "done"), QUICK
    )
    assert {one.reason for one in found} == {"raised"}
    assert {HELPER in one.detail for one in found} == {helped}


def test_evidence_names_the_type_of_an_error(sheet):
    question = sheet.questions[0]
    case = question.inputs(0)[0]
    assert question.evidence(lambda *given, **named: 1 / 0, case).error_type == "ZeroDivisionError"
    assert question.evidence(question.reference, case).error_type == ""
