"""What a learner's code cannot reach: sockets of other programs, other files, and the memory that nobody counts.

Each test tries it as a learner would, with something real on the other side.
"""

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import pytest
from classroom import HEAD, POINTS, QUICK, RIGHT, notebook, put

from tl_course.grading import Job, forbidden, grade, sandbox, server_client, system
from tl_course.grading.notebooks import extract
from tl_course.grading.results import Mark
from tl_course.grading.state import Kept


@pytest.fixture
def seen(marks, walls):
    """Run an answer's lines, which may print; returns what they printed."""

    def run(lines: str) -> str:
        body = "".join(f"    {line}\n" for line in lines.splitlines())
        mark = marks(notebook(sum_or_mean=f"import os, socket\n{HEAD}{body}{RIGHT}"))["sum_or_mean"]
        assert mark.points == 1, mark
        return mark.printed

    return run


RUNTIME = f"/run/user/{os.getuid() if hasattr(os, 'getuid') else 0}"
"""Where a user's own programs have their sockets."""


def needs(walls, *names):
    if missing := [name for name in names if name not in walls]:
        pytest.skip(f"not to be had on this system: {', '.join(missing)}")


@contextlib.contextmanager
def folder_in(place: Path):
    """A folder that everybody may write to, in a place that may be closed to us."""
    try:
        made = Path(tempfile.mkdtemp(prefix="tl-", dir=place))
    except OSError:
        pytest.skip(f"{place} is closed to us")
    made.chmod(0o777)
    try:
        yield made
    finally:
        shutil.rmtree(made)


@contextlib.contextmanager
def program_at(path: Path):
    """A program that serves a socket everybody may write to, and answers all who ask."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o777)
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    one, _ = server.accept()
                    with one:
                        one.sendall(b"at your service")

        threading.Thread(target=serve, daemon=True).start()
        yield
        server.shutdown(socket.SHUT_RDWR)


CALL = """
try:
    one = socket.socket(socket.AF_UNIX)
    one.connect({path!r})
    print("reached", one.recv(99))
except OSError as error:
    print("closed")
"""


@pytest.mark.parametrize("place", ["/run", RUNTIME, "/srv", "/var/lib", "/tmp", "/dev/shm", "/opt"])
def test_a_program_outside_is_not_reached_through_its_socket(seen, walls, place):
    needs(walls, sandbox.NO_SOCKETS)
    with folder_in(Path(place)) as folder, program_at(folder / "bus"):
        assert seen(CALL.format(path=str(folder / "bus"))) == "closed\n"


def test_nor_where_the_socket_lies_in_what_the_code_needs(seen, walls, client, monkeypatch):
    needs(walls, sandbox.NO_SOCKETS, sandbox.COVERED)
    with folder_in(Path(tempfile.gettempdir())) as folder, program_at(folder / "bus"):
        monkeypatch.setattr(client, "needed", [*client.needed, str(folder)])
        (folder / "text").write_text("to be read")
        assert seen(f"print(open({str(folder / 'text')!r}).read())") == "to be read\n"
        assert seen(CALL.format(path=str(folder / "bus"))) == "closed\n"


@pytest.mark.skipif(not shutil.which("dbus-daemon"), reason="needs a message bus")
def test_a_message_bus_is_not_reached(seen, walls):
    needs(walls, sandbox.NO_SOCKETS)
    with folder_in(Path(RUNTIME if os.access(RUNTIME, os.W_OK) else "/run")) as folder:
        path = folder / "bus"
        bus = subprocess.Popen(["dbus-daemon", "--session", "--nofork", f"--address=unix:path={path}"])
        try:
            until = time.monotonic() + 20
            while not path.exists() and time.monotonic() < until:
                time.sleep(0.02)
            path.chmod(0o777)
            with socket.socket(socket.AF_UNIX) as one:
                one.connect(str(path))
                one.sendall(b"\0AUTH\r\n")
                assert one.recv(99).startswith(b"REJECTED")  # it is there, and names the ways to log in
            assert seen(CALL.format(path=str(path))) == "closed\n"
        finally:
            bus.kill()
            bus.wait()


def test_a_pipe_with_a_name_is_not_reached(seen, walls):
    needs(walls, sandbox.COVERED)
    with folder_in(Path("/run")) as folder:
        os.mkfifo(folder / "pipe")
        (folder / "pipe").chmod(0o666)
        reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            tried = f"os.write(os.open({str(folder / 'pipe')!r}, os.O_WRONLY | os.O_NONBLOCK), b'x')"
            assert seen(f"try:\n    {tried}\nexcept OSError as error:\n    print('closed')") == "closed\n"
            assert os.read(reader, 9) == b""
        finally:
            os.close(reader)


WRITE = """
for place in {places!r}:
    try:
        open(place + "/note", "w").write("x")
        print("wrote", place)
    except OSError:
        pass
"""


def test_nothing_is_written_outside_and_no_open_folder_is_seen(seen, walls, client, tmp_path):
    needs(walls, sandbox.READ_ONLY, sandbox.COVERED)
    with contextlib.ExitStack() as made:
        open_to_all = [tmp_path]
        for place in ("/srv", "/opt", "/var/lib", "/var/spool", "/usr/local"):
            with contextlib.suppress(pytest.skip.Exception):
                open_to_all.append(made.enter_context(folder_in(Path(place))))
        tmp_path.chmod(0o777)
        places = ["/", "/usr", "/etc", "/dev", "/proc", "/sys", *client.needed, *map(str, open_to_all)]
        places += [os.path.dirname(place) for place in client.hidden]
        assert seen(WRITE.format(places=places)) == ""
        assert not any(list(place.iterdir()) for place in open_to_all)
        assert not [place for place in places if os.path.exists(os.path.join(place, "note"))]


def test_only_harmless_devices_are_there(seen, walls):
    needs(walls, sandbox.COVERED)
    found = seen("print([name for name in os.listdir('/dev') if os.path.exists('/dev/' + name)])")
    assert set(json.loads(found.replace("'", '"'))) <= {
        "null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr", "shm",
    }  # fmt: skip


def test_threads_processes_and_pairs_of_sockets_are_still_had(seen):
    lines = (
        "import subprocess, threading, multiprocessing as mp\n"
        "one = threading.Thread(target=lambda: print('thread'))\none.start()\none.join()\n"
        "print(subprocess.run(['echo', 'process'], capture_output=True, text=True).stdout, end='')\n"
        "with mp.get_context('fork').Pool(1) as pool:\n    print(pool.map(abs, [-1]))\n"
        "a, b = socket.socketpair()\na.send(b'pair')\nprint(b.recv(9))"
    )
    assert seen(lines) == "thread\nprocess\n[1]\nb'pair'\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("sockets", [True, False])
def test_sockets_are_forbidden_where_nothing_else_keeps_them_away(sockets):
    def tried() -> int:
        system.no_new_privileges()
        if not forbidden.forbid(sockets=sockets):
            return 77
        socket.socketpair()
        try:
            socket.socket(socket.AF_UNIX).close()
        except PermissionError:
            return 1
        return 0

    child = os.fork()
    if child == 0:
        os._exit(tried())
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == 77:
        pytest.skip("this kernel takes no filter")
    assert code == sockets


@pytest.mark.parametrize(
    ("more", "lost"),
    [({"hidden": "/proc/version"}, sandbox.COVERED), ({"needed": "/tmp"}, sandbox.READ_ONLY)],
)
def test_a_wall_that_something_gets_through_is_not_reported(walls, client, monkeypatch, more, lost):
    """The first cannot be covered, and the second cannot be locked: the learner's own files are in it."""
    needs(walls, lost)
    for name, place in more.items():
        monkeypatch.setattr(client, name, [*getattr(client, name), place])
    assert set(walls) - set(client.trial(QUICK).walls) == {lost}


def test_the_walls_are_tried_and_not_only_put_up(tmp_path):
    """Here, where there are none, every trial gets through."""
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "Ann.ipynb").write_text("{}")
    with server_client._outside() as outside:
        request = {"outside": outside, "hide": [str(tmp_path / "class")], "scratch": str(tmp_path)}
        request |= {"needed": [str(tmp_path)], "limits": {"room": QUICK.room}}
        assert set(sandbox._measured(list(sandbox.WALLS), request)) <= {sandbox.NO_RIGHTS}  # a container may have none


def test_rights_in_a_namespace_of_ones_own_are_rights(monkeypatch):
    monkeypatch.setattr(sandbox.system, "unshare", lambda flags: flags == sandbox.system.NEW_USER)
    assert not sandbox._has_no_rights()
    assert sandbox._is_root_somewhere()
    monkeypatch.setattr(sandbox.system, "unshare", lambda flags: False)
    assert not sandbox._is_root_somewhere()


# --- what a grading writes -------------------------------------------------------------------------------------------


FORGE = """
import pathlib
for place in {places!r}:
    path = pathlib.Path(place)
    print(path.name, os.path.exists(place), os.access(path.parent, os.W_OK))
    try:
        if place.endswith("-state"):
            path.mkdir(exist_ok=True)
            path = path / "forged.json"
        path.write_text("forged")
    except OSError:
        pass
"""


@pytest.mark.integration
def test_the_state_and_the_tables_are_out_of_reach_from_the_first_answer_on(tmp_path):
    """Outside of the home, in a folder that everybody may write to; and an older table lies beside the submissions."""
    with folder_in(Path("/var/tmp")) as place:
        out, older = place / "g.csv", place / "older.csv"
        older.write_text("Ben,13")
        outputs = [str(place / f"g{end}") for end in ("-state", ".csv", "-totals.csv", "-summary.html", "-feedback")]
        body = "".join(f"    {line}\n" for line in FORGE.format(places=[*outputs, str(older)]).splitlines())
        put(place / "in" / "Ann.ipynb", notebook(sum_or_mean=f"import os\n{HEAD}{body}{RIGHT}"))
        report = grade(Job(place / "in", "02", out, limits=QUICK))
        assert report.results[0].points == POINTS["02"]
        assert "forged" not in out.read_text(encoding="utf-8-sig")
        assert (place / "g-feedback" / "Ann.html").is_file()
        if sandbox.READ_ONLY not in report.walls:
            pytest.skip("this system gives no namespace for files")
        assert "True" not in report.results[0].marks[0].printed
        assert older.read_text() == "Ben,13"
        assert sorted(path.name for path in place.iterdir()) == sorted(
            ["in", "older.csv", *(Path(one).name for one in outputs)]
        )
        assert len(list((place / "g-state").iterdir())) == 1


def test_what_is_written_into_the_state_while_grading_counts_for_nothing(tmp_path, sheet):
    answers = extract(notebook(), sheet)
    kept = Kept(tmp_path / "state")
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    real = Kept(tmp_path / "elsewhere")
    full = [Mark(one.slug, one.title, one.points, one.points, "right") for one in sheet.questions]
    real.put(answers, sheet, full)
    assert real.get(answers, sheet) == full
    shutil.copytree(tmp_path / "elsewhere", tmp_path / "state", dirs_exist_ok=True)
    assert kept.get(answers, sheet) is None
    assert Kept(tmp_path / "state").get(answers, sheet) == full
