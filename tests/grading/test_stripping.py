"""No answer is left in memory or on disk for a learner's code, whether a lesson's questions are a file or a package."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from classroom import notebook, put

from tl_course.exercises import catalogue
from tl_course.grading import Job, grade, server_client
from tl_course.grading.sandbox import COVERED

MARKER = "QJXZ"
"""Stands in all that a learner's process must not hold."""
QUESTION = """
from {home} import {shared}
from tl_course.exercises import Question, Wrong

def _reference(rate, count):
    "QJXZ reference of {slug}"
    return rate / count

def _wrong(rate, count):
    return "QJXZ wrong of {slug}"

def _probe(answer, case):
    return {run}(answer, case)

QUESTION = Question(
    slug="{slug}", lesson="{lesson}", title="T", kind="implement", difficulty=1, minutes=1, points=7,
    hints=("QJXZ hint one", "QJXZ hint two"), inputs=lambda seed: [dict(rate=float(seed % 97 + 1), count=4)],
    reference=_reference, why="QJXZ why", wrong=(Wrong("w", "QJXZ message", _wrong),), probe=_probe,
)
"""
SHARED = """
import functools
from dataclasses import dataclass

FACTORS = {"one": lambda value: _once(value), "QJXZ unused": None}
FACTORS.pop("QJXZ unused")

def _once(value):
    return 1.0 * value

def _answer(rate, count):
    "QJXZ a reference that several questions share"
    return rate / count

class _Base:
    def factor(self):
        return FACTORS["one"]

@dataclass
class Runner(_Base):
    power: int = 1

    def __call__(self, answer, case):
        return _finish(self.factor()(answer(**case)), self.power)

def _finish(value, power):
    from {home} import late
    return late.finished(value, power)

run = functools.partial(Runner(1))
"""
SHARED_USED = {"FACTORS", "QUESTIONS", "Runner", "_finish", "_once", "run"}
LATE = """
def finished(value, power):
    return value**power

def unfinished(value):
    return "QJXZ late"
"""
INIT = """
from {home} import late as _late
from {home}.deep.nested import QUESTION as NESTED
from {home}.first import QUESTION as FIRST

NOTE = "QJXZ of the package"
QUESTIONS = (FIRST, NESTED)
"""
LOOK = """
import gc, importlib, json, shutil, sys
from pathlib import Path
from tl_course import exercises
from tl_course.exercises import catalogue
from tl_course.grading import server

exercises.__path__.append({course!r})
if {own!r}:
    asked = catalogue.load(Path({own!r}), "99")
else:
    asked = catalogue.questions("99")
home = asked[0].reference.__module__.removesuffix(".first")
assert all(one.evidence(one.reference, dict(rate=8.0, count=4)).value == 2.0 for one in asked)
bare = server.stripped(asked)
del asked
gc.collect()

marker = sys.argv[1]
def told(thing):
    return marker in str(getattr(thing, "__doc__", "") or "") or any(
        marker in str(const) for const in getattr(getattr(thing, "__code__", None), "co_consts", ()))

ours = {{id(globals()), id(sys.argv), id(sys.orig_argv)}}
held = []
for one in gc.get_objects():
    parts = list(one.values()) if type(one) is dict else one if type(one) in (list, tuple) else []
    if (
        isinstance(one, exercises.Wrong)
        or (isinstance(one, exercises.Question) and (one.reference or one.hints))
        or (callable(one) and told(one))
        or (id(one) not in ours and any(isinstance(part, str) and marker in part for part in parts))
    ):
        held.append(repr(one)[:200])
values = [one.evidence(lambda rate, count: rate / count, dict(rate=8.0, count=4)).value for one in bare.values()]
lessons = catalogue.lessons()
found = {{}}
for again in (False, True):
    if again:  # as the sandbox covers a folder
        shutil.rmtree({there!r})
        Path({there!r}).mkdir()
    for name in ("", ".first", ".deep", ".deep.nested", "._shared", ".late", ".never_imported"):
        try:
            module = importlib.import_module(home + name)
            if again:
                del sys.modules[home + name]
                module = importlib.import_module(home + name)
            found[f"{{name}} {{again}}"] = sorted(key for key in vars(module) if not key.startswith("__"))
        except ImportError as error:
            found[f"{{name}} {{again}}"] = []
print(json.dumps([held, found, values, home, lessons]))
"""


def package(folder: Path, home: str, lesson: str, slugs: tuple[str, str] = ("first", "nested")) -> None:
    """Write a lesson's questions as a package: one deeper than the other, sharing a module, importing one when run."""
    inside = folder / f"lesson_{lesson}"
    (inside / "deep").mkdir(parents=True)
    for name, text in {"__init__": INIT, "_shared": SHARED, "late": LATE, "deep/__init__": ""}.items():
        (inside / f"{name}.py").write_text(text.replace("{home}", home))
    (inside / "never_imported.py").write_text("NOTE = 'QJXZ'\n")
    ways = (("first", "_shared", "_shared.run"), ("deep/nested", "_shared as other", "other.run"))
    for slug, (file, shared, run) in zip(slugs, ways, strict=True):
        (inside / f"{file}.py").write_text(QUESTION.format(home=home, shared=shared, run=run, slug=slug, lesson=lesson))


@pytest.mark.usual(1)
@pytest.mark.full
@pytest.mark.parametrize("whose", ["the course's", "a teacher's"])
def test_of_a_package_nothing_is_left_but_what_probes_use(tmp_path, whose):
    home = "lesson_99" if whose == "a teacher's" else "tl_course.exercises.lesson_99"
    package(tmp_path / "there", home, "99")
    own = str(tmp_path / "there") if whose == "a teacher's" else ""
    there = str(tmp_path / "there" / "lesson_99")
    script = LOOK.format(course=str(tmp_path / ("elsewhere" if own else "there")), own=own, there=there)
    done = subprocess.run([sys.executable, "-c", script, MARKER], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    held, found, values, name, lessons = json.loads(done.stdout)
    assert held == [], "\n".join(held)
    assert name == home
    assert values == [2.0, 2.0]
    assert ("99" in lessons) == (not own)
    kept = {name.removesuffix(" False"): names for name, names in found.items() if name.endswith("False")}
    assert (kept[""], kept[".deep"]) == (["QUESTIONS", "late"], ["QUESTIONS"])
    assert kept[".late"] == ["QUESTIONS", "finished"]
    assert (kept[".first"], kept[".deep.nested"]) == (["QUESTIONS", "_shared"], ["QUESTIONS", "other"])
    assert {"FACTORS", "_finish", "_once", "run"} <= set(kept["._shared"]) <= SHARED_USED
    assert kept[".never_imported"] == []
    assert not any(names for name, names in found.items() if name.endswith("True"))


def test_files_and_folders_of_questions_are_hidden(tmp_path, monkeypatch):
    folder = tmp_path / "exercises"
    package(folder, "tl_course.exercises.lesson_12", "12")
    (folder / "lesson_05.py").write_text("")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "lesson_05.cpython-311.pyc").write_text("")
    (folder / "networks.py").write_text("")
    monkeypatch.setattr(server_client, "PACKAGE", tmp_path)
    hidden = set(server_client.answers_on_disk())
    holding = [file for file in folder.rglob("*") if file.is_file() and file.name != "networks.py"]
    assert all({file, *file.parents} & hidden for file in holding)
    assert folder / "networks.py" not in hidden


def test_every_file_of_questions_in_the_package_is_hidden():
    hidden = set(server_client.answers_on_disk())
    folder = server_client.PACKAGE / "exercises"
    for lesson in catalogue.lessons():
        assert all({file, *file.parents} & hidden for file in catalogue.sources(folder, lesson))


@pytest.mark.full
def test_a_teachers_package_marks_and_cannot_be_read(tmp_path):
    """It lies outside of every folder that is covered for another reason."""
    own = Path(tempfile.mkdtemp(dir="/opt" if os.getuid() == 0 else None))
    try:
        own.chmod(0o755)
        package(own, "lesson_02", "02", ("sum_or_mean", "spring"))
        look = (
            "import os\ndef answer_sum_or_mean(rate, count):\n"
            f"    print([os.path.join(*one) for one in os.walk({str(own)!r})])\n"
            f"    for name in ('first.py', 'deep/nested.py', '_shared.py'):\n"
            f"        try:\n            print(open(os.path.join({str(own)!r}, 'lesson_02', name)).read())\n"
            "        except OSError as error:\n            print('no')\n"
            "    try:\n        from lesson_02.first import _reference\n        print('QJXZ')\n"
            "    except ImportError:\n        print('no')\n    return rate / count\n"
        )
        put(tmp_path / "class" / "Ann.ipynb", notebook(sum_or_mean=look))
        report = grade(Job(tmp_path / "class", "02", tmp_path / "g.csv", tests=own))
    finally:
        shutil.rmtree(own)
    if COVERED not in report.walls:
        pytest.skip("this system gives no namespace for files")
    marks = {one.question: one for one in report.results[0].marks}
    assert marks["sum_or_mean"].points == 7, marks
    assert marks["sum_or_mean"].printed.split() == ["[]", "no", "no", "no", "no"]


def test_a_package_counts_for_the_version_whole(tmp_path):
    package(tmp_path, "lesson_02", "02")
    files = catalogue.sources(tmp_path, "02")
    assert files[0] == tmp_path / "lesson_02" / "__init__.py"
    assert set(files) == set(tmp_path.rglob("*.py"))


def test_two_homes_for_one_lesson_are_refused(tmp_path):
    package(tmp_path, "lesson_02", "02")
    (tmp_path / "lesson_02.py").write_text("QUESTIONS = ()")
    with pytest.raises(ValueError, match="keep one of them"):
        catalogue.load(tmp_path, "02")


def test_a_package_loaded_from_another_folder_is_another(tmp_path):
    for name in ("one", "other"):
        package(tmp_path / name, "lesson_97", "97", (name, "nested"))
    try:
        loaded = [catalogue.load(tmp_path / name, "97")[0].slug for name in ("one", "other")]
    finally:
        for name in [name for name in sys.modules if name.startswith("lesson_97")]:
            del sys.modules[name]
    assert loaded == ["one", "other"]
