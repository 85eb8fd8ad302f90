"""The course folder for nbgrader: what is in it, and what the real nbgrader makes of a class."""

import ast
import csv
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv

import pytest
from classroom import HEAD, RIGHT, notebook, put, stub, twice, without

from tl_course.app import course
from tl_course.exercises import catalogue
from tl_course.grading import Job, export, grade
from tl_course.grading.export import CONFIG, hand_over, marked, mended, source, write_course
from tl_course.grading.notebooks import EXERCISES, grade_id, source_of

SHEET = "02_mathematics_of_the_loss"
WORKSHEETS = sorted(EXERCISES.glob("*.ipynb"))
REGION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?### END SOLUTION$", re.MULTILINE | re.DOTALL)


def meaning(code: str) -> str:
    """What Python reads, whatever the layout."""
    return ast.dump(ast.parse(code))


# --- the source ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKSHEETS, ids=lambda path: path.stem)
def test_a_source_is_the_solution_and_without_its_answers_the_worksheet(path):
    sheet = json.loads(path.read_text(encoding="utf-8"))
    worked = json.loads((course.root() / "solutions" / path.name).read_text(encoding="utf-8"))
    answers = {grade_id(cell): source_of(cell) for cell in worked["cells"]}
    made = source(sheet, worked)
    assert len(made["cells"]) == len(sheet["cells"])
    answered = 0
    for ours, cell in zip(sheet["cells"], made["cells"], strict=True):
        text = source_of(cell)
        if not cell["metadata"].get("nbgrader", {}).get("solution"):
            assert cell == ours
            continue
        answered += 1
        assert meaning(text) == meaning(answers[grade_id(cell)])
        assert meaning(REGION.sub(rf"\1{export.STUB}", text)) == meaning(source_of(ours))
        assert text.count("### BEGIN SOLUTION") == source_of(ours).count(export.STUB) > 0
    assert answered == len(catalogue.questions(path.name[:2]))


def test_a_cell_with_two_answers_and_one_of_several_lines():
    stubs = f"def f(x):\n    y = 1\n    {export.STUB}\n    if x:\n        {export.STUB}\n    return y\n"
    worked = "def f(x):\n    y = 1\n    y += x\n    y *= 2\n    if x:\n        y = 0\n    return y\n"
    text = marked(stubs, worked)
    assert meaning(text) == meaning(worked)
    assert REGION.sub(rf"\1{export.STUB}", text) == stubs


@pytest.mark.parametrize(
    ("stubbed", "worked"), [("x = 1", "x = 1"), (f"def f():\n    {export.STUB}", "def g():\n    1")]
)
def test_a_solution_that_is_not_the_worksheets_is_refused(stubbed, worked):
    with pytest.raises(ValueError, match="do not fit each other"):
        marked(stubbed, worked)


# --- the folder ------------------------------------------------------------------------------------------------------


def test_the_folder_is_made_and_your_changes_stay(tmp_path):
    assert write_course(tmp_path / "nb", ["2", "05"]) == [SHEET, "05_fine_tuning_a_resnet"]
    file = tmp_path / "nb" / "source" / SHEET / f"{SHEET}.ipynb"
    settings = tmp_path / "nb" / CONFIG
    compile(settings.read_text(), CONFIG, "exec")
    settings.write_text("mine")
    assert write_course(tmp_path / "nb", ["2"]) == [SHEET]
    whole = file.read_bytes()
    file.write_bytes(whole.replace(b"rate / count", b"rate/count"))
    with pytest.raises(ValueError, match="with other contents; pass --force"):
        write_course(tmp_path / "nb")
    write_course(tmp_path / "nb", force=True)
    assert file.read_bytes() == whole
    assert settings.read_text() == "mine"
    assert len(list((tmp_path / "nb" / "source").iterdir())) == len(WORKSHEETS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--exercise", "77"], "There are no exercises '77'"),
        (["--submissions", "in"], "belong to one exercise"),
        (["--exercise", "02", "--submissions", "nowhere"], "There is nothing at nowhere"),
    ],
)
def test_mistakes_in_a_call_are_one_sentence(tl, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, _, err = tl("nbgrader", "nb", *arguments)
    assert code == 2
    assert said in err
    assert err.count("\n") == 1


def test_submissions_come_under_the_name_that_nbgrader_asks_for(tl, tmp_path):
    text = json.dumps(notebook(), ensure_ascii=False)
    put(tmp_path / "in" / "Zoë Lee_7_assignsubmission_file_" / "mine (2).ipynb", text.encode("utf-16"))
    put(tmp_path / "in" / "itoben_LATE_77_9002_02-1.ipynb", notebook("02", "exercises"))
    put(tmp_path / "in" / "Cy" / "thesis.pdf", b"%PDF")
    code, out, _ = tl("nbgrader", tmp_path / "nb", "--exercise", "02", "--submissions", tmp_path / "in")
    assert code == 0
    assert "Cy: Cy/thesis.pdf: The file is not a notebook." in out
    assert "2 submissions are in" in out
    assert ("pip install" in out) == (importlib.util.find_spec("nbgrader") is None)
    submitted = tmp_path / "nb" / "submitted"
    assert sorted(path.relative_to(submitted).as_posix() for path in submitted.rglob("*.*")) == [
        f"{student}/{SHEET}/{name}"
        for student in ("Zoë-Lee-7", "itoben-77")
        for name in (f"{SHEET}.ipynb", "timestamp.txt")
    ]
    taken = json.loads((submitted / "Zoë-Lee-7" / SHEET / f"{SHEET}.ipynb").read_text(encoding="utf-8"))
    assert taken == notebook()


def stripped(made: dict) -> dict:
    """The same notebook as a tool leaves it that keeps no metadata."""
    return {**made, "cells": [{**cell, "metadata": {}} for cell in made["cells"]]}


def test_names_of_answers_are_restored_and_doubled_ones_are_taken_away():
    sheet = notebook("02", "exercises")
    solutions = [cell for cell in sheet["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
    found = mended(stripped(notebook()), sheet)
    kept = [cell for cell in found["cells"] if cell["metadata"].get("nbgrader")]
    assert [cell["metadata"]["nbgrader"] for cell in kept] == [cell["metadata"]["nbgrader"] for cell in solutions]
    assert [source_of(cell) for cell in found["cells"]] == [source_of(cell) for cell in notebook()["cells"]]
    doubled = twice(notebook(), "spring", "answer_spring = 3")
    names = [grade_id(cell) for cell in mended(doubled, sheet)["cells"] if grade_id(cell)]
    assert len(names) == len(set(names))
    assert names.count("spring") == 1
    assert mended(notebook(), sheet) == notebook()


@pytest.mark.parametrize("widgets", [{"application/vnd.jupyter.widget-state+json": {"1": {}}}, [], "x", {"a": None}])
def test_notes_on_widgets_without_their_state_are_dropped(widgets):
    made = notebook()
    made["metadata"]["widgets"] = widgets
    kept = mended(made, notebook("02", "exercises"))["metadata"]
    assert "widgets" not in kept
    made["metadata"]["widgets"] = {"application/vnd.jupyter.widget-state+json": {"state": {}, "version_major": 2}}
    assert mended(made, notebook("02", "exercises")) == made


@pytest.mark.parametrize(
    "odd", [None, [], {}, {"cell_type": "code"}, {"cell_type": "code", "metadata": [], "source": 3}]
)
def test_cells_of_any_form_are_handed_over(odd):
    made = {"cells": [odd, *notebook()["cells"]], "metadata": 3}
    assert mended(made, notebook("02", "exercises"))["cells"][0] == odd


# --- the real nbgrader -----------------------------------------------------------------------------------------------

PATCH = "\nimport tl_course as tl\ntl.check = lambda slug, answer: "
WARNS = "import sys, warnings\n" + HEAD + "    warnings.warn('careful')\n    print('hm', file=sys.stderr)\n"


def below(made: dict, source: str) -> dict:
    """The notebook with a cell of the learner's own below that of the first question."""
    place = 1 + [grade_id(cell) for cell in made["cells"]].index("sum_or_mean")
    own = {"cell_type": "code", "id": "own", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
    return {**made, "cells": [*made["cells"][:place], own, *made["cells"][place:]]}


CLASS = {
    "right": (notebook, 13, 13),
    "untouched": (lambda: notebook("02", "exercises"), 0, 0),
    "one-wrong": (lambda: notebook(sum_or_mean=HEAD + "    return rate * count"), 12, 12),
    "raises": (lambda: notebook(sum_or_mean="1 / 0"), 12, 12),
    "warns": (lambda: notebook(sum_or_mean=WARNS + RIGHT), 13, 13),
    "without-check": (lambda: without(notebook(), "sum_or_mean-check"), 13, 13),
    "replaced-check": (lambda: notebook(sum_or_mean=stub("02", "sum_or_mean") + PATCH + "None"), 12, 13),
    "deleted-both": (lambda: without(without(notebook(), "sum_or_mean"), "sum_or_mean-check"), 12, 0),
    "answer-below": (lambda: below(notebook(sum_or_mean=stub("02", "sum_or_mean")), HEAD + RIGHT), 12, 13),
    "ends-python": (lambda: notebook(sum_or_mean="import os\n" + HEAD + "    os._exit(0)\n"), 12, 0),
}
"""Kinds of students: notebook, points earned, points that nbgrader gives; docs/grading.md says where they differ."""


@pytest.fixture(scope="module")
def python(tmp_path_factory) -> str:
    """A Python that has nbgrader: this one, or one of its own that sees this one's packages."""
    if importlib.util.find_spec("nbgrader"):
        return sys.executable
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"))
    made = str(folder / "bin" / "python")
    [extra] = tomllib.loads((course.root() / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "nbgrader"
    ]
    command = [sys.executable, "-m", "pip", "--python", made, "install", "-q", "-c", "constraints.txt", extra]
    done = subprocess.run(command, cwd=course.root(), capture_output=True, text=True, timeout=900)
    assert "ResolutionImpossible" not in done.stderr, "constraints.txt and nbgrader exclude each other"
    if done.returncode:
        pytest.skip(f"nbgrader is not installed, and pip cannot install it: {done.stderr.strip().splitlines()[-1]}")
    return made


@pytest.fixture(scope="module")
def graded(python, tmp_path_factory):
    """A class that nbgrader has graded: the course folder, and how to run nbgrader in it."""
    folder = tmp_path_factory.mktemp("class")
    for student, (make, *_) in CLASS.items():
        put(folder / "in" / student / "any name.ipynb", make())
    write_course(folder / "nb", ["02"])
    assert hand_over(folder / "nb", "02", folder / "in", say=pytest.fail) == len(CLASS)

    def run(*arguments: str) -> str:
        """Run nbgrader from an environment that is not activated; returns exit code and what it said."""
        env = {**os.environ, "PATH": "/usr/bin:/bin", "PYTHONPATH": str(course.root())}
        env["JUPYTER_PATH"] = os.path.join(sys.prefix, "share", "jupyter")  # nbconvert's templates
        command = [python, "-m", "nbgrader", *arguments]
        done = subprocess.run(command, cwd=folder / "nb", capture_output=True, text=True, timeout=3000, env=env)
        return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"

    assert run("generate_assignment", SHEET).startswith("exit code 0\n")
    said = run("autograde", SHEET)
    assert "Kernel died" in said, said  # of the one who ends Python; nbgrader goes on with the others
    for step in ("generate_feedback", SHEET), ("export",):
        assert run(*step).startswith("exit code 0\n")
    return folder / "nb", run


@pytest.mark.full
def test_nbgrader_gives_the_points_that_were_earned_but_for_what_the_page_says(graded):
    folder, _ = graded
    found = csv.DictReader((folder / "grades.csv").read_text(encoding="utf-8").splitlines())
    given = {row["student_id"]: (float(row["score"] or 0), float(row["max_score"])) for row in found}
    assert given == {student: (points, 13) for student, (_, _, points) in CLASS.items()}


@pytest.mark.full
def test_what_learners_get_is_the_worksheet_and_the_feedback_says_why(graded):
    folder, _ = graded
    release = json.loads((folder / "release" / SHEET / f"{SHEET}.ipynb").read_text(encoding="utf-8"))
    for ours, cell in zip(notebook("02", "exercises")["cells"], release["cells"], strict=True):
        same = meaning if cell["cell_type"] == "code" else str.rstrip
        assert same(source_of(cell)) == same(source_of(ours))
    page = (folder / "feedback" / "one-wrong" / SHEET / f"{SHEET}.html").read_text(encoding="utf-8")
    assert "The wrong way round" in page
    assert "Not right yet" in page


@pytest.mark.full
def test_nbgraders_validation_tells_learners_the_truth(graded):
    folder, run = graded
    for student, failed in {"right": 0, "one-wrong": 1}.items():
        said = run("validate", str(folder / "submitted" / student / SHEET / f"{SHEET}.ipynb"))
        assert said.count("The following cell failed") == failed, said


@pytest.mark.full
def test_tl_course_grade_gives_the_same_class_what_it_earned(graded, tmp_path):
    folder, _ = graded
    report = grade(Job(folder.parent / "in", "02", tmp_path / "grades.csv"))
    assert {one.student: one.points for one in report.results} == {who: points for who, (_, points, _) in CLASS.items()}
