"""A server may be on its way before the class is known; it is used once, or ended."""

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from classroom import QUICK

from tl_course.grading import server, server_client
from tl_course.grading.server_client import ServerClient
from tl_course.grading.starting import ahead


@pytest.mark.integration
def test_a_server_that_waits_is_taken_and_no_other_started(monkeypatch):
    with ahead("02", None) as waiting:
        [one] = waiting
        with contextlib.closing(ServerClient("02", None, waiting=waiting)) as client:
            assert client.trial(QUICK).end == "exit"
            assert client.process is one.process
            assert not waiting
    assert one.process.returncode is not None
    assert not one.scratch.exists()


class Late(list):
    """Says that one waits, and another client has taken it before it is asked for."""

    def __bool__(self):
        return True


def test_where_another_client_takes_the_one_that_waits_a_new_one_is_started(monkeypatch):
    with ahead("02", None) as waiting:
        one = waiting.pop()
        monkeypatch.setattr(server_client, "start", lambda *_: one)
        with contextlib.closing(ServerClient("02", None, waiting=Late())) as client:
            monkeypatch.setattr(client, "_next", lambda *_: [server.READY])
            client._start()
            assert client.process is one.process


def test_a_keeper_that_is_stopped_goes_on(monkeypatch):
    looks, sleep = [], time.sleep

    def counted(seconds):
        looks.append(sleep(seconds))
        assert len(looks) < 1000

    monkeypatch.setattr(server.time, "sleep", counted)
    keeper = os.fork()
    if keeper == 0:
        os.kill(os.getpid(), signal.SIGSTOP)
        os._exit(0)
    try:
        assert server._wait(keeper, os.getppid()) is False
    except AssertionError:
        os.kill(keeper, signal.SIGKILL)
        os.waitpid(keeper, 0)
        raise


def test_one_that_nobody_took_is_ended_whatever_happens():
    made = []

    def broken():
        with ahead("02", None) as waiting:
            made.extend([waiting, *waiting])
            raise ValueError("no such class")

    with pytest.raises(ValueError, match="no such class"):
        broken()
    waiting, one = made
    assert one.process.returncode is not None
    assert not one.scratch.exists()
    assert not waiting


@pytest.mark.full
def test_questions_of_ones_own_may_be_named_from_where_one_stands(tmp_path, monkeypatch):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "lesson_02.py").write_text("from tl_course.exercises.lesson_02 import QUESTIONS\n")
    monkeypatch.chdir(tmp_path)
    with contextlib.closing(ServerClient("02", Path("own"))) as client:
        assert client.trial(QUICK).end == "exit"
