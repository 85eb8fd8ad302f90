"""Every test has a cache of its own, unless it is marked `assets`; none depends on who runs it and where."""

import functools
import gc
import itertools
import os
import shutil
import signal
import subprocess
import sys

sys.modules.setdefault("rfc3987_syntax", None)  # jsonschema takes seconds to load it, and no notebook needs it

import nbformat
import pytest
import tiers
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from serving import Server

from authoring import browsing
from tl_course import environment
from tl_course.app import cli, course, running

# Where the tests are started in the background of a script, Ctrl-C is switched off for them and all their children;
# the tests of Ctrl-C need it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

SETTINGS = (
    "TL_PROFILE",
    "TL_DEVICE",
    "TL_THREADS",
    "TL_OFFLINE",
    "HF_HUB_OFFLINE",
    "TL_CIFAR10",
    "TL_TARGET",
    "TL_REHEARSE",
)

DEAR_EXAMPLES = ("tl_course.models.exporting.export", "tl_course.app.running.execute")
"""Examples of docstrings that wait for `make test`: one loads PyTorch's compiler for seconds, one starts a kernel."""


@pytest.fixture(scope="session")
def _caches(tmp_path_factory):
    """A new place for each that asks; pytest's own search for a free name looks through all that are there.

    Nothing lies there until a test writes: thousands of empty folders would take seconds to make and to delete.
    """
    return _places(tmp_path_factory.mktemp("own"))


def _places(folder):
    for number in itertools.count():
        yield folder / str(number) / "cache"


@pytest.fixture(autouse=True)
def _own_settings(request, _caches):
    with pytest.MonkeyPatch.context() as settings:  # its own: a test's monkeypatch.undo() leaves these
        for name in SETTINGS:
            settings.delenv(name, raising=False)
        settings.setenv("npm_config_offline", "true")  # no test fetches CIFAR-10
        settings.setenv("TL_LEDGER", "off")
        settings.setenv("TL_PRECISION", "fp32")  # what a timing on a busy machine says must decide no test
        if request.node.get_closest_marker("assets") is None:
            settings.setenv("TL_CACHE", str(next(_caches)))
        settings.setattr(environment, "_current", None)
        yield
    if (torch := sys.modules.get("torch")) and not torch.is_grad_enabled():
        torch.set_grad_enabled(True)
        pytest.fail("This test left gradients switched off, which spoils those after it in its process.")


@pytest.fixture
def server():
    with Server() as running:
        yield running


@pytest.fixture
def tl(monkeypatch, capsys):
    """Run the command line in this process: returns exit code, stdout, stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["tl-course", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            cli.main()
        captured = capsys.readouterr()
        return end.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def pytest_addoption(parser):
    tiers.add_options(parser)


def pytest_configure(config):
    tiers.register(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if item.name in DEAR_EXAMPLES:
            item.add_marker("integration")


def pytest_collection():
    gc.disable()  # libraries and tests are loaded to stay: there is nothing to look for until all are there


def pytest_collection_finish():
    gc.enable()
    gc.collect()
    gc.freeze()  # what the libraries have loaded stays: no later collection need look through it


def pytest_runtest_setup(item):
    if item.get_closest_marker("root") and not namespaces_work():
        pytest.skip("needs Linux, root and unshare, to mount and to cut the network in a namespace of its own")
    if item.get_closest_marker("browser") and (lack := browsing.missing()):
        pytest.skip(lack)


@functools.cache
def namespaces_work() -> bool:
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    trial = "mount -t tmpfs none /mnt && ip link set lo up"
    return subprocess.run(["unshare", "-m", "-n", "sh", "-c", trial], capture_output=True).returncode == 0


# --- a course of two small lessons ---------------------------------------------------------------------------------


@pytest.fixture
def write():
    """Write a small notebook with outputs of an earlier run, one cell for each line of code."""
    return _write


def _write(path, *code: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_markdown_cell("# Title"), *(new_code_cell(line) for line in code)]
    for number, cell in enumerate(cells):
        cell["id"] = f"c{number}"
        if cell.cell_type == "code":
            cell.outputs = [nbformat.v4.new_output("stream", text="an old result")]
            cell.execution_count = 7
    nbformat.write(new_notebook(cells=cells), path)


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """A clone of the course with two lessons and an exercise."""
    folder = tmp_path / "clone"
    _write(folder / "notebooks" / "00_first.ipynb", "1 + 1")
    _write(folder / "notebooks" / "01_second.ipynb", "2 + 2")
    _write(folder / "exercises" / "00_first.ipynb", "...  # YOUR CODE HERE")
    monkeypatch.setattr(course, "root", lambda: folder)
    return folder


@pytest.fixture
def executed(monkeypatch):
    """Do not start kernels: note which lessons would run, and write what comes out."""
    names = []

    def execute(path, out, **options):
        names.append(path.stem)
        if "stop here" in path.read_text():
            raise KeyboardInterrupt
        out.write_text(path.read_text())
        failed = "boom" in path.read_text()
        return running.Result(1.234, 10**8, not failed, "cell 2 (In [1]): boom" if failed else None)

    monkeypatch.setattr(running, "execute", execute)
    return names
