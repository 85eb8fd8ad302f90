"""JupyterLab while it runs: started, watched so that the start page keeps up, found again, and stopped."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from tl_course.app import course, startpage
from tl_course.records import notes

LOOK_SECONDS = 2.0
"""How long a saved notebook may wait until the start page knows of it."""
PATIENCE_SECONDS = 10
LABEXTENSIONS = Path(__file__).with_name("labextensions")
"""What the course adds to JupyterLab in the browser; see the script in there."""


def command(workspace: Path, *, port: int = 8888, browser: bool = True, options: Sequence[str] = ()) -> list[str]:
    """Return the command that opens JupyterLab on a workspace; ``options`` are the learner's own, and win.

    >>> command(Path("work"))[1:4]
    ['-m', 'jupyter', 'lab']
    """
    return [
        *(sys.executable, "-m", "jupyter", "lab", f"--ServerApp.root_dir={workspace}", f"--port={port}"),
        # JupyterLab would ask its makers whether there is a newer one; a course that needs no network does without
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.default_url=/lab/tree/{startpage.PAGE}",
        f"--LabApp.extra_labextensions_path={LABEXTENSIONS}",
        # what is typed and shown goes to the kernel through a port that others on a shared machine could listen at
        "--KernelManager.transport_encryption=auto",
        *([] if browser else ["--no-browser"]),
        *options,
    ]


def attend(arguments: Sequence[str], workspace: Path, *, env: Mapping[str, str]) -> int:
    """Run JupyterLab to its end, and write the start page again whenever a notebook was saved or a question solved.

    Ctrl-C is JupyterLab's, which hears it too and asks whether to stop.

    Parameters
    ----------
    arguments : sequence of str
        As `command` returns them.
    workspace : pathlib.Path
        The learner's folder.
    env : mapping
        The environment of the process.

    Returns
    -------
    int
        How JupyterLab ended.
    """
    server = subprocess.Popen(list(arguments), env=dict(env))
    seen = saved(workspace)
    while True:
        try:
            return server.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            now = saved(workspace)
            if now != seen:
                with contextlib.suppress(OSError, course.CourseError):  # a page is not worth a learner's session
                    startpage.write(workspace)
            seen = now
        except KeyboardInterrupt:
            continue


def saved(workspace: Path) -> dict[str, int]:
    """Return when each file that the start page tells of was written last.

    >>> saved(Path("no such folder"))
    {}
    """
    files = [*workspace.glob("notebooks/*.ipynb"), *filter(None, [notes.path()])]
    times = {}
    for file in files:
        with contextlib.suppress(OSError):
            times[str(file)] = file.stat().st_mtime_ns
    return times


def stop(workspace: Path) -> Iterator[str]:
    """Stop every JupyterLab that runs in a workspace, with its kernels; those of other folders stay.

    Parameters
    ----------
    workspace : pathlib.Path
        The learner's folder.

    Yields
    ------
    str
        What was stopped, a sentence each; one that says so where nothing runs.

    Raises
    ------
    CourseError
        When a server answers and does not let itself be stopped.
    """
    from jupyter_server.serverapp import shutdown_server

    found = False
    for server in running(workspace):
        with contextlib.suppress(OSError):  # nothing answers: what a crash has left behind
            kernels = _kernels(server)
            shutdown_server(server, timeout=PATIENCE_SECONDS)
            found = True
            yield _said(server, kernels)
    if not found:
        yield f"No JupyterLab of the course runs in {workspace}."


def running(workspace: Path) -> list[dict[str, Any]]:
    """Return what Jupyter notes of each server whose folder is the workspace."""
    from jupyter_server.serverapp import list_running_servers

    return [one for one in list_running_servers() if Path(one.get("root_dir", "")).resolve() == workspace.resolve()]


def _kernels(server: Mapping[str, Any]) -> list[str]:
    """The names of what holds a kernel; the first question to a server, so that no stranger is shut down."""
    request = urllib.request.Request(urljoin(server["url"], "api/sessions"))
    request.add_header("Authorization", f"token {server.get('token', '')}")
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
            return sorted(session.get("path", "") for session in json.load(response))
    except (urllib.error.HTTPError, ValueError) as error:
        raise course.CourseError(
            f"JupyterLab at {server['url']} does not let itself be stopped ({error}): press Ctrl-C twice in its "
            "terminal."
        ) from None


def _said(server: Mapping[str, Any], kernels: Sequence[str]) -> str:
    count = f"{len(kernels)} kernel{'' if len(kernels) == 1 else 's'}"
    names = f" with {count}: {', '.join(kernels)}" if kernels else ", which had no kernel"
    return f"Stopped JupyterLab at {server['url']}{names}. What was saved is kept."
