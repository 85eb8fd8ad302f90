"""JupyterLab as a learner meets it, driven in a browser: for tests and measurements.

`serve` starts what ``make lab`` starts, with settings and a workspace of its own; `Notebook` is one notebook in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from authoring import sources

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

SECONDS_TO_START = 300
SECONDS_TO_RUN = 600
PATIENCE = 120_000
"""Milliseconds that a part of the page may take to appear: a busy machine is slow, and that is no fault."""
LEDGER = "kept/ledger.jsonl"
"""The notes on exercises lie beside it."""

_INFORMATION = re.compile(
    r"\[[ID] "
    # said of every notebook that this machine has not saved yet; learners' copies come without outputs to distrust
    r"|\[W [^]]*\] Notebook \S+ is not trusted$"
    # the server's own default, and it mends it itself
    r"|\[W [^]]*\] The websocket_ping_timeout \(\d+\) cannot be longer than the websocket_ping_interval"
)
_CONTINUED = re.compile(r"    |\s*$")
_AT_REST = re.compile(r"^(?!No Kernel).+ \| Idle$")


class LabError(RuntimeError):
    """JupyterLab did not come up, or a notebook in it did not; the message says what was seen."""


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes
    ----------
    url, token : str
        Where it is, and what opens it.
    workspace : pathlib.Path
        The learner's folder.
    log : pathlib.Path
        What the server and the kernels wrote to stderr.
    """

    url: str
    token: str
    workspace: Path
    log: Path

    def address(self, path: str) -> str:
        """Return the address of a file in the workspace, in a window that remembers no other file."""
        return f"{self.url}/lab/tree/{path}?token={self.token}&reset"

    def warnings(self) -> list[str]:
        """Return the lines on stderr that are more than information."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        told, informing = [], True
        for line in lines:
            if not _CONTINUED.match(line):
                informing = bool(_INFORMATION.match(line))
            if not informing:
                told.append(line)
        return told

    def end_kernels(self) -> None:
        """Shut every kernel down, and give its memory back.

        Wait until they are at rest before: one that is ended in the midst of its imports says so on stderr.
        """
        for session in json.loads(self._ask("GET", "/api/sessions")):
            self._ask("DELETE", f"/api/sessions/{session['id']}")

    def forget_the_learner(self) -> None:
        """Forget what was run, asked and answered so far; what is saved in notebooks stays."""
        shutil.rmtree((self.workspace.parent / LEDGER).parent, ignore_errors=True)

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(self.url + path, method=method)
        request.add_header("Authorization", f"token {self.token}")
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.read()


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Lab]:
    """Start JupyterLab as ``make lab`` does, all that it keeps inside a folder, and end it afterwards.

    Raises
    ------
    LabError
        If it does not answer in time; with what it wrote.
    """
    lab = Lab(f"http://127.0.0.1:{free_port()}", secrets.token_hex(16), folder / "workspace", folder / "stderr.log")
    command = [sys.executable, "-m", "tl_course.app.cli", "start", "--no-browser", "--workspace", str(lab.workspace)]
    command += ["--port", lab.url.rpartition(":")[2], "--"]
    command += [f"--IdentityProvider.token={lab.token}", "--ServerApp.port_retries=0", "--expose-app-in-browser"]
    command += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with lab.log.open("wb") as log, (folder / "stdout.log").open("wb") as out:
        server = subprocess.Popen(
            command, cwd=sources.ROOT, env=_surroundings(folder), stdout=out, stderr=log, start_new_session=True
        )
        try:
            _wait_for(lab, server)
            yield lab
            lab.end_kernels()
        finally:
            _end(server)


def free_port() -> int:
    """Return a port that nothing listens on.

    It lies below those that the system hands out. Of these, a kernel that starts at the same time could be given the
    one that was just found free.
    """
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise LabError("a hundred ports between 20000 and 30000 are taken: end what listens there.")


def _surroundings(folder: Path) -> dict[str, str]:
    """The environment of a learner who has never opened JupyterLab."""
    own = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "windows",
        "IPYTHONDIR": "ipython",
        "TL_LEDGER": LEDGER,
    }
    path = os.pathsep.join(filter(None, [str(sources.ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **{name: str(folder / place) for name, place in own.items()}, "PYTHONPATH": path}


def _wait_for(lab: Lab, server: subprocess.Popen) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < deadline and server.poll() is None:
        with contextlib.suppress(OSError):
            lab._ask("GET", "/api/status")
            return
        time.sleep(0.2)
    raise LabError(f"JupyterLab did not come up at {lab.url}. It wrote:\n{lab.log.read_text(errors='replace')}")


def _end(server: subprocess.Popen) -> None:
    """End the server with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


# What the notebook in front holds. The page is no witness: cells far from what is seen are not drawn.
_CELLS = """() => [...jupyterapp.shell.currentWidget.content.model.cells].map((cell, place) => ({
    place, code: cell.type === 'code', count: cell.executionCount ?? null, at_rest: cell.executionState !== 'running',
    source: cell.sharedModel.getSource(), outputs: cell.type === 'code' ? cell.outputs.toJSON() : [],
})).filter(cell => cell.code)"""
# A new kernel counts from one again: a cell whose old number is still there could not be told from one that ran.
_FORGET = """positions => {
    const cells = [...jupyterapp.shell.currentWidget.content.model.cells].filter(cell => cell.type === 'code');
    for (const position of positions) cells[position].executionCount = null;
}"""
_SHOW = """place => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.widgets[place].node.dataset.place = place;
    notebook.mode = 'command';
    notebook.activeCellIndex = place;
    notebook.activate();
    return notebook.scrollToItem(place, 'smart');
}"""


class Notebook:
    """A notebook, open in JupyterLab and with its kernel at rest.

    Parameters
    ----------
    page : playwright.sync_api.Page
        A page that nothing is open on.
    lab : Lab
    path : str
        The notebook, seen from the workspace.
    """

    def __init__(self, page: Page, lab: Lab, path: str):
        self.page = page
        page.goto(lab.address(path))
        wait_until_at_rest(page)

    def cells(self) -> list[dict]:
        """Return the code cells: ``source``, ``count``, ``outputs``, whether ``at_rest``, and their ``place``."""
        return self.page.evaluate(_CELLS)

    def show(self, position: int) -> Locator:
        """Choose one code cell and scroll to it, which draws it, and return it."""
        place = self.cells()[position]["place"]
        self.page.evaluate(_SHOW, place)
        cell = self.page.locator(f'.jp-NotebookPanel:not(.lm-mod-hidden) [data-place="{place}"]')
        cell.locator(".jp-Cell-inputWrapper").wait_for(state="attached")
        return cell

    def run_all(self) -> None:
        """Run every cell from the menu, and wait for the last."""
        positions = [position for position, cell in enumerate(self.cells()) if cell["source"].strip()]
        self.page.evaluate(_FORGET, positions)
        choose(self.page, "Run", "Run All Cells")
        self._wait_for(positions)

    def run(self, position: int) -> Locator:
        """Run one code cell, wait for it, and return it."""
        cell = self.show(position)
        self.page.evaluate(_FORGET, [position])
        self.page.keyboard.press("Control+Enter")
        self._wait_for([position])
        return cell

    def write(self, position: int, code: str) -> None:
        """Put code into a code cell, in the place of what it holds."""
        self.show(position).locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)

    def _wait_for(self, positions: list[int]) -> None:
        """Wait until every one of these cells has a number, or one has failed."""
        deadline = time.monotonic() + SECONDS_TO_RUN
        while time.monotonic() < deadline:
            now = self.cells()
            ran = (now[one]["count"] is not None and now[one]["at_rest"] for one in positions)
            if all(ran) or self.complaints():
                wait_until_at_rest(self.page, SECONDS_TO_RUN)
                return
            self.page.wait_for_timeout(200)
        raise LabError(f"{SECONDS_TO_RUN} s were not enough; beside the cells stands {[one['count'] for one in now]}.")

    def complaints(self) -> list[str]:
        """Return what cells said that a lesson must not: errors, and anything on stderr."""
        said = [output for cell in self.cells() for output in cell["outputs"]]
        errors = [f"{one['ename']}: {one['evalue']}" for one in said if one["output_type"] == "error"]
        return errors + ["".join(one["text"]) for one in said if one.get("name") == "stderr"]


def wait_until_at_rest(page: Page, seconds: float = PATIENCE / 1000) -> None:
    """Wait until a kernel is there and has nothing to do: the notebook's own sign says so too early."""
    page.locator("#jp-main-statusbar").get_by_text(_AT_REST).wait_for(timeout=seconds * 1000)


def choose(page: Page, menu: str, *entries: str) -> None:
    """Choose an entry of the menu bar."""
    page.locator(".lm-MenuBar-itemLabel").get_by_text(menu, exact=True).click()
    for entry in entries:
        page.locator(".lm-Menu-itemLabel").get_by_text(entry, exact=True).click()
