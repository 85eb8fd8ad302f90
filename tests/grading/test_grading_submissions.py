"""Who handed in what: exports of platforms, broken files, zips that mean harm."""

import json
import os
from datetime import datetime

import pytest
from classroom import cell_of, notebook, put, stub, twice, without, zipped

from tl_course.grading import submissions
from tl_course.grading.notebooks import choose, extract, is_of, parse
from tl_course.grading.submissions import Piece, Refused, Submission, find

BOOK = b'{"cells": [], "metadata": {"tl_course": {"exercise": "02"}}}'


MOODLE = {
    "Ann Lee_123_assignsubmission_file_/02.ipynb": BOOK,
    "Ben_Ito_77_assignsubmission_file_/work.zip": zipped({"deep/02.ipynb": BOOK}),
    "Zoë_8_assignsubmission_file_answers.ipynb": BOOK,
}
CANVAS = {"leeann_123_9001_02.ipynb": BOOK, "itoben_LATE_77_9002_02-1.ipynb": BOOK}
PLAIN = {"Ann Lee/02.ipynb": BOOK, "Ben/hw/final(2).ipynb": BOOK, "Cy.ipynb": BOOK}


@pytest.mark.parametrize("as_zip", [False, True])
@pytest.mark.parametrize("below", ["", "Course 101-submissions/"])
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (MOODLE, [("Ann Lee", "123"), ("Ben_Ito", "77"), ("Zoë", "8")]),
        (CANVAS, [("itoben", "77"), ("leeann", "123")]),
        (PLAIN, [("Ann Lee", ""), ("Ben", ""), ("Cy", "")]),
    ],
)
def test_exports_of_platforms(tmp_path, files, expected, as_zip, below):
    named = {below + name: content for name, content in files.items()}
    place = tmp_path / "class"
    if as_zip:
        place = put(tmp_path / "class.zip", zipped(named))
    else:
        for name, content in named.items():
            put(place / name, content)
    found = find(place)
    assert [(one.student, one.identity) for one in found] == expected
    assert all(piece.read() == BOOK for one in found for piece in one.pieces)
    assert all(piece.stamp for one in found for piece in one.pieces)


def test_canvas_says_who_is_late(tmp_path):
    for name, content in CANVAS.items():
        put(tmp_path / name, content)
    assert [one.pieces[0].late for one in find(tmp_path)] == [True, False]


def test_junk_is_no_submission_and_an_empty_folder_is_one(tmp_path):
    put(tmp_path / "Ann" / ".ipynb_checkpoints" / "02-checkpoint.ipynb", BOOK)
    put(tmp_path / "Ann" / "02.ipynb", BOOK)
    put(tmp_path / "__MACOSX" / "Ann" / "._02.ipynb", BOOK)
    (tmp_path / "Ben").mkdir()
    assert [(one.student, len(one.pieces)) for one in find(tmp_path)] == [("Ann", 1), ("Ben", 0)]


def test_a_single_notebook(tmp_path):
    (one,) = find(put(tmp_path / "Ann.ipynb", BOOK))
    assert one.student == "Ann"


@pytest.mark.parametrize("kind", ["nothing", "empty folder", "broken zip"])
def test_nothing_to_grade_is_said(tmp_path, kind):
    place = tmp_path / "x.zip"
    if kind == "empty folder":
        place = tmp_path
    elif kind == "broken zip":
        put(place, zipped({"a": b"b"})[:-30])
    with pytest.raises(ValueError, match=r"nothing at|holds no submissions|damaged"):
        choose_all(find(place))


def choose_all(found):
    for one in found:
        for piece in one.pieces:
            try:
                parse(piece.read())
            except Refused as reason:
                raise ValueError(str(reason)) from reason


# --- zips that mean harm ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../evil.ipynb", "/etc/evil.ipynb", "C:\\evil.ipynb", "a/../../evil.ipynb"])
def test_an_entry_that_points_outside_is_refused(tmp_path, name, sheet):
    put(tmp_path / "in" / "Ann.zip", zipped({name: BOOK}))
    (ann,) = find(tmp_path / "in")
    with pytest.raises(Refused, match="points outside"):
        choose(ann, sheet)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["Ann.zip", "in"]


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch, sheet):
    monkeypatch.setattr(submissions, "MAX_BYTES", 2**20)
    put(tmp_path / "Ann.zip", zipped({"02.ipynb": b" " * 2**22}))
    lying = zipped({"02.ipynb": b" " * 2**22}).replace((2**22).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    put(tmp_path / "Ben.zip", lying)
    for one in find(tmp_path):
        with pytest.raises(Refused) as reason:
            choose(one, sheet)
        assert reason.value.word in ("too large", "broken zip", "empty file")


def test_a_zip_of_many_entries_a_broken_and_a_zip_in_a_zip_are_refused(tmp_path, monkeypatch, sheet):
    monkeypatch.setattr(submissions, "MAX_ENTRIES", 10)
    put(tmp_path / "Ann.zip", zipped({f"{number}.ipynb": BOOK for number in range(11)}))
    put(tmp_path / "Ben.zip", b"PK\x03\x04 and nothing more")
    put(tmp_path / "Cy.zip", zipped({"inner.zip": zipped({"02.ipynb": BOOK})}))
    words = []
    for one in find(tmp_path):
        with pytest.raises(Refused) as reason:
            choose(one, sheet)
        words.append(reason.value.word)
    assert words == ["too large", "broken zip", "not a notebook"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes and links")
def test_links_and_pipes_are_not_followed(tmp_path, sheet):
    secret = put(tmp_path / "secret.ipynb", BOOK)
    (tmp_path / "in" / "Ann").mkdir(parents=True)
    (tmp_path / "in" / "Ann" / "02.ipynb").symlink_to(secret)
    (tmp_path / "in" / "Ben").mkdir()
    os.mkfifo(tmp_path / "in" / "Ben" / "02.ipynb")
    for one in find(tmp_path / "in"):
        with pytest.raises(Refused) as reason:
            choose(one, sheet)
        assert reason.value.word == "unreadable"


# --- notebooks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "empty file"),
        (b"  \n", "empty file"),
        (b"%PDF-1.7", "not a notebook"),
        (b"\x89PNG\r\n\x1a\n", "not a notebook"),
        (b"{", "corrupt"),
        (b'{"cells": [}', "corrupt"),
        (b'{"cells": ' + b"[" * 100_000, "corrupt"),
        (b'{"cells": 3}', "not a notebook"),
        (b'{"worksheets": []}', "not a notebook"),
        (b"[]", "not a notebook"),
        (b'{"cells": [' + b"1," * 5_000_000 + b"1]}", "too large"),
    ],
)
def test_what_is_no_notebook_is_named(data, word):
    with pytest.raises(Refused) as reason:
        parse(data)
    assert reason.value.word == word


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_a_notebook_in_another_encoding_is_read(encoding):
    text = json.dumps(notebook(sum_or_mean="# für später\nx = 1"), ensure_ascii=False)
    text = "".join(letter if ord(letter) < 256 else "?" for letter in text)
    made, notes = parse(text.encode(encoding))
    assert "für" in cell_of(made, "sum_or_mean")["source"]
    assert bool(notes) == (encoding in ("latin-1", "utf-16"))


@pytest.mark.parametrize(
    "broken",
    [
        {"cells": [None, 3, "x", [], {}, {"cell_type": "code"}, {"cell_type": "code", "metadata": 3, "source": 4}]},
        {"cells": [{"cell_type": "code", "metadata": {"nbgrader": 1}, "source": [1, None, "x"]}], "metadata": []},
        {
            "cells": [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["spring"]}}}],
            "metadata": {"tl_course": 2},
        },
    ],
)
def test_cells_of_any_form_are_taken(broken, sheet):
    assert not is_of(broken, sheet)
    assert extract(broken, sheet).cells == {}


def test_a_notebook_is_known_by_its_cells(sheet):
    plain = notebook()
    assert is_of(plain, sheet)
    assert not is_of(notebook("05"), sheet)
    del plain["metadata"]["tl_course"]
    assert is_of(plain, sheet)
    for cell in plain["cells"]:
        cell["metadata"] = {}
    assert is_of(plain, sheet)
    found = extract(plain, sheet)
    assert not found.missing
    assert len(found.notes) == 1
    assert all(question.slug in found.notes[0] for question in sheet.questions)


def test_deleted_and_doubled_cells(sheet):
    found = extract(without(twice(notebook(), "spring", "answer_spring = 3"), "l2_sp"), sheet)
    assert list(found.missing) == ["l2_sp"]
    assert found.cells["spring"] == "".join(cell_of(notebook(), "spring")["source"])
    assert found.about == {"spring": ["the cell is there twice (copied, or split); the first counts"]}


def test_only_answer_cells_are_taken(sheet):
    made = notebook()
    made["cells"].insert(0, {"cell_type": "code", "metadata": {}, "source": "import evil"})
    cell_of(made, "spring-check")["source"] = "evil()"
    found = extract(made, sheet)
    assert set(found.cells) == {question.slug for question in sheet.questions}
    assert "evil" not in str(found.cells)


def test_a_cell_that_is_too_long_is_left_out(sheet):
    found = extract(notebook(spring="# " + "x" * 300_000), sheet)
    assert found.missing["spring"].status == "wrong"


# --- late, and more than one ---------------------------------------------------------------------------------------


def handed_in(*pieces: tuple[str, str, dict | bytes]) -> Submission:
    made = []
    for name, stamp, content in pieces:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        made.append(Piece(name, datetime.fromisoformat(stamp), False, lambda data=data: data))
    return Submission("Ann", "", made)


def test_the_newest_notebook_of_the_exercise_counts(sheet):
    old, new = notebook(), notebook(spring=stub("02", "spring"))
    found = choose(
        handed_in(
            ("b.ipynb", "2026-05-01T10:00", new),
            ("a.ipynb", "2026-04-01T10:00", old),
            ("other.ipynb", "2026-06-01T10:00", notebook("05")),
            ("broken.ipynb", "2026-07-01T10:00", b"{"),
        ),
        sheet,
        due=datetime(2026, 4, 30, 23, 59),
    )
    assert found.file == "b.ipynb"
    assert found.late
    assert found.notes == ["2 submissions, the newest counts", "not readable: broken.ipynb"]


def test_of_equally_old_ones_the_higher_number_counts(sheet):
    stamp = "2026-05-01T10:00"
    pieces = [(name, stamp, notebook()) for name in ("02-10.ipynb", "02-9.ipynb", "02.ipynb")]
    assert choose(handed_in(*pieces), sheet).file == "02-10.ipynb"


@pytest.mark.parametrize(("due", "late"), [("2026-05-01T09:59", True), ("2026-05-01T10:00", False), (None, False)])
def test_late_is_after_the_date(sheet, due, late):
    found = choose(handed_in(("a.ipynb", "2026-05-01T10:00", notebook())), sheet, due and datetime.fromisoformat(due))
    assert found.late is late


@pytest.mark.parametrize(
    ("pieces", "word"),
    [
        ([], "nothing handed in"),
        ([("a.ipynb", "2026-05-01T10:00", notebook("05"))], "other exercise"),
        ([("a.pdf", "2026-05-01T10:00", b"%PDF"), ("b.ipynb", "2026-05-01T10:00", b"")], "empty file"),
    ],
)
def test_nothing_to_mark_has_a_reason(sheet, pieces, word):
    with pytest.raises(Refused) as reason:
        choose(handed_in(*pieces), sheet)
    assert reason.value.word == word
