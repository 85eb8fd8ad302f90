"""Judging apart: evidence is of any form, so what it takes to judge it has limits of its own.

The judge is forked from the server (`server`) before that forgets the answers. It has nothing of the grader's own
process, whose settings (no gradients, say) would spoil what the references show. It forks again to judge. What takes
too much time or memory ends that fork, and costs its own question alone. One fork judges many pieces of evidence, as a
fork for each took most of the time of judging; but it is believed only where it says "right". When it says or does
anything else, a fresh fork judges the same piece alone, and what that fork says counts: so what was judged before costs
no mark.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gc
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import torch

from tl_course.exercises import RIGHT, UNCHECKED, WRONG, Case, Question, decode, encode
from tl_course.grading import framing, system
from tl_course.grading.limits import MEBIBYTE
from tl_course.grading.marking import judged
from tl_course.grading.results import Mark

MAX_REQUEST = 2**28
MEMORY = 1024 * MEBIBYTE
"""Address space, beyond what the process has."""
SECONDS = 60
"""Of computing; three times as many on the clock, and a few more."""
MORE_SECONDS = 10
MOST_A_FORK = 64
"""Pieces of evidence that one fork judges."""
SPARE = 0.125
"""A fork whose address space has grown by this share of the memory that judging may take is not used again."""
FIT, SPENT = b"+", b"-"
MARK, MEMORY_FAILED, FAILED = "mark", "memory", "failed"
"""What comes of a piece of evidence: a mark, or why there is none."""


class JudgeProcess:
    """The grader's handle on a judge, for one piece of evidence at a time.

    Parameters
    ----------
    ask, answer : int
        The pipe to write requests to and the one to read what came of them; see `serve`.
    patience : float
        Seconds after which a judge that says nothing counts as gone.
    """

    def __init__(self, ask: int, answer: int, patience: float = 10 * SECONDS):
        self.patience = patience
        self._ask, self._answer = ask, answer

    def judged(self, question: Question, text: str, cases: list[Case]) -> Mark:
        """Return the mark for evidence that came from a learner's process, as text; see `marking.judged`.

        Raises
        ------
        framing.Broken, OSError
            If the judge is gone.
        """
        framing.write(self._ask, json.dumps([question.slug, text, encode(cases)]).encode())
        if not select.select([self._answer], [], [], self.patience)[0]:
            raise framing.Broken("the judge says nothing")
        kind, content = json.loads(framing.read(self._answer, MAX_REQUEST))
        if kind == FAILED:
            return unchecked(question, content)
        if kind == MEMORY_FAILED:
            sentence = "What it gave back takes too much time or memory to be judged."
            return Mark(question.slug, question.title, 0, question.points, WRONG, "unfit", sentence)
        return Mark(**content)

    def close(self) -> None:
        """Close both pipes, which ends an idle judge."""
        os.close(self._ask)
        os.close(self._answer)


def unchecked(question: Question, why: str) -> Mark:
    """Return the mark of an answer that could not be judged: no verdict, and a person has to look."""
    sentence = f"This answer could not be judged ({why}); a person has to look at it."
    return Mark(question.slug, question.title, 0, question.points, UNCHECKED, "grader", sentence)


def serve(
    questions: Iterable[Question], asked: int, answers: int, memory: int = MEMORY, seconds: int = SECONDS
) -> NoReturn:
    """In a fork: judge what is asked until the pipe ends, or the parent does. Never returns.

    Parameters
    ----------
    questions : iterable of Question
    asked, answers : int
        The pipe to read requests from and the one to write what came of them.
    memory : int
        Bytes that judging a piece of evidence may take.
    seconds : int
        Seconds that it may take.
    """
    try:
        system.die_with_parent(signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in range(3):  # the server's, which the grader takes to be closed when the server is gone
            os.dup2(nothing, standard)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the grader, who then ends us
        torch.set_num_threads(1)  # threads do not come along in a fork
        gc.freeze()
        judge = _Judge({question.slug: question for question in questions}, memory, seconds)
        while True:
            found = judge.found(framing.read(asked, MAX_REQUEST))
            framing.write(answers, json.dumps(found).encode())
    finally:
        os._exit(0)


class _Judge:
    """Lets forks judge, one at a time; each of them judges many pieces of evidence, as long as all goes well."""

    def __init__(self, questions: dict[str, Question], memory: int, seconds: int):
        self.questions, self.memory, self.seconds = questions, memory, seconds
        self.hand: _Hand | None = None

    def found(self, request: bytes) -> tuple[str, object]:
        """What came of a request: a mark, or why there is none."""
        if self.hand is not None:
            kind, content = self._by_a_fork(request)
            if kind == MARK and content["status"] == RIGHT:
                return kind, content
            self._end()
        kind, content = self._by_a_fork(request)
        if kind == FAILED:
            self._end()
            kind, content = self._by_a_fork(request)
        return kind, content

    def _by_a_fork(self, request: bytes) -> tuple[str, object]:
        self.hand = self.hand or _Hand(self._judge_all)
        said = self.hand.judged(request)
        if said.startswith(FIT) and self.hand.count < MOST_A_FORK:
            return json.loads(said[1:])
        ended = self._end()
        if said:
            return json.loads(said[1:])
        if ended == signal.SIGXCPU:  # of computing, which no other process can lengthen
            return MEMORY_FAILED, ""
        return FAILED, f"its judge was ended by {signal.Signals(ended).name}" if ended else "its judge ended"

    def _end(self) -> int:
        """End the fork, and return the signal that ended it before; 0 if there was none."""
        hand, self.hand = self.hand, None
        return hand.end() if hand else 0

    def _judge_all(self, asked: int, give: int) -> None:
        """In a fork of its own: judge piece after piece, each within the limits, and say what came out."""
        system.die_with_parent(signal.SIGKILL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        used, hard = _address_space(), resource.getrlimit(resource.RLIMIT_CPU)[1]
        with contextlib.suppress(ValueError, OSError):  # a lower one holds already, or there is none
            resource.setrlimit(resource.RLIMIT_AS, (used + self.memory, used + self.memory))
        while True:
            slug, text, cases = json.loads(framing.read(asked, MAX_REQUEST))
            signal.alarm(3 * self.seconds + MORE_SECONDS)
            until = int(time.process_time()) + 1 + self.seconds
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(resource.RLIMIT_CPU, (until, hard))
            found = self._found(slug, text, cases)
            signal.alarm(0)
            del text, cases
            fit = FIT if _address_space() - used < SPARE * self.memory else SPENT
            framing.write(give, fit + json.dumps(found).encode())

    def _found(self, slug: str, text: str, cases: str) -> tuple[str, object]:
        try:
            return MARK, dataclasses.asdict(judged(self.questions[slug], text, decode(cases)))
        except MemoryError:
            return MEMORY_FAILED, ""
        except Exception as error:  # of the reference or the question: no verdict on the answer
            return FAILED, f"{type(error).__name__}: {error}"[:200]


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

    def end(self) -> int:
        """End the fork, if it is still there, and return the signal that had ended it; 0 if there was none."""
        os.close(self._ask)
        os.close(self._answer)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)  # not yet waited for, so the number is still its own
        try:
            status = os.waitpid(self._process, 0)[1]
        except ChildProcessError:  # where the grader was told to ignore its children, nobody is waited for
            return 0
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):  # macOS, which holds no such limit anyway
        return 2**40
