"""The start of a server, which loads PyTorch for seconds: it can be on its way while the grader loads its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tl_course
from tl_course import environment

PACKAGE = Path(tl_course.__file__).resolve().parent
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TL_THREADS")}


@dataclass(frozen=True)
class Started:
    """A server that loads, or has loaded, and was asked for nothing yet.

    Attributes
    ----------
    lesson : str
    tests : pathlib.Path or None
    process : subprocess.Popen
    scratch : pathlib.Path
        Its folder.
    ask, answer : int
        The pipes to and from its judge; see `judge_process`.
    """

    lesson: str
    tests: Path | None
    process: subprocess.Popen
    scratch: Path
    ask: int
    answer: int


def start(lesson: str, tests: Path | None) -> Started:
    """Start a server for a lesson, with questions of a folder or the course's own."""
    scratch = Path(tempfile.mkdtemp(prefix="tl-grading-"))
    scratch.chmod(0o711)
    home = tests.resolve() if tests else ""  # since the server begins in another folder
    (asked, ask), (answer, answers) = os.pipe(), os.pipe()
    command = [sys.executable, "-P", "-m", "tl_course.grading.server", lesson]
    process = subprocess.Popen(
        [*command, *map(str, (home, scratch, asked, answers))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_few_variables(),
        cwd=scratch,
        start_new_session=True,
        pass_fds=(asked, answers),
    )
    os.close(asked)
    os.close(answers)
    return Started(lesson, tests, process, scratch, ask, answer)


@contextlib.contextmanager
def ahead(lesson: str, tests: Path | None) -> Iterator[list[Started]]:
    """Start a server before anything is known of the class; the end of the block ends it, unless a client took it.

    >>> with ahead("02", None) as waiting:
    ...     [one] = waiting
    >>> one.process.returncode, one.scratch.exists(), waiting
    (-9, False, [])
    """
    waiting = [start(lesson, tests)] if hasattr(os, "fork") else []
    try:
        yield waiting
    finally:
        while waiting:
            one = waiting.pop()
            one.process.kill()
            one.process.wait()
            one.process.stdin.close()
            one.process.stdout.close()
            os.close(one.ask)
            os.close(one.answer)
            with contextlib.suppress(OSError):
                one.scratch.rmdir()


def _few_variables() -> dict[str, str]:
    """The environment of the server and of the learner's code: nothing of the grader's own."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(PACKAGE.parent),
        "PYTHONDONTWRITEBYTECODE": "1",
        "MPLBACKEND": "Agg",
        "CUDA_VISIBLE_DEVICES": "",
        "TL_LEDGER": "off",
        "TL_OFFLINE": "1",
        "TL_DEVICE": "cpu",
        "TL_PRECISION": "fp32",
        "TL_CACHE": str(environment.cache_dir()),
        **ONE_THREAD,
    }
