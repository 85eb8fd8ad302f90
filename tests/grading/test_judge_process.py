"""Judging in a process with limits: the same marks, and evidence that takes too much costs its own question alone."""

import dataclasses
import os
import signal
import threading
import time

import pytest
import torch

from tl_course.exercises import Wrong, catalogue, encode
from tl_course.grading import judge_process
from tl_course.grading.judge_process import JudgeProcess
from tl_course.grading.marking import judged


def endless(*_):
    while True:
        pass


def greedy(*_):
    return len([torch.ones(2**24) for _ in range(10**4)])


def ending(*_):
    os._exit(3)


@pytest.fixture
def asked():
    """A question whose recognisers take what they can get."""
    question = catalogue.find("sum_or_mean")
    wrong = [Wrong(name, name, 0, recognise=one) for name, one in (("a", endless), ("b", greedy), ("c", ending))]
    return {one.name: dataclasses.replace(question, slug=f"sum_or_mean_{one.name}", wrong=(one,)) for one in wrong}


@pytest.fixture
def process(asked):
    made = JudgeProcess([*asked.values(), catalogue.find("sum_or_mean")], memory=2**28, seconds=1)
    yield made
    made.close()
    made.close()


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
    assert (found.question, found.points, found.status) == (question.slug, 0, "wrong")
    assert found.reason in ("unfit", "value")  # a recogniser that got no memory has recognised nothing
    assert process.judged(honest, evidence(honest, cases, honest.reference), cases).points == 1


def hoarding(*_, kept=[]):  # noqa: B006 - it keeps what it takes
    kept.append(torch.ones(2**23))


@pytest.mark.integration
def test_one_fork_judges_many_and_none_that_has_grown(monkeypatch, tmp_path):
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
    made = JudgeProcess([greedy, honest], memory=2**28, seconds=5)
    try:
        for _ in range(10):
            assert made.judged(honest, right, cases).points == 1
        assert len(os.listdir(folder)) == 1
        for count in range(2, 7):  # 32 MB stay behind each time, an eighth of what there is
            assert made.judged(greedy, wrong, cases).points == 0
            assert made.judged(honest, right, cases).points == 1
            assert len(os.listdir(folder)) == count
    finally:
        made.close()


@pytest.mark.integration
def test_several_threads_may_ask(process):
    question = catalogue.find("sum_or_mean")
    cases, found = question.inputs(0), []
    text = evidence(question, cases, question.reference)
    threads = [threading.Thread(target=lambda: found.append(process.judged(question, text, cases))) for _ in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [one.points for one in found] == [1] * 6


def test_where_the_process_is_gone_a_person_has_to_look(process):
    question = catalogue.find("sum_or_mean")
    cases = question.inputs(0)
    os.kill(process._process, signal.SIGKILL)
    found = process.judged(question, evidence(question, cases, question.reference), cases)
    assert (found.points, found.status) == (0, "unchecked")
