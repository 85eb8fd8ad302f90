"""The engine of the exercises: it never raises, disturbs nothing, stops what hangs, and says what it saw."""

import contextlib
import functools
import json
import os
import random
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import tl_course as tl
from tl_course import exercises
from tl_course.exercises import Evidence, Question, Unfit, Wrong, catalogue, checking, decode, encode, notes
from tl_course.exercises.isolation import TooSlow, limit, private, undisturbed
from tl_course.exercises.probes import letters, with_gradients
from tl_course.exercises.values import difference, plain


def _cases(seed):
    rng = np.random.default_rng(seed)
    return [{"x": rng.normal(size=3), "factor": float(factor)} for factor in (0.5, 3)]


def _question(**changed):
    fields = {
        "slug": "scale",
        "lesson": "99",
        "title": "Scale",
        "kind": "implement",
        "difficulty": 1,
        "minutes": 1,
        "points": 2,
        "hints": ("First hint.", "Second hint."),
        "inputs": _cases,
        "reference": lambda x, factor: factor * x,
        "why": "It scales.",
        "wrong": (Wrong("added", "You add.", lambda x, factor: factor + x),),
        "seconds": 0.4,
    }
    return Question(**(fields | changed))


@pytest.fixture
def use(monkeypatch):
    """Make a question the only one of the course."""

    def choose(**changed):
        question = _question(**changed)
        monkeypatch.setattr(catalogue, "questions", lambda lesson=None: [question])
        monkeypatch.setattr(checking, "questions", lambda lesson=None: [question])
        return question

    choose()
    return choose


@pytest.fixture(autouse=True)
def _forgotten(monkeypatch):
    monkeypatch.setattr(notes, "_unwritten", {})


@pytest.fixture
def kept(monkeypatch, tmp_path):
    """A learner's folder."""
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "learner" / "ledger.jsonl"))
    return tmp_path / "learner" / "exercises.json"


def check(answer, **options):
    return exercises.check("scale", answer, **options)


# --- the three outcomes -----------------------------------------------------------------------------------------------


def test_right_says_why_it_matters_and_gives_the_points(use):
    verdict = check(lambda x, factor: x * factor)
    assert (verdict.status, verdict.points, verdict.of) == ("right", 2, 2)
    assert repr(verdict) == "Right: scale (2 of 2 points)\nIt scales."


def test_a_known_wrong_answer_gets_its_message_and_what_was_seen(use):
    verdict = check(lambda x, factor: x + factor, seed=0)
    assert (verdict.status, verdict.reason, verdict.message, verdict.points) == ("wrong", "added", "You add.", 0)
    assert "differs in 3 of 3 numbers" in verdict.detail
    assert "factor = 0.5" in verdict.detail


def test_an_unknown_wrong_answer_is_told_where_it_differs(use):
    verdict = check(lambda x, factor: x * 0)
    assert verdict.reason == "value"
    assert verdict.message.startswith("It differs in 3 of 3 numbers; at [")


def test_nothing_attempted(use):
    def stub(x, factor):
        """Scale x."""
        ...

    def stub_with_a_note(x, factor): ...  # YOUR CODE HERE

    for nothing in (..., stub, stub_with_a_note):
        assert check(nothing).status == "not attempted"
    assert exercises.check("scale").status == "not attempted"
    assert notes.read() == {}


def test_an_unknown_slug_is_answered_with_the_nearest(use):
    for slug in ("scal", None, 3, ["scale"], object()):
        verdict = exercises.check(slug, 1)
        assert verdict.status == "unchecked"
        assert "There is no question" in verdict.message
    assert "Did you mean `scale`?" in exercises.check("scal", 1).message
    assert "Did you mean `scale`?" in exercises.hint("scal").text
    assert exercises.check(Hostile(), 1).status == "unchecked"
    assert exercises.hint(Hostile()).number == 0


@pytest.mark.parametrize(
    ("answer", "reason", "says"),
    [
        (
            lambda x, factor: print(x),
            "type",
            "None where an array of shape (3,) was expected. Did you forget `return`?",
        ),
        (lambda x, factor: "0.5", "type", "'0.5' where"),
        (lambda x, factor: object(), "unfit", "an object"),
        (lambda x, factor: (x * factor)[:2], "shape", "shape (2,) where an array of shape (3,)"),
        (lambda x, factor: x * float("nan"), "not finite", "NaN"),
        (lambda x, factor: x / 0, "not finite", "infinity"),
        (lambda x, factor: x.mul_(factor), "unfit", "changed `x`"),
        (lambda x: x, "raised", "TypeError"),
        (5, "unfit", "a function was asked for"),
        (lambda x, factor: x.foo, "raised", "AttributeError: 'Tensor' object has no attribute 'foo'"),
        (lambda x, factor: [[1.0], [1.0, 2.0]], "type", "a list of 2 where"),
    ],
)
def test_every_kind_of_fault_has_its_sentence(use, answer, reason, says):
    verdict = check(answer)
    assert (verdict.status, verdict.reason) == ("wrong", reason)
    assert says in verdict.message.replace(" (with factor = 0.5)", "")


def test_an_error_is_told_with_the_learners_line(use):
    def answer(x, factor):
        y = x * factor
        return torch.cat([y, "no tensor"])

    message = check(answer).message
    assert "TypeError" in message
    assert 'return torch.cat([y, "no tensor"])' in message


class Hostile:
    """Raises whatever is asked of it."""

    def __getattribute__(self, name):
        raise RuntimeError(f"do not touch {name}")

    def __eq__(self, other):
        raise RuntimeError("do not compare")

    __hash__ = None


def _raises(error):
    def answer(x, factor):
        raise error

    return answer


HOSTILE = {
    "object": Hostile,
    "exit": lambda: _raises(SystemExit(3)),
    "memory": lambda: _raises(MemoryError()),
    "generator exit": lambda: _raises(GeneratorExit()),
    "error without a text": lambda: _raises(type("Odd", (Exception,), {"__str__": lambda self: 1 / 0})()),
    "partial": lambda: functools.partial(lambda x, factor: x.boom, factor=1),
    "hostile result": lambda: lambda x, factor: Hostile(),
    "recursion": lambda: lambda x, factor: (lambda f: f(f))(lambda f: f(f)),
    "a check within a check": lambda: lambda x, factor: exercises.check("scale", _raises(KeyError())) and x,
    "class": lambda: type("Meta", (type,), {})("C", (), {}),
    "array": lambda: np.array([1, 2]),
    "graph": lambda: torch.zeros(3, requires_grad=True).sum(),
    "generator": lambda: (i for i in range(3)),
    "lock": threading.Lock,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_it_never_raises(use, name):
    assert check(HOSTILE[name]()).status in ("wrong", "unchecked")


def test_a_fault_of_a_question_is_owned(use):
    use(inputs=lambda seed: 1 / 0)
    verdict = check(lambda x, factor: x)
    assert verdict.status == "unchecked"
    assert "our mistake" in verdict.message


def test_ctrl_c_ends_the_check_and_not_the_session(use):
    verdict = check(_raises(KeyboardInterrupt()))
    assert (verdict.status, verdict.message) == ("unchecked", "You stopped the check.")


def test_a_predicate_that_fails_recognises_nothing(use):
    use(wrong=(Wrong("odd", "Odd.", 0, recognise=lambda found, expected, cases: found[0]["no such"]),))
    assert check(lambda x, factor: x * 0).reason == "value"


def test_what_an_answer_prints_is_kept_apart(use, capsys):
    def answer(x, factor):
        print("factor is", factor)
        return x * factor

    verdict = check(answer)
    assert verdict.right
    assert verdict.printed == "factor is 0.5\n"
    assert "Your answer printed: factor is 0.5" in repr(verdict)
    assert capsys.readouterr() == ("", "")


# --- nothing is disturbed ---------------------------------------------------------------------------------------------


def test_random_state_settings_and_folder_stay(use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def answer(x, factor):
        random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
        torch.set_default_dtype(torch.float64), torch.set_grad_enabled(False)
        os.chdir("/")
        os.environ["TL_ODD"] = "1"
        warnings.simplefilter("error")
        torch.rand(3), np.random.rand(3), random.random()  # noqa: NPY002
        return x * factor

    def state():
        return (
            random.getstate(),
            str(np.random.get_state()),  # noqa: NPY002
            torch.get_rng_state().tolist(),
            torch.get_default_dtype(),
            torch.is_grad_enabled(),
            os.getcwd(),
            dict(os.environ),
            list(warnings.filters),
        )

    before = state()
    assert check(answer).right
    assert state() == before


counted = []
network = nn.Linear(3, 3)


def _uses_globals(x, factor):
    counted.append(factor)
    with torch.no_grad():
        network.weight.zero_()
    return x * factor + _helper()


def _helper():
    counted.append("helper")
    return 0


def test_the_learners_objects_stay(use):
    weights, inside = network.weight.clone(), {"calls": 0}

    def with_closure(x, factor, seen=[]):  # noqa: B006
        inside["calls"] += 1
        seen.append(x)
        return _uses_globals(x, factor)

    assert check(with_closure).right
    assert counted == []
    assert inside == {"calls": 0}
    assert with_closure.__defaults__ == ([],)
    assert torch.equal(network.weight, weights)


def test_a_model_as_an_answer_is_copied(use):
    def halve(answer, case):
        with torch.no_grad():
            answer.weight.mul_(0.5)
        return answer.weight

    model = nn.Linear(2, 2)
    before = model.weight.clone()
    use(probe=halve, reference=nn.Linear(2, 2))
    assert check(model).status == "wrong"
    assert torch.equal(model.weight, before)


def test_a_copy_of_a_function_still_knows_itself_and_its_helpers():
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    assert private(factorial)(5) == 120
    assert private(_uses_globals)(torch.ones(3), 1.0).tolist() == [1, 1, 1]
    assert counted == []


def test_wrong_answers_do_not_change_the_state_either(use):
    state = torch.get_rng_state()
    for answer in (lambda x, factor: torch.rand(3), _raises(ValueError()), ...):
        check(answer)
    assert torch.equal(torch.get_rng_state(), state)


# --- slow answers -----------------------------------------------------------------------------------------------------


def _hangs(x, factor):
    while True:
        with contextlib.suppress(Exception):
            time.sleep(0.01)


def _swallows_once(x, factor):
    try:
        while True:
            pass
    except BaseException:
        while True:
            pass


def test_what_a_question_prepares_is_no_part_of_an_answers_time(use):
    """PyTorch's first optimiser imports for seconds; a slow machine must not turn that into a wrong answer."""
    ready = []
    use(prepare=lambda: ready.append(time.sleep(0.6)))
    assert check(lambda x, factor: factor * x if ready else 0 * x).right


@pytest.mark.parametrize("answer", [_hangs, _swallows_once])
def test_a_slow_answer_is_stopped(use, answer):
    verdict = check(answer)
    assert (verdict.status, verdict.reason) == ("wrong", "slow")
    assert "more than 0.4 seconds" in verdict.message
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_loads_slowly_when_first_used_is_not_in_the_answers_time(use):
    loaded = []

    def probe(answer, case):
        if not loaded:
            time.sleep(1.0)  # as PyTorch does before its first optimiser
            loaded.append(True)
        return answer(**case)

    use(probe=probe)
    assert check(lambda x, factor: x * factor).right


def test_a_timer_of_the_learners_goes_on():
    struck = []
    before = signal.signal(signal.SIGALRM, lambda *_: struck.append(1))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with limit(5):
            pass
        time.sleep(0.5)
        assert struck == [1]
    finally:
        signal.signal(signal.SIGALRM, before)


def test_in_a_thread_nothing_is_stopped_and_it_is_said(use):
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(check(lambda x, factor: x)))
    thread.start()
    thread.join()
    assert verdicts[0].status == "wrong"
    assert "cannot be stopped here" in verdicts[0].detail


def test_the_limit_raises_again_until_the_block_ends():
    with pytest.raises(TooSlow), limit(0.05):
        _swallows_once(0, 0)


def test_undisturbed_survives_a_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    with undisturbed():
        os.chdir(tmp_path)
        gone.rmdir()


# --- how it looks -----------------------------------------------------------------------------------------------------


def test_a_card_says_in_words_what_its_colour_says_and_escapes(use):
    cards = [
        (check(lambda x, factor: x * factor), "Right"),
        (check(lambda x, factor: x["<b>"]), "Not right yet"),
        (check(...), "Not attempted yet"),
        (exercises.check("<script>", 1), "Not checked"),
    ]
    for verdict, words in cards:
        card = verdict._repr_html_()
        assert words in card
        assert "<script>" not in card
        assert "<b>" not in card
        assert 'role="status"' in card
        assert "background: #FCFCFA; color: #22272B" in card
        assert words in repr(verdict)


@pytest.mark.parametrize("mode", ["autograde", "validate"])
def test_for_nbgrader_a_check_is_its_points(use, monkeypatch, mode):
    monkeypatch.setenv("NBGRADER_EXECUTION", mode)
    assert repr(check(lambda x, factor: x * factor)) == "2"
    assert repr(check(lambda x, factor: x)) == "0"
    assert repr(check(...)) == "0"


# --- hints and progress -----------------------------------------------------------------------------------------------


def test_hints_come_one_after_another(use, kept):
    hints = [exercises.hint("scale") for _ in range(3)]
    assert [(hint.number, hint.text) for hint in hints] == [
        (1, "First hint."),
        (2, "Second hint."),
        (2, "Second hint."),
    ]
    assert "2 of 2, the last one" in repr(hints[-1])
    assert "First hint." in hints[0]._repr_html_()
    assert json.loads(kept.read_text())["scale"]["hints"] == 2


def test_progress_is_kept_and_right_stays_right(use, kept):
    assert tl.progress().lessons[0].solved == 0
    for answer in (lambda x, factor: x, lambda x, factor: x * factor, lambda x, factor: x):
        tl.check("scale", answer)
    [row] = tl.progress().lessons
    assert (row.solved, row.questions, row.points, row.of, row.open) == (1, 1, 2, 2, ())
    assert notes.read()["scale"] | {"date": ""} == {"status": "right", "tries": 3, "hints": 0, "date": ""}
    assert "1 of 1 solved, 2 of 2 points" in repr(tl.progress())
    assert "<table" in tl.progress()._repr_html_()
    assert {path.name for path in kept.parent.iterdir()} <= {"exercises.json", "exercises.json.lock"}


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\x00\xff"])
def test_a_damaged_file_is_put_aside(use, kept, content):
    kept.parent.mkdir()
    kept.write_text(content)
    assert tl.progress().lessons[0].solved == 0
    assert check(lambda x, factor: x * factor).right
    assert tl.progress().lessons[0].solved == 1
    assert kept.with_name("exercises.json.damaged").read_text() == content


def test_entries_of_another_form_are_left_out(use, kept):
    kept.parent.mkdir()
    kept.write_text(json.dumps({"scale": {"status": 3}, "other": {"status": "right", "tries": 1, "hints": 0}}))
    assert list(notes.read()) == ["other"]
    assert exercises.hint("scale").number == 1


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_memory(use, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "file" / "ledger.jsonl"))
    assert [exercises.hint("scale").number for _ in range(2)] == [1, 2]
    assert check(lambda x, factor: x * factor).right
    assert tl.progress().lessons[0].solved == 1


def test_without_a_ledger_nothing_is_written(use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(lambda x, factor: x)
    exercises.hint("scale")
    assert list(tmp_path.iterdir()) == []


# --- data ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        None,
        True,
        3,
        0.1,
        float("nan"),
        float("-inf"),
        "a\x00é\ud7ff",
        [],
        [1, [2.5, "x"]],
        {"dict": {"float": 1}},
        np.arange(6, dtype=np.int16).reshape(2, 3),
        np.array(2.5, dtype=np.float32),
        np.zeros((0, 3)),
        np.array([[True, False]]),
        np.array([np.nan, np.inf, -0.0]),
    ],
)
def test_data_cross_unchanged(data):
    back = decode(encode(data))
    assert type(back) is type(data)
    assert encode(back) == encode(data)
    if isinstance(data, np.ndarray):
        assert (back.dtype, back.shape) == (data.dtype, data.shape)
        np.testing.assert_array_equal(back, data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"dict": 3}',
        '{"odd": 1}',
        '{"dtype": "O", "shape": [1], "base64": "AAAA"}',
        '{"dtype": "<f8", "shape": [9], "base64": "AAAA"}',
        '{"dtype": "<f8", "shape": [-1, -1], "base64": ""}',
        "[" * 100_000,
        '{"float": "what"}',
    ],
)
def test_other_texts_are_refused(text):
    with pytest.raises(ValueError, match="no plain data"):
        decode(text)


@pytest.mark.parametrize(
    "data", [None, 3, {}, {"value": 1}, dict.fromkeys(("value", "fault", "error", "where", "printed"))]
)
def test_evidence_of_another_form_is_refused(data):
    with pytest.raises(ValueError, match="no evidence"):
        Evidence.from_data(data)


def test_evidence_of_any_value_is_judged(use):
    question = _question()
    cases = question.inputs(0)
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
        assert question.judge([Evidence(value)] * len(cases), cases).status == "wrong"
    assert question.judge([], cases).reason == "slow"
    assert question.judge([question.evidence(question.reference, cases[0])], cases).reason == "slow"


def test_plain_data_is_made_of_what_learners_return():
    made = plain({"a": (torch.ones(2, dtype=torch.bfloat16), np.float32(2)), 3: {"x"}})
    np.testing.assert_array_equal(made["a"][0], np.ones(2, dtype=np.float32))
    assert made["3"] == ["x"]
    endless = []
    endless.append(endless)
    for odd in (endless, object(), np.array(["x"]), {"f": print}):
        with pytest.raises(Unfit):
            plain(odd)


def test_numbers_agree_within_the_tolerance_and_not_beyond():
    assert difference(1.00009, 1.0) is None
    assert difference(1.0002, 1.0).kind == "value"
    assert difference([1, 2], np.array([1.0, 2.0])) is None
    assert difference(torch.tensor(1.0).numpy(), 1) is None
    assert difference(True, 1.0).kind == "type"
    assert difference(" Ab", "aB ") is None
    assert difference({"a": 1, "b": 2}, {"a": 1}).sentence == "It has 'b', which does not belong there."


def test_gradients_are_zero_where_nothing_depends():
    probe = with_gradients("x", "y")
    case = {"x": np.ones(2), "y": np.ones(2)}
    assert probe(lambda x, y: (x * 3).sum(), case)["gradient by y"].tolist() == [0, 0]
    assert probe(lambda x, y: 3.0, case)["gradient by x"].tolist() == [0, 0]
    for wrong in (lambda x, y: x, lambda x, y: None):
        with pytest.raises(Unfit, match="one number"):
            probe(wrong, case)


def test_letters_are_letters():
    for wrong in ("separate", 3, None, ["separate"], [1]):
        with pytest.raises(Unfit, match='such as `"AC"`'):
            letters(wrong, {})
