"""JupyterLab while it runs: the start page keeps up with what is saved, and one command stops this workspace's own."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import jupyter_server.serverapp
import pytest

from tl_course.app import course, serving, startpage
from tl_course.records import notes


@pytest.fixture
def work(tmp_path):
    (tmp_path / "work" / "notebooks").mkdir(parents=True)
    return tmp_path / "work"


# --- while it runs ------------------------------------------------------------------------------------------------


def test_the_start_page_is_written_again_when_a_notebook_was_saved(work, monkeypatch):
    written = []
    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(startpage, "write", lambda workspace: written.append(workspace))
    saving = f"import time, pathlib; time.sleep(.1); pathlib.Path({str(work)!r}, 'notebooks/00_a.ipynb').touch(); "
    saving += "time.sleep(.2); raise SystemExit(3)"
    assert serving.attend([sys.executable, "-c", saving], work, env=os.environ) == 3
    assert written == [work]


def test_a_page_that_cannot_be_written_ends_nothing(work, monkeypatch):
    def full(workspace):
        raise course.CourseError("no space")

    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(startpage, "write", full)
    times = iter(range(1000))
    monkeypatch.setattr(serving, "saved", lambda workspace: {"a": next(times)})
    assert serving.attend([sys.executable, "-c", "import time; time.sleep(.1)"], work, env=os.environ) == 0


def test_ctrl_c_is_left_to_jupyterlab(work, monkeypatch):
    class Asking:
        waits = 0

        def __init__(self, *_, **options):
            pass

        def wait(self, seconds):
            self.waits += 1
            if self.waits < 3:
                raise KeyboardInterrupt
            return 0

    monkeypatch.setattr(subprocess, "Popen", Asking)
    assert serving.attend(["x"], work, env={}) == 0


def test_lessons_and_notes_are_looked_at_and_nothing_else(work, tmp_path, monkeypatch):
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "ledger.jsonl"))
    assert serving.saved(work) == {}
    (work / "notebooks" / "00_a.ipynb").touch()
    (work / "START.md").touch()
    notes.note_try("one", "right")
    assert sorted(map(os.path.basename, serving.saved(work))) == ["00_a.ipynb", "exercises.json"]


def test_the_learners_own_options_come_last():
    made = serving.command(Path("work"), port=9, browser=False, options=["--port=10"])
    assert made.index("--port=9") < made.index("--port=10")
    assert "--no-browser" in made
    assert f"--LabApp.extra_labextensions_path={serving.LABEXTENSIONS}" in made


def test_what_jupyterlab_loads_lies_where_its_description_says():
    [description] = serving.LABEXTENSIONS.glob("*/package.json")
    said = json.loads(description.read_text(encoding="utf-8"))
    assert said["name"] == description.parent.name
    assert (description.parent / said["jupyterlab"]["_build"]["load"]).is_file()


# --- stopping -----------------------------------------------------------------------------------------------------


class FakeLab:
    """Answers as JupyterLab does, and notes what was asked of it."""

    def __init__(self, sessions, status=200):
        asked = self.asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers["Authorization"]))
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps([{"path": path} for path in sessions]).encode())

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def note(self, folder):
        return {"url": self.url, "root_dir": str(folder), "token": "secret", "pid": 1}


@pytest.fixture
def fake(request):
    lab = FakeLab(*getattr(request, "param", ([],)))
    yield lab
    lab.server.shutdown()
    lab.server.server_close()


@pytest.fixture
def stopped(monkeypatch):
    """The servers that were told to stop."""
    told = []
    monkeypatch.setattr(
        jupyter_server.serverapp, "shutdown_server", lambda server, timeout: told.append(server["root_dir"])
    )
    return told


def notes_of(monkeypatch, *servers):
    monkeypatch.setattr(jupyter_server.serverapp, "list_running_servers", lambda: iter(servers))


@pytest.mark.parametrize("fake", [(["notebooks/05_a.ipynb", "exercises/05_a.ipynb"],)], indirect=True)
def test_stop_ends_the_servers_of_this_workspace_alone(tl, work, tmp_path, monkeypatch, fake, stopped):
    notes_of(monkeypatch, fake.note(tmp_path / "other"), fake.note(work))
    code, out, _ = tl("stop", "--workspace", work)
    assert (code, stopped) == (0, [str(work)])
    assert f"Stopped JupyterLab at {fake.url} with 2 kernels: exercises/05_a.ipynb, notebooks/05_a.ipynb." in out
    assert fake.asked == [("/api/sessions", "token secret")]


def test_a_server_without_kernels_says_so(work, monkeypatch, fake, stopped):
    notes_of(monkeypatch, fake.note(work))
    assert list(serving.stop(work)) == [
        f"Stopped JupyterLab at {fake.url}, which had no kernel. What was saved is kept."
    ]


def test_where_nothing_runs_or_answers_nothing_is_stopped(work, monkeypatch, fake, stopped):
    notes_of(monkeypatch)
    nothing = [f"No JupyterLab of the course runs in {work}."]
    assert list(serving.stop(work)) == nothing
    fake.server.shutdown()
    fake.server.server_close()
    notes_of(monkeypatch, fake.note(work))  # a note that a crash left behind
    assert list(serving.stop(work)) == nothing
    assert stopped == []


@pytest.mark.parametrize("fake", [([], 403)], indirect=True)
def test_a_server_that_refuses_is_one_sentence_and_stays(tl, work, monkeypatch, fake, stopped):
    notes_of(monkeypatch, fake.note(work))
    code, _, err = tl("stop", "--workspace", work)
    assert (code, stopped) == (2, [])
    assert "does not let itself be stopped (HTTP Error 403: Forbidden): press Ctrl-C twice" in err


@pytest.mark.full
def test_a_real_jupyterlab_is_stopped_with_what_started_it(tmp_path, monkeypatch):
    from authoring import lab

    with lab.serve(tmp_path) as running:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
        [server] = serving.running(running.workspace)
        [line] = serving.stop(running.workspace)
        assert line.startswith(f"Stopped JupyterLab at {server['url']}")
        deadline = time.monotonic() + 20
        while serving.running(running.workspace) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert serving.running(running.workspace) == []
        running.end_kernels = lambda: None  # nobody is left to ask
