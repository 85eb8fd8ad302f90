"""For `authoring.package_mutants`: which lines of the package a test runs, and pytest in a process that is ready.

As a pytest plugin (``-p authoring.covering``) it writes ``$TL_COVERING/<process>.json``, with the seconds of each test
and for each line of each file the tests that run it. This module imports nothing of the course: a mutant must be
imported after it was made.
"""

import json
import os
import sys
from collections import defaultdict
from pathlib import Path

import coverage
import pytest


class _Covering:
    def __init__(self, package: Path):
        self.coverage = coverage.Coverage(data_file=None, source=[str(package)], config_file=False)
        self.seconds = defaultdict(float)
        self.coverage.start()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item):
        self.coverage.switch_context(item.nodeid)
        result = yield
        self.coverage.switch_context("")
        return result

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self):
        self.coverage.stop()
        data = self.coverage.get_data()
        numbers = {name: place for place, name in enumerate(self.seconds)}
        lines = {}
        for file in data.measured_files():
            lines[os.path.relpath(file)] = {
                line: [numbers[test] for test in tests if test in numbers]
                for line, tests in data.contexts_by_lineno(file).items()
            }
        out = Path(os.environ["TL_COVERING"])
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{os.getpid()}.json").write_text(json.dumps({"seconds": self.seconds, "lines": lines}))


def pytest_configure(config):
    if os.environ.get("PYTEST_XDIST_WORKER") or not config.getoption("numprocesses", None):
        config.pluginmanager.register(_Covering(config.rootpath / "tl_course"))


# --- pytest in a process that has its libraries already -------------------------------------------------------------

LIBRARIES = [
    "nbformat",
    "torch",
    "torchvision.models",
    "transformers",
    "timm",
    "sklearn.linear_model",
    "matplotlib.pyplot",
]
"""What most tests import, and takes them seconds."""


def tests_in_fork(clone: str, listed: str, said: str) -> None:
    """Run the listed tests of a copy of the tree up to the first failure; end with pytest's exit code."""
    os.setsid()
    os.chdir(clone)
    out = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, 1)
    os.dup2(out, 2)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("authoring", "tl_course")]:
        del sys.modules[name]
    sys.path.insert(0, clone)
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "TL_LEDGER": "off", "PYTHONPATH": clone}
    sys.dont_write_bytecode = True
    options = ["-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", "--doctest-modules"]
    code = pytest.main([*options, "--rootdir", clone, f"@{listed}"])
    sys.stdout.flush()
    os._exit(int(code))
