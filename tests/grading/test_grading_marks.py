"""Honest submissions get exactly their marks, and evidence is judged whatever its form."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from classroom import POINTS, QUICK, notebook, put, stub

from tl_course.exercises import catalogue, encode
from tl_course.grading import Job, grade
from tl_course.grading.marking import judged, mark
from tl_course.grading.notebooks import EXERCISES, extract, worksheet
from tl_course.grading.sandbox import COVERED
from tl_course.grading.server_client import Attempt, ServerClient


def test_the_solution_gets_full_marks_and_the_stub_none(marks):
    full = marks(notebook("02"))
    assert sum(one.points for one in full.values()) == POINTS["02"]
    assert {one.status for one in full.values()} == {"right"}
    none = marks(notebook("02", "exercises"))
    assert {one.status for one in none.values()} == {"not attempted"}
    assert sum(one.points for one in none.values()) == 0


def test_a_mix_gets_what_each_answer_earned(marks):
    found = marks(
        notebook(
            sum_or_mean="def answer_sum_or_mean(rate, count):\n    return rate * count",
            short_batch=stub("02", "short_batch"),
            reaches_target="answer_reaches_target = 'ABCDE'",
            spring="def answer_spring(curvature, target, source, lam):\n    return helper(target)",
            l2_sp="def answer_l2_sp(model strength):",
            transfer_loss="",
        )
    )
    assert {slug: (one.points, one.status, one.reason) for slug, one in found.items()} == {
        "sum_or_mean": (0, "wrong", "multiplied"),
        "short_batch": (0, "not attempted", ""),
        "reaches_target": (0, "wrong", "sum couples"),
        "transfer_loss": (0, "not attempted", ""),
        "meant_loss": (3, "right", ""),
        "l2_sp": (0, "wrong", "raised"),
        "spring": (0, "wrong", "raised"),
        "fence": (0, "right", ""),
    }
    assert "helper" in found["spring"].detail + found["spring"].message
    assert "must be defined in one of them" in found["spring"].detail
    assert "SyntaxError" in found["l2_sp"].message


def test_answers_may_use_one_another_and_magics(marks):
    found = marks(
        notebook(
            sum_or_mean="%%time\n%matplotlib inline\ndef share(a, b):\n    return a / b\n"
            "def answer_sum_or_mean(rate, count):\n    return share(rate, count)\nanswer_sum_or_mean(1, 2)",
            spring="def answer_spring(curvature, target, source, lam):\n"
            "    return share(curvature * target + lam * source, curvature + lam)",
        )
    )
    assert sum(one.points for one in found.values()) == POINTS["02"]


def test_an_answer_counts_even_if_its_cell_fails_afterwards(marks):
    source = "def answer_sum_or_mean(rate, count):\n    return rate / count\nprint(undefined)"
    assert marks(notebook(sum_or_mean=source))["sum_or_mean"].points == 1


def test_inputs_are_drawn_anew_for_each_submission(marks):
    seen = "def answer_sum_or_mean(rate, count):\n    print(rate, count)\n    return rate / count"
    printed = {marks(notebook(sum_or_mean=seen))["sum_or_mean"].printed for _ in range(3)}
    assert len(printed) == 3


SOME = catalogue.lessons()[::4]


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize(
    "number",
    [pytest.param(one, marks=() if one in SOME else pytest.mark.full) for one in catalogue.lessons()],
)
def test_every_exercise_gives_its_solution_full_marks(number, tmp_path):
    """Whatever a probe uses, it finds after the answers were taken out of its module."""
    if not list(EXERCISES.glob(f"{number}_*.ipynb")):
        pytest.skip(f"exercise {number} has no worksheet yet")
    put(tmp_path / "class" / "Ann" / "a.ipynb", notebook(number))
    put(tmp_path / "class" / "Ben" / "b.ipynb", notebook(number, "exercises"))
    report = grade(Job(tmp_path / "class", number, tmp_path / "grades.csv"))
    ann, ben = report.results
    assert {one.status for one in ann.marks} == {"right"}
    assert ann.points == report.sheet.points > 0
    assert {one.status for one in ben.marks} == {"not attempted"}


# --- evidence of any form ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "{}",
        "null",
        "[1, 2]",
        "[" * 5000,
        '[{"dict": {"value": 1}}]',
        '[{"dict": {"value": 1, "fault": 3, "error": "", "where": "", "printed": ""}}]',
        '[{"dtype": "<f8", "shape": [1000000000000], "base64": ""}]',
        '[{"dtype": "O", "shape": [], "base64": "AAAAAAAAAAA="}]',
        '[{"float": "1e999x"}]',
        "[" + "9" * 5000 + "]",
    ],
)
def test_nonsense_instead_of_evidence_earns_nothing(text):
    question = catalogue.find("sum_or_mean")
    found = judged(question, text, question.inputs(0))
    assert (found.points, found.status) == (0, "wrong")


@pytest.mark.parametrize("slug", [question.slug for question in catalogue.questions("02")])
@pytest.mark.parametrize("value", [None, "text", [], {"x": 1}, 1e308, [[1], [2, 3]], 10**400, True])
def test_values_of_any_form_are_judged(slug, value):
    question = catalogue.find(slug)
    cases = question.inputs(1)
    one = {"value": value, "fault": "", "error": "", "where": "", "printed": "x"}
    found = judged(question, encode([one for _ in cases]), cases)
    assert found.points == 0
    assert found.message


def test_more_evidence_than_cases_earns_nothing():
    question = catalogue.find("sum_or_mean")
    cases = question.inputs(0)
    right = [question.evidence(question.reference, case).as_data() for case in cases]
    assert judged(question, encode(right), cases).points == 1
    assert judged(question, encode([*right, right[0]]), cases).points == 0


# --- a grader that fails ------------------------------------------------------------------------------------------


def test_where_nothing_can_be_run_a_person_has_to_look(sheet):
    found, sound = mark(extract(notebook(), sheet), sheet, lambda steps, limits: Attempt([], "died"), QUICK)
    assert not sound
    assert {one.status for one in found} == {"unchecked"}


@pytest.mark.full
def test_a_server_that_was_killed_is_started_again(client, marks):
    assert marks(notebook())["spring"].points == 2
    client.process.kill()
    client.process.wait()
    assert marks(notebook())["spring"].points == 2


def test_a_closed_client_runs_nothing():
    client = ServerClient("02", None)
    client.close()
    assert client.run([], QUICK).end == "died"


# --- questions without answers ----------------------------------------------------------------------------------


@pytest.mark.integration
def test_stripped_questions_hold_no_answers():
    """In a process of its own, since modules are emptied."""
    script = (
        "import gc, sys, json\nfrom tl_course.exercises import catalogue, Question\n"
        "from tl_course.grading.server import stripped\n"
        "questions = list(catalogue.questions())\n"
        "names = [q.slug for q in questions]\nbare = stripped(questions)\ndel questions\n"
        "assert list(bare) == names\n"
        "assert all(q.reference is None and not q.wrong and not q.hints for q in bare.values())\n"
        "gc.collect()\n"
        "left = [q for q in gc.get_objects() if isinstance(q, Question) and q.wrong]\n"
        "assert not left, left\n"
        "assert catalogue.questions() == []\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# --- a teacher's own questions -------------------------------------------------------------------------------------

OWN = """
from tl_course.exercises import Question, Wrong

QUESTIONS = (
    Question(
        slug="sum_or_mean", lesson="02", title="Secret", kind="implement", difficulty=1, minutes=1, points=7,
        hints=("a",), inputs=lambda seed: [{"rate": float(seed % 97 + 1), "count": 4}],
        reference=lambda rate, count: rate / count,
        why="Good.", wrong=(Wrong("twice", "No.", lambda rate, count: 2 * rate),),
    ),
)
"""


@pytest.mark.full
def test_a_teachers_own_questions_take_the_place_of_the_courses(tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "lesson_02.py").write_text(OWN)
    put(tmp_path / "class" / "Ann.ipynb", notebook())
    report = grade(Job(tmp_path / "class", "2", tmp_path / "g.csv", tests=tmp_path / "own"))
    (ann,) = report.results
    assert [(one.question, one.points, one.of) for one in ann.marks] == [("sum_or_mean", 7, 7)]
    assert report.sheet.version != worksheet("02", catalogue.questions("02"), [EXERCISES], []).version


@pytest.mark.full
def test_a_teachers_own_questions_cannot_be_read(tmp_path):
    """They lie outside of every folder that is covered for another reason."""
    own = Path(tempfile.mkdtemp(dir="/opt" if os.getuid() == 0 else None))
    try:
        own.chmod(0o755)
        (own / "lesson_02.py").write_text(OWN)
        look = (
            "import os\ndef answer_sum_or_mean(rate, count):\n"
            f"    try:\n        print(os.listdir({str(own)!r}))\n    except OSError as error:\n        print('no')\n"
            f"    try:\n        print(open({str(own / 'lesson_02.py')!r}).read())\n"
            "    except OSError as error:\n        print('no')\n    return rate / count\n"
        )
        put(tmp_path / "class" / "Ann.ipynb", notebook(sum_or_mean=look))
        report = grade(Job(tmp_path / "class", "02", tmp_path / "g.csv", tests=own))
    finally:
        shutil.rmtree(own)
    if COVERED not in report.walls:
        pytest.skip("this system gives no namespace for files")
    (mark_,) = report.results[0].marks
    assert mark_.points == 7
    assert mark_.printed
    assert "Secret" not in mark_.printed
    assert "lesson_02" not in mark_.printed


@pytest.mark.parametrize(
    ("text", "said"),
    [("1 / 0", "ZeroDivisionError"), ("QUESTIONS = ()", "no questions"), (None, "has no lesson_02.py")],
)
def test_a_teachers_module_that_is_none_is_refused(tmp_path, text, said):
    if text is not None:
        (tmp_path / "lesson_02.py").write_text(text)
    with pytest.raises(ValueError, match=said):
        catalogue.load(tmp_path, "02")


def test_the_marks_are_data(marks):
    found = marks(notebook())["spring"]
    assert json.loads(json.dumps(dataclasses.asdict(found)))["points"] == 2
