"""Judging apart: evidence is of any form, so what it takes to judge it has limits of its own.

A process is forked before anything else runs; it forks again to judge. What takes too much time or memory ends that
fork, and costs its own question alone: the next piece of evidence is judged by another one. So is one in every few, so
that what judging leaves behind never adds up. To fork for each piece took most of the time of judging.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import resource
import signal
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch

from tl_course.exercises import UNCHECKED, WRONG, Case, Question, decode, encode
from tl_course.grading import framing
from tl_course.grading.limits import MEBIBYTE
from tl_course.grading.marking import judged
from tl_course.grading.results import Mark

MAX_REQUEST = 2**28
MEMORY = 1024 * MEBIBYTE
"""Address space, beyond what the process has."""
SECONDS = 60
"""Of computing; twice as many on the clock."""
MOST_A_FORK = 64
"""Pieces of evidence that one fork judges."""
SPARE = 0.125
"""A fork whose address space has grown by this share of the memory that judging may take is not used again."""
FIT, SPENT = b"+", b"-"


class JudgeProcess:
    """Judges one piece of evidence at a time, in a process of its own; may be called from several threads.

    Parameters
    ----------
    questions : iterable of Question
    memory : int
        Bytes that judging may take.
    seconds : int
        Seconds that it may take.
    """

    def __init__(self, questions: Iterable[Question], memory: int = MEMORY, seconds: int = SECONDS):
        self.questions = {question.slug: question for question in questions}
        self.memory, self.seconds = memory, seconds
        self.busy = threading.Lock()
        (asked, self._ask), (self._answer, answers) = os.pipe(), os.pipe()
        self._process = os.fork()
        if self._process == 0:
            os.close(self._ask)
            os.close(self._answer)
            self._serve(asked, answers)
        os.close(asked)
        os.close(answers)

    def judged(self, question: Question, text: str, cases: list[Case]) -> Mark:
        """Return the mark for evidence that came from a learner's process, as text; see `marking.judged`."""
        request = json.dumps([question.slug, text, encode(cases)]).encode()
        try:
            with self.busy:
                framing.write(self._ask, request)
                fields = json.loads(framing.read(self._answer, MAX_REQUEST))
        except (framing.Broken, OSError):  # without namespaces, an answer can end any process of its user
            sentence = "The grader could not judge this answer; a person has to look at it."
            return Mark(question.slug, question.title, 0, question.points, UNCHECKED, "grader", sentence)
        if fields is not None:
            return Mark(**fields)
        sentence = "What it gave back takes too much time or memory to be judged."
        return Mark(question.slug, question.title, 0, question.points, WRONG, "unfit", sentence)

    def close(self) -> None:
        """End the process; may be called twice."""
        with self.busy:
            if self._process:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._process, signal.SIGKILL)  # idle, since nobody waits for an answer
                os.waitpid(self._process, 0)
                os.close(self._ask)
                os.close(self._answer)
                self._process = 0

    def _serve(self, asked: int, answers: int) -> None:
        """In the first fork: hand each request to a fork of its own, until there are no more. Never returns."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, who then closes us
            torch.set_num_threads(1)  # threads do not come along in a fork
            gc.freeze()
            hand = None
            while True:
                request = framing.read(asked, MAX_REQUEST)
                hand = hand or _Hand(self._judge_all)
                found = hand.judged(request)
                if not found.startswith(FIT) or hand.count >= MOST_A_FORK:
                    hand = hand.end()
                framing.write(answers, found[1:] or b"null")
        except BaseException:
            os._exit(0)

    def _judge_all(self, asked: int, give: int) -> None:
        """In a fork of its own: judge piece after piece, each within the limits, and say what came out."""
        used, hard = _address_space(), resource.getrlimit(resource.RLIMIT_CPU)[1]
        with contextlib.suppress(ValueError, OSError):  # a lower one holds already, or there is none
            resource.setrlimit(resource.RLIMIT_AS, (used + self.memory, used + self.memory))
        while True:
            slug, text, cases = json.loads(framing.read(asked, MAX_REQUEST))
            signal.alarm(2 * self.seconds)
            until = int(time.process_time()) + 1 + self.seconds
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_CPU, (until, hard))
            mark = judged(self.questions[slug], text, decode(cases))
            signal.alarm(0)
            del text, cases
            fit = FIT if _address_space() - used < SPARE * self.memory else SPENT
            framing.write(give, fit + json.dumps(dataclasses.asdict(mark)).encode())


class _Hand:
    """A fork that judges; it is ended by what takes too much, and then another one takes its place.

    Parameters
    ----------
    work : callable
        Is given the pipe to read requests from and the one to write answers to.
    """

    def __init__(self, work: Callable[[int, int], None]):
        (asked, self._ask), (self._answer, give) = os.pipe(), os.pipe()
        self.count = 0
        self._process = os.fork()
        if self._process == 0:
            try:
                os.close(self._ask)
                os.close(self._answer)
                work(asked, give)
            finally:
                os._exit(0)
        os.close(asked)
        os.close(give)

    def judged(self, request: bytes) -> bytes:
        """Return what came of a request, after a sign whether the fork is fit for another one; nothing if it ended."""
        self.count += 1
        with contextlib.suppress(framing.Broken, OSError):
            framing.write(self._ask, request)
            return framing.read(self._answer, MAX_REQUEST)
        return b""

    def end(self) -> None:
        """End the fork, if it is still there."""
        os.close(self._ask)
        os.close(self._answer)
        os.kill(self._process, signal.SIGKILL)  # not yet waited for, so the number is still its own
        os.waitpid(self._process, 0)


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):  # macOS, which holds no such limit anyway
        return 2**40
