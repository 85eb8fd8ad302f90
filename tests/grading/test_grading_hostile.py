"""What walls and limits do around learners' code; the hostile answers themselves are in `zoo`."""

import contextlib
import dataclasses
import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest
from classroom import QUICK, left_behind, notebook

from tl_course.grading.sandbox import COVERED, IN_MEMORY, NO_NETWORK, OWN_PROCESSES
from tl_course.grading.server_client import ServerClient, private_folders


def test_two_hostile_cells_cost_two_questions(marks):
    found = marks(notebook(sum_or_mean="import os\nos._exit(3)", spring="def answer_spring(*a):\n    os.abort()"))
    assert {slug for slug, one in found.items() if one.status != "right"} == {"sum_or_mean", "spring"}
    assert found["sum_or_mean"].reason == "exited"


def test_nothing_but_hostile_cells_ends_in_time(marks, sheet):
    limits = dataclasses.replace(QUICK, submission=4, cell=1, question=1)
    endless = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    found = marks(notebook(**{question.slug: endless for question in sheet.questions}), limits)
    assert {one.reason for one in found.values()} == {"slow"}


@pytest.mark.full
def test_a_machine_that_is_busy_costs_no_points(marks):
    """Whoever waits, as for a processor, has longer than who computes."""
    waits = "import time\ntime.sleep(2.5)\nwaited = []\ndef answer_sum_or_mean(rate, count):\n"
    waits += "    waited or time.sleep(2)\n    waited.append(1)\n    return rate / count"
    assert max(QUICK.silence, 2 * QUICK.question - 1) <= 2
    assert marks(notebook(sum_or_mean=waits))["sum_or_mean"].points == 1
    computes = "import time\nwhile time.process_time() < 60: pass\n"
    began = time.monotonic()
    assert marks(notebook(sum_or_mean=computes))["sum_or_mean"].reason == "slow"
    assert time.monotonic() - began < 30


def look(expression: str) -> str:
    """An answer that prints what it sees."""
    return (
        "def answer_sum_or_mean(rate, count):\n"
        f"    import os, socket\n    print({expression})\n    return rate / count\n"
    )


def test_the_network_is_out_of_reach(marks, walls):
    if NO_NETWORK not in walls:
        pytest.skip("this system gives no namespace for the network")
    tried = "socket.socket().connect_ex(('127.0.0.1', 22)), [name for _, name in socket.if_nameindex()]"
    seen = marks(notebook(sum_or_mean=look(tried)))["sum_or_mean"].printed
    assert seen.strip().endswith("['lo']")
    assert not seen.startswith("0 ")


def test_answers_the_class_and_the_graders_home_cannot_be_seen(marks, walls, tmp_path):
    if COVERED not in walls:
        pytest.skip("this system gives no namespace for files")
    course = Path(__file__).resolve().parents[2]
    tmp_path.joinpath("secret").write_text("secret")
    seen = marks(notebook(sum_or_mean=look(f"sorted(os.listdir({str(course)!r})), os.path.exists({str(tmp_path)!r})")))
    text = seen["sum_or_mean"].printed
    assert "tl_course" in text
    assert not any(name in text for name in ("solutions", "tests", "authoring", "True"))
    questions = str(course / "tl_course" / "exercises")
    sizes = f"[os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk({questions!r}) for name in names"
    seen = marks(notebook(sum_or_mean=look(f"sum({sizes} if 'lesson_' in os.path.join(at, name)])")))
    assert seen["sum_or_mean"].printed == "0\n"


def test_homes_of_the_grader_are_closed_whatever_home_says(monkeypatch, tmp_path):
    account = Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()
    inside = account / "inside"
    for home in (account, tmp_path, inside):
        monkeypatch.setenv("HOME", str(home))
        found = private_folders()
        assert len(found) == len(set(found))
        assert not any(one in other.parents for one in found for other in found)
        assert tmp_path.resolve() in found or home != tmp_path
        assert account in found or account.parent == account or not account.is_dir()


@pytest.mark.full
def test_a_python_in_the_accounts_home_runs_where_home_is_another(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    with contextlib.closing(ServerClient("02", None)) as elsewhere:
        assert elsewhere.trial(QUICK).end == "exit"


def test_the_environment_is_not_the_graders(marks, monkeypatch):
    monkeypatch.setenv("A_SECRET_TOKEN", "hunter2")
    seen = marks(notebook(sum_or_mean=look("sorted(os.environ), os.getcwd() == os.environ['HOME']")))["sum_or_mean"]
    assert "SECRET" not in seen.printed
    assert seen.printed.strip().endswith(" True")


def test_an_unprivileged_user_runs_it(marks):
    seen = marks(notebook(sum_or_mean=look("os.getuid() != 0 and os.geteuid() != 0 and os.getgroups()")))
    if os.getuid() == 0:
        assert seen["sum_or_mean"].printed == "[]\n"


def test_one_submission_leaves_nothing_for_the_next(marks, walls):
    if IN_MEMORY not in walls:
        pytest.skip("this system gives no file system in memory")
    leave = (
        "def answer_sum_or_mean(rate, count):\n    for place in ('.', '/tmp', '/var/tmp', '/dev/shm'):\n"
        "        open(place + '/note', 'w').write('answer')\n    return rate / count\n"
    )
    marks(notebook(sum_or_mean=leave))
    places = "[os.path.exists(place + '/note') for place in ('.', '/tmp', '/var/tmp', '/dev/shm')]"
    assert "True" not in marks(notebook(sum_or_mean=look(places)))["sum_or_mean"].printed
    assert not any(Path(place, "note").exists() for place in ("/tmp", "/var/tmp", "/dev/shm"))


BARE = """
import dataclasses, json, os, sys, tempfile
from pathlib import Path
from tl_course.exercises import catalogue
from tl_course.grading import sandbox, server, system
sys.path.insert(0, {tests!r})
from classroom import QUICK
from zoo_answers import ANSWERS
system.unshare = lambda flags: False
questions = server.stripped(catalogue.questions("02"))
server._preload()
scratch = Path(tempfile.mkdtemp())
scratch.chmod(0o711)
for kind in ("background process", "process bomb", "loop that ignores signals", "memory bomb", "deep folders"):
    if not (keeper := os.fork()):
        case = '[{{"dict": {{"rate": 0.5, "count": 2}}}}]'
        steps = [{{"cell": "a", "source": ANSWERS[kind].source}}]
        steps += [{{"question": "sum_or_mean", "cases": case, "seconds": 1, "patience": 3}}]
        request = dict(steps=steps, token="t", limits=dataclasses.asdict(QUICK), scratch=str(scratch), hide=[])
        request |= dict(needed=[], private=[])
        last = []
        end = sandbox.keep(request, questions, lambda message: last.append(json.loads(message)))
        print(json.dumps([kind, end, last[-2:]]), flush=True)
        os._exit(0)
    os.waitpid(keeper, 0)
sandbox.sweep(scratch)
scratch.rmdir()
"""


@pytest.mark.full
def test_without_namespaces_the_limits_hold_and_nothing_is_left():
    script = BARE.format(tests=str(Path(__file__).parent))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ends = {kind: (end, last) for kind, end, last in map(json.loads, done.stdout.splitlines())}
    assert len(ends) == 5, done.stderr
    assert all(COVERED not in end["walls"] and OWN_PROCESSES not in end["walls"] for end, _ in ends.values())
    assert ends["background process"][1][-1]["finished"] is True
    assert ends["loop that ignores signals"][0]["end"] == "time"
    assert not left_behind()
