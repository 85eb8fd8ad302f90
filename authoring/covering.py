"""A pytest plugin that notes which lines of the package each test runs, and how long it takes.

Given as ``-p``; writes ``$TL_COVERING/<process>.json``: ``{"seconds": {test: s}, "lines": {file: {line: [tests]}}}``.
"""

import json
import os
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
