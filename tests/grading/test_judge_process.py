"""Judging in a process with limits: the same marks, and evidence that takes too much costs its own question alone."""

import contextlib
import dataclasses
import os
import signal
import threading
import time

import psutil
import pytest
import torch

from tl_course.exercises import Wrong, catalogue, encode
from tl_course.exercises import judging as judging_module
from tl_course.grading import framing, judge_process
from tl_course.grading.judge_process import JudgeProcess
from tl_course.grading.marking import judged
from tl_course.grading.server_client import ServerClient


def endless(*_):
    while True:
        pass


def greedy(*_):
    return len([torch.ones(2**24) for _ in range(10**4)])


def ending(*_):
    os._exit(3)


@contextlib.contextmanager
def judging(questions, memory=2**28, seconds=1):
    """A judge that is forked from here, as the server forks its own, and the handle on it."""
    (asked, ask), (answer, answers) = os.pipe(), os.pipe()
    process = os.fork()
    if process == 0:
        os.close(ask)
        os.close(answer)
        judge_process.serve(questions, asked, answers, memory, seconds)
    os.close(asked)
    os.close(answers)
    made = JudgeProcess(ask, answer)
    try:
        yield made, psutil.Process(process)
    finally:
        made.close()
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


@pytest.fixture
def asked():
    """A question whose recognisers take what they can get."""
    question = catalogue.find("sum_or_mean")
    wrong = [Wrong(name, name, 0, recognise=one) for name, one in (("a", endless), ("b", greedy), ("c", ending))]
    return {one.name: dataclasses.replace(question, slug=f"sum_or_mean_{one.name}", wrong=(one,)) for one in wrong}


@pytest.fixture
def process(asked):
    with judging([*asked.values(), catalogue.find("sum_or_mean")]) as (made, _):
        yield made


def evidence(question, cases, answer) -> str:
    return encode([question.evidence(answer, case).as_data() for case in cases])


def test_the_marks_are_those_of_this_process(process):
    question = catalogue.find("sum_or_mean")
    cases = question.inputs(0)
    for answer in (question.reference, lambda rate, count: rate * count, lambda rate, count: None):
        text = evidence(question, cases, answer)
        assert process.judged(question, text, cases) == judged(question, text, cases)
    assert process.judged(question, "[" * 5000, cases).reason == "unfit"


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("kind", ["a", "b", "c"])
def test_what_takes_too_much_ends_alone(process, asked, kind):
    question, honest = asked[kind], catalogue.find("sum_or_mean")
    cases = question.inputs(0)
    started = time.monotonic()
    found = process.judged(question, evidence(question, cases, lambda rate, count: 0.5), cases)
    assert time.monotonic() - started < 30
    assert (found.question, found.points) == (question.slug, 0)
    # a recogniser that got no memory has recognised nothing; what ends the judge otherwise is no verdict
    assert (found.status, found.reason) in {
        "a": [("wrong", "unfit")],
        "b": [("wrong", "unfit"), ("wrong", "value")],
        "c": [("unchecked", "grader")],
    }[kind]
    assert process.judged(honest, evidence(honest, cases, honest.reference), cases).points == 1


def hoarding(*_, kept=[]):  # noqa: B006 - it keeps what it takes
    kept.append(torch.ones(2**24))  # twice what a fork may grow by, since freed memory may serve part of it


@pytest.mark.integration
def test_one_fork_judges_what_is_right_and_none_that_has_grown(monkeypatch, tmp_path):
    honest = catalogue.find("sum_or_mean")
    greedy = dataclasses.replace(honest, slug="hoarding", wrong=(Wrong("h", "h", 0, recognise=hoarding),))
    cases = honest.inputs(0)
    right = evidence(honest, cases, honest.reference)
    wrong = evidence(honest, cases, lambda rate, count: 0.5)
    folder, fork = tmp_path, judge_process._Hand.__init__

    def noted(hand, work):
        (folder / str(time.monotonic_ns())).touch()
        fork(hand, work)

    monkeypatch.setattr(judge_process._Hand, "__init__", noted)
    with judging([greedy, honest], seconds=5) as (made, _):
        for _ in range(10):
            assert made.judged(honest, right, cases).points == 1
        assert len(os.listdir(folder)) == 1
        for count in range(2, 7):  # what is wrong is judged by a fresh one, and 64 MB stay behind each time
            assert made.judged(greedy, wrong, cases).points == 0
            assert made.judged(honest, right, cases).points == 1
            assert len(os.listdir(folder)) == 2 * count - 1


# --- no mark is lost by what is not the answer's doing ----------------------------------------------------------------


def spoiling(*_):
    judging_module.difference = lambda *a, **k: judging_module.Difference("value", "It is wrong.")


def test_what_was_judged_before_costs_no_mark():
    """A fork that says "wrong" may have been spoilt; a fresh one has the last word."""
    honest = catalogue.find("sum_or_mean")
    spoils = dataclasses.replace(honest, slug="spoils", wrong=(Wrong("s", "s", 0, recognise=spoiling),))
    cases = honest.inputs(0)
    with judging([spoils, honest]) as (made, _):
        made.judged(spoils, evidence(honest, cases, lambda rate, count: 0.5), cases)
        assert made.judged(honest, evidence(honest, cases, honest.reference), cases).points == 1


def test_a_fork_that_was_killed_costs_no_mark():
    honest = catalogue.find("sum_or_mean")
    cases = honest.inputs(0)
    text = evidence(honest, cases, honest.reference)
    with judging([honest]) as (made, process):
        assert made.judged(honest, text, cases).points == 1
        [fork] = process.children()
        fork.kill()
        assert made.judged(honest, text, cases).points == 1


def test_one_that_was_killed_while_it_judged_is_replaced_once(tmp_path):
    honest = catalogue.find("sum_or_mean")

    def killed(times):
        def recognise(*_):
            mark = tmp_path / f"{times}-{time.monotonic_ns()}"
            mark.touch()
            if len(list(tmp_path.glob(f"{times}-*"))) <= times:
                os.kill(os.getpid(), signal.SIGKILL)
            return True

        return dataclasses.replace(honest, slug=f"killed_{times}", wrong=(Wrong("known", "k", 0, recognise=recognise),))

    once, always = killed(1), killed(99)
    cases = honest.inputs(0)
    text = evidence(honest, cases, lambda rate, count: 0.5)
    with judging([once, always]) as (made, _):
        assert made.judged(once, text, cases).reason == "known"
        found = made.judged(always, text, cases)
    assert (found.points, found.status) == (0, "unchecked")
    assert "SIGKILL" in found.message


def test_a_reference_that_fails_is_no_verdict_on_an_answer():
    honest = catalogue.find("sum_or_mean")
    broken = dataclasses.replace(honest, slug="broken", reference=lambda rate, count: rate / 0)
    cases = honest.inputs(0)
    text = evidence(honest, cases, honest.reference)
    with judging([broken, honest]) as (made, _):
        found = made.judged(broken, text, cases)
        assert made.judged(honest, text, cases).points == 1
    assert (found.points, found.status) == (0, "unchecked")
    assert "the reference of broken failed: ZeroDivisionError" in found.message


def test_a_judge_that_says_nothing_counts_as_gone():
    honest = catalogue.find("sum_or_mean")
    cases = honest.inputs(0)
    text = evidence(honest, cases, honest.reference)
    with judging([honest]) as (made, process):
        made.patience = 0.1
        process.suspend()
        with pytest.raises(framing.Broken):
            made.judged(honest, text, cases)


@pytest.mark.full
def test_a_judge_that_is_gone_is_started_again(client):
    honest = catalogue.find("sum_or_mean")
    cases = honest.inputs(0)
    text = evidence(honest, cases, honest.reference)
    assert client.judged(honest, text, cases).points == 1
    [judge] = psutil.Process(client.process.pid).children()
    judge.kill()
    assert client.judged(honest, text, cases).points == 1


@pytest.mark.parametrize(("lost", "status"), [(1, "right"), (99, "unchecked")])
def test_where_no_judge_lives_a_person_has_to_look(monkeypatch, lost, status):
    made, started, ended = ServerClient("02", None), [], []
    honest = catalogue.find("sum_or_mean")
    cases = honest.inputs(0)

    class Judge:
        def judged(self, *asked):
            if len(started) <= lost:
                raise framing.Broken("gone")
            return judged(*asked)

    def start():
        made.process, made.judge = True, Judge()
        started.append(1)

    def end():
        made.process = None
        ended.append(1)

    monkeypatch.setattr(made, "_start", start)
    monkeypatch.setattr(made, "_end", end)
    found = made.judged(honest, evidence(honest, cases, honest.reference), cases)
    assert (found.points, found.status) == (int(status == "right"), status)
    assert len(ended) == min(lost, len(started)) < 9, "each of them is replaced, and not for ever"


@pytest.mark.integration
def test_several_threads_may_ask(client):
    question = catalogue.find("sum_or_mean")
    cases, found = question.inputs(0), []
    text = evidence(question, cases, question.reference)
    threads = [threading.Thread(target=lambda: found.append(client.judged(question, text, cases))) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.points for one in found] == [1] * 6
