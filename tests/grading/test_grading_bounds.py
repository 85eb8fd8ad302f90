"""What a submission can choose is bounded before it is used, and costs nobody else anything."""

import contextlib
import io
import json
import os
import random
import shutil
import tempfile
import tracemalloc
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from classroom import notebook, put, zipped
from draws import seeds

from tl_course.grading import export, framing, sandbox, submissions
from tl_course.grading.notebooks import choose, extract, is_of, parse
from tl_course.grading.server_client import _understood
from tl_course.grading.submissions import Piece, Refused, Submission, find, safe_names

BOOK = b'{"cells": [], "metadata": {"tl_course": {"exercise": "02"}}}'


def nameless() -> bytes:
    """A zip with an entry whose name is empty, beside an answer."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        entry = zipfile.ZipInfo("x")
        entry.filename = ""
        archive.writestr(entry, b"nothing")
        archive.writestr("02.ipynb", BOOK)
    return data.getvalue()


@pytest.mark.parametrize("data", [
    nameless(),
    zipped({"/": b"", "02.ipynb": BOOK}),
    zipped({"..": b"x", ".": b"x", "02.ipynb": BOOK}),
    zipped({"a/" * 400 + "deep.ipynb": BOOK, "02.ipynb": BOOK}),
    zipped({"n" * 60_000: b"x", "02.ipynb": BOOK}),
], ids=["empty", "slash", "dots", "deep", "long"])  # fmt: skip
def test_entries_without_a_name_or_with_too_much_of_one(tmp_path, sheet, data):
    put(tmp_path / "Ann.zip", data)
    put(tmp_path / "Ben.ipynb", BOOK)
    ann, ben = find(tmp_path)
    assert choose(ann, sheet).file == "Ann.zip/02.ipynb"
    assert choose(ben, sheet).file == "Ben.ipynb"
    assert all(len(piece.name) <= 1200 for piece in ann.pieces)
    whole = find(put(tmp_path / "class" / "in.zip", data))
    assert [choose(one, sheet).file for one in whole if one.student == "02"] == ["02.ipynb"]


@pytest.mark.parametrize("digits", ["9" * 4301, "0" * 5000, "٣" * 4400])
def test_a_number_of_thousands_of_digits_in_a_name(sheet, digits, tmp_path):
    pieces = [Piece(f"02-{digits}.ipynb", None, False, lambda: BOOK), Piece("02-7.ipynb", None, False, lambda: BOOK)]
    assert choose(Submission("Ann", "", pieces), sheet).notes == ["2 submissions, the newest counts"]


def test_so_it_is_when_submissions_are_handed_over_to_nbgrader(tmp_path):
    put(tmp_path / "in" / "Ann.zip", zipped({f"{digit * 600}/02-{digit * 900}.ipynb": b"{}" for digit in "5"}))
    put(tmp_path / "in" / "Ben.zip", zipped({f"02-{'9' * 990}.ipynb": json.dumps(notebook()).encode()}))
    told = []
    assert export.hand_over(tmp_path / "nb", "02", tmp_path / "in", say=told.append) == 1
    assert len(told) == 1


@pytest.mark.parametrize("name", ["王" * 80, "é" * 200, "x" * 300, "𝒜" * 80, "👩" * 90, "A\u030a" * 90])
def test_names_of_files_are_bounded_in_bytes(tmp_path, name):
    names = safe_names([Submission(name), Submission(name, "12"), Submission(name)])
    assert len(set(names)) == 3
    for one in names:
        assert len(f".{one}.html.{2**22}.tmp".encode()) <= 143  # what an encrypted file system takes
        put(tmp_path / f"{one}.html", b"")
    assert len(list(tmp_path.iterdir())) == 3


def test_names_that_some_file_system_takes_for_the_same_are_told_apart():
    assert len(set(map(str.casefold, safe_names([Submission("Å"), Submission("A\u030a"), Submission("\u212b")])))) == 3
    assert safe_names([Submission("é"), Submission("e\u0301")])[1].endswith("2")


# --- how many, how large ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flood", [
    framing.pack(b"") * 500_000,
    framing.pack(b"{}") * 400_000,
    (framing.pack(b"{") + framing.pack(b"")) * 200_000,
])  # fmt: skip
def test_a_flood_of_messages_is_not_taken_in(flood):
    tracemalloc.start()
    with pytest.raises(framing.Broken):
        framing.Inbox(2**20).take(flood)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 3 * len(flood)


def test_of_a_message_only_what_is_asked_for_is_kept():
    ours = {"token": "t", "step": 1, "begun": True, "more": [[]] * 1000, "evidence": "[]", "error": ["no text"]}
    assert _understood(json.dumps(ours).encode(), "t") == {"step": 1, "begun": True, "evidence": "[]"}
    assert _understood(json.dumps({**ours, "more": [[]] * 10**6}).encode(), "t") is None
    assert _understood(b"[" * 10_000, "t") is None
    assert _understood(b'{"token": "t", "step": ' + b"9" * 5000 + b"}", "t") is None


def test_a_zip_of_files_that_are_large_together_is_read_only_so_far(tmp_path, monkeypatch, sheet):
    """Each is below the limit of one file, and none is held while the next is read."""
    from tl_course.grading import notebooks

    monkeypatch.setattr(notebooks, "MAX_ALL_BYTES", 10**6)
    many = {f"{number:03}.txt": b" " * 2 * 10**5 for number in range(100)}
    read = []
    real = submissions._read_entry
    monkeypatch.setattr(submissions, "_read_entry", lambda *a: read.append(a) or real(*a))
    put(tmp_path / "Ann.zip", zipped({**many, "z.ipynb": BOOK}))
    assert choose(find(tmp_path)[0], sheet).file == "Ann.zip/z.ipynb"
    assert len(read) < 10


def test_a_zip_that_lists_very_many_entries_is_not_listed(tmp_path, monkeypatch, sheet):
    monkeypatch.setattr(submissions, "MAX_ENTRIES", 10)
    monkeypatch.setattr(zipfile, "ZipFile", lambda *a: pytest.fail("it was listed"))
    data = b"PK\1\2" * 101
    with pytest.raises(Refused, match="more than 10 entries"):
        list(submissions._in_zip(data, "Ann.zip/"))


# --- how deep, how locked --------------------------------------------------------------------------------------------


def deep_folder(place: Path, depth: int) -> None:
    """Folders in one another, deeper than a path can say."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir("d", 0o700, dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, 0o000, dir_fd=here))
    os.close(here)


@pytest.mark.integration
def test_what_lies_deep_or_is_locked_is_deleted():
    place = Path(tempfile.mkdtemp())
    for name in ("room-1", "room-2", "room-3"):
        (place / name / "home").mkdir(parents=True)
    deep_folder(place / "room-1" / "home", 1200)
    locked = place / "room-2" / "home" / "a" / "b"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    (locked / "link").symlink_to("/etc")
    os.mkfifo(locked / "pipe")
    for folder in (locked, locked.parent, locked.parent.parent):
        folder.chmod(0o000)
    (place / "file").write_text("x")
    sandbox.sweep(place)
    assert list(place.iterdir()) == []
    assert os.path.exists("/etc/passwd")
    place.rmdir()


@pytest.mark.integration
def test_a_deep_or_locked_folder_among_submissions_costs_nobody_else(tmp_path, sheet, monkeypatch):
    put(tmp_path / "Ann" / "02.ipynb", BOOK)
    (tmp_path / "Ben").mkdir()
    deep_folder(tmp_path / "Ben", 1100)
    put(tmp_path / "Cy" / "02.ipynb", BOOK)
    real = os.scandir

    def locked(place):
        if Path(place).name == "Cy":
            raise PermissionError(13, "Permission denied")
        return real(place)

    monkeypatch.setattr(os, "scandir", locked)
    ann, ben, cy = find(tmp_path)
    monkeypatch.undo()
    assert choose(ann, sheet).file == "Ann/02.ipynb"
    for one, said in ((ben, "more than 60 folders"), (cy, "Permission denied")):
        with pytest.raises(Refused, match=said):
            choose(one, sheet)
    shutil.rmtree(tmp_path / "Cy")
    sandbox.sweep(tmp_path)


# --- dates -----------------------------------------------------------------------------------------------------------


def test_a_date_in_a_students_zip_does_not_say_when_it_was_handed_in(tmp_path, sheet):
    """The zip came after the due date, and what is in it says that it is years old."""
    inner = zipped({"02.ipynb": BOOK, "older.ipynb": BOOK}, stamp=(2001, 1, 1, 0, 0, 0))
    file = put(tmp_path / "in" / "Ann.zip", inner)
    os.utime(file, (stamp := datetime(2026, 5, 3, 12).timestamp(), stamp))
    outer = put(
        tmp_path / "class.zip", zipped({"Ann_7_assignsubmission_file_/mine.zip": inner}, (2026, 5, 3, 12, 0, 0))
    )
    for place in (tmp_path / "in", outer):
        found = choose(find(place)[0], sheet, due=datetime(2026, 5, 2))
        assert found.late
        assert found.stamp == datetime(2026, 5, 3, 12)


def test_nor_does_it_make_an_older_file_the_newest(tmp_path, sheet):
    """A date in the future, in a zip that was handed in first."""
    stamps = {"first.zip": 1, "second.ipynb": 2}
    put(tmp_path / "Ann" / "first.zip", zipped({"02.ipynb": BOOK}, stamp=(2090, 1, 1, 0, 0, 0)))
    put(tmp_path / "Ann" / "second.ipynb", BOOK)
    for name, day in stamps.items():
        os.utime(tmp_path / "Ann" / name, (stamp := datetime(2026, 5, day).timestamp(), stamp))
    assert choose(find(tmp_path)[0], sheet).file == "Ann/second.ipynb"


def test_within_one_zip_the_newest_counts_by_its_dates(tmp_path, sheet):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, year in {"b.ipynb": 2020, "a.ipynb": 2024, "c.ipynb": 2022}.items():
            archive.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), BOOK)
    put(tmp_path / "Ann.zip", data.getvalue())
    assert choose(find(tmp_path)[0], sheet).file == "Ann.zip/a.ipynb"


@pytest.mark.parametrize("seconds", [-(10**11), 0, 2**33, 253402300799, 10**11])
def test_a_date_that_no_calendar_has_is_none(tmp_path, seconds):
    file = put(tmp_path / "in" / "Ann.ipynb", json.dumps(notebook()).encode())
    try:
        os.utime(file, (seconds, seconds))
    except OSError:
        pytest.skip("this file system does not keep such a date")
    (piece,) = find(tmp_path / "in")[0].pieces
    assert piece.stamp is None or piece.stamp.astimezone(UTC)
    assert export.hand_over(tmp_path / "nb", "02", tmp_path / "in", say=pytest.fail) == 1


# --- anything at all -------------------------------------------------------------------------------------------------

NAMES = ["", "/", ".", "..", "a/..", "a//b", "\\", "C:\\x", "x.zip", "Ann_1_assignsubmission_file_/x.ipynb",
         "Ann_1_assignsubmission_file_", "ann_LATE_1_2_x.ipynb", "_1_2_", "\u202e", "\n", "a b",
         "é/x.ipynb"]  # fmt: skip
CONTENTS = [b"", BOOK, b"{", zipped({"02.ipynb": BOOK}), nameless()]
WORDS = ["cell_type", "metadata", "nbgrader", "grade_id", "source", "code", "spring", "tl_course", "exercise", "02"]


def any_name(draw: random.Random) -> str:
    parts = [draw.choice(NAMES), "".join(chr(draw.randrange(1, 0x500)) for _ in range(draw.randrange(9))), "9" * 5000]
    return "/".join(draw.choices(parts, weights=[6, 3, 1], k=draw.choice([1, 1, 2, 3])))


def any_json(draw: random.Random, depth: int = 0) -> object:
    plain = [None, True, 0, -1, 1e308, float("nan"), "", draw.choice(WORDS), "answer_spring = 1", 10**400]
    if depth > 4 or draw.random() < 0.4:
        return draw.choice(plain)
    count = range(draw.randrange(5))
    if draw.random() < 0.4:
        return [any_json(draw, depth + 1) for _ in count]
    return {draw.choice(WORDS): any_json(draw, depth + 1) for _ in count}


@pytest.mark.parametrize("seed", seeds(20))
def test_a_zip_of_any_names_is_read_or_refused(tmp_path, sheet, seed):
    draw = random.Random(seed)
    for number in range(12):
        data = io.BytesIO()
        with zipfile.ZipFile(data, "w") as archive:
            for _ in range(draw.randrange(6)):
                entry = zipfile.ZipInfo("x", (draw.randrange(1980, 2107), draw.randrange(1, 13), 1, 0, 0, 0))
                entry.filename = any_name(draw)
                with warnings.catch_warnings(action="ignore"):  # two of one name
                    archive.writestr(entry, draw.choice(CONTENTS))
        whole = bytearray(data.getvalue())
        for _ in range(draw.choice([0, 0, 1, 4])):
            whole[draw.randrange(len(whole))] = draw.randrange(256)
        file = put(tmp_path / str(number) / "Ann.zip", bytes(whole))
        for place in (file.parent, file):
            try:
                found = find(place)
            except ValueError:  # one sentence for the teacher
                continue
            assert len(set(safe_names(found))) == len(found)
            for one in found:
                with contextlib.suppress(Refused):
                    choose(one, sheet)


@pytest.mark.parametrize("seed", seeds(20))
def test_a_notebook_of_any_form_is_read_or_refused(sheet, seed):
    draw = random.Random(seed)
    slugs = {question.slug for question in sheet.questions}
    for _ in range(60):
        cells = any_json(draw)
        cells = [cells, {"cell_type": "code", "metadata": any_json(draw), "source": any_json(draw)}]
        text = json.dumps({"cells": draw.choice([cells, any_json(draw)]), "metadata": any_json(draw)})
        try:
            made, _ = parse(text.encode())
        except Refused:
            continue
        is_of(made, sheet)
        assert set(extract(made, sheet).cells) <= slugs
