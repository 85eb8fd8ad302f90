"""Every question of the course: right answers pass in whatever way they are written, wrong ones are told why.

``lesson_NN/slug.py`` beside this file holds the answers to one question: RIGHT, WRONG by name, and NO_ANSWERS, wrong
ones without a name; see `proofs`. A question that lacks them fails here.

`make check` tries the reference, and of each question the first answer of a kind on one draw; `make test` tries all.
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
from tl_course.exercises import Evidence, Question, decode, encode

QUESTIONS = exercises.questions()
PROOFS = {question.slug: proof_of(question) for question in QUESTIONS}
COURSE = Course()
SEEDS = (0, pytest.param(1, marks=pytest.mark.slow))
MANY_SEEDS = range(100, 120)


@pytest.fixture(scope="session", autouse=True)
def _loaded():
    """PyTorch loads its compiler before its first step, for seconds; that is not to count as an answer's time."""
    torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1).step()


def ask(question, answer, seed):
    """Judge as the grader does: inputs and evidence cross as texts."""
    cases = question.inputs(seed)
    evidence = exercises.collect(question, answer, decode(encode(cases)))
    arrived = [Evidence.from_data(decode(encode(one.as_data()))) for one in evidence]
    return question.judge(arrived, cases)


def unless_first(number):
    """`make check` tries the first of a kind."""
    return [pytest.mark.slow] if number else []


def listed(table):
    return [
        pytest.param(question, answer, id=f"{question.slug}-{number}", marks=unless_first(number))
        for question in QUESTIONS
        for number, answer in enumerate(getattr(PROOFS[question.slug], table))
    ]


def named():
    return [
        pytest.param(question, name, answer, id=f"{question.slug}-{name}", marks=unless_first(number))
        for question in QUESTIONS
        for number, (name, answer) in enumerate(PROOFS[question.slug].wrong.items())
    ]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_a_question_has_its_proof(question):
    proof = PROOFS[question.slug]
    assert len(proof.right) >= 2, "write two other right answers"
    assert len(proof.wrong) >= 3, "write three wrong answers, by name"
    assert set(proof.wrong) <= {wrong.name for wrong in question.wrong}


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_a_question_is_well_formed(question):
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


def test_slugs_are_unique():
    slugs = [question.slug for question in QUESTIONS]
    assert len(set(slugs)) == len(slugs)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_inputs_are_plain_data_and_differ_from_seed_to_seed(question):
    drawn = [encode(question.inputs(seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1]
    assert encode(decode(drawn[0])) == drawn[0]
    assert (drawn[0] == drawn[2]) == (question.kind == "predict")


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_the_reference_is_right(question, seed):
    verdict = ask(question, question.reference, seed)
    assert (verdict.status, verdict.points) == ("right", question.points), verdict


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("question", "answer"), listed("right"))
def test_right_answers_pass(question, answer, seed):
    verdict = ask(question, answer, seed)
    assert verdict.right, verdict
    assert verdict.message == question.why


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("question", "name", "answer"), named())
def test_wrong_answers_get_their_own_message(question, name, answer, seed):
    verdict = ask(question, answer, seed)
    assert (verdict.status, verdict.reason, verdict.points) == ("wrong", name, 0), verdict
    assert verdict.message == next(wrong.message for wrong in question.wrong if wrong.name == name)


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_the_questions_own_wrong_answers_get_their_own_message(question):
    for wrong in question.wrong:
        verdict = ask(question, wrong.answer, seed=2)
        assert (verdict.status, verdict.reason) == ("wrong", wrong.name), verdict


@pytest.mark.parametrize(("question", "answer"), listed("nameless"))
def test_wrong_answers_without_a_name_do_not_pass(question, answer):
    verdict = ask(question, answer, seed=0)
    assert verdict.status == "wrong"
    assert verdict.message


@pytest.mark.full
@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_no_verdict_depends_on_the_draw(question, monkeypatch):
    """Learners draw new inputs with every check: what is right, or wrong by a name, must be so on all of them."""
    proof = PROOFS[question.slug]
    expected = [(question.reference, ""), *((answer, "") for answer in proof.right)]
    expected += [(wrong.answer, wrong.name) for wrong in question.wrong]
    expected += [(answer, name) for name, answer in proof.wrong.items()]
    nameless = proof.nameless
    known = {id(question.reference), *(id(wrong.answer) for wrong in question.wrong)}
    said, evidence = [], Question.evidence
    for seed in MANY_SEEDS:
        cases = question.inputs(seed)
        remembered = {}

        def once(self, answer, case, remembered=remembered):
            """What the reference and the known wrong answers show is the same, whichever answer is judged."""
            if id(answer) not in known:
                return evidence(self, answer, case)
            key = id(answer), id(case)
            if key not in remembered:
                remembered[key] = evidence(self, answer, case)
            return remembered[key]

        monkeypatch.setattr(Question, "evidence", once)
        for answer, reason in expected:
            verdict = question.judge(exercises.collect(question, answer, cases), cases)
            if verdict.reason != reason or verdict.right == bool(reason):
                was = verdict.reason or verdict.status
                said.append(f"seed {seed}: {reason or 'a right answer'} was called {was}. {verdict.detail}")
        for number, answer in enumerate(nameless):
            if question.judge(exercises.collect(question, answer, cases), cases).right:
                said.append(f"seed {seed}: nameless answer {number} passed")
    assert not said, "\n".join(said)


NONSENSE = [None, 3, "", "what?", [], {}, object(), nn.Linear(2, 2), lambda *_: None, lambda *_: [], lambda: 0, int]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.slug)
def test_nonsense_is_wrong_and_said_so(question):
    for answer in NONSENSE:
        verdict = ask(question, answer, seed=0)
        assert verdict.status == "wrong", f"{answer!r}: {verdict}"
        assert verdict.message


# --- worksheets and solutions -----------------------------------------------------------------------------------------


def test_every_lesson_with_questions_has_a_worksheet():
    assert [worksheet.lesson.number for worksheet in COURSE.worksheets] == exercises.lessons()


@pytest.mark.parametrize("worksheet", COURSE.worksheets, ids=lambda worksheet: worksheet.stem)
def test_worksheets_leave_everything_open_and_solutions_are_right(worksheet, capsys):
    for worked, status in ((False, "not attempted"), (True, "right")):
        names = {"__name__": "worksheet"}
        for cell in worksheets.assemble(worksheet, root=COURSE.root, worked=worked).cells:
            if cell.cell_type == "code":
                tree = ast.parse(cell.source)
                exec(compile(tree, f"<{worksheet.stem}>", "exec"), names)
        for question in worksheet.questions:
            verdict = exercises.check(question.slug, names[f"answer_{question.slug}"])
            assert verdict.status == status, verdict
