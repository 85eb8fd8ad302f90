"""What a learner has solved is kept beside the ledger, and no damage costs more than the memory of it."""

import json

import pytest
from asked import check

import tl_course as tl
from tl_course import exercises
from tl_course.exercises import notes


def test_hints_come_one_after_another(use, kept):
    hints = [exercises.hint("scale") for _ in range(3)]
    assert [(hint.number, hint.text) for hint in hints] == [
        (1, "First hint."),
        (2, "Second hint."),
        (2, "Second hint."),
    ]
    assert "2 of 2, the last one" in repr(hints[-1])
    assert "First hint." in hints[0]._repr_html_()
    assert json.loads(kept.read_text())["scale"]["hints"] == 2


def test_progress_is_kept_and_right_stays_right(use, kept):
    assert tl.progress().lessons[0].solved == 0
    for answer in (lambda x, factor: x, lambda x, factor: x * factor, lambda x, factor: x):
        tl.check("scale", answer)
    [row] = tl.progress().lessons
    assert (row.solved, row.questions, row.points, row.of, row.open) == (1, 1, 2, 2, ())
    assert notes.read()["scale"] | {"date": ""} == {"status": "right", "tries": 3, "hints": 0, "date": ""}
    assert "1 of 1 solved, 2 of 2 points" in repr(tl.progress())
    assert "<table" in tl.progress()._repr_html_()
    assert {path.name for path in kept.parent.iterdir()} <= {"exercises.json", "exercises.json.lock"}


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "\x00\xff"])
def test_a_damaged_file_is_put_aside(use, kept, content):
    kept.parent.mkdir()
    kept.write_text(content)
    assert tl.progress().lessons[0].solved == 0
    assert check(lambda x, factor: x * factor).right
    assert tl.progress().lessons[0].solved == 1
    assert kept.with_name("exercises.json.damaged").read_text() == content


def test_entries_of_another_form_are_left_out(use, kept):
    kept.parent.mkdir()
    kept.write_text(json.dumps({"scale": {"status": 3}, "other": {"status": "right", "tries": 1, "hints": 0}}))
    assert list(notes.read()) == ["other"]
    assert exercises.hint("scale").number == 1


def test_a_folder_that_cannot_be_written_to_costs_nothing_but_memory(use, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TL_LEDGER", str(tmp_path / "file" / "ledger.jsonl"))
    assert [exercises.hint("scale").number for _ in range(2)] == [1, 2]
    assert check(lambda x, factor: x * factor).right
    assert tl.progress().lessons[0].solved == 1


def test_without_a_ledger_nothing_is_written(use, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(lambda x, factor: x)
    exercises.hint("scale")
    assert list(tmp_path.iterdir()) == []
