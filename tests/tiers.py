"""What the suite asks of pytest: a limit for unmarked tests, work spread by what it shares, a memory of notebooks.

``tests/conftest.py`` registers it; ``tl-course test`` switches the limit and the memory on. A lone ``pytest tests/…``
spreads nothing and limits nothing.
"""

import contextlib
import functools
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from xdist.scheduler import LoadScopeScheduling

from tl_course.app import testing

SHARED_SCOPES = ("class", "module", "package")
WORTH_SORTING_SECONDS = 0.5
HANDFUL = 24
"""So many quick tests of a file go to a process at once: handing them over one by one costs as much as running them."""
GUESSED_SECONDS = {"notebooks": 60, "solutions": 20, "exercises": 10}
GUESSED_BY_MARKER = {"full": 60, "browser": 20, "integration": 5}


def add_options(parser: pytest.Parser) -> None:
    """Add the options that ``tl-course test`` gives."""
    group = parser.getgroup("tiers")
    group.addoption("--tiers-limit", type=float, metavar="SECONDS", help="processor time an unmarked test may take")
    group.addoption("--tiers-memory", metavar="FOLDER", help="where notebooks that pass are remembered")
    group.addoption("--tiers-around", metavar="DIGEST", help="settings, libraries, machine and data of this run")


def register(config: pytest.Config) -> None:
    """Register what this process needs: a test process, the one that leads it, or both in one."""
    leads = not hasattr(config, "workerinput")
    spreads = bool(getattr(config.option, "numprocesses", None))
    config.pluginmanager.register(Sorting(config), "tiers-sorting")
    config.pluginmanager.register(Cases(), "tiers-cases")
    if leads and spreads:
        config.pluginmanager.register(Spreading(config), "tiers-spreading")
    if config.option.tiers_limit and not (leads and spreads):
        config.pluginmanager.register(Limit(config.option.tiers_limit), "tiers-limit")
    if leads and config.option.tiers_memory and config.option.tiers_around:
        config.pluginmanager.register(Remembering(config), "tiers-remembering")


# --- the limit --------------------------------------------------------------------------------------------------------


def processor_seconds() -> float:
    """Processor time of this process, its threads and the children it has waited for.

    A busy machine lengthens the time on the wall and hardly this one.
    """
    times = os.times()
    return time.process_time() + times.children_user + times.children_system


class Limit:
    """Fails an unmarked test that takes more processor time than allowed.

    What counts is its own: its body, and the fixtures made for it alone. One that is over the limit gets a second try,
    because the first in a process may have paid for imports and caches that stay.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._own = self._shared = 0.0
        self._depth = 0

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test in place of pytest, which would report it before its time is known."""
        if not self._holds_for(item):
            return None
        item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        example = getattr(item, "dtest", None)
        names = dict(example.globs) if example else {}
        reports, spent = self._run(item, nextitem)
        if spent > self.seconds and all(report.passed for report in reports):
            if example:  # its run has emptied them
                example.globs.update(names)
            again, spent_again = self._run(item, nextitem)
            if all(report.passed for report in again):
                spent = min(spent, spent_again)
            if spent > self.seconds:
                self._fail(reports, item, spent)
        for report in reports:
            item.ihook.pytest_runtest_logreport(report=report)
        item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self):
        """Count the body of a test."""
        with self._counted():
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: pytest.FixtureDef):
        """Count the fixtures of one test, and take out what it is the first to need of a shared one."""
        with self._counted() if fixturedef.scope == "function" else self._taken_out():
            return (yield)

    def _run(self, item: pytest.Item, nextitem: pytest.Item | None) -> tuple[list[pytest.TestReport], float]:
        self._own = self._shared = 0.0
        self._depth = 0
        return runtestprotocol(item, log=False, nextitem=nextitem), self._own

    def _holds_for(self, item: pytest.Item) -> bool:
        marked = any(item.get_closest_marker(name) for name in testing.LEFT_OUT)
        return not marked and item.path.suffix != ".ipynb"

    def _fail(self, reports: list[pytest.TestReport], item: pytest.Item, spent: float) -> None:
        doctest = isinstance(item, pytest.DoctestItem)
        remedy = "make the example quicker" if doctest else "mark it integration or make it quicker"
        [call] = [report for report in reports if report.when == "call"]
        call.outcome = "failed"
        call.longrepr = (
            f"{item.name} took {spent:.1f} s of processor time, in the better of two tries and with its own fixtures; "
            f"{self.seconds:g} s is allowed: {remedy}."
        )

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        if self._depth:  # inside what is counted already
            yield
            return
        self._depth, start, shared = 1, processor_seconds(), self._shared
        try:
            yield
        finally:
            self._own += processor_seconds() - start - (self._shared - shared)
            self._depth = 0

    @contextlib.contextmanager
    def _taken_out(self) -> Iterator[None]:
        start, shared = processor_seconds(), self._shared
        try:
            yield
        finally:
            self._shared = shared + processor_seconds() - start


# --- cases ------------------------------------------------------------------------------------------------------------


class Cases:
    """Lets some cases stand for all: of a test marked ``daily(n)`` in `make check`, of ``usual(n)`` in `make test`."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Move the further cases one tier up."""
        for marker, from_tier, to in (("daily", "check", "integration"), ("usual", "test", "full")):
            seen: dict[str, int] = defaultdict(int)
            for item in items:
                mark = item.get_closest_marker(marker)
                if mark and _tier(item) == from_tier:
                    test = item.nodeid.partition("[")[0]
                    seen[test] += 1
                    if seen[test] > mark.args[0]:
                        item.add_marker(to)


def _tier(item: pytest.Item) -> str:
    """The first tier that runs a test."""
    if item.get_closest_marker("full"):
        return "full"
    return "test" if any(item.get_closest_marker(name) for name in testing.LEFT_OUT) else "check"


# --- spreading --------------------------------------------------------------------------------------------------------


class Groups(LoadScopeScheduling):
    """Gives a process whole groups, in the order in which they were collected.

    The test processes say what belongs together: xdist's own way, a suffix to a test's name, does nothing under pytest
    9.2 (pytest-xdist issue 1386).
    """

    def __init__(self, config: pytest.Config, log, groups: Path):
        super().__init__(config, log)
        self._file = groups

    @functools.cached_property
    def _groups(self) -> dict[str, str]:
        return json.loads(self._file.read_text(encoding="utf-8"))

    def _split_scope(self, nodeid: str) -> str:
        return self._groups.get(nodeid, nodeid)


class Spreading:
    """In the process that leads: tells the others what is known of durations, and spreads what they report."""

    def __init__(self, config: pytest.Config):
        folder = config.option.tiers_memory
        self._memory = testing.Memory(Path(folder)) if folder else None
        # read once: all processes must come to the same order, whatever another run writes meanwhile
        self._durations = self._memory.durations() if folder else {}
        self._seconds: dict[str, float] = defaultdict(float)
        self._start = time.monotonic()
        self._last: dict[str, float] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="tl-course-tests-")
        self._groups = Path(self._folder.name) / "groups.json"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node) -> None:
        """Hand every test process the same durations, and the place where it says what belongs together."""
        node.workerinput["tiers_durations"] = self._durations
        node.workerinput["tiers_groups"] = str(self._groups)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log) -> LoadScopeScheduling | None:
        """Spread by groups, where groups were asked for."""
        return Groups(config, log, self._groups) if config.getvalue("dist") == "loadgroup" else None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how long a test took, and that its process was busy."""
        self._seconds[report.nodeid] += report.duration
        if node := getattr(report, "node", None):
            self._last[node.gateway.id] = time.monotonic()

    def pytest_sessionfinish(self) -> None:
        """Keep what was learned about durations, group by group."""
        if self._memory is None or not self._groups.is_file():
            return
        groups = json.loads(self._groups.read_text(encoding="utf-8"))
        found: dict[str, float] = defaultdict(float)
        for nodeid, seconds in self._seconds.items():
            found[groups.get(nodeid, nodeid)] += seconds
        kept = {**self._durations, **found}
        self._memory.keep_durations(
            {unit: round(each, 2) for unit, each in kept.items() if each >= WORTH_SORTING_SECONDS}
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say how much time processes spent waiting for the last of them."""
        count = len(self._last)
        if count > 1:
            end = max(self._last.values())
            idle = sum(end - last for last in self._last.values()) / count
            share = idle / max(end - self._start, 1e-9)
            terminalreporter.write_line(
                f"{count} processes; at the end each waited {idle:.1f} s for the last of them, {share:.1%} of the run."
            )

    def pytest_unconfigure(self) -> None:
        """Leave nothing behind."""
        self._folder.cleanup()


class Sorting:
    """Finds what shares something, starts with what takes long, and compares no output of another place."""

    def __init__(self, config: pytest.Config):
        worker = getattr(config, "workerinput", {})
        self._durations = worker.get("tiers_durations", {})
        self._file = worker.get("tiers_groups")

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Name the groups, and sort by what is known of earlier runs."""
        for item in items:
            if item.path.suffix == ".ipynb":
                self._only_compare_here(item)
        if not self._file:
            return
        groups = {item.nodeid: group for item, group in zip(items, _groups(items), strict=True) if group}
        testing.write(Path(self._file), json.dumps(groups))
        guessed: dict[str, float] = defaultdict(float)
        for item in items:
            guessed[groups.get(item.nodeid, item.nodeid)] += _guess(item)
        expected = {}
        for unit, guess in guessed.items():
            seconds = self._durations.get(unit, guess + _guess_notebook(unit))
            expected[unit] = seconds if seconds >= WORTH_SORTING_SECONDS else 0.0
        # the sort is stable: what is short stays in the order of its file, next to what it shares fixtures with
        items.sort(key=lambda item: -expected[groups.get(item.nodeid, item.nodeid)])

    def _only_compare_here(self, item: pytest.Item) -> None:
        """Switch nbval's comparison off where an output follows the data set, and this machine has another."""
        if testing.BY_TARGET in item.cell.metadata.get("tags", []) and testing.elsewhere(item.parent.nb):
            item.options["check"] = False


def _groups(items: list[pytest.Item]) -> Iterator[str | None]:
    """For each test its group: the one marked, its notebook, those that share fixtures, or quick ones nearby."""
    leader: dict[str, str] = {}

    def find(name: str) -> str:
        while leader.setdefault(name, name) != name:
            name = leader[name]
        return name

    shared = [_shared_fixtures(item) for item in items]
    for names in shared:
        for name in names[1:]:
            leader[find(name)] = find(names[0])
    quick: dict[str, int] = defaultdict(int)
    for item, names in zip(items, shared, strict=True):
        mark = item.get_closest_marker("xdist_group")
        where = item.nodeid.split("::")[0]
        if mark:
            yield str(mark.args[0] if mark.args else mark.kwargs.get("name"))
        elif item.path.suffix == ".ipynb":
            yield where
        elif names:
            yield find(names[0])
        elif any(item.get_closest_marker(name) for name in GUESSED_BY_MARKER):
            yield None
        else:
            yield f"{where} {quick[where] // HANDFUL}"
            quick[where] += 1


def _shared_fixtures(item: pytest.Item) -> list[str]:
    """The fixtures of the suite that a test shares with others of its file or class."""
    info = getattr(item, "_fixtureinfo", None)
    definitions = [each for defs in info.name2fixturedefs.values() for each in defs] if info else []
    where = item.nodeid.split("::")[0]
    return sorted(
        f"{where}::{each.argname}" for each in definitions if each.scope in SHARED_SCOPES and each.baseid and where
    )


def _guess(item: pytest.Item) -> float:
    return max((seconds for name, seconds in GUESSED_BY_MARKER.items() if item.get_closest_marker(name)), default=0)


def _guess_notebook(unit: str) -> float:
    return GUESSED_SECONDS.get(unit.split("/")[0], 0) if unit.endswith(".ipynb") else 0


# --- remembering ------------------------------------------------------------------------------------------------------


class Remembering:
    """Watches the reports, and remembers a notebook when all its cells passed."""

    def __init__(self, config: pytest.Config):
        self._memory = testing.Memory(Path(config.option.tiers_memory))
        self._root = config.rootpath
        self._around = config.option.tiers_around
        around = self._around + testing.package(self._root)
        self._keys, self._left = {}, {}
        for path in testing.notebooks(self._root):
            name = path.relative_to(self._root).as_posix()
            cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
            self._keys[name] = testing.digest(self._root, path, around)
            count = sum(cell["cell_type"] == "code" for cell in cells)
            self._left[name] = {f"Cell {number}" for number in range(count)}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in one phase of one cell."""
        name, _, cell = report.nodeid.partition("::")
        if name not in self._left:
            return
        if not report.passed:
            del self._left[name]  # neither a failure nor a cell that was skipped makes a notebook that passed
        elif report.when == "teardown":
            self._left[name].discard(cell)
            if not self._left[name]:
                self._note(name)

    def _note(self, name: str) -> None:
        """Remember a notebook, unless it or the package has been changed since the run began."""
        del self._left[name]
        around = self._around + testing.package(self._root)
        if testing.digest(self._root, self._root / name, around) == self._keys[name]:
            self._memory.remember(name, self._keys[name])
