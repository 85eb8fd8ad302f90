"""Every question of the course: right answers pass, however they are written; wrong ones are told why.

``lesson_NN/slug.py`` beside this file holds the answers to one question: RIGHT, WRONG by name, and NO_ANSWERS, wrong
ones without a name; see `proofs`. A question that lacks them fails here.

`make check` asks every question once, on one draw, with the first answer of each kind; `make test` tries all answers on
a second draw and the first ones on a third, `make test-full` all on twenty. One judge serves a question and a draw.
"""

import ast
import re

import pytest
import torch
from proofs import proof_of
from torch import nn

from authoring import worksheets
from authoring.build import Course
from tl_course import exercises
from tl_course.exercises import Evidence, Judge, decode, encode

QUESTIONS = exercises.questions()
PROOFS = {question.slug: proof_of(question) for question in QUESTIONS}
COURSE = Course()
DAILY, FURTHER, MANY = 0, (1, 2), range(100, 120)
NONSENSE = [None, lambda *_: None, "what?", 3, "", [], {}, object(), nn.Linear(2, 2), lambda *_: [], lambda: 0, int]
FEW = 3
EACH = pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)


@pytest.fixture(scope="session", autouse=True)
def _loaded():
    """PyTorch loads its compiler before its first step, for seconds; that is not to count as an answer's time."""
    torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1).step()


def answers(question, of_each=None, *, nonsense=True):
    """Yield every answer that is known, or so many of each kind: what to call it, itself, and the reason it has to get.

    No reason means that it is right; ``...`` stands for any.
    """
    proof = PROOFS[question.slug]
    yield "the reference", question.reference, ""
    yield from ((f"right answer {number}", one, "") for number, one in enumerate(proof.right[:of_each]))
    yield from ((f"wrong answer {name!r}", one, name) for name, one in list(proof.wrong.items())[:of_each])
    if of_each is None:
        yield from ((f"the question's own {one.name!r}", one.answer, one.name) for one in question.wrong)
    yield from ((f"nameless answer {number}", one, ...) for number, one in enumerate(proof.nameless[:of_each]))
    few = FEW if of_each else len(NONSENSE) if nonsense else 0
    yield from ((f"nonsense {one!r}", one, ...) for one in NONSENSE[:few])


def mistakes(question, seed, of_each=None, *, nonsense=True):
    """Judge answers on one draw as the grader does, inputs and evidence crossing as texts; say what came out wrong."""
    judge = Judge(question, question.inputs(seed))
    arrived = decode(encode(judge.cases))
    messages = {wrong.name: wrong.message for wrong in question.wrong}
    for label, answer, reason in answers(question, of_each, nonsense=nonsense):
        evidence = exercises.collect(question, answer, arrived)
        verdict = judge.verdict([Evidence.from_data(decode(encode(one.as_data()))) for one in evidence])
        if reason == "":
            fine = (verdict.status, verdict.points, verdict.message) == ("right", question.points, question.why)
        elif reason is ...:
            fine = (verdict.status, verdict.points) == ("wrong", 0) and verdict.message
        else:
            found = (verdict.status, verdict.reason, verdict.points, verdict.message)
            fine = found == ("wrong", reason, 0, messages[reason])
        if not fine:
            yield f"draw {seed}: {label} got {verdict.reason or verdict.status!r}: {verdict.message} {verdict.detail}"


@EACH
def test_a_question_is_well_formed_and_has_its_proof(question):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", question.slug)
    assert question.kind in ("predict", "implement", "repair")
    assert question.difficulty in range(1, 6)
    assert question.minutes > 0
    assert (question.points == 0) == (question.kind == "predict"), "a mark needs values computed from later inputs"
    assert len(question.hints) >= 2
    assert question.title
    names, messages = ([getattr(wrong, field) for wrong in question.wrong] for field in ("name", "message"))
    assert len(set(names)) == len(names) >= 3
    assert len(set(messages)) == len(messages)
    texts = [question.why, *messages, *question.hints]
    assert all(len(text) > 30 and text.count("`") % 2 == 0 and "$" not in text for text in texts)
    assert not question.why.lower().startswith("right"), "the card says so already"
    proof = PROOFS[question.slug]
    assert len(proof.right) >= 2, "write two other right answers"
    assert len(proof.wrong) >= 3, "write three wrong answers, by name"
    assert set(proof.wrong) <= set(names)


def test_slugs_are_unique():
    slugs = [question.slug for question in QUESTIONS]
    assert len(set(slugs)) == len(slugs)


@EACH
def test_inputs_are_plain_data_and_differ_from_draw_to_draw(question):
    drawn = [encode(question.inputs(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert encode(decode(drawn[0])) == drawn[0]
    assert (drawn[0] == drawn[2]) == (question.kind == "predict")


@EACH
def test_a_question_knows_right_from_wrong(question):
    said = list(mistakes(question, DAILY, of_each=1))
    assert not said, "\n".join(said)


def draws(seeds):
    """Questions and draws; a prediction has the same inputs on all of them."""
    return [
        pytest.param(question, seed, id=f"{question.slug}-{seed}")
        for question in QUESTIONS
        for seed in (seeds[:1] if question.kind == "predict" else seeds)
    ]


@pytest.mark.integration
@pytest.mark.parametrize(("question", "seed"), draws(FURTHER))
def test_every_answer_gets_its_verdict(question, seed):
    said = list(mistakes(question, seed, of_each=None if seed == FURTHER[0] else 1))
    assert not said, "\n".join(said)


@pytest.mark.full
@pytest.mark.parametrize(("question", "seed"), draws(MANY))
def test_no_verdict_depends_on_the_draw(question, seed):
    """Learners draw new inputs with every check: what is right, or wrong by a name, must be so on all of them."""
    said = list(mistakes(question, seed, nonsense=False))
    assert not said, "\n".join(said)


@pytest.mark.parametrize("question", [one for one in QUESTIONS if one.points], ids=lambda question: question.slug)
def test_what_is_right_on_one_draw_is_not_on_another(question):
    """An answer that gives back constants earns nothing: what earns points depends on inputs that are drawn later."""
    first, second = question.inputs(DAILY), question.inputs(FURTHER[0])
    constants = [question.evidence(question.reference, case) for case in first]
    assert Judge(question, first).right(constants)
    assert not Judge(question, second).right(constants)


# --- worksheets and solutions -----------------------------------------------------------------------------------------


def test_every_lesson_with_questions_has_a_worksheet():
    assert [worksheet.lesson.number for worksheet in COURSE.worksheets] == exercises.lessons()


WORKSHEETS = pytest.mark.parametrize("worksheet", COURSE.worksheets, ids=lambda worksheet: worksheet.stem)


def answered(worksheet, *, worked):
    """Run the cells of a worksheet or its solution, but for the checks; return each question's answer."""
    names = {"__name__": "worksheet"}
    for cell in worksheets.assemble(worksheet, root=COURSE.root, worked=worked).cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if cell.cell_type == "code" and not name.endswith("-check") and (worked or name):
            exec(compile(ast.parse(cell.source), f"<{worksheet.stem}>", "exec"), names)
    return {question.slug: names[f"answer_{question.slug}"] for question in worksheet.questions}


@WORKSHEETS
def test_a_worksheet_leaves_everything_open(worksheet):
    found = answered(worksheet, worked=False)
    assert {slug: exercises.check(slug, answer).status for slug, answer in found.items()} == dict.fromkeys(
        found, "not attempted"
    )


@pytest.mark.integration
@WORKSHEETS
def test_every_worked_solution_is_right(worksheet, capsys):
    for slug, answer in answered(worksheet, worked=True).items():
        verdict = exercises.check(slug, answer)
        assert verdict.right, verdict
