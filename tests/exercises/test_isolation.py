"""Copies share nothing with the learner, and what hangs is stopped."""

import os
import signal
import time

import pytest
import torch
from torch import nn

from tl_course.exercises.isolation import TooSlow, limit, private, undisturbed

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


def test_a_copy_of_a_function_still_knows_itself_and_its_helpers():
    def factorial(n):
        return 1 if n < 2 else n * factorial(n - 1)

    assert private(factorial)(5) == 120
    assert private(_uses_globals)(torch.ones(3), 1.0).tolist() == [1, 1, 1]
    assert counted == []


def _swallows_once(x, factor):
    try:
        while True:
            pass
    except BaseException:
        while True:
            pass


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


def test_the_limit_raises_again_until_the_block_ends():
    with pytest.raises(TooSlow), limit(0.05):
        _swallows_once(0, 0)


@pytest.mark.integration
def test_patience_is_for_what_waits_and_not_for_what_computes():
    """A block that is kept waiting, as on a busy machine, has computed nothing."""
    with limit(0.05, patience=1000):
        time.sleep(0.3)
    began = time.monotonic()
    with pytest.raises(TooSlow), limit(0.05, patience=1000):
        sum(1 for _ in iter(int, 1))
    assert time.monotonic() - began < 25
    with pytest.raises(TooSlow), limit(0.02, patience=2):
        time.sleep(10)


def test_undisturbed_survives_a_folder_that_is_gone(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    with undisturbed():
        os.chdir(tmp_path)
        gone.rmdir()
