"""A judge works out what it needs, once, and judges evidence of any form."""

import asked
import numpy as np
import pytest
from asked import check
from draws import seeds

from tl_course.exercises import Evidence, Judge, Wrong, collect, display, values


def judge_of(seed=0, **changed):
    question = asked.question(**changed)
    return Judge(question, question.inputs(seed))


def counted(answer, asked_for):
    """The same answer, which notes how often it runs."""

    def counting(x, factor):
        asked_for.append(factor)
        return answer(x, factor)

    return counting


@pytest.mark.parametrize("evidence", [[], [Evidence(0.0)], [Evidence(fault="raised", error="ZeroDivisionError")]])
def test_a_reference_that_fails_is_no_verdict(evidence):
    judge = judge_of(reference=lambda x, factor: [][0])
    with pytest.raises(RuntimeError, match=f"the reference of {judge.question.slug} failed: .*"):
        judge.verdict(evidence * len(judge.cases))


@pytest.mark.parametrize("seed", seeds(3))
def test_the_reference_and_the_wrong_answers_run_once_however_many_are_judged(seed):
    of_reference, of_wrong, of_recognised = [], [], []
    judge = judge_of(
        seed,
        reference=counted(lambda x, factor: factor * x, of_reference),
        wrong=(
            Wrong(
                "halved", "You halve.", 0, recognise=lambda found, expected, cases: bool(of_recognised.append(cases))
            ),
            Wrong("added", "You add.", counted(lambda x, factor: factor + x, of_wrong)),
        ),
    )
    right = collect(judge.question, lambda x, factor: x * factor, judge.cases)
    assert judge.right(right)
    assert judge.verdict(right).status == display.RIGHT
    assert (len(of_reference), of_wrong, of_recognised) == (2, [], []), "a right answer never runs the wrong ones"
    for _ in range(3):
        wrong = collect(judge.question, lambda x, factor: x + factor, judge.cases)
        assert not judge.right(wrong)
        assert judge.verdict(wrong).reason == "added"
    assert (len(of_reference), len(of_wrong)) == (2, 2)
    assert all(cases is judge.cases for cases in of_recognised), "what a recogniser keeps is kept for these cases"


def test_asked_only_for_right_or_wrong_no_wrong_answer_runs():
    ran = []
    judge = judge_of(wrong=(Wrong("added", "You add.", counted(lambda x, factor: factor + x, ran)),))
    for answer in (lambda x, factor: x + factor, lambda x, factor: x, lambda x: x, None):
        assert not judge.right(collect(judge.question, answer, judge.cases))
    assert ran == []


@pytest.mark.parametrize("seed", seeds(3))
def test_right_is_what_the_verdict_says(seed):
    judge = judge_of(seed)
    rng = np.random.default_rng(seed)
    for error in (0.0, 1e-8, 1e-3, float(rng.normal())):
        evidence = collect(judge.question, lambda x, factor, error=error: x * factor + error, judge.cases)
        assert judge.right(evidence) == judge.verdict(evidence).right == (error < 1e-6 and error >= 0)


def test_a_prediction_does_not_hear_what_was_expected():
    judge = judge_of(kind="predict", points=0, wrong=())
    verdict = judge.verdict([Evidence(0.0)] * 2)
    assert (verdict.message, verdict.detail) == ("That is not it.", "")


def test_a_recogniser_that_fails_recognises_nothing(use):
    use(wrong=(Wrong("odd", "Odd.", 0, recognise=lambda found, expected, cases: found[0]["no such"]),))
    assert check(lambda x, factor: x * 0).reason == "value"


def test_evidence_of_any_value_is_judged():
    judge = judge_of()
    for value in (
        None,
        "x",
        [],
        {},
        [[[]]],
        {"a": np.zeros(3)},
        10**400,
        10**5000,
        -(10**20),
        float("inf"),
        np.zeros((0,)),
    ):
        evidence = [Evidence(value)] * len(judge.cases)
        assert judge.verdict(evidence).status == "wrong"
        assert not judge.right(evidence)
    for few in ([], judge.expected[:1]):
        assert judge.verdict(few).reason == "slow"
        assert not judge.right(few)


# --- shapes that somebody forged -------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(10**7 + 1, 1), (1, 10**7 + 1), (0, 10**9), (3, 5 * 10**6)])
def test_a_recogniser_never_computes_with_a_shape_that_takes_all_memory(shape):
    """What it gets is spread over what was expected, as numpy does; nothing of this size is held here."""
    asked_for = []
    judge = judge_of(wrong=(Wrong("any", "Any.", 0, recognise=lambda *values: bool(asked_for.append(values)) or True),))
    right = collect(judge.question, lambda x, factor: x * factor, judge.cases)
    forged = [Evidence(np.broadcast_to(np.float32(1), shape)), *right[1:]]
    verdict = judge.verdict(forged)
    assert (verdict.status, verdict.reason, asked_for) == (display.WRONG, "shape", [])
    small = [Evidence(np.zeros((3, 1))), *right[1:]]
    assert judge.verdict(small).reason == "any"


def test_large_arrays_of_the_right_shape_are_recognised_and_columns_for_rows_are_not():
    row, column = np.zeros(10**5), np.zeros((10**5, 1))
    assert not values.too_large_beside([{"w": row}], [{"w": row}], 10**5)
    for found, expected in (([{"w": column}], [{"w": row}]), ([row, column], [row]), ({"x": row}, {"w": row})):
        assert values.too_large_beside(found, expected, 10**5)
    assert values.too_large_beside([[1.0] * 4000], [row], 10**5)


def test_a_shape_that_no_memory_holds_is_no_data():
    with pytest.raises(ValueError, match="no plain data"):
        values.decode('[{"dtype": "<f8", "shape": [0, 1000000000000], "base64": ""}]')
