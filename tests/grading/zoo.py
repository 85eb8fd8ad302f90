"""The zoo: everything broken or hostile that the grader is tried on, in one table, and what must come of each.

`ZOO` has them by name: archives, folders and notebooks from `zoo_files`, answers from `zoo_answers`. `keep` grades
any of them in one class with well-meaning neighbours among them, and says what went wrong.
``python tests/grading/zoo.py`` prints the table; ``tests/grading/environments.py`` keeps the zoo in other
surroundings.

Not here, since they need a thing of their own: floods of messages at the frame (``test_grading_bounds``), sockets in
every place where programs have them (``test_grading_walls``), judging that takes too much (``test_judge_process``),
archives and notebooks of any form, drawn (``test_grading_bounds``), what the encoder takes (``test_grading_marks``).
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import json
import os
import secrets
import shutil
import socket
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from classroom import MARKER, QUICK, ROOT, put, short
from zoo_answers import ANSWERS, QUICK_ONES, Answer
from zoo_files import ARCHIVES, FOLDERS, NOTEBOOKS, WHOLE, Handed

from tl_course.grading import Job, Limits, Report, grade
from tl_course.grading.sandbox import ALL_COUNTED, IN_MEMORY, READ_ONLY
from tl_course.grading.server_client import ServerClient

ZOO: dict[str, Answer | Handed] = {**ARCHIVES, **FOLDERS, **NOTEBOOKS, **ANSWERS}
QUICK_NAMES = [name for name, one in ZOO.items() if (name in QUICK_ONES if isinstance(one, Answer) else not one.full)]
NEIGHBOUR = " (neighbour)"
NOTE = "tl-zoo-note"
EVERYBODYS = tuple(map(Path, ("/tmp", "/var/tmp", "/dev/shm", "/run/lock")))


# --- what is there to be reached -------------------------------------------------------------------------------------


@dataclass
class Trap:
    """A class to be graded, and things around it that an answer must not reach.

    Attributes
    ----------
    folder : pathlib.Path
        Holds all of it; everybody may read and write it.
    words : dict of str
        What stands for the words between ``@`` in a hostile answer.
    """

    folder: Path
    words: dict[str, str] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "grades.csv"

    def fill(self, source: str) -> str:
        for word, text in self.words.items():
            source = source.replace(f"@{word}@", text)
        return source


@contextlib.contextmanager
def trap(place: Path) -> Iterator[Trap]:
    """Put up what an answer could want: marks, files, programs at a port and at sockets, a secret of the grader's."""
    secret = f"tl-zoo-{secrets.token_hex(8)}"
    made = Trap(place)
    place.chmod(0o777)
    home = place / "home"
    home.mkdir()
    for file in ("older.csv", "home/key", "open/text"):
        put(place / file, b"a secret")
        (place / file).chmod(0o666)
    (place / "open").chmod(0o777)
    before = {name: os.environ.get(name) for name in ("HOME", "TL_ZOO_SECRET")}
    course = {name: ROOT / name for name in ("solutions", "tl_course/exercises/lesson_02", "tests")}
    read = {"class": place / "in", "older marks": place / "older.csv", "home": home, "open": place / "open", **course}
    read |= {name: place / f"grades{end}" for name, end in {"state": "-state", "table": ".csv"}.items()}
    write = [place, place / "in", place / "grades-state", place / "open", home, ROOT, ROOT / "tl_course", Path("/etc")]
    with contextlib.ExitStack() as stack:
        short_place = stack.enter_context(tempfile.TemporaryDirectory(prefix="tl-zoo-"))  # a socket's path is short
        os.chmod(short_place, 0o755)
        bus = f"{short_place}/bus"
        port = _serves(stack, socket.AF_INET, ("127.0.0.1", 0))[1]
        _serves(stack, socket.AF_UNIX, bus)
        os.chmod(bus, 0o777)
        _serves(stack, socket.AF_UNIX, f"\0{secret}")
        made.words |= {
            "SECRET": secret,
            "PORT": str(port),
            "SOCKET": repr(bus),
            "ABSTRACT": repr(f"\0{secret}"),
            "GRADER": str(os.getpid()),
            "READ": repr([(name, str(path)) for name, path in read.items()]),
            "WRITE": repr(list(map(str, write))),
        }
        os.environ |= {"HOME": str(home), "TL_ZOO_SECRET": secret}
        try:
            yield made
        finally:
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
            for folder in (*write, *EVERYBODYS):
                (folder / NOTE).unlink(missing_ok=True)
            for file in [file for folder in EVERYBODYS for file in folder.glob("tl-zoo-*") if file.is_file()]:
                file.unlink(missing_ok=True)


def _serves(stack: contextlib.ExitStack, family: int, address: object) -> object:
    """A program that takes every call and hangs up."""
    one = stack.enter_context(socket.socket(family))
    one.bind(address)
    one.listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                one.accept()[0].close()

    threading.Thread(target=serve, daemon=True).start()
    stack.callback(lambda: _hang_up(one))
    return one.getsockname()


def _hang_up(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


# --- a class of them -------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What came of a class.

    Attributes
    ----------
    report : Report
    right, of : int
        How many submissions have exactly the mark that they must have.
    wrong : list of str
        Marks, reasons and notes that are not as they must be; a neighbour's among them.
    forged : list of str
        Answers that earned more than they could.
    crossed : list of str
        What got through a wall that was reported as holding.
    open : list of str
        What got through where the wall against it was reported as missing: it shows that the attacks are real.
    left : list of str
        Processes, files, and segments of memory that stayed behind, though a wall was to keep them away.
    """

    report: Report
    right: int = 0
    of: int = 0
    wrong: list[str] = field(default_factory=list)
    forged: list[str] = field(default_factory=list)
    crossed: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        return [*self.wrong, *self.forged, *self.crossed, *self.left]


def hand_in(made: Trap, name: str) -> None:
    """Put a submission into the class."""
    one, folder = ZOO[name], made.folder / "in" / name
    folder.mkdir(parents=True)
    if isinstance(one, Answer):
        put(folder / "02.ipynb", short(sum_or_mean=made.fill(one.source)))
        return
    if one.make.__code__.co_argcount:
        one.make(folder)
        return
    content = one.make()
    put(folder / ("02.ipynb" if name in NOTEBOOKS else f"work{one.suffix}"), content)


def keep(names: Iterable[str], place: Path, *, every: int = 1, jobs: int = 1, limits: Limits = QUICK) -> Outcome:
    """Grade a class of hostile submissions, with a well-meaning neighbour after every so many of them."""
    names = list(names)
    with trap(place) as made:
        for number, name in enumerate(names):
            hand_in(made, name)
            if number % every == 0:
                own = f"# {number}\ndef answer_sum_or_mean(rate, count):\n    return rate / count"
                put(place / "in" / f"{name}{NEIGHBOUR}" / "02.ipynb", short(sum_or_mean=own))
        with temporary_files_in(place / "temporary") as scratch, watched(made, scratch) as left:
            outcome = Outcome(grade(Job(place / "in", "02", made.out, jobs=jobs, limits=limits)))
        walls = outcome.report.walls or ()
        outcome.left = [what for wall, what in left if not wall or wall in walls]
        shutil.rmtree(scratch, ignore_errors=True)
        _compare(outcome, set(names), made)
    return outcome


@contextlib.contextmanager
def temporary_files_in(folder: Path) -> Iterator[Path]:
    """Have the grader make its temporary files here."""
    folder.mkdir()
    folder.chmod(0o755)  # learners' code runs as another user
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield folder
    finally:
        tempfile.tempdir = before


@contextlib.contextmanager
def watched(made: Trap, scratch: Path) -> Iterator[list[tuple[str, str]]]:
    """Fill in, at the end, what was left behind, each with the wall that was to keep it away, if only one does."""
    left: list[tuple[str, str]] = []
    segments, shared = _segments(), _shared()
    yield left
    for process in psutil.process_iter(["pid", "cmdline", "ppid"]):
        line = " ".join(process.info["cmdline"] or [])
        if MARKER in line or str(scratch) in line:
            left.append(("", f"process {process.info['pid']}: {line[:80]}"))
    left += [("", f"temporary file {path}") for path in scratch.iterdir()]
    left += [(ALL_COUNTED, f"segment {line}") for line in _segments() - segments]
    left += [(IN_MEMORY, f"file {path}") for path in _shared() - shared]
    notes = [path for path in made.folder.rglob(f"*{NOTE}*")] + [
        path for path in (ROOT / NOTE, ROOT / "tl_course" / NOTE, Path("/etc") / NOTE) if path.exists()
    ]
    left += [(READ_ONLY, f"file {path}") for path in notes]


def _segments() -> set[str]:
    """Memory, queues and semaphores of System V."""
    lines = [line for kind in ("shm", "msg", "sem") for line in _lines(Path("/proc/sysvipc") / kind)[1:]]
    return {" ".join(line.split()[:2]) for line in lines}


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []


def _shared() -> set[Path]:
    return {file for folder in EVERYBODYS for file in folder.glob("tl-zoo-*") if file.is_file()}


def _compare(outcome: Outcome, names: set[str], made: Trap) -> None:
    notes: dict[str, str] = defaultdict(str)
    for file in (made.out, made.out.with_name("grades-totals.csv")):
        for row in csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()):
            notes[row["student"]] += f"{row['notes']}; "
    found = {one.student: one for one in outcome.report.results}
    outcome.of = len(found)
    for name in sorted(names - set(found)):
        outcome.wrong.append(f"{name}: not in the table")
    for student, graded in found.items():
        marks = {mark.question: mark for mark in graded.marks}
        first, rest = marks["sum_or_mean"], marks["spring"]
        one = ZOO.get(student)
        if one is None:
            faults, most = ([] if graded.points == WHOLE else [f"{graded.points} points, {first}, {rest}"]), WHOLE
        elif isinstance(one, Answer):
            allowed = one.points if isinstance(one.points, tuple) else (one.points,)
            faults, most = [], max(allowed) + rest.of
            if first.points not in allowed or (one.alone and rest.points != rest.of):
                faults.append(f"{first.points} and {rest.points} points")
            if one.reasons and first.reason not in one.reasons:
                faults.append(f"reason {first.reason!r}: {first.message[:200]}")
            if not first.message and first.status != "right":
                faults.append("no message")
            reached = [line for line in first.printed.splitlines() if line.startswith("REACHED")]
            if reached:
                held = one.wall in (outcome.report.walls or ())
                (outcome.crossed if held else outcome.open).append(f"{student}: {', '.join(reached)}")
        else:
            faults, most = [], one.points
            if graded.points != one.points:
                faults.append(f"{graded.points} points")
            if one.reason and first.reason != one.reason:
                faults.append(f"reason {first.reason!r}: {first.message[:200]}")
            if one.note not in notes[student] + " ".join(mark.message for mark in graded.marks):
                faults.append(f"notes {notes[student]!r}")
        if graded.points > most:
            outcome.forged.append(f"{student}: {graded.points} points")
        outcome.wrong += [f"{student}: {fault}" for fault in faults]
        outcome.right += not faults


def without_a_wall(names: Iterable[str], walls: Iterable[str]) -> list[str]:
    """Those that may be tried where only these walls hold."""
    walls = set(walls)
    needs = {name: getattr(ZOO[name], "needs", ()) for name in names}
    return [name for name, some in needs.items() if not some or walls.intersection(some)]


CLASSES = ("quick", "slow", "sixty", "walls")


def of_class(which: str) -> tuple[list[str], dict]:
    """The names for a class, and how `keep` is to keep them."""
    if which == "sixty":  # thirty and their neighbours; what learners may take is what a teacher's command lets them
        answers = [name for name in QUICK_NAMES if name in ANSWERS][:30]
        much = Limits()
        limits = dataclasses.replace(QUICK, cell=5, question=5, memory=much.memory, message=much.message)
        return answers, {"limits": limits}
    if which == "walls":
        return [name for name, one in ANSWERS.items() if one.wall or name == "a note for another one"], {}
    if which == "quick":
        return QUICK_NAMES, {"every": 12}
    return [name for name in ZOO if name not in QUICK_NAMES], {"every": 3}


def main() -> None:
    """Print the table; or, given the name of a class and a folder, keep it there and print what came of it."""
    if len(sys.argv) > 2:
        names, how = of_class(sys.argv[1])
        with contextlib.closing(ServerClient("02", None)) as client:
            walls = client.trial(QUICK).walls
        outcome = keep(without_a_wall(names, walls), Path(sys.argv[2]), **how)
        told = {"walls": outcome.report.walls, "words": outcome.report.in_words()[:-1]}
        fields = {one.name: getattr(outcome, one.name) for one in dataclasses.fields(outcome) if one.name != "report"}
        print(json.dumps(told | fields))
        return
    for name, one in ZOO.items():
        points = one.points if isinstance(one, Answer) else f"{one.points} of {WHOLE}"
        words = ", ".join(sorted(one.reasons)) if isinstance(one, Answer) else one.reason
        print(f"{name:<55} {points!s:<8} {words or '-'}")


if __name__ == "__main__":
    main()
