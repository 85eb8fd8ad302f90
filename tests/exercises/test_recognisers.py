"""Recognisers hold on what they name, on nothing near it, and never stretch a forged shape against ours."""

import numpy as np
import pytest
import torch

from tl_course.exercises import recognisers as r

NAN = float("nan")


@pytest.fixture(params=[0, 1, 2])
def rng(request):
    return np.random.default_rng(request.param)


def values(rng, count=3):
    """What a reference shows on some cases: a loss, a gradient, and the state of a model."""
    return [
        {
            "loss": float(rng.normal()),
            "gradient by x": rng.normal(size=(2, 3)),
            "state": {"fc.weight": rng.normal(size=4), "bn.running_mean": rng.normal(size=2)},
        }
        for _ in range(count)
    ]


def changed(value, *path, by=1.0):
    """A copy of a value with one part moved."""
    key, *rest = path
    return value | {key: changed(value[key], *rest, by=by) if rest else value[key] + by}


def test_one_number_within_its_tolerance_and_no_further(rng):
    wanted, cases = float(rng.uniform(1, 5)), [{}]
    recognise = r.number(9.0, wanted, rtol=0.05)
    for factor, said in ((1, True), (1.049, True), (0.951, True), (1.06, False), (0.94, False), (-1, False)):
        assert recognise([wanted * factor], [0.0], cases) is said
        assert recognise([np.array(wanted * factor)], [0.0], cases) is said
    for other in (None, "3", [wanted], np.array([wanted]), {}, True, 10**400, NAN):
        assert not recognise([other], [0.0], cases)
    assert r.number(0.0)([0.0], [1.0], cases)
    assert r.number(0.0, atol=1e-3)([1e-4], [1.0], cases)
    assert not r.number(0.0)([1e-4], [1.0], cases)


def test_bounds_are_strict_and_for_numbers_only(rng):
    bound = float(rng.normal())
    for found, over, under in ((bound + 0.1, True, False), (bound, False, False), (bound - 0.1, False, True)):
        assert (r.above(bound)([found], [0], [{}]), r.below(bound)([found], [0], [{}])) == (over, under)
        value = [{"loss": found, "other": bound}]
        assert (r.above(bound, "loss")(value, [0], [{}]), r.below(bound, "loss")(value, [0], [{}])) == (over, under)
        assert not r.any_of(r.above(bound, "gone"))(value, [0], [{}])
    for other in (None, "9", [9.0], NAN, True):
        assert not r.above(-1)([other], [0], [{}])
        assert not r.below(2)([other], [0], [{}])


def test_letters_chosen_and_left_out():
    assert r.chose("B", "D")([["A", "D"]], [["A"]], [{}])
    assert not r.chose("B", "D")([["A", "C"]], [["A"]], [{}])
    assert r.left_out("A", "C")([["A"]], [["A", "C"]], [{}])
    assert not r.left_out("A", "C")([["A", "B", "C"]], [["A", "C"]], [{}])
    for other in ("A", None, 3):
        assert not r.chose("A")([other], [["A"]], [{}])
        assert not r.left_out("A")([other], [["A"]], [{}])


def test_an_entry_of_a_list():
    assert r.entry(1, "b", "c")([["a", "C "]], [["a", "a"]], [{}])
    assert r.entry(0, 3.0)([np.array([3.0, 1.0])], [0], [{}])
    assert not r.entry(0, "b", "c")([["a", "c"]], [["a", "a"]], [{}])
    for other in ([], "abc", np.array(3.0), {}, None, 3):
        assert not r.entry(0, "a", 3.0)([other], [["b"]], [{}])


def test_parts_agree_and_differ_by_name(rng):
    expected, cases = values(rng), [{}] * 3
    assert r.agrees()(expected, expected, cases)
    assert not r.differs()(expected, expected, cases)
    for path, name in ((("loss",), "loss"), (("gradient by x",), "gradient*"), (("state", "fc.weight"), "state/fc.*")):
        found = [*expected[:2], changed(expected[2], *path)]
        assert r.differs(name)(found, expected, cases)
        assert r.right_except(name)(found, expected, cases)
        assert r.right_except(name, "state/bn.running_mean")(found, expected, cases)
        assert not r.agrees(name)(found, expected, cases)
        assert not r.agrees()(found, expected, cases)
        others = [one for one in ("loss", "gradient by x", "*fc.weight", "*running_mean") if one[-5:] != name[-5:]]
        others = [one for one in others if not r.differs(one)(found, expected, cases)]
        assert len(others) == 3
        assert all(r.agrees(one)(found, expected, cases) for one in others)
        assert not any(r.right_except(one)(found, expected, cases) for one in others)
    assert r.differs("state")([changed(expected[0], "state", "fc.weight")], expected[:1], cases[:1])
    assert not r.right_except("loss")(expected, expected, cases)


def test_a_name_that_fits_no_part_is_a_mistake(rng):
    expected, cases = values(rng), [{}] * 3
    for make in (r.agrees, r.differs, r.right_except, r.zero, r.nonzero, r.has_nan, r.nan_hidden):
        with pytest.raises(KeyError, match="los"):
            make("los")(expected, expected, cases)


def test_parts_that_are_missing_are_no_agreement(rng):
    expected, cases = values(rng), [{}] * 3
    for other in ({}, None, 3.0, "x", [], {"loss": None}):
        found = [other] * 3
        assert not r.agrees("loss")(found, expected, cases)
        assert not r.right_except("gradient*")(found, expected, cases)


def test_zeros_other_numbers_and_nan(rng):
    zeros, other = {"g": [np.zeros(3), np.zeros((2, 2))], "l": 1.0}, {"g": [np.zeros(3), rng.normal(size=2)], "l": NAN}
    assert r.zero("g")([zeros, zeros], [], [])
    assert not r.zero("g")([zeros, other], [], [])
    assert r.nonzero("g")([zeros, other], [], [])
    assert not r.nonzero("g")([zeros, zeros], [], [])
    assert r.has_nan()([zeros, other], [], [])
    assert r.has_nan("l")([zeros, other], [], [])
    assert not r.has_nan("g")([zeros, other], [], [])


def test_nan_replaced_by_a_number(rng):
    right, other = rng.normal(size=3), rng.normal(size=2)
    expected = [{"v": np.array([right[0], NAN, right[2]])}, {"v": other}]
    assert r.nan_hidden("v")([{"v": right}, {"v": other}], expected, [{}, {}])
    assert not r.nan_hidden("v")(expected, expected, [{}, {}])
    assert not r.nan_hidden("v")([{"v": right}, {"v": other + 1}], expected, [{}, {}])
    assert not r.nan_hidden("v")([{"v": right}, {"v": right}], expected, [{}, {}])
    assert not r.nan_hidden("v")([{"v": right + 1}, {"v": other}], expected, [{}, {}])
    assert not r.nan_hidden()([other], [other], [{}])


def test_shapes(rng):
    size = int(rng.integers(2, 9))
    found, cases = [{"v": rng.normal(size=(3, size))}, {"v": rng.normal(size=(1, size))}], [{"n": 3}, {"n": 1}]
    assert r.has_shape((None, size), "v")(found, [], cases)
    assert r.has_shape(lambda case: (case["n"], size), "v")(found, [], cases)
    assert r.has_shape(())([0.5, np.array(2.0)], [], [{}, {}])
    for wrong in ((3, size), (None, size + 1), (None,), (None, size, None)):
        assert not r.has_shape(wrong, "v")(found, [], cases)


def test_parts_of_one_answer_against_each_other(rng):
    expected = [{"a": rng.normal(size=3), "b": rng.normal(size=3)} for _ in range(2)]
    crossed = [{"a": one["b"], "b": one["a"]} for one in expected]
    assert r.swapped("a", "b")(crossed, expected, [{}, {}])
    assert not r.swapped("a", "b")(expected, expected, [{}, {}])
    assert not r.swapped("a", "b")([crossed[0], expected[1]], expected, [{}, {}])
    assert r.equal_parts("a", "b")([{"a": one["a"], "b": one["a"]} for one in expected], [], [])
    assert not r.equal_parts("a", "b")(expected, [], [])


def test_a_factor_of_its_own_for_every_case(rng):
    cases = [{"T": float(rng.uniform(2, 5))} for _ in range(3)]
    expected = [rng.normal(size=4) for _ in cases]
    found = [one / case["T"] ** 2 for one, case in zip(expected, cases, strict=True)]
    assert r.scaled(lambda case: case["T"] ** -2)(found, expected, cases)
    assert not r.scaled(lambda case: case["T"] ** -1)(found, expected, cases)
    assert r.scaled(-1, "v")([{"v": -one} for one in expected], [{"v": one} for one in expected], cases)


def test_one_factor_for_all_numbers_of_a_case(rng):
    expected = [[rng.normal(size=3), rng.normal(size=(2, 2))] for _ in range(2)]
    found = [[factor * part for part in one] for factor, one in zip(rng.uniform(0.1, 9, size=2), expected, strict=True)]
    assert r.proportional()(found, expected, [{}, {}])
    assert r.proportional("v")([{"v": one} for one in found], [{"v": one} for one in expected], [{}, {}])
    assert r.multiple(found[0], expected[0]) == pytest.approx(found[0][0][0] / expected[0][0][0])
    assert r.multiple([-part for part in found[0]], found[0]) == pytest.approx(-1)
    assert not r.proportional()([[-part for part in one] for one in found], expected, [{}, {}])
    assert not r.proportional()([found[0], [2 * found[1][0], found[1][1]]], expected, [{}, {}])
    assert r.multiple(found[0], found[0][:1]) is None
    assert r.multiple(np.ones((2, 1)), np.ones((1, 2))) is None
    assert r.multiple(np.zeros(2), np.zeros(2)) is None


def test_right_wherever_it_is_a_number(rng):
    expected = [{"table": rng.normal(size=(3, 2)), "other": 1.0} for _ in range(2)]
    holed = expected[1] | {"table": expected[1]["table"].copy()}
    holed["table"][1] = NAN
    for names in ((), ("table",)):
        assert r.right_but_nan(*names)([expected[0], holed], expected, [{}, {}])
        assert not r.right_but_nan(*names)(expected, expected, [{}, {}])
        assert not r.right_but_nan(*names)([changed(expected[0], "table"), holed], expected, [{}, {}])
        assert not r.right_but_nan(*names)([expected[0], holed | {"table": holed["table"][:2]}], expected, [{}, {}])
    assert not r.right_but_nan("other")([expected[0], holed], expected, [{}, {}])


def test_shapes_without_numbers(rng):
    expected = values(rng)
    assert r.same_shape()([changed(one, "loss") for one in expected], expected, [{}] * 3)
    assert r.same_shape("state")([changed(one, "state", "fc.weight") for one in expected], expected, [{}] * 3)
    wrong = [*expected[:2], expected[2] | {"loss": np.zeros(1)}]
    assert not r.same_shape("loss")(wrong, expected, [{}] * 3)
    assert r.same_shape("gradient*")(wrong, expected, [{}] * 3)


def test_work_is_done_again_for_another_list_of_cases():
    asked = []
    count = r.once(lambda cases: asked.append(cases) or len(cases))
    one, other = [{}], [{}, {}]
    assert [count(one), count(one), count(other), count(other), count(one)] == [1, 1, 2, 2, 1]
    assert len(asked) == 3


def test_what_another_answer_shows_to_a_probe_is_worked_out_once(rng):
    cases, asked = [{"x": rng.normal(size=3)} for _ in range(2)], []

    def probe(answer, case):
        asked.append(case)
        return {"loss": answer(case["x"]), "steps": 3}

    recognise = r.shows(probe, lambda x: 1 / 0, lambda x: x.sum(), lambda x: x.max(), names=("loss",))
    for function in (np.sum, np.max):
        assert recognise([{"loss": function(case["x"]), "steps": 4} for case in cases], [], cases)
    mixed = [{"loss": function(case["x"])} for function, case in zip((np.sum, np.max), cases, strict=True)]
    assert not recognise(mixed, [], cases)
    assert not recognise([{"loss": np.min(case["x"])} for case in cases], [], cases)
    assert len(asked) == 1 + 2 * len(cases)
    assert not r.shows(probe, np.sum)([{"loss": case["x"].sum(), "steps": 4} for case in cases], [], cases)
    assert recognise([{"loss": 0.0}], [], [{"x": np.zeros(2)}])


def test_what_another_answer_gives_is_worked_out_once_for_a_set_of_cases(rng):
    cases, asked = [{"x": rng.normal(size=3), "factor": 2.0} for _ in range(3)], []

    def double(x):
        asked.append(x)
        return 2 * x

    recognise = r.gives(lambda x: 1 / 0, double, name="value", without=("factor",))
    found = [{"value": 2 * case["x"], "gradient": rng.normal()} for case in cases]
    for _ in range(3):
        assert recognise(found, [], cases)
        assert not recognise([{"value": 3 * case["x"]} for case in cases], [], cases)
        assert not recognise([None, 3, {}], [], cases)
    assert len(asked) == 3
    assert all(isinstance(one, torch.Tensor) for one in asked)
    other = [{"x": rng.normal(size=3), "factor": 2.0} for _ in range(3)]
    assert not recognise(found, [], other)
    assert recognise(found, [], cases)
    assert r.gives(lambda x: 3 * x)([{"x": 3.0}], [], [{"x": 1.0}]) is False
    assert r.gives(lambda x: 3 * x)([3.0], [], [{"x": 1.0}])
    counts = r.gives(lambda a, b: [a, b, 0.5], first=2)
    for found, said in (([2, 3, 0.9], True), (np.array([2.0, 3.0]), True), ([2, 4, 0.5], False), (2.0, False)):
        assert counts([found], [], [{"a": 2, "b": 3}]) is said


def test_some_cases_only(rng):
    cases = [{"alpha": alpha} for alpha in (0.0, 0.3, 0.7, 1.0)]
    expected = list(rng.normal(size=4))
    found = [expected[0] + 1, *expected[1:3], expected[3] + 1]
    inside = r.on(lambda case: 0 < case["alpha"] < 1, r.agrees())
    assert inside(found, expected, cases)
    assert r.on(slice(1, 3), r.agrees())(found, expected, cases)
    assert not r.on(slice(2), r.agrees())(found, expected, cases)
    assert r.on(0, r.differs())(found, expected, cases)
    assert r.on(-1, r.differs())(found, expected, cases)
    assert not r.on(-2, r.differs())(found, expected, cases)
    asked = []
    given = r.on(slice(1, 3), r.gives(lambda alpha: asked.append(alpha) or alpha))
    for _ in range(3):
        assert given([0.0, 0.3, 0.7, 9.0], expected, cases)
    assert len(asked) == 2


def test_put_together():
    def fails(found, expected, cases):
        raise KeyError("part")

    yes, no = (lambda *_: True), (lambda *_: False)
    assert r.all_of(yes, yes)([], [], [])
    assert not r.all_of(yes, no)([], [], [])
    assert r.any_of(fails, no, yes)([], [], [])
    assert not r.any_of(fails, no)([], [], [])
    assert r.none_of(no, no)([], [], [])
    assert not r.none_of(no, yes)([], [], [])
    assert r.each(lambda found, expected, case: found < expected)([1, 2], [2, 3], [{}, {}])
    assert not r.each(lambda found, expected, case: found < expected)([1, 3], [2, 3], [{}, {}])
    assert r.some(lambda found, expected, case: found < expected)([1, 3], [2, 3], [{}, {}])
    assert not r.some(lambda found, expected, case: found < expected)([2, 3], [2, 3], [{}, {}])


FORGED = [np.zeros((2**20, 1)), np.zeros((0,)), np.zeros((1, 1, 1)), [[[]]], {"v": [1.0, [2.0]]}, "x", None, 10**400]


@pytest.mark.parametrize("number", range(len(FORGED)))
def test_a_forged_shape_is_never_stretched(number):
    """(2²⁰, 1) against (1, 2²⁰) would take 8 TB, and fail; a shape that fits by stretching would pass."""
    forged, cases = FORGED[number], [{"x": np.zeros((1, 2**10)), "T": 2.0}]
    ours = np.zeros((1, 2**20))
    made = [
        r.number(0.0),
        r.agrees("v"),
        r.right_except("w"),
        r.nan_hidden("v"),
        r.has_shape(ours.shape, "v"),
        r.equal_parts("v", "w"),
        r.swapped("v", "w"),
        r.scaled(1.0, "v"),
        r.scaled(lambda case: case["T"], "v"),
        r.gives(lambda x, T: x, name="v"),
        r.same_shape("v"),
        r.right_but_nan("v"),
        r.proportional("v"),
        r.shows(lambda answer, case: {"v": ours}, None),
    ]
    for recognise in made:
        assert not r.any_of(recognise)([{"v": forged, "w": ours}], [{"v": ours, "w": ours}], cases)
        assert not r.any_of(recognise)([forged], [{"v": ours, "w": ours}], cases)
