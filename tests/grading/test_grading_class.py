"""A class from end to end: the table, the pages, the rules, Ctrl-C, and the command."""

import csv
import dataclasses
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pytest
import torch
from classroom import MARKER, QUICK, cell_of, left_behind, notebook, put, twice, without, zipped
from zoo_answers import ANSWERS

from tl_course.grading import Job, grade, job
from tl_course.grading.judge_process import unchecked
from tl_course.grading.pages import feedback
from tl_course.grading.sandbox import WALLS
from tl_course.grading.server_client import Attempt
from tl_course.grading.submissions import MAX_BYTES, Submission, safe_names
from tl_course.grading.table import one_line

WRONG = "def answer_sum_or_mean(rate, count):\n    return rate * count"


class Borrowed:
    """The tests' server, lent to a grading that would start and end its own."""

    def __init__(self, client):
        self.client, self.runs = client, 0

    def run(self, steps, limits):
        self.runs += 1
        return self.client.run(steps, limits)

    def judged(self, question, text, cases):
        return self.client.judged(question, text, cases)

    def trial(self, limits):
        return self.client.trial(limits)

    def close(self):
        pass


@pytest.fixture
def lent(client, monkeypatch):
    made = Borrowed(client)
    monkeypatch.setattr(job, "ServerClient", lambda *arguments: made)
    return made


@pytest.fixture
def scratch(monkeypatch, walls):
    """A place of its own for temporary files: other tests grade at the same time, and their server has begun."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # learners' code runs as another user
        monkeypatch.setattr(tempfile, "tempdir", place)
        yield Path(place)


def rows(file: Path) -> list[dict]:
    return list(csv.DictReader(file.read_text(encoding="utf-8-sig").splitlines()))


def totals(file: Path) -> dict[str, int]:
    return {row["student"]: int(row["points"]) for row in rows(file.with_name(f"{file.stem}-totals.csv"))}


# --- files of every kind ---------------------------------------------------------------------------------------------


def heavy() -> dict:
    """A right notebook of 40 MB, most of it outputs."""
    made = notebook()
    cell_of(made, "spring")["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 40 * 2**20}]
    return made


def latin() -> bytes:
    text = json.dumps(notebook(sum_or_mean="# für Zoë\n" + "def answer_sum_or_mean(r, c):\n    return r / c"))
    return text.replace("\\u00fc", "ü").replace("\\u00eb", "ë").encode("latin-1", errors="replace")


FILES = {
    "Ann/02.ipynb": (notebook, 13, "right"),
    "Ben/stub.ipynb": (lambda: notebook("02", "exercises"), 0, "not attempted"),
    "Cy/renamed.txt": (notebook, 13, "right"),
    "Dee/corrupt.ipynb": (lambda: b'{"cells": [', 0, "corrupt"),
    "Eve/empty.ipynb": (lambda: b"", 0, "empty file"),
    "Fay/thesis.ipynb": (lambda: b"%PDF-1.4", 0, "not a notebook"),
    "Gil/deleted.ipynb": (lambda: without(notebook(), "l2_sp"), 10, "no cell"),
    "Hal/doubled.ipynb": (lambda: twice(notebook(), "l2_sp", "answer_l2_sp = 1"), 13, "right"),
    "Ida/latin.ipynb": (latin, 13, "right"),
    "Jo/heavy.ipynb": (heavy, 13, "right"),
    "Kit/other.ipynb": (lambda: notebook("05"), 0, "other exercise"),
    "Lu/hostile.ipynb": (lambda: notebook(sum_or_mean=ANSWERS["os._exit"].source), 12, "exited"),
    "=Max+1/wrong.ipynb": (lambda: notebook(sum_or_mean=WRONG), 12, "multiplied"),
    "<b>Ned</b>/wrong.ipynb": (lambda: notebook(sum_or_mean=WRONG + "  # <script>"), 12, "multiplied"),
}


def hand_in(folder: Path, files=FILES) -> Path:
    for name, (make, _, _) in files.items():
        put(folder / name.replace("</", "<"), make())
    return folder


@pytest.mark.integration
def test_a_class_of_every_kind(tmp_path, scratch):
    place, out = hand_in(tmp_path / "in"), tmp_path / "grades.csv"
    report = grade(Job(place, "02", out, limits=QUICK))

    expected = {name.replace("</", "<").partition("/")[0]: points for name, (_, points, _) in FILES.items()}
    assert {one.student: one.points for one in report.results} == expected
    assert totals(out) == {one_line(name): points for name, points in expected.items()}
    for name, (_, _, word) in FILES.items():
        (one,) = [one for one in report.results if one.student == name.replace("</", "<").partition("/")[0]]
        assert word in {mark.reason for mark in one.marks} | {mark.status for mark in one.marks}
    table = rows(out)
    assert len(table) == len(FILES) * len(report.sheet.questions)
    assert {row["course version"] for row in table} == {report.sheet.version}
    assert all(row["reason"] for row in table if row["status"] == "wrong")
    assert "'=Max+1" in {row["student"] for row in table}
    twins = next(row for row in table if row["student"] == "Ann")["notes"]
    assert "the very same cells as" in twins
    assert "Cy" in twins

    pages = sorted((tmp_path / "grades-feedback").iterdir())
    assert len(pages) == len(FILES)
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert "<b>Ned" not in text
    assert "<script" not in text
    assert "very same" not in text
    assert "The wrong way round" in text
    summary = (tmp_path / "grades-summary.html").read_text(encoding="utf-8")
    assert "2 × multiplied</strong>: The wrong way round" in summary
    assert "1 × exited</strong>, for instance: It ended the Python process" in summary
    assert "<b>Ned" not in summary
    assert not left_behind()
    assert not list(scratch.iterdir())


def test_a_file_that_is_too_large_is_not_read(lent, tmp_path):
    file = put(tmp_path / "in" / "Ann.ipynb", b"{")
    os.truncate(file, MAX_BYTES + 1)
    report = grade(Job(tmp_path / "in", "02", tmp_path / "g.csv", limits=QUICK))
    assert report.results[0].marks[0].reason == "too large"


# --- rules -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path):
    """Three submissions."""
    for name, source in {"Ann": None, "Ben": WRONG, "Cy": "answer_sum_or_mean = 3"}.items():
        put(tmp_path / "in" / f"{name}.ipynb", notebook(**({"sum_or_mean": source} if source else {})))
    return Job(tmp_path / "in", "02", tmp_path / "grades.csv", limits=QUICK)


def changed(made: Job, **fields) -> Job:
    from dataclasses import replace

    return replace(made, **fields)


def test_grading_goes_on_where_it_was_interrupted(lent, small):
    def stop(done, total):
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grade(small, stop)
    assert not small.out.exists()
    assert not left_behind()
    first = grade(small)
    kept = sum(one.kept for one in first.results)
    assert 1 <= kept <= 3
    assert totals(small.out) == {"Ann": 13, "Ben": 12, "Cy": 12}

    runs = lent.runs
    again = grade(changed(small, force=True))
    assert all(one.kept for one in again.results)
    assert lent.runs == runs
    assert [one.marks for one in again.results] == [one.marks for one in first.results]

    anew = grade(changed(small, force=True, regrade=True))
    assert not any(one.kept for one in anew.results)
    assert lent.runs > runs


@pytest.mark.full
def test_what_was_put_in_the_place_of_the_results_meanwhile_is_cleared_away(lent, small):
    """Without namespaces an answer can do that, with the rights of the teacher."""
    mine = small.out.with_name("mine")
    mine.mkdir()

    def hinder(done, total):
        if done == total:
            small.out.with_name("grades-feedback").write_text("forged")
            small.out.with_name("grades-summary.html").symlink_to(mine / "stolen")
            (small.out / "deep").mkdir(parents=True, exist_ok=True)
            small.out.with_name("grades-totals.csv").symlink_to(mine)

    grade(small, hinder)
    assert totals(small.out) == {"Ann": 13, "Ben": 12, "Cy": 12}
    assert len(rows(small.out)) == 21
    assert len(list(small.out.with_name("grades-feedback").iterdir())) == 3
    assert not list(mine.iterdir())
    assert not small.out.with_name("grades-totals.csv").is_symlink()


@pytest.mark.full
def test_damaged_notes_and_a_changed_submission_are_marked_again(lent, small):
    grade(small)
    for note in small.out.with_name("grades-state").iterdir():
        note.write_text("[{")
    put(small.submissions / "Ben.ipynb", notebook(spring=WRONG))
    again = grade(changed(small, force=True))
    assert not any(one.kept for one in again.results)
    assert totals(small.out) == {"Ann": 13, "Ben": 11, "Cy": 12}


@pytest.mark.full
def test_a_mended_check_is_marked_again(lent, small, monkeypatch):
    """Marks are kept by the version of the questions."""
    grade(small)
    real = job.worksheet
    monkeypatch.setattr(job, "worksheet", lambda *a: changed(real(*a), version="0.2"))
    assert not any(one.kept for one in grade(changed(small, force=True)).results)


def test_pages_of_students_with_the_same_name():
    students = [("Ann Lee", ""), ("ann lee", ""), ("../../Ann", "7"), ("王芳", ""), ("///", "")]
    names = safe_names([Submission(*each) for each in students])
    assert names == ["Ann-Lee", "ann-lee-2", "Ann-7", "王芳", "student"]


@pytest.mark.full
def test_a_page_says_when_it_was_late(lent, small):
    report = grade(changed(small, due=datetime(2001, 1, 1)))
    assert all(row["late"] == "late" for row in rows(small.out))
    assert ", late" in feedback(report.results[0], report.sheet)


@pytest.mark.full
def test_zips_and_folders_of_every_platform_come_to_the_same_marks(lent, tmp_path):
    """A class in four forms: Moodle's and Canvas's names, in a folder and in a zip, with a student's own zip within."""
    for platform, name in {
        "moodle": "{who}_{number}_assignsubmission_file_/{file}",
        "canvas": "{who}_{number}_900{number}_{file}",
    }.items():
        folder = tmp_path / platform
        for number, who in enumerate(("ann", "ben", "cy"), start=101):
            made = notebook(**({"sum_or_mean": WRONG} if who == "ben" else {}))
            content = json.dumps(made).encode()
            file = "mine.zip" if who == "cy" else "02 (1).ipynb"
            data = zipped({"deep/answers.ipynb": content}) if who == "cy" else content
            put(folder / name.format(who=who, number=number, file=file), data)
        put(tmp_path / f"{platform}.zip", zipped({p.relative_to(folder).as_posix(): p.read_bytes()
                                                   for p in folder.rglob("*.*") if p.is_file()}))  # fmt: skip
    for place in ("moodle", "moodle.zip", "canvas", "canvas.zip"):
        report = grade(Job(tmp_path / place, "02", tmp_path / f"{place}.csv", limits=QUICK))
        found = [(one.student, one.identity, one.points) for one in report.results]
        assert found == [("ann", "101", 13), ("ben", "102", 12), ("cy", "103", 13)], place


def test_what_the_callers_process_has_set_costs_no_mark(lent, tmp_path):
    """Who graded without gradients took the marks of all answers that have some: the references showed none."""
    put(tmp_path / "in" / "Ann.ipynb", notebook())
    with torch.no_grad():
        (ann,) = grade(Job(tmp_path / "in", "02", tmp_path / "g.csv", limits=QUICK)).results
    assert ann.points == 13, ann.marks


def test_what_could_not_be_judged_is_said_and_is_no_success(lent, small, tl, monkeypatch):
    judged = lent.judged

    def failing(question, text, cases):
        return unchecked(question, "an odd day") if question.slug == "spring" else judged(question, text, cases)

    monkeypatch.setattr(lent, "judged", failing)
    code, out, err = tl("grade", small.submissions, "--exercise", "2", "--out", small.out)
    assert code == 1, err
    assert "3 with an answer that could not be judged" in out
    assert {row["status"] for row in rows(small.out) if row["question"] == "spring"} == {"unchecked"}
    assert "an odd day" in (small.out.with_name("grades-feedback") / "Ann.html").read_text(encoding="utf-8")
    monkeypatch.setattr(lent, "judged", judged)
    code, out, _ = tl("grade", small.submissions, "--exercise", "2", "--out", small.out, "--force")
    assert code == 0
    assert totals(small.out) == {"Ann": 13, "Ben": 12, "Cy": 12}


def test_of_two_notebooks_the_newest_counts_and_after_the_date_it_is_late(lent, tmp_path):
    old = put(tmp_path / "in" / "Ann" / "first.ipynb", notebook())
    new = put(tmp_path / "in" / "Ann" / "again.ipynb", notebook(sum_or_mean=WRONG))
    os.utime(old, (stamp := datetime(2026, 5, 1, 12).timestamp(), stamp))
    os.utime(new, (stamp := datetime(2026, 5, 3, 12).timestamp(), stamp))
    patient = dataclasses.replace(QUICK, cell=30, question=30)  # honest answers on a busy machine
    (ann,) = grade(Job(tmp_path / "in", "02", tmp_path / "g.csv", due=datetime(2026, 5, 2), limits=patient)).results
    assert (ann.points, ann.answers.late, ann.answers.file) == (12, True, "Ann/again.ipynb"), ann.marks
    assert "2 submissions, the newest counts" in ann.answers.notes
    page = (tmp_path / "g-feedback" / "Ann.html").read_text(encoding="utf-8")
    assert "2026-05-03 12:00, late" in page


@pytest.mark.full
def test_a_missing_wall_is_named_before_the_first_answer_runs_and_at_the_end(lent, small, monkeypatch):
    monkeypatch.setattr(lent, "trial", lambda limits: Attempt([], "exit", 0, ("no network", "own /proc")))
    told = []
    report = grade(small, warn=lambda sentence: told.append((lent.runs, sentence)))
    [(runs, sentence)] = told
    assert runs == 0
    assert "no outside sockets, own processes, answers covered" in sentence
    assert "no network" not in sentence
    assert sentence in report.in_words()
    monkeypatch.setattr(lent, "trial", lambda limits: Attempt([], "exit", 0, WALLS))
    grade(changed(small, force=True, regrade=True), warn=pytest.fail)


# --- the command -----------------------------------------------------------------------------------------------------


def test_the_command(lent, small, tl):
    code, out, err = tl("grade", small.submissions, "--exercise", "2", "--out", small.out, "--due", "2030-01-01")
    assert code == 0, err
    assert "3 students." in out
    assert str(small.out) in out
    assert "3/3" in err
    assert {row["late"] for row in rows(small.out)} == {""}
    code, _, err = tl("grade", small.submissions, "--exercise", "2", "--out", small.out)
    assert code == 2
    assert "is there already" in err
    code, out, _ = tl("grade", small.submissions, "--exercise", "2", "--out", small.out, "--force")
    assert code == 0
    assert "3 of them marked before" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--exercise", "02"], "There is nothing at nowhere"),
        (["in", "--exercise", "77"], "There are no exercises '77'"),
        (["in", "--exercise", "02", "--jobs", "0"], "--jobs is how many"),
        (["in", "--exercise", "02", "--out", "grades.txt"], "ends in .csv"),
        (["in", "--exercise", "02", "--tests", "nowhere"], "There is no folder nowhere"),
        (["in", "--exercise", "02", "--tests", "in"], "has no lesson_02.py"),
        (["in", "--exercise", "02", "--due", "tomorrow"], "tomorrow"),
        (["in"], "--exercise"),
    ],
)
def test_mistakes_in_a_call_are_one_sentence(tl, small, monkeypatch, arguments, said):
    monkeypatch.chdir(small.submissions.parent)
    code, _, err = tl("grade", *arguments)
    assert code == 2
    assert said in " ".join(err.split())
    assert "Traceback" not in err
    assert sorted(path.name for path in small.submissions.parent.iterdir()) == ["in"]


def test_where_learners_code_cannot_run_it_is_said(tl, small, monkeypatch, client):
    from tl_course.grading.server_client import ServerClient

    monkeypatch.setattr(ServerClient, "run", lambda *a: Attempt([], "died"))
    code, _, err = tl("grade", small.submissions, "--exercise", "02", "--out", small.out)
    assert code == 2
    assert "cannot run here" in err


@pytest.mark.full
def test_a_real_ctrl_c_keeps_what_is_marked_and_the_next_call_goes_on(tmp_path):
    for name in ("Ann", "Ben", "Cy"):
        put(tmp_path / "in" / f"{name}.ipynb", notebook(spring=f"# {name}"))
    asleep = f"import subprocess\nsubprocess.run(['sleep', '{MARKER}'])"
    put(tmp_path / "in" / "Dee.ipynb", notebook(spring=asleep))
    out, state = tmp_path / "g.csv", tmp_path / "g-state"
    command = [sys.executable, "-m", "tl_course.app.cli", "grade", str(tmp_path / "in"), "--exercise", "02"]
    command += ["--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 120
    while not left_behind() and time.monotonic() < until:  # the last one runs, the others are marked
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Stopped; what is marked is kept, and the same command goes on from there." in err
    assert "Traceback" not in err
    assert not out.exists()
    assert not left_behind()
    assert len(list(state.iterdir())) == 3

    put(tmp_path / "in" / "Dee.ipynb", notebook())
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "4 students, 3 of them marked before." in done.stdout
    assert totals(out) == {"Ann": 11, "Ben": 11, "Cy": 11, "Dee": 13}
