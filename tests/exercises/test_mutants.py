"""The checks against mechanically spoilt solutions: nine tenths are killed, and every survivor has its reason."""

import pytest

from authoring import mutants
from authoring.build import Course

COURSE = Course()
LESSONS = pytest.mark.parametrize("worksheet", COURSE.worksheets, ids=lambda worksheet: worksheet.stem)
EVERY = 5


@pytest.mark.integration
@LESSONS
def test_one_spoilt_solution_in_five_is_found_out(worksheet):
    """A sample, since all of them take minutes; the first mutant of every question is in it."""
    alive = {(one.slug, one.change) for _, few in mutants.examine(worksheet, EVERY).values() for one in few}
    assert alive <= set(mutants.equivalents(COURSE.root)), "mend the check, or list the mutant with a reason"


@pytest.mark.full
@LESSONS
def test_spoilt_solutions_are_found_out(worksheet):
    lines, tally, fine = mutants.report(worksheet, mutants.equivalents(COURSE.root))
    assert fine, "\n".join(lines)
    assert mutants.kept(COURSE.root).get(worksheet.stem, tally) == tally, (
        f"run `python -m authoring.mutants {worksheet.stem[:2]}`"
    )


def test_the_list_of_equivalents_names_questions_that_exist():
    known = {question.slug for worksheet in COURSE.worksheets for question in worksheet.questions}
    assert {slug for slug, _ in mutants.equivalents(COURSE.root)} <= known
