"""Judging apart: evidence is of any form, so what it takes to judge it has limits of its own.

A process is forked before anything else runs; it forks again for each piece of evidence. What takes too much time or
memory ends that fork, and costs its own question alone.
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
from collections.abc import Iterable
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
            while True:
                request = framing.read(asked, MAX_REQUEST)
                result, give = os.pipe()
                child = os.fork()
                if child == 0:
                    os.close(result)
                    self._judge(request, give)
                os.close(give)
                fields = b"null"
                with contextlib.suppress(framing.Broken):
                    fields = framing.read(result, MAX_REQUEST)
                os.close(result)
                os.waitpid(child, 0)
                framing.write(answers, fields)
        except BaseException:
            os._exit(0)

    def _judge(self, request: bytes, give: int) -> None:
        """In a fork of its own: judge, and say what came out. Never returns."""
        try:
            signal.alarm(2 * self.seconds)
            used = _address_space()
            for kind, most in ((resource.RLIMIT_CPU, self.seconds), (resource.RLIMIT_AS, used + self.memory)):
                with contextlib.suppress(ValueError, OSError):  # a lower one holds already, or there is none
                    resource.setrlimit(kind, (most, most))
            slug, text, cases = json.loads(request)
            mark = judged(self.questions[slug], text, decode(cases))
            framing.write(give, json.dumps(dataclasses.asdict(mark)).encode())
        finally:
            os._exit(0)


def _address_space() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):  # macOS, which holds no such limit anyway
        return 2**40
