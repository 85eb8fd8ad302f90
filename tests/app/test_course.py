"""The lessons as files: running them, keeping what is up to date, and a learner's copy that is never overwritten."""

import json
import sys

import nbformat
import pytest

from tl_course.app import course
from tl_course.app.course import CourseError, Row, lessons, make_workspace, run

# --- which lessons ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["01", "01_second", "01_second.ipynb", "notebooks/01_second.ipynb"])
def test_a_lesson_by_number_or_name(clone, name):
    assert [path.stem for path in lessons([name])] == ["01_second"]


def test_all_lessons_in_order_and_nothing_else(clone, write):
    write(clone / "notebooks" / "draft.ipynb")
    assert [path.stem for path in lessons()] == ["00_first", "01_second"]
    assert [path.stem for path in lessons(["01", "00"])] == ["00_first", "01_second"]


def test_an_unknown_lesson_is_answered_with_the_known_ones(clone):
    with pytest.raises(CourseError, match="'42'; there are 00_first, 01_second"):
        lessons(["00", "42"])


def test_a_clone_without_lessons(clone):
    for path in (clone / "notebooks").iterdir():
        path.unlink()
    with pytest.raises(CourseError, match="no lesson in"):
        lessons()


def test_a_package_that_stands_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(course, "PACKAGE", tmp_path / "site-packages" / "tl_course")
    with pytest.raises(CourseError, match="clone the course's repository"):
        course.root()


# --- running ------------------------------------------------------------------------------------------------------


def results(out, **options):
    return [(row.lesson, row.result, kept) for row, kept in run(lessons(), out, **options)]


def test_a_second_run_keeps_what_is_up_to_date(clone, executed, tmp_path):
    out = tmp_path / "out"
    assert results(out) == [("00_first", "passed", False), ("01_second", "passed", False)]
    assert results(out) == [("00_first", "passed", True), ("01_second", "passed", True)]
    assert executed == ["00_first", "01_second"]


def test_outputs_and_prose_do_not_count_but_code_does(clone, executed, tmp_path, write):
    list(run(lessons(), tmp_path / "out"))
    first, second = lessons()
    changed = json.loads(first.read_text())
    changed["cells"][0]["source"] = "# Another title"
    changed["cells"][1]["outputs"] = []
    first.write_text(json.dumps(changed))
    write(second, "3 + 3")
    assert [kept for _, kept in run(lessons(), tmp_path / "out")] == [True, False]


@pytest.mark.daily(3)
@pytest.mark.parametrize(
    "change",
    [
        lambda monkeypatch, out: monkeypatch.setenv("TL_CIFAR10", "/a/copy"),
        lambda monkeypatch, out: monkeypatch.setattr("tl_course.assets.fetching.status", lambda asset: "cached"),
        lambda monkeypatch, out: monkeypatch.setattr("tl_course.environment.version_of", lambda name: "99"),
        lambda monkeypatch, out: [path.unlink() for path in out.glob("*.ipynb")],
        lambda monkeypatch, out: (out / "results.json").write_text("[1, 2"),
        lambda monkeypatch, out: (out / "results.json").write_text("[1, 2]"),
        lambda monkeypatch, out: (out / "results.json").write_text('{"00_first": 3, "01_second": {"row": {"x": 1}}}'),
    ],
    ids=[
        "CIFAR-10 named",
        "CIFAR-10 fetched",
        "libraries",
        "outputs deleted",
        "half",
        "another form",
        "another version",
    ],
)
def test_whatever_a_result_depends_on_makes_it_run_again(clone, executed, tmp_path, monkeypatch, change):
    out = tmp_path / "out"
    list(run(lessons(), out))
    change(monkeypatch, out)
    assert [kept for _, kept in run(lessons(), out)] == [False, False]
    assert [kept for _, kept in run(lessons(), out)] == [True, True]


def test_force_and_failures_run_again(clone, executed, tmp_path, write):
    write(clone / "notebooks" / "01_second.ipynb", "boom")
    failed = "failed: cell 2 (In [1]): boom"
    assert results(tmp_path / "out") == [("00_first", "passed", False), ("01_second", failed, False)]
    assert results(tmp_path / "out") == [("00_first", "passed", True), ("01_second", failed, False)]
    assert results(tmp_path / "out", force=True) == [("00_first", "passed", False), ("01_second", failed, False)]


def test_ctrl_c_keeps_what_was_finished(clone, executed, tmp_path, write):
    write(clone / "notebooks" / "01_second.ipynb", "stop here")
    with pytest.raises(KeyboardInterrupt):
        list(run(lessons(), tmp_path / "out"))
    write(clone / "notebooks" / "01_second.ipynb", "go on")
    assert [kept for _, kept in run(lessons(), tmp_path / "out")] == [True, False]


def test_a_folder_that_cannot_be_made_is_one_sentence(clone, executed, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(CourseError, match=r"out for the executed lessons cannot be written to \(.*--out"):
        list(run(lessons(), tmp_path / "out"))


@pytest.mark.integration
def test_a_real_kernel_runs_a_real_lesson(clone, tmp_path):
    [(row, kept)] = run(lessons(["00"]), tmp_path / "out")
    assert (row.ok, kept) == (True, False)
    assert row.seconds > 0
    assert row.peak_bytes > 10**7
    executed = nbformat.read(tmp_path / "out" / "00_first.ipynb", as_version=4)
    assert executed.cells[1].outputs[0].data["text/plain"] == "2"


def test_a_row_is_ok_only_when_it_passed():
    assert Row("00", 1.0, 1).ok
    assert not any(Row("00", 1.0, 1, error).ok for error in ("passed", "cell 2: boom", ""))


# --- a learner's own copy -----------------------------------------------------------------------------------------


def texts(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*.ipynb"))}


LESSON = "notebooks/00_first.ipynb"
EXERCISE = "exercises/00_first.ipynb"


def test_the_first_copy_has_everything_and_no_outputs(clone, tmp_path):
    lines = make_workspace(tmp_path / "work")
    assert lines == [f"copied  {name}" for name in (LESSON, "notebooks/01_second.ipynb", EXERCISE)]
    for text in texts(tmp_path / "work").values():
        assert "an old result" not in text
        nbformat.validate(nbformat.reads(text, as_version=4))
    assert make_workspace(tmp_path / "work") == []


def test_a_file_the_learner_has_not_touched_follows_the_course(clone, tmp_path, write):
    make_workspace(tmp_path / "work")
    write(clone / "notebooks" / "00_first.ipynb", "1 + 1 + 1")
    assert make_workspace(tmp_path / "work") == [f"updated {LESSON}"]
    assert "1 + 1 + 1" in texts(tmp_path / "work")[LESSON]


def test_a_file_the_learner_changed_stays_while_the_course_does(clone, tmp_path):
    make_workspace(tmp_path / "work")
    (tmp_path / "work" / EXERCISE).write_text("my answer")
    assert make_workspace(tmp_path / "work") == []
    assert texts(tmp_path / "work")[EXERCISE] == "my answer"


def test_where_both_changed_the_courses_lies_beside_once(clone, tmp_path, write):
    make_workspace(tmp_path / "work")
    (tmp_path / "work" / EXERCISE).write_text("my answer")
    write(clone / "exercises" / "00_first.ipynb", "a better question")
    [line] = make_workspace(tmp_path / "work")
    assert line.startswith(f"kept    {EXERCISE}")
    assert "00_first.new.ipynb" in line
    assert texts(tmp_path / "work")[EXERCISE] == "my answer"
    assert "a better question" in texts(tmp_path / "work")["exercises/00_first.new.ipynb"]
    assert make_workspace(tmp_path / "work") == []


def test_work_in_the_file_beside_is_not_overwritten_either(clone, tmp_path, write):
    work = tmp_path / "work"
    make_workspace(work)
    (work / EXERCISE).write_text("my answer")
    write(clone / "exercises" / "00_first.ipynb", "second question")
    make_workspace(work)
    (work / "exercises" / "00_first.new.ipynb").write_text("my second answer")
    write(clone / "exercises" / "00_first.ipynb", "third question")
    make_workspace(work)
    after = texts(work)
    assert after[EXERCISE] == "my answer"
    assert after["exercises/00_first.new.ipynb"] == "my second answer"
    assert "third question" in after["exercises/00_first.new.new.ipynb"]


def test_a_file_the_learner_deleted_comes_back(clone, tmp_path):
    make_workspace(tmp_path / "work")
    (tmp_path / "work" / LESSON).unlink()
    assert make_workspace(tmp_path / "work") == [f"copied  {LESSON}"]


@pytest.mark.parametrize("manifest", [None, "", "{", "[]", '"text"'])
def test_without_its_notes_no_work_is_lost_and_what_is_equal_is_left_alone(clone, tmp_path, manifest):
    work = tmp_path / "work"
    make_workspace(work)
    (work / EXERCISE).write_text("my answer")
    (work / course.MANIFEST).unlink()
    if manifest is not None:
        (work / course.MANIFEST).write_text(manifest)
    assert [line[:7] for line in make_workspace(work)] == ["kept   "]
    assert texts(work)[EXERCISE] == "my answer"


def test_a_folder_that_was_there_before_is_not_taken_over(clone, tmp_path):
    work = tmp_path / "work"
    (work / "notebooks").mkdir(parents=True)
    (work / LESSON).write_text("something of the learner's own")
    make_workspace(work)
    assert texts(work)[LESSON] == "something of the learner's own"


def test_an_update_that_breaks_off_is_taken_up_again(clone, tmp_path, monkeypatch, write):
    work = tmp_path / "work"
    make_workspace(work)
    (work / EXERCISE).write_text("my answer")
    write(clone / "exercises" / "00_first.ipynb", "second question")
    real = course._write

    def full(path, text):
        if ".new" in path.name:
            raise OSError(28, "No space left on device")
        real(path, text)

    monkeypatch.setattr(course, "_write", full)
    with pytest.raises(CourseError, match=r"No space left on device\); choose another one with --workspace"):
        make_workspace(work)
    monkeypatch.setattr(course, "_write", real)
    assert [line[:7] for line in make_workspace(work)] == ["kept   "]
    assert "second question" in texts(work)["exercises/00_first.new.ipynb"]


def test_a_write_that_fails_leaves_the_old_file_and_no_scrap(tmp_path, monkeypatch):
    course._write(tmp_path / "a.txt", "old")
    monkeypatch.setattr(course.Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(OSError, match="Input/output"):
        course._write(tmp_path / "a.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


@pytest.mark.integration
def test_reading_lessons_needs_no_torch():
    import subprocess

    code = "import sys, tl_course.app.course; print('torch' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "False\n"
