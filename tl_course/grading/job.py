"""Grading from end to end: one folder of submissions in; a table, pages and a summary out."""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from queue import SimpleQueue

from tl_course.exercises import UNCHECKED, catalogue
from tl_course.grading import pages, table
from tl_course.grading.limits import Limits
from tl_course.grading.marking import mark
from tl_course.grading.notebooks import EXERCISES, Answers, Worksheet, choose, worksheet
from tl_course.grading.results import Graded, Mark
from tl_course.grading.sandbox import WALLS, delete
from tl_course.grading.server_client import Attempt, ServerClient
from tl_course.grading.starting import PACKAGE, Started
from tl_course.grading.state import Kept
from tl_course.grading.submissions import Refused, Submission, find


@dataclass(frozen=True)
class Job:
    """What to grade, and how.

    Attributes
    ----------
    submissions : pathlib.Path
        A folder, a zip or a notebook.
    exercise : str
        Number of the lesson.
    out : pathlib.Path
        The table to write; everything else lies beside it.
    tests : pathlib.Path or None
        A folder with ``lesson_NN.py``, or a package ``lesson_NN``, in the place of the course's questions, and maybe a
        worksheet.
    jobs : int
        Submissions at a time.
    due : datetime.datetime or None
        Later ones are marked as late.
    force : bool
        Write over results that are there.
    regrade : bool
        Mark again what is marked already.
    limits : Limits
    """

    submissions: Path
    exercise: str
    out: Path
    tests: Path | None = None
    jobs: int = 1
    due: datetime | None = None
    force: bool = False
    regrade: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Report:
    """What a grading came to: the results, how learners' code was held, and the files that were written.

    Attributes
    ----------
    sheet : Worksheet
    results : list of Graded
    walls : tuple of str or None
        What held around learners' code, as it was measured at the start; None if none was run.
    files : list of pathlib.Path
    """

    sheet: Worksheet
    results: list[Graded]
    walls: tuple[str, ...] | None
    files: list[Path]

    @property
    def unchecked(self) -> int:
        """How many students have an answer that could not be judged, so that their points are not final."""
        return sum(any(mark.status == UNCHECKED for mark in one.marks) for one in self.results)

    def in_words(self) -> list[str]:
        """Return what to tell the teacher at the end."""
        kept = sum(one.kept for one in self.results)
        unread = sum(not one.answers.digest for one in self.results)
        odd = sum(bool(one.to_look_at) for one in self.results)
        lines = [f"{len(self.results)} students" + (f", {kept} of them marked before" if kept else "") + "."]
        if unread:
            lines.append(f"{unread} without a notebook that could be graded; the table says why.")
        if odd:
            lines.append(f"{odd} with something that was left aside: see 'To look at yourself' in the summary.")
        if self.unchecked:
            lines.append(
                f"{self.unchecked} with an answer that could not be judged, which is not their fault: 'unchecked' in "
                "the table, with the reason on the page. The same command with --force tries these again."
            )
        if self.walls is not None and (lack := missing(self.walls)):
            lines.append(lack)
        return [*lines, f"{', '.join(map(str, self.files))}"]


def missing(walls: Iterable[str]) -> str:
    """Return a sentence that names the walls that are not there; empty if all are.

    >>> missing(wall for wall in WALLS if wall != "own /proc")
    'Not to be had here: own /proc. docs/grading.md says what that means.'
    """
    held = set(walls)
    lacking = ", ".join(wall for wall in WALLS if wall not in held)
    return f"Not to be had here: {lacking}. docs/grading.md says what that means." if lacking else ""


def grade(
    job: Job,
    progress: Callable[[int, int], None] = lambda done, total: None,
    warn: Callable[[str], None] = lambda sentence: None,
    waiting: list[Started] | None = None,
) -> Report:
    """Grade a class.

    Parameters
    ----------
    job : Job
    progress : callable
        Called with how many students are done, and how many there are.
    warn : callable
        Called before the first learner's code is run, if a wall cannot be had, with a sentence that names it.
    waiting : list of Started, optional
        Servers for this exercise that were started `ahead`; one that is used is taken from the list.

    Returns
    -------
    Report

    Raises
    ------
    ValueError
        If something is missing, or results are there already.
    KeyboardInterrupt
        Ctrl-C; what was marked is kept, and the next call goes on from there.

    Examples
    --------
    >>> grade(Job(Path("submissions"), "05", Path("new-grades.csv")))
    Traceback (most recent call last):
    ValueError: There is nothing at submissions; name a folder, a zip or a notebook.
    """
    _check(job)
    submissions = find(job.submissions)
    sheet = _sheet(job)
    out = _outputs(job.out)
    kept = Kept(out["state"])
    hidden = [job.submissions, *out.values()]
    count = min(job.jobs, len(submissions))
    clients = [ServerClient(sheet.number, job.tests, hidden, waiting) for _ in range(count)]
    not_there = [path for name, path in out.items() if name != "state" and not os.path.lexists(path)]
    grader = _Grader(job, sheet, kept, clients, warn)
    results = grader.all(submissions, progress)
    for path in not_there:  # where nothing hides them, an answer may have put something in their place
        if os.path.lexists(path):
            delete(path)
    results = table.with_twins(results)
    table.write(out["table"], results, sheet)
    table.write_totals(out["totals"], results, sheet)
    pages.write_all(out["feedback"], results, sheet)
    pages.write_summary(out["summary"], results, sheet, out["feedback"])
    return Report(sheet, results, grader.walls, [out[name] for name in ("table", "totals", "summary", "feedback")])


def _outputs(file: Path) -> dict[str, Path]:
    """Where the results go."""
    return {
        "table": file,
        "totals": file.with_name(f"{file.stem}-totals.csv"),
        "summary": file.with_name(f"{file.stem}-summary.html"),
        "feedback": file.with_name(f"{file.stem}-feedback"),
        "state": file.with_name(f"{file.stem}-state"),
    }


def _check(job: Job) -> None:
    if not hasattr(os, "fork") or sys.platform == "win32":
        raise ValueError("Grading needs Linux or macOS: it starts a process of its own for every submission.")
    if job.jobs < 1:
        raise ValueError("--jobs is how many submissions are graded at a time: at least 1.")
    if job.out.suffix != ".csv":
        raise ValueError(f"{job.out} must be a table: give --out a name that ends in .csv.")
    there = [path for name, path in _outputs(job.out).items() if name != "state" and path.exists()]
    if there and not job.force:
        raise ValueError(f"{there[0]} is there already; choose another --out, or pass --force to write over it.")
    if job.tests and not job.tests.is_dir():
        raise ValueError(f"There is no folder {job.tests}; --tests names one with lesson_{job.exercise}.py in it.")


def _sheet(job: Job) -> Worksheet:
    number = job.exercise.zfill(2)
    if job.tests:
        questions, folders = catalogue.load(job.tests, number), [job.tests, EXERCISES]
        home = job.tests
    else:
        if number not in catalogue.lessons():
            raise ValueError(f"There are no exercises {job.exercise!r}; there are {', '.join(catalogue.lessons())}.")
        questions, folders = catalogue.questions(number), [EXERCISES]
        home = PACKAGE / "exercises"
    engine = sorted((PACKAGE / "exercises").rglob("*.py"))
    engine = [file for file in engine if "lesson_" not in str(file.relative_to(PACKAGE))]
    return worksheet(number, questions, folders, [*catalogue.sources(home, number), *engine])


class _Grader:
    """Marks submissions side by side, each worker with a server of its own."""

    def __init__(
        self,
        job: Job,
        sheet: Worksheet,
        kept: Kept,
        clients: list[ServerClient],
        warn: Callable[[str], None],
    ):
        self.job, self.sheet, self.kept, self.clients, self.warn = job, sheet, kept, clients, warn
        self.free: SimpleQueue[ServerClient] = SimpleQueue()
        self.walls: tuple[str, ...] | None = None
        self.stopped = threading.Event()
        self.tried: list[ServerClient] = []
        for client in clients:
            self.free.put(client)

    def all(self, submissions: list[Submission], progress: Callable[[int, int], None]) -> list[Graded]:
        """Return the results in the order of the submissions."""
        pool = ThreadPoolExecutor(len(self.clients))
        waiting: set[Future] = set()
        try:
            futures = [pool.submit(self._one, submission) for submission in submissions]
            waiting = set(futures)
            progress(0, len(futures))
            while waiting:
                _, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                progress(len(futures) - len(waiting), len(futures))
            return [future.result() for future in futures]
        finally:
            self.stopped.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for client in self.clients:
                client.close()
            pool.shutdown(wait=True)

    def _one(self, submission: Submission) -> Graded:
        try:
            answers = choose(submission, self.sheet, self.job.due)
        except Refused as reason:
            return self._nothing(submission, reason)
        marks = None if self.job.regrade else self.kept.get(answers, self.sheet)
        if marks is not None:
            return Graded(submission.student, submission.identity, marks, answers, kept=True)
        client = self.free.get()
        try:
            run = functools.partial(self._run, client)
            marks, sound = mark(answers, self.sheet, run, self.job.limits, client.judged)
        finally:
            self.free.put(client)
        if sound and not self.stopped.is_set():
            self.kept.put(answers, self.sheet, marks)
        return Graded(submission.student, submission.identity, marks, answers)

    def _run(self, client: ServerClient, steps: list[dict], limits: Limits) -> Attempt:
        if client not in self.tried:
            held = client.trial(self.job.limits).walls
            if self.walls is None and (lack := missing(held)):
                self.warn(lack)
            self.walls = held if self.walls is None else tuple(wall for wall in self.walls if wall in held)
            self.tried.append(client)
        attempt = client.run(steps, limits)
        if self.stopped.is_set():
            raise InterruptedError
        return attempt

    def _nothing(self, submission: Submission, reason: Refused) -> Graded:
        """No points for somebody none of whose files can be graded."""
        marks = [
            Mark(one.slug, one.title, 0, one.points, "not attempted", reason.word, str(reason))
            for one in self.sheet.questions
        ]
        file = submission.pieces[0].name if submission.pieces else ""
        return Graded(submission.student, submission.identity, marks, Answers({}, {}, file=file, notes=[str(reason)]))
