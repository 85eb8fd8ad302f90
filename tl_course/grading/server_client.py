"""The grader's handle on a server: start it, send it a submission's steps, take what comes back, end it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tl_course import environment
from tl_course.exercises import Case, Question, catalogue
from tl_course.grading import framing, sandbox
from tl_course.grading.judge_process import JudgeProcess, unchecked
from tl_course.grading.limits import MAX_PARTS, Limits
from tl_course.grading.marking import Attempt
from tl_course.grading.results import Mark
from tl_course.grading.server import DIED, END, MESSAGE, READY, REQUEST
from tl_course.grading.starting import PACKAGE, Started, start

START_SECONDS = 180
GRACE_SECONDS = 30
JUDGES = 2
"""So many judges may be lost over one piece of evidence."""
UNLOADED = "sched"
"""A module that nothing loads, so that loading it shows whether Python's files can be read."""
_FIELDS = ("step", "begun", "finished", "error", "error_type", "missing", "blank", "evidence", "fault")


class ServerClient:
    """A server of its own for one submission at a time.

    Parameters
    ----------
    lesson : str
        Two digits.
    tests : pathlib.Path or None
        A folder with questions in the place of the package's.
    hidden : iterable of pathlib.Path
        What the learner's code must not see, besides the course's own answers.
    waiting : list of Started, optional
        Servers of the same lesson that are on their way; the first start takes one from it.
    """

    def __init__(
        self, lesson: str, tests: Path | None, hidden: Iterable[Path] = (), waiting: list[Started] | None = None
    ):
        self.lesson, self.tests, self.waiting = lesson, tests, waiting
        self.needed = [str(path) for path in _needed()]
        own = [tests] if tests else []
        self.hidden = list(dict.fromkeys(str(path.resolve()) for path in [*hidden, *answers_on_disk(), *own]))
        self.scratch: Path | None = None
        self.process: subprocess.Popen | None = None
        self.judge: JudgeProcess | None = None
        self.closed = False
        self.busy = threading.Lock()

    def run(self, steps: list[dict], limits: Limits, outside: dict | None = None) -> Attempt:
        """Run steps, as `runner.run` takes them, in a fresh process; starts the server if it is not running.

        With programs outside to reach in vain, as `trial` has them, the walls are tried before the first step.
        """
        with self.busy:
            more = {} if outside is None else {"outside": outside}
            return self._run(steps, limits, secrets.token_hex(16), more)

    def _run(self, steps: list[dict], limits: Limits, token: str, more: dict) -> Attempt:
        try:
            if self.process is None:
                self._start()
            request = {
                "steps": steps,
                "token": token,
                "limits": dataclasses.asdict(limits),
                "scratch": str(self.scratch),
                "hide": self.hidden,
                "needed": self.needed,
                "private": [str(path) for path in private_folders()],
                **more,
            }
            self._send(REQUEST + framing.pack(json.dumps(request).encode()))
            return self._receive(token, limits)
        except (framing.Broken, BrokenPipeError, TimeoutError):
            self._end()
            return Attempt([], "died")

    def judged(self, question: Question, text: str, cases: list[Case]) -> Mark:
        """Return the mark for evidence, as text; see `marking.judged`.

        A judge that is gone costs no mark: a new one, with a new server, judges the same evidence.
        """
        for _ in range(JUDGES):
            with self.busy:
                try:
                    if self.process is None:
                        self._start()
                    return self.judge.judged(question, text, cases)
                except (framing.Broken, OSError):
                    self._end()
        return unchecked(question, "its judge was ended again and again")

    def trial(self, limits: Limits) -> Attempt:
        """See whether code can run in the sandbox at all, and what holds there: each wall is tried from within.

        Raises
        ------
        ValueError
            If it cannot.
        """
        source = f"import {UNLOADED}, tl_course\nopen(tl_course.__file__).close()"
        with _outside() as outside:
            attempt = self.run([{"cell": "trial", "source": source}], limits, outside)
        if not any(message.get("error") == "" for message in attempt.messages) and not self.closed:
            error = next((message["error"] for message in attempt.messages if message.get("error")), attempt.end)
            raise ValueError(
                f"Learners' code cannot run here ({error}). As root the grader runs it as another user, who must be "
                f"able to read {sys.prefix} and {PACKAGE}: install the course in /opt, say, or grade as another user."
            )
        return attempt

    def close(self) -> None:
        """End the server and what it runs; may be called from another thread, and twice."""
        self.closed = True
        if (process := self.process) is not None:
            process.kill()  # whoever waits for it in another thread sees that it ended
        with self.busy:
            self._end()

    def _start(self) -> None:
        if self.closed:
            raise framing.Broken("closed")
        started = self._waiting_one() or start(self.lesson, self.tests)
        self.process, self.scratch = started.process, started.scratch
        self.judge = JudgeProcess(started.ask, started.answer)
        if self._next(framing.Inbox(64), time.monotonic() + START_SECONDS)[0] != READY:
            raise framing.Broken("no server")

    def _waiting_one(self) -> Started | None:
        with contextlib.suppress(IndexError):  # another client may take the last one at this moment
            return self.waiting.pop() if self.waiting else None
        return None

    def _send(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def _receive(self, token: str, limits: Limits) -> Attempt:
        until = time.monotonic() + limits.submission + limits.silence + GRACE_SECONDS
        inbox, messages = framing.Inbox(limits.message + 65536), []
        while True:
            for packet in self._next(inbox, until):
                kind, content = packet[:1], packet[1:]
                if kind == MESSAGE and (message := _understood(content, token)):
                    messages.append(message)
                elif kind == END:
                    end = json.loads(content)
                    return Attempt(messages, end["end"], end["code"], tuple(end["walls"]))
                elif kind == DIED:
                    self._end()
                    return Attempt(messages, "died")

    def _next(self, inbox: framing.Inbox, until: float) -> list[bytes]:
        """Wait for at least one packet."""
        output = self.process.stdout.fileno()
        while True:
            if not select.select([output], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError
            data = os.read(output, 2**16)
            if not data:
                raise framing.Broken("the server ended")
            if packets := inbox.take(data):
                return packets

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(OSError):  # a keeper that was stopped would not see that its server is gone
                os.killpg(process.pid, signal.SIGCONT)
            process.wait()
            _wait_for_keeper(process)
            with contextlib.suppress(OSError):  # what was not yet sent cannot be sent any more
                process.stdin.close()
            process.stdout.close()
            self.judge.close()
        if self.scratch is not None:
            with contextlib.suppress(OSError):
                sandbox.sweep(self.scratch)
                self.scratch.rmdir()
            self.scratch = None


@contextlib.contextmanager
def _outside() -> Iterator[dict]:
    """Programs for the sandbox to reach in vain: at a port, and at a socket that everybody may write to."""
    with contextlib.ExitStack() as open_now:
        folder = open_now.enter_context(tempfile.TemporaryDirectory(prefix="tl-outside-"))
        os.chmod(folder, 0o755)
        port = path = None
        with contextlib.suppress(OSError):
            port = _listening(open_now, socket.AF_INET, ("127.0.0.1", 0)).getsockname()[1]
        with contextlib.suppress(OSError):  # the folder's name may be too long for a socket
            path = _listening(open_now, socket.AF_UNIX, os.path.join(folder, "s")).getsockname()
            os.chmod(path, 0o666)
        yield {"port": port, "socket": path}


def _listening(open_now: contextlib.ExitStack, family: int, address: object) -> socket.socket:
    one = open_now.enter_context(socket.socket(family))
    one.bind(address)
    one.listen()
    return one


def _wait_for_keeper(process: subprocess.Popen, seconds: float = 10) -> None:
    """A keeper sees that its server is gone, ends the learner's process and closes the pipe."""
    until = time.monotonic() + seconds
    output = process.stdout.fileno()
    while (left := until - time.monotonic()) > 0 and select.select([output], [], [], left)[0]:
        if not os.read(output, 2**16):
            return


def _understood(content: bytes, token: str) -> dict | None:
    """What we know of a message, if it is one of ours; nothing else of it is kept."""
    if sum(content.count(sign) for sign in b",[{") > MAX_PARTS:
        return None
    try:
        message = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(message, dict) or message.get("token") != token:
        return None
    return {name: message[name] for name in _FIELDS if isinstance(message.get(name), str | bool | int)}


# --- what is needed, and what is hidden ------------------------------------------------------------------------------


def _needed() -> list[Path]:
    """What the learner's process has to read."""
    places = [sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")]
    return list(dict.fromkeys([PACKAGE, *(Path(place).resolve() for place in places), environment.cache_dir()]))


def answers_on_disk() -> list[Path]:
    """The modules and packages with the answers to the course's questions."""
    return catalogue.answers(PACKAGE / "exercises")


def private_folders() -> list[Path]:
    """Folders of which the learner's process sees only what it needs: the grader's home, and the course's clone.

    The home is that of the account, and that which ``HOME`` names where it is another; none lies in another one.
    """
    import pwd  # not on Windows, where grading says beforehand that it cannot run

    homes = {Path.home().resolve()}
    with contextlib.suppress(KeyError):  # a container's user may have no account
        homes.add(Path(pwd.getpwuid(os.getuid()).pw_dir).resolve())
    places = {home for home in homes if home.parent != home and home.is_dir()}
    if (PACKAGE.parent / "solutions").is_dir():
        places.add(PACKAGE.parent)
    return sorted(place for place in places if not places.intersection(place.parents))
