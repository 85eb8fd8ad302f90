"""`check` never raises, disturbs nothing, stops what hangs, and says what it saw."""

import contextlib
import functools
import os
import random
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import torch
from asked import check
from torch import nn

from tl_course import exercises
from tl_course.exercises import notes


def test_a_known_wrong_answer_gets_its_message_and_what_was_seen(use):
    verdict = check(lambda x, factor: x + factor, seed=0)
    assert (verdict.status, verdict.reason, verdict.message, verdict.points) == ("wrong", "added", "You add.", 0)
    assert "differs in 3 of 3 numbers" in verdict.detail
    assert "factor = 0.5" in verdict.detail


@pytest.mark.parametrize("without", [torch.no_grad, torch.inference_mode])
def test_what_needs_gradients_is_judged_in_a_session_without(without):
    """The loss of the question is asked for its gradient, which it has; the session gets its setting back."""
    with without():
        verdict = exercises.check("transfer_loss", exercises.find("transfer_loss").reference)
        assert not torch.is_grad_enabled()
        assert torch.is_inference_mode_enabled() == (without is torch.inference_mode)
    assert verdict.status == "right", verdict


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
    """Raises at every question."""

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


def test_what_an_answer_prints_is_kept_apart(use, capsys):
    def answer(x, factor):
        print("factor is", factor)
        return x * factor

    verdict = check(answer)
    assert verdict.right
    assert verdict.printed == "factor is 0.5\n"
    assert "Your answer printed: factor is 0.5" in repr(verdict)
    assert capsys.readouterr() == ("", "")


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


def test_wrong_answers_do_not_change_the_state_either(use):
    state = torch.get_rng_state()
    for answer in (lambda x, factor: torch.rand(3), _raises(ValueError()), ...):
        check(answer)
    assert torch.equal(torch.get_rng_state(), state)


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


@pytest.mark.integration
def test_what_a_question_prepares_is_no_part_of_an_answers_time(use):
    """PyTorch's first optimiser imports for seconds; a slow machine must not turn that into a wrong answer."""
    ready = []
    use(prepare=lambda: ready.append(time.sleep(0.6)))
    assert check(lambda x, factor: factor * x if ready else 0 * x).right


@pytest.mark.daily(1)
@pytest.mark.parametrize("answer", [_hangs, _swallows_once])
def test_a_slow_answer_is_stopped(use, answer):
    verdict = check(answer)
    assert (verdict.status, verdict.reason) == ("wrong", "slow")
    assert "more than 0.4 seconds" in verdict.message
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.integration
def test_what_loads_slowly_when_first_used_is_not_in_the_answers_time(use):
    loaded = []

    def probe(answer, case):
        if not loaded:
            time.sleep(0.6)  # as PyTorch does before its first optimiser
            loaded.append(True)
        return answer(**case)

    use(probe=probe)
    assert check(lambda x, factor: x * factor).right


def test_in_a_thread_nothing_is_stopped_and_it_is_said(use):
    verdicts = []
    thread = threading.Thread(target=lambda: verdicts.append(check(lambda x, factor: x)))
    thread.start()
    thread.join()
    assert verdicts[0].status == "wrong"
    assert "cannot be stopped here" in verdicts[0].detail
