"""The tiers, proven on small suites of their own: limit, spreading, what runs again, what is compared."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import tiers
from nbformat.v4 import new_code_cell, new_notebook, new_output

from tl_course import environment
from tl_course.app import doctor, running, testing
from tl_course.profiles import SLOW_GFLOPS

HERE = Path(__file__).parent
CONFTEST = f"""
import sys

sys.path.insert(0, {str(HERE)!r})
import tiers


def pytest_addoption(parser):
    tiers.add_options(parser)


def pytest_configure(config):
    tiers.register(config)
"""
BUSY = """
import time


def busy(seconds):
    start = time.process_time()
    while time.process_time() < start + seconds:
        pass
"""


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """A course of its own: write its files, and run pytest over it."""
    # jsonschema loads a grammar for seconds with the notebook format, unless it finds none
    (tmp_path / "quick").mkdir()
    (tmp_path / "quick" / "rfc3987_syntax.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "quick"), str(HERE.parent)]))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TL_TARGET", "mnist_m")
    monkeypatch.delenv("CI", raising=False)  # there pytest says what failed twice
    return Suite(tmp_path / "course")


class Suite:
    def __init__(self, root):
        self.root = root
        self.write("tests/conftest.py", CONFTEST)
        self.write("tl_course/records/a.csv", "1")
        markers = "\n".join(f"    {name}: a marker" for name in testing.LEFT_OUT)
        self.write("pytest.ini", f"[pytest]\nmarkers =\n{markers}\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def notebook(self, name, *cells, target="mnist_m", tags=()):
        """A notebook of (code, what it printed), every cell with the same tags."""
        made = [
            new_code_cell(
                code,
                execution_count=number,
                outputs=[new_output("stream", text=f"{said}\n")] if said else [],
                metadata={"tags": list(tags)},
            )
            for number, (code, said) in enumerate(cells, start=1)
        ]
        course = {"profile": "mini", "target": target}
        running.save(new_notebook(cells=made, metadata={"tl_course": course}), self.root / name)

    def pytest(self, *arguments):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
        finished = subprocess.run(command, cwd=self.root, capture_output=True, text=True, timeout=300)
        return finished.returncode, finished.stdout + finished.stderr

    def run(self, capfd, processes=0, **options):
        """What `tl-course test` does: exit code, and all that was printed."""
        code = testing.Run(self.root, "test", processes, **options).start()
        captured = capfd.readouterr()
        return code, captured.out + captured.err


# --- cases ------------------------------------------------------------------------------------------------------------


class Case:
    """As much of a collected test as the tiers look at."""

    def __init__(self, nodeid, **markers):
        self.nodeid = nodeid
        self.markers = {name: SimpleNamespace(args=(count,)) for name, count in markers.items()}

    def get_closest_marker(self, name):
        return self.markers.get(name)

    def add_marker(self, name):
        self.markers[name] = SimpleNamespace(args=())


def test_some_cases_stand_for_all_and_the_others_wait_one_tier():
    every = [Case(f"a.py::test_each[{n}]", daily=2) for n in range(4)]
    every += [
        Case(f"a.py::test_seeds[{n}]", daily=1, usual=1, **left) for n, left in enumerate([{}, {"full": 0}, {}, {}])
    ]
    every += [Case(f"b.py::test_dear[{n}]", integration=0, usual=1) for n in range(3)]
    every += [Case("b.py::test_free[x]"), Case("b.py::test_free[y]")]
    tiers.Cases().pytest_collection_modifyitems(every)
    found = {case.nodeid.partition("::test_")[2]: tiers._tier(case) for case in every}
    assert found == {
        "each[0]": "check",
        "each[1]": "check",
        "each[2]": "test",
        "each[3]": "test",
        "seeds[0]": "check",
        "seeds[1]": "full",
        "seeds[2]": "test",
        "seeds[3]": "full",
        "dear[0]": "test",
        "dear[1]": "full",
        "dear[2]": "full",
        "free[x]": "check",
        "free[y]": "check",
    }


# --- the limit --------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_an_unmarked_test_over_the_limit_fails(suite):
    suite.write(
        "tests/test_a.py",
        BUSY
        + """
import pytest

CALLS = []


@pytest.fixture(scope="module")
def dear():
    busy(0.6)


@pytest.fixture
def slow():
    busy(0.6)


def test_quick():
    pass


def test_sleeps_on_a_busy_machine():
    time.sleep(0.6)


def test_slow():
    busy(0.6)


def test_with_a_slow_fixture_of_its_own(slow):
    pass


def test_pays_for_what_others_share(dear):
    pass


def test_pays_once(request):
    if not CALLS:
        CALLS.append(busy(0.6))


def test_asks_for_what_others_share(request):
    request.getfixturevalue("dear")


@pytest.mark.integration
def test_marked():
    busy(0.6)


def test_wrong_and_slow():
    busy(0.6)
    assert False


def example():
    '''
    >>> busy(0.6)
    '''


def example_that_pays_once():
    '''
    >>> if not CALLS[1:]:
    ...     CALLS.extend([1, busy(0.6)])
    '''
""",
    )
    code, said = suite.pytest("-q", "--doctest-modules", "tests", "--tiers-limit", "0.4")
    assert code == 1
    failed = sorted(re.findall(r"^FAILED \S+::(\S+)", said, re.MULTILINE))
    assert failed == ["test_a.example", "test_slow", "test_with_a_slow_fixture_of_its_own", "test_wrong_and_slow"]
    assert "test_slow took 0.6 s of processor time" in said
    assert "0.4 s is allowed: mark it integration or make it quicker." in said
    assert "make the example quicker" in said
    assert said.count("is allowed") == 3  # what is wrong is told as what it is
    code, said = suite.pytest("-q", "tests")
    assert "1 failed, 8 passed" in said  # without the option nothing is limited


@pytest.mark.full
def test_the_limit_holds_in_every_process(suite):
    suite.write("tests/test_a.py", BUSY + "def test_a():\n    busy(0.6)\n")
    code, said = suite.pytest("-n", "2", "tests", "--tiers-limit", "0.4")
    assert code == 1
    assert "0.4 s is allowed" in said


# --- spreading --------------------------------------------------------------------------------------------------------


@pytest.mark.full
def test_only_what_shares_something_stays_together(suite, tmp_path):
    suite.write(
        "tests/test_a.py",
        """
import time

import pytest


@pytest.fixture(scope="module")
def one():
    pass


@pytest.fixture(scope="module")
def two(one):
    pass


@pytest.fixture(scope="module")
def other():
    pass


def test_free():
    time.sleep(0.1)


@pytest.mark.parametrize("n", range(6))
def test_one(one, n):
    time.sleep(0.1)


def test_two(two):
    pass


@pytest.mark.parametrize("n", range(6))
def test_other(other, n):
    time.sleep(0.1)


@pytest.mark.integration
def test_long():
    time.sleep(0.1)
""",
    )
    suite.write(
        "tests/test_b.py",
        f"""
import pytest


@pytest.mark.parametrize("n", range({4 * tiers.HANDFUL}))
def test_quick(n):
    pass
""",
    )
    for name in "abc":
        suite.notebook(f"notebooks/{name}.ipynb", ("x = 1", ""), ("x += 1", ""), ("assert x == 2", ""))
    memory = testing.Memory(tmp_path / "memory")
    known = {"tests/test_a.py::test_long": 9.0, "gone": 3.0}
    memory.keep_durations(known | {f"notebooks/{name}.ipynb": 8.0 for name in "abc"})
    spread = ("-n", "2", "--dist", "loadgroup", "--no-loadscope-reorder", "-v")
    code, said = suite.pytest(*spread, "--nbval-lax", "--nbval-current-env", "--tiers-memory", memory.folder, ".")
    assert code == 0, said
    ran = re.findall(r"^\[(gw\d)\].* PASSED (\w+/\w+)(?:::|\.)(.+)$", said, re.MULTILINE)
    places = {}
    for process, name, test in ran:
        group = f"{name}.ipynb" if "Cell" in test else test.split("::")[-1].strip().split("[")[0].replace("two", "one")
        if group == "test_quick":
            group = f"quick {int(re.search('[0-9]+', test)[0]) // tiers.HANDFUL}"
        places.setdefault(group, set()).add(process)
    assert {len(each) for each in places.values()} == {1}, places
    handfuls = {f"quick {number}" for number in range(4)}
    tests = {"test_free", "test_one", "test_other", "test_long"}
    assert set(places) == {f"notebooks/{n}.ipynb" for n in "abc"} | tests | handfuls
    assert {process for process, _, _ in ran} == {"gw0", "gw1"}
    assert "test_long" in said[: said.index("test_free")]  # what took long goes first
    assert re.search(r"2 processes; at the end each waited [\d.]+ s for the last of them", said)
    assert memory.durations()["gone"] == 3.0
    assert memory.durations()["notebooks/b.ipynb"] != 8.0


# --- what is known ----------------------------------------------------------------------------------------------------


def test_one_byte_of_notebook_or_package_makes_another_digest(suite, monkeypatch):
    suite.notebook("notebooks/a.ipynb", ("1", ""))
    installed = [SimpleNamespace(metadata={"Name": "torch"}, version="2.8")]
    testing.surroundings({})  # PyTorch must be there before it finds nothing installed
    monkeypatch.setattr(testing.metadata, "distributions", lambda: installed)
    path = suite.root / "notebooks" / "a.ipynb"
    other = suite.root / "notebooks" / "b.ipynb"

    def key(notebook=path, **settings):
        around = testing.surroundings({**os.environ, **settings}) + testing.package(suite.root)
        return testing.digest(suite.root, notebook, around)

    first = key()
    assert key() == first
    suite.write("tl_course/__pycache__/a.pyc", "x")
    assert key(UNRELATED="1", TL_CACHE="elsewhere") == first
    other.write_bytes(path.read_bytes())
    keys = [first, key(other), key(TL_TARGET="cifar10"), key(TL_THREADS="3"), key(TL_PROFILE="cpu")]
    path.write_text(path.read_text() + " ")
    keys.append(key())
    suite.write("tl_course/records/a.csv", "2")
    keys.append(key())
    suite.write("tl_course/records/b.csv", "2")
    keys.append(key())
    installed[0].version = "2.9"
    keys.append(key())
    monkeypatch.setattr(testing.platform, "node", lambda: "another machine")
    keys.append(key())
    assert len(set(keys)) == len(keys)


@pytest.mark.integration
def test_data_that_came_make_another_digest(monkeypatch):
    from tl_course import assets

    before = testing.surroundings({})
    monkeypatch.setattr(assets, "status", lambda asset: "cached")
    assert testing.surroundings({}) != before


def test_a_memory_keeps_some_states_and_survives_a_folder_it_cannot_write(tmp_path):
    memory = testing.Memory(tmp_path / "memory")
    keys = [f"{number:064}"[::-1] for number in range(testing.KEPT_DIGESTS + 5)]
    for number, key in enumerate(keys):
        memory.remember("notebooks/a.ipynb", key)
        os.utime(memory._file("notebooks/a.ipynb", key), (number, number))
    memory.remember("solutions/a.ipynb", keys[0])
    assert [memory.knows("notebooks/a.ipynb", key) for key in keys] == [False] * 5 + [True] * testing.KEPT_DIGESTS
    assert memory.knows("solutions/a.ipynb", keys[0])
    memory.forget("solutions/a.ipynb", keys[0])
    assert not memory.knows("solutions/a.ipynb", keys[0])
    (tmp_path / "file").write_text("no folder")
    blocked = testing.Memory(tmp_path / "file")
    blocked.remember("notebooks/a.ipynb", keys[0])
    assert not blocked.knows("notebooks/a.ipynb", keys[0])
    assert blocked.durations() == {}
    (memory.folder / "durations.json").write_text("[1")
    assert memory.durations() == {}


@pytest.mark.integration
def test_only_what_passed_whole_and_unchanged_is_known(suite, capfd):
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    suite.notebook("notebooks/a.ipynb", ("x = 1", ""), ("assert x == 1", ""))
    suite.notebook("solutions/b.ipynb", ("x = 1", ""), ("assert x == 2", ""))
    code, said = suite.run(capfd, processes=2)
    assert code == 1
    assert "Notebooks: 2 ran, 1 of them passed; 0 were known to pass unchanged." in said
    suite.notebook("solutions/b.ipynb", ("x = 1", ""), ("assert x == 1", ""))
    code, said = suite.run(capfd)
    assert code == 0
    assert "3 passed" in said
    assert "Notebooks: 1 ran, 1 of them passed; 1 were known to pass unchanged (--force" in said
    code, said = suite.run(capfd)
    assert (code, "1 passed" in said) == (0, True)  # a unit test is never known
    assert "Notebooks: 0 ran, 0 of them passed; 2 were known" in said


@pytest.mark.full
def test_force_runs_all_and_forgets_what_fails(suite, capfd, tmp_path):
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    flag = tmp_path / "flag"
    suite.notebook("notebooks/a.ipynb", (f"import os\nassert not os.path.exists({str(flag)!r})", ""))
    suite.notebook("notebooks/b.ipynb", ("1", ""))
    assert suite.run(capfd)[0] == 0
    flag.touch()
    assert "Notebooks: 0 ran, 0 of them passed; 2 were known" in suite.run(capfd)[1]
    code, said = suite.run(capfd, force=True)
    assert code == 1
    assert "Notebooks: 2 ran, 1 of them passed; 0 were known" in said
    assert "Notebooks: 1 ran, 0 of them passed; 1 were known" in suite.run(capfd)[1]


@pytest.mark.full
def test_a_crash_a_skipped_cell_and_a_cell_left_out_are_no_pass(suite, capfd, monkeypatch):
    monkeypatch.setattr(testing, "CELL_TIMEOUT_SECONDS", 5)  # nbval waits so long for a kernel that is gone
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    suite.notebook("notebooks/a.ipynb", ("import os\nos._exit(3)", ""), ("1", ""))
    suite.notebook("notebooks/b.ipynb", ("# NBVAL_SKIP\nx = 1", ""), ("1", ""))
    code, said = suite.run(capfd)
    assert code == 1
    assert "Notebooks: 2 ran, 0 of them passed" in said
    suite.notebook("notebooks/c.ipynb", ("x = 1", ""), ("x", ""))
    memory = testing.memory()
    around = testing.surroundings(os.environ)
    options = ["--nbval-lax", "--nbval-current-env", "--tiers-around", around, "--tiers-memory", str(memory.folder)]
    key = testing.digest(suite.root, suite.root / "notebooks/c.ipynb", around + testing.package(suite.root))
    assert suite.pytest(*options, "tests", "notebooks/c.ipynb::Cell 0")[0] == 0
    assert not memory.knows("notebooks/c.ipynb", key)
    assert suite.pytest(*options, "tests", "notebooks/c.ipynb")[0] == 0
    assert memory.knows("notebooks/c.ipynb", key)


@pytest.mark.full
def test_what_is_changed_while_it_runs_is_not_known(suite, capfd):
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    record = suite.root / "tl_course" / "records" / "a.csv"
    suite.notebook("notebooks/a.ipynb", (f"open({str(record)!r}, 'a').write('more')", ""))
    code, said = suite.run(capfd)
    assert code == 0
    assert "Notebooks: 1 ran, 0 of them passed" in said


@pytest.mark.full
def test_ctrl_c_keeps_what_passed_and_says_so(suite, tmp_path):
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    started = tmp_path / "started"
    suite.notebook("notebooks/a.ipynb", ("1", ""))
    wait = f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(600)"
    suite.notebook("notebooks/b.ipynb", (wait, ""))
    code = (
        "import pathlib, sys; from tl_course.app import testing; "
        f"sys.exit(testing.Run(pathlib.Path({str(suite.root)!r}), 'test', 1).start())"
    )
    memory = environment.cache_dir() / "tested"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not (started.exists() and list(memory.glob("notebooks.a-*"))) and time.monotonic() < deadline:
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Notebooks: 1 of 2 are known to pass, and will not run again." in said


# --- what is compared -------------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_tagged_outputs_are_compared(suite, capfd):
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    suite.notebook("notebooks/a.ipynb", ("print('new')", "old"))
    suite.notebook("notebooks/b.ipynb", ("print('same')", "same"), tags=["nbval-check-output"])
    suite.notebook("notebooks/c.ipynb", ("print('new')", "old"), tags=["nbval-check-output"])
    code, said = suite.run(capfd)
    assert code == 1
    assert "Cell outputs differ" in said
    assert "Notebooks: 3 ran, 2 of them passed" in said
    assert "Not compared" not in said


@pytest.mark.full
def test_outputs_of_another_data_set_are_not_compared_and_counted(suite, capfd):
    suite.write("tests/test_a.py", "def test_a():\n    pass\n")
    both = ["by-target", "nbval-check-output"]
    suite.notebook("notebooks/a.ipynb", ("print('new')", "old"), ("print(2)", "1"), target="cifar10", tags=both)
    code, said = suite.run(capfd)
    assert code == 0
    assert "Not compared: 2 outputs of 1 notebooks that were built on cifar10; here it is mnist_m" in said
    suite.notebook("notebooks/a.ipynb", ("print('new')", "old"), target="cifar10", tags=["nbval-check-output"])
    assert suite.run(capfd)[0] == 1
    suite.notebook("notebooks/a.ipynb", ("print('new')", "old"), target="mnist_m", tags=both)
    assert suite.run(capfd)[0] == 1


def test_another_profile_is_another_place(monkeypatch):
    notebook = json.loads('{"metadata": {"tl_course": {"profile": "mini", "target": "mnist_m"}}}')
    monkeypatch.setenv("TL_TARGET", "mnist_m")
    assert testing.elsewhere(notebook) == ""
    monkeypatch.setenv("TL_PROFILE", "cpu")
    assert testing.elsewhere(notebook) == "the mini profile"
    monkeypatch.setenv("TL_PROFILE", "mini")
    monkeypatch.setenv("TL_TARGET", "cifar10")
    assert testing.elsewhere(notebook) == "mnist_m"


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_limit_grows_where_the_machine_is_slower_and_shrinks_nowhere(monkeypatch):
    for speed, limit in ((SLOW_GFLOPS / 4, 4), (SLOW_GFLOPS, 1), (10 * SLOW_GFLOPS, 1)):
        monkeypatch.setattr(doctor, "gflops", lambda speed=speed: speed)
        assert testing.limit_seconds() == limit * testing.LIMIT_SECONDS


def test_a_tier_is_what_its_markers_say(suite, monkeypatch):
    monkeypatch.setattr(doctor, "gflops", lambda: SLOW_GFLOPS / 2)
    suite.notebook("notebooks/a.ipynb", ("1", ""))
    selected = {tier: testing.Run(suite.root, tier, 3).commands() for tier in testing.TIERS}
    assert [command[0] for command in selected["check"]] == ["ruff", "ruff", "pytest"]
    daily, usual, full = (commands[-1] for commands in selected.values())
    assert daily[daily.index("-m") + 1] == (
        "not integration and not another_seed and not assets and not root and not full and not browser"
    )
    assert usual[usual.index("-m") + 1] == "not full"
    assert "-m" not in full
    assert "--nbval-lax" not in daily
    assert all("no:logging" in command for command in (daily, usual, full))
    for command in (usual, full):
        assert {"--nbval-lax", "--nbval-current-env", "notebooks/a.ipynb"} <= set(command)
    # pytest takes settings from above all paths that stand alone, and the memory lies in the user's home
    assert not any(os.path.isabs(word) for command in (daily, usual, full) for word in command)
    for command, limit in ((daily, 2), (usual, 2 * testing.LENIENT), (full, 2 * testing.LENIENT)):
        assert command[command.index("-n") + 1] == "3"
        assert command[command.index("--tiers-limit") + 1] == f"{limit:.2f}"


def test_no_more_processes_than_memory_feeds(monkeypatch):
    import joblib
    import psutil

    room = psutil.virtual_memory()
    monkeypatch.setattr(joblib, "cpu_count", lambda: 64)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: room._replace(available=9 * 2**30))
    assert testing.jobs() == 4
    monkeypatch.setattr(psutil, "virtual_memory", lambda: room._replace(available=1))
    assert testing.jobs() == 1
    monkeypatch.setattr(psutil, "virtual_memory", lambda: room._replace(available=2**50))
    assert testing.jobs() == 64
