"""How good are the package's own tests? Spoil the package in small mechanical ways, and see which tests notice.

A mutant is the package with one change in one function, made as `authoring.mutants` makes them of solutions. For each
only the tests that run the changed line are tried, the quickest first, up to the first failure. Three commands::

    python -m authoring.package_mutants cover FOLDER            which test runs which line; once
    python -m authoring.package_mutants draw 200 > mutants.json
    python -m authoring.package_mutants try mutants.json --covering FOLDER --out results.json

``cover --daily`` knows only the tests of ``make check``. A mutant is told by its function, its
change and which of several like changes it is; so the same mutants can be tried on another state of the tree, given
as ``--root``. Notebooks are not tried, and code that tests run in another process counts as
not run: the share that is found is a lower bound.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import json
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue

from tqdm import tqdm

from authoring import sources
from authoring.covering import LIBRARIES, tests_in_fork
from authoring.mutants import spoilt_forms
from tl_course.app.testing import TIERS

ROOMS = ("losses", "metrics", "models/freezing", "training", "records/claims", "exercises/judging")
"""What is spoilt: where a wrong sign would teach something wrong."""
SECONDS = 60.0
"""How long the tests of one mutant may take, the quickest first; what they do not find by then has survived."""
PATIENCE = 5.0
"""A mutant whose tests take so many times as long as they should hangs."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(LIBRARIES)  # once, and not for each mutant


@dataclass(frozen=True, order=True)
class Mutant:
    """One change.

    Attributes
    ----------
    room : str
        Where the function lives, such as ``losses``.
    function : str
        Its name, with that of its class: ``L2SP.__call__``.
    change : str
        ``before → after``.
    which : int
        Of several like changes in the function, counted from 0.
    """

    room: str
    function: str
    change: str
    which: int


# --- making them ---------------------------------------------------------------------------------------------------


def all_mutants(root: Path) -> dict[Mutant, tuple[Path, int, str]]:
    """Return every mutant of these rooms: the file, the line, and the whole file's spoilt source."""
    return dict(_made(root))


def _made(root: Path) -> Iterator[tuple[Mutant, tuple[Path, int, str]]]:
    for room in ROOMS:
        for file in _files(root / "tl_course" / room):
            text = file.read_text(encoding="utf-8")
            tree = ast.parse(text)
            seen: dict[tuple[str, str], int] = defaultdict(int)
            for function, node in _places(tree):
                for other in spoilt_forms(node):
                    if isinstance(node, ast.Constant) and isinstance(node.value, str):
                        continue  # mostly words for people
                    change = f"{_first_line(node)} → {_first_line(other)}"
                    mutant = Mutant(room.partition("/")[0], function, change, seen[function, change])
                    seen[function, change] += 1
                    yield mutant, (file, node.lineno, _spoilt_text(text, node, other))


def _files(place: Path) -> list[Path]:
    single = place.with_suffix(".py")
    return [single] if single.is_file() else sorted(place.rglob("*.py"))


def _places(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """What stands in the bodies of functions, with the function's name; no annotations, errors and docstrings."""

    def definitions(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
        for child in node.body:
            if isinstance(child, ast.ClassDef):
                yield from definitions(child, (*path, child.name))
            elif isinstance(child, ast.FunctionDef):
                for statement in child.body:
                    yield from inside(statement, (*path, child.name))

    def inside(node: ast.AST, path: tuple[str, ...]) -> Iterator[tuple[str, ast.AST]]:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom) or _is_warning(node):
            return
        if isinstance(node, ast.FunctionDef):
            path = (*path, node.name)
        if hasattr(node, "lineno"):
            yield ".".join(path), node
        for child in ast.iter_child_nodes(node):
            if child is not getattr(node, "annotation", None):
                yield from inside(child, path)

    yield from definitions(tree, ())


def _is_warning(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "warnings.warn"


def _first_line(node: ast.AST) -> str:
    return ast.unparse(node).splitlines()[0]


def _spoilt_text(text: str, node: ast.AST, other: ast.AST) -> str:
    """The source with one piece replaced, every other line where it was."""
    lines = text.splitlines(keepends=True)
    start = _offset(lines, node.lineno, node.col_offset)
    end = _offset(lines, node.end_lineno, node.end_col_offset)
    is_statement = isinstance(node, ast.stmt)
    piece = ast.unparse(ast.fix_missing_locations(copy.deepcopy(other)))
    piece = piece.replace("\n", "\n" + " " * node.col_offset) if is_statement else f"({piece})"
    raw = text.encode()
    return (raw[:start] + piece.encode() + raw[end:]).decode()


def _offset(lines: list[str], line: int, column: int) -> int:
    return sum(len(one.encode()) for one in lines[: line - 1]) + column


def draw(root: Path, count: int, seed: int) -> list[Mutant]:
    """Return so many mutants, as many of each room as its share, by a seed; at most one of a place's many forms."""
    known = all_mutants(root)
    shuffled = sorted(known)
    random.Random(seed).shuffle(shuffled)
    chosen: dict[tuple, Mutant] = {}
    for mutant in shuffled:
        place = (mutant.room, mutant.function, mutant.change.partition(" → ")[0])
        if place not in chosen and _compiles(known[mutant][2]):
            chosen[place] = mutant
        if len(chosen) == count:
            break
    return sorted(chosen.values())


def _compiles(text: str) -> bool:
    try:
        compile(text, "spoilt", "exec")
    except SyntaxError:
        return False
    return True


# --- trying them ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant.

    Attributes
    ----------
    status : str
        ``"found"``, ``"survived"``, ``"not run"`` (no test runs the line), or ``"absent"`` (there is no such code).
    tests, seconds : int, float
        How many tests run the line, and how long the tries took.
    by : str
        The first test that failed.
    """

    status: str
    tests: int = 0
    seconds: float = 0.0
    by: str = ""


class Covering:
    """Which tests run a line, the quickest first; made by the plugin `authoring.covering`."""

    def __init__(self, folder: Path):
        self.seconds: dict[str, float] = {}
        self._of: dict[str, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
        for file in sorted(folder.glob("*.json")):
            noted = json.loads(file.read_text(encoding="utf-8"))
            names = list(noted["seconds"])
            self.seconds |= noted["seconds"]
            for path, lines in noted["lines"].items():
                for line, tests in lines.items():
                    self._of[path][int(line)] |= {names[number] for number in tests}
        if not self.seconds:
            raise ValueError(f"{folder} holds no covering; make one with `cover {folder}`.")

    def tests(self, path: str, line: int) -> list[str]:
        """Tests that run a line, the quickest first."""
        return sorted(self._of[path].get(line, ()), key=lambda test: (self.seconds[test], test))


def cover(root: Path, folder: Path, marks: str) -> int:
    """Run the tests once and note what they run."""
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "authoring.covering", "--doctest-modules", "tests"]
    command += ["tl_course", "-m", marks, "-n", "2", "--dist", "loadfile", "-p", "no:cacheprovider"]
    return subprocess.call(command, cwd=root, env=_environment(root) | {"TL_COVERING": str(folder.resolve())})


def _environment(root: Path) -> dict[str, str]:
    one_thread = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "TL_LEDGER": "off"}
    return {
        **os.environ,
        **one_thread,
        "PYTHONPATH": os.pathsep.join([str(root), str(sources.ROOT)]),
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@contextlib.contextmanager
def _taken_over_by_forks(root: Path) -> Iterator[None]:
    """The process that forks has the environment of the one that starts it."""
    before = dict(os.environ)
    os.environ |= _environment(root)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ |= before


def examine(
    root: Path, mutants: list[Mutant], covering: Covering, jobs: int, keep: Callable[[dict[Mutant, Outcome]], None]
) -> dict[Mutant, Outcome]:
    """Try mutants, several at a time, each in a copy of the tree of its own; keep what came out after each."""
    known = all_mutants(root)
    copies: SimpleQueue[Path] = SimpleQueue()
    with (
        _taken_over_by_forks(root),
        tempfile.TemporaryDirectory(prefix="mutants-") as scratch,
        ThreadPoolExecutor(jobs) as pool,
    ):
        for number in range(jobs):
            clone = Path(scratch) / str(number)
            ignored = shutil.ignore_patterns(".git", ".venv", "build", "workspace", "__pycache__")
            copies.put(shutil.copytree(root, clone, symlinks=True, ignore=ignored))

        def one(mutant: Mutant) -> tuple[Mutant, Outcome]:
            if mutant not in known:
                return mutant, Outcome("absent")
            file, line, text = known[mutant]
            path = str(file.relative_to(root))
            tests = covering.tests(path, line)
            if not tests:
                return mutant, Outcome("not run")
            clone = copies.get()
            try:
                return mutant, _tried(clone, path, text, tests, sum(covering.seconds[test] for test in tests))
            finally:
                copies.put(clone)

        found = {}
        for mutant, outcome in tqdm(pool.map(one, mutants), total=len(mutants)):
            found[mutant] = outcome
            keep(found)
        return found


def _tried(clone: Path, path: str, text: str, tests: list[str], usual: float) -> Outcome:
    original = (clone / path).read_text(encoding="utf-8")
    listed, said = clone / "tests-to-run.txt", clone / "said.txt"
    listed.write_text("\n".join(tests) + "\n", encoding="utf-8")
    began = time.perf_counter()
    limit = min(SECONDS, 20 + PATIENCE * usual)
    try:
        (clone / path).write_text(text, encoding="utf-8")
        process = _FORKS.Process(target=tests_in_fork, args=(str(clone), str(listed), str(said)))
        process.start()
        process.join(limit)
        if process.is_alive():
            os.killpg(process.pid, signal.SIGKILL)
            process.join()
            hangs = limit < SECONDS
            return Outcome("found" if hangs else "survived", len(tests), limit, "time" if hangs else "")
    finally:
        (clone / path).write_text(original, encoding="utf-8")
    seconds = round(time.perf_counter() - began, 1)
    if process.exitcode == 0:
        return Outcome("survived", len(tests), seconds)
    lines = said.read_text(encoding="utf-8").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))] or lines[-1:] or [""]
    return Outcome("found", len(tests), seconds, failed[0][:200])


# --- the command line ----------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None, root: Path | None = None) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m authoring.package_mutants", description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=root or sources.ROOT, help="another checkout of the course")
    commands = parser.add_subparsers(dest="command", required=True)
    covering = commands.add_parser("cover", help="note which test runs which line")
    covering.add_argument("folder", type=Path)
    covering.add_argument("--daily", action="store_true", help="the tests of `make check` only")
    drawing = commands.add_parser("draw", help="draw mutants and print them as JSON")
    drawing.add_argument("count", type=int)
    drawing.add_argument("--seed", type=int, default=0)
    trying = commands.add_parser("try", help="try mutants on the tests that run them")
    trying.add_argument("mutants", type=Path)
    trying.add_argument("--covering", type=Path, required=True)
    trying.add_argument("--out", type=Path, required=True)
    trying.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args(arguments)
    root = given.root.resolve()
    if given.command == "cover":
        return cover(root, given.folder, TIERS["check" if given.daily else "test"])
    if given.command == "draw":
        print(json.dumps([asdict(one) for one in draw(root, given.count, given.seed)], indent=1, ensure_ascii=False))
        return 0
    mutants = [Mutant(**row) for row in json.loads(given.mutants.read_text(encoding="utf-8"))]

    def keep(outcomes: dict[Mutant, Outcome]) -> None:
        rows = [asdict(mutant) | asdict(outcome) for mutant, outcome in outcomes.items()]
        given.out.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")

    outcomes = examine(root, mutants, Covering(given.covering), given.jobs, keep)
    tried = [one for one in outcomes.values() if one.status != "absent"]
    found = sum(one.status == "found" for one in tried)
    print(f"{found} of {len(tried)} mutants found ({found / max(len(tried), 1):.1%})")
    for mutant, outcome in outcomes.items():
        if outcome.status in ("survived", "not run"):
            print(f"  {outcome.status}: {mutant.room} {mutant.function} #{mutant.which}: {mutant.change}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
