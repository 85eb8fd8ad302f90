"""Broken and hostile archives and notebooks: what a learner may hand in, and what must come of it.

Each is two questions of exercise 02, ``sum_or_mean`` (1 point) and ``spring`` (2), rightly answered, in some odd form;
where that form is read, it earns 3 points.
"""

import contextlib
import copy
import io
import json
import os
import socket
import stat
import struct
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from classroom import cell_of, put, short, stub

WHOLE = 3


@dataclass(frozen=True)
class Handed:
    """What is handed in.

    Attributes
    ----------
    make : callable
        Returns the content of the one file, or files by name; or, given the student's folder, writes them.
    points : int
        What it earns.
    reason : str
        What each mark is counted by, where nothing is earned.
    note : str
        Of the table, or a part of it.
    suffix : str
        Of the one file's name.
    full : bool
        Whether it takes so long that it is tried in the sweep only.
    """

    make: Callable[[], bytes | dict | dict[str, bytes]] | Callable[[Path], None]
    points: int = WHOLE
    reason: str = ""
    note: str = ""
    suffix: str = ".zip"
    full: bool = False


def book(**cells: str) -> bytes:
    return json.dumps(short(**cells)).encode()


# --- archives --------------------------------------------------------------------------------------------------------

Entry = tuple[str, bytes]


def archive(*entries: Entry, method: int = zipfile.ZIP_DEFLATED, **fields: object) -> bytes:
    """A zip whose entries have these names, whatever they are, and these fields."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made, warnings.catch_warnings(action="ignore"):  # two of one name
        for name, content in entries:
            one = zipfile.ZipInfo("x", (2026, 1, 1, 1, 1, 2))
            one.filename, one.compress_type = name, method
            for field, value in fields.items():
                setattr(one, field, value)
            made.writestr(one, content)
    return data.getvalue()


def patched(data: bytes, local: tuple[int, bytes], central: tuple[int, bytes]) -> bytes:
    """A zip with other bytes at these places of every local, and of every central, header of an entry."""
    changed = bytearray(data)
    for mark, (place, value) in ((b"PK\3\4", local), (b"PK\1\2", central)):
        at = -1
        while (at := changed.find(mark, at + 1)) >= 0:
            changed[at + place : at + place + len(value)] = value
    return bytes(changed)


def encrypted() -> bytes:
    return patched(archive(("02.ipynb", book())), (6, b"\1\0"), (8, b"\1\0"))


def of_unknown_method() -> bytes:
    return patched(archive(("02.ipynb", book())), (8, b"\x63\0"), (10, b"\x63\0"))


def lying_size() -> bytes:
    """Says it is small, and is large."""
    return patched(archive(("02.ipynb", b" " * 2**21)), (22, struct.pack("<I", 100)), (24, struct.pack("<I", 100)))


def wrong_sum() -> bytes:
    return patched(archive(("02.ipynb", book())), (14, b"abcd"), (16, b"abcd"))


def overlapping() -> bytes:
    """Many entries that are all one and the same bytes of the file."""
    data = archive(("02.ipynb", b" " * 2**20))
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    entry, count = data[start:end], 50
    tail = bytearray(data[end:])
    tail[8:12] = struct.pack("<HH", count, count)
    tail[12:16] = struct.pack("<I", count * len(entry))
    return data[:start] + entry * count + bytes(tail)


def zip_in_zip() -> bytes:
    made = book()
    for _ in range(40):
        made = archive(("inner.zip", made))
    return made


def with_mode(kind: int) -> bytes:
    """An entry that says it is of another kind of file."""
    return archive(("02.ipynb", b"/etc/passwd"), external_attr=(kind | 0o777) << 16, create_system=3)


GOOD = ("02.ipynb", book())

ARCHIVES: dict[str, Handed] = {
    "zip: entry without a name": Handed(lambda: archive(("", b"x"), ("/", b""), GOOD)),
    "zip: only an entry without a name": Handed(lambda: archive(("", b"x")), 0, "unsafe path"),
    "zip: absolute path": Handed(lambda: archive(("/etc/tl-zoo.ipynb", book())), 0, "unsafe path"),
    "zip: path upwards": Handed(lambda: archive(("../../../tl-zoo.ipynb", book())), 0, "unsafe path"),
    "zip: path upwards inside": Handed(lambda: archive(("a/../../../tl-zoo.ipynb", book())), 0, "unsafe path"),
    "zip: drive of Windows": Handed(lambda: archive(("C:\\tl-zoo.ipynb", book())), 0, "unsafe path"),
    "zip: names of devices of Windows": Handed(lambda: archive(("CON", b"x"), ("aux.ipynb", book()), ("a:b", b"x"))),
    "zip: link": Handed(lambda: with_mode(stat.S_IFLNK), 0, "unreadable"),
    "zip: device": Handed(lambda: with_mode(stat.S_IFCHR), 0, "not a notebook"),
    "zip: encrypted": Handed(encrypted, 0, "broken zip"),
    "zip: truncated": Handed(lambda: archive(GOOD)[:-40], 0, "broken zip"),
    "zip: half of a good one": Handed(lambda: archive(GOOD)[: len(archive(GOOD)) // 2], 0, "broken zip"),
    "zip: unknown method": Handed(of_unknown_method, 0, "broken zip"),
    "zip: wrong sum": Handed(wrong_sum, 0, "broken zip"),
    "zip: lying size": Handed(lying_size, 0, "broken zip"),
    "zip: overlapping entries": Handed(overlapping, 0, "empty file"),
    "zip: bomb": Handed(lambda: archive(("02.ipynb", b" " * 70 * 2**20)), 0, "too large", full=True),
    "zip: bomb of bzip2": Handed(
        lambda: archive(("02.ipynb", b" " * 70 * 2**20), method=zipfile.ZIP_BZIP2), 0, "too large", full=True
    ),
    "zip: many that are large together": Handed(
        lambda: archive(*((f"{number}.txt", b" " * 60 * 2**20) for number in range(12)), GOOD),
        0, "empty file", full=True,
    ),
    "zip: very many entries": Handed(
        lambda: archive(*((f"{number}", b"") for number in range(20_001)), GOOD), 0, "too large", full=True
    ),
    "zip: zips in one another": Handed(zip_in_zip, 0, "not a notebook"),
    "zip: thousand levels": Handed(lambda: archive(("d/" * 1000 + "02.ipynb", book()), GOOD), note="not readable"),
    "zip: name of 60,000 digits": Handed(lambda: archive(("9" * 60_000 + ".ipynb", book()), GOOD), note="not readable"),
    "zip: names that differ in case": Handed(
        lambda: archive(GOOD, ("02.IPYNB", b"x"), ("A/02.ipynb", book()), ("a/02.ipynb", book())),
        note="3 submissions, the newest counts",
    ),
    "zip: names that look the same": Handed(
        lambda: archive(("é.ipynb", book()), ("e\u0301.ipynb", book())), note="2 submissions, the newest counts"
    ),
    "zip: twice the same name": Handed(lambda: archive(GOOD, GOOD), note="2 submissions, the newest counts"),
    "zip: names of control letters": Handed(
        lambda: archive(("\x1b[2J\u202e<b>\n.ipynb", book()), ("\u0000.ipynb", b"x"))
    ),
    "zip: dates of the future": Handed(lambda: archive(GOOD, date_time=(2107, 12, 31, 23, 59, 58))),
    "zip: dates that are none": Handed(lambda: patched(archive(GOOD), (10, b"\xff" * 4), (12, b"\xff" * 4))),
    "zip: behind a picture": Handed(lambda: b"\x89PNG\r\n" + bytes(999) + archive(GOOD)),
    "zip: folder with content": Handed(lambda: archive(("02.ipynb/", book()), ("a/", b"x"), GOOD)),
    "zip: no zip at all": Handed(lambda: b"Rar!\x1a\7" + bytes(99), 0, "broken zip"),
    "zip: empty": Handed(lambda: archive(), 0, "nothing handed in"),
}  # fmt: skip


# --- files in a folder -----------------------------------------------------------------------------------------------


def linked(folder: Path) -> None:
    (folder / "02.ipynb").symlink_to(put(folder.parent.parent / "elsewhere.ipynb", book()))


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "02.ipynb")


def listening(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)  # a socket's whole path may be too long
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as one:
        one.bind("02.ipynb")
    os.chdir(here)


def sparse(folder: Path) -> None:
    put(folder / "02.ipynb", b"{")
    os.truncate(folder / "02.ipynb", 2**40)


def deep(folder: Path) -> None:
    for _ in range(80):
        folder = folder / "d"
        folder.mkdir()
    put(folder / "02.ipynb", book())


def notebook_is_a_folder(folder: Path) -> None:
    put(folder / "02.ipynb" / "02.ipynb", book())


FOLDERS: dict[str, Handed] = {
    "folder: link": Handed(linked, 0, "unreadable"),
    "folder: pipe that nobody writes to": Handed(pipe, 0, "unreadable"),
    "folder: socket": Handed(listening, 0, "unreadable"),
    "folder: file of a terabyte": Handed(sparse, 0, "too large", full=True),
    "folder: eighty levels": Handed(deep, 0, "too deep"),
    "folder: a folder called a notebook": Handed(notebook_is_a_folder),
}


# --- notebooks -------------------------------------------------------------------------------------------------------


def changed(change: Callable[[dict], object], **cells: str) -> Callable[[], dict]:
    """Our notebook after a change."""

    def make() -> dict:
        made = short(**cells)
        return change(made) or made

    return make


def as_text(change: Callable[[str], str], **cells: str) -> Callable[[], bytes]:
    return lambda: change(json.dumps(short(**cells))).encode("utf-8", errors="surrogatepass")


def of_version_3(made: dict) -> dict:
    return {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": made["cells"]}]}


def nested(depth: int) -> object:
    found: object = 0
    for _ in range(depth):
        found = [found]
    return found


def crowded(made: dict) -> None:
    made["cells"] += [{"cell_type": "code", "id": "x", "metadata": {}, "outputs": [], "source": "1"}] * 100_000


def written(made: dict) -> None:
    made["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 50 * 2**20}]


def split(made: dict) -> None:
    """What JupyterLab makes of a cell that is split: two of the same name."""
    cell = cell_of(made, "sum_or_mean")
    lines = "".join(cell["source"]).splitlines(keepends=True)
    rest = copy.deepcopy(cell)
    cell["source"], rest["source"] = lines[:1], lines[1:]
    made["cells"].insert(1, rest)


def copied(made: dict) -> None:
    again = copy.deepcopy(cell_of(made, "sum_or_mean"))
    again["source"] = "answer_sum_or_mean = 1"
    made["cells"].append(again)


def below(made: dict) -> None:
    cell = cell_of(made, "sum_or_mean")
    new = {**copy.deepcopy(cell), "metadata": {}}
    cell["source"] = stub("02", "sum_or_mean")
    made["cells"].insert(1, new)


def of_odd_forms(made: dict) -> None:
    made["metadata"] = [1, "x"]
    made["cells"][1:1] = [None, 3, [], {}, {"cell_type": []}, {"cell_type": "code", "metadata": [], "source": {}}]
    made["cells"] += [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["x"]}}, "source": [None, 1]}]


NOTEBOOKS: dict[str, Handed] = {
    "book: not JSON": Handed(lambda: b"{'cells': []}", 0, "corrupt"),
    "book: cut off": Handed(lambda: book()[:-3], 0, "corrupt"),
    "book: a list": Handed(lambda: b"[1, 2]", 0, "not a notebook"),
    "book: a page of HTML": Handed(lambda: b"<!doctype html><html>please log in</html>", 0, "not a notebook"),
    "book: empty": Handed(lambda: b"", 0, "empty file"),
    "book: NUL and nothing else": Handed(lambda: bytes(5000), 0, "not a notebook"),
    "book: no cells": Handed(changed(lambda made: made.pop("cells") and None), 0, "not a notebook"),
    "book: cells are none": Handed(changed(lambda made: {**made, "cells": []}), 0, "no cell"),
    "book: of version 3": Handed(changed(of_version_3), 0, "not a notebook"),
    "book: of version 99": Handed(changed(lambda made: {**made, "nbformat": "ninety-nine", "nbformat_minor": []})),
    "book: of another exercise": Handed(lambda: b'{"cells": [], "metadata": {"tl_course": {"exercise": "05"}}}', 0,
                                        "other exercise"),
    "book: nested deeply": Handed(as_text(lambda text: text[:-1] + ', "x": ' + "[" * 10**5 + "]" * 10**5 + "}"), 0,
                                  "corrupt"),
    "book: nested as far as JSON reads": Handed(changed(lambda made: {**made, "x": nested(900)})),
    "book: number of 100,000 digits": Handed(as_text(lambda text: text[:-1] + ', "x": ' + "9" * 10**5 + "}"), 0,
                                             "corrupt"),
    "book: numbers that are none": Handed(as_text(lambda text: text[:-1] + ', "x": [NaN, Infinity, 1e999]}')),
    "book: names twice": Handed(as_text(lambda text: text[:-1] + ', "nbformat": {}, "metadata": 3}')),
    "book: ids twice": Handed(changed(lambda made: [cell.update(id="same") for cell in made["cells"]] and None)),
    "book: metadata of odd forms": Handed(changed(of_odd_forms)),
    "book: 100,000 cells": Handed(changed(crowded), full=True),
    "book: millions of parts": Handed(lambda: b'{"cells": [' + b"1," * 5_000_000 + b"1]}", 0, "too large", full=True),
    "book: 50 MB of outputs": Handed(changed(written), full=True),
    "book: a cell split": Handed(changed(split), 2, note="the cell is there twice"),
    "book: a cell copied": Handed(changed(copied), note="the cell is there twice"),
    "book: an answer below its cell": Handed(changed(below), 2, note="is also defined in a cell"),
    "book: cells in reverse": Handed(changed(lambda made: made["cells"].reverse())),
    "book: cells without names": Handed(
        changed(lambda made: [cell.update(metadata={}) for cell in made["cells"]] and None), note="had lost their names"
    ),
    "book: an answer as text": Handed(changed(lambda made: cell_of(made, "sum_or_mean").update(cell_type="raw")), 2),
    "book: source as lines and odd things": Handed(
        changed(lambda made: cell_of(made, "spring").update(source=[*cell_of(made, "spring")["source"], None, 3, []]))
    ),
    "book: a cell too long": Handed(changed(lambda made: None, sum_or_mean="#" * 300_000), 2),
    "book: UTF-16": Handed(lambda: book().decode().encode("utf-16"), note="read as UTF-16"),
    "book: UTF-8 with a mark": Handed(lambda: b"\xef\xbb\xbf" + book()),
    "book: no UTF-8": Handed(lambda: book()[:-1] + b', "x": "\xff\xfe\xe9"}', note="read as Latin-1"),
    "book: CR line ends": Handed(lambda: json.dumps(short(), indent=1).replace("\n", "\r").encode()),
    "book: half letters": Handed(as_text(lambda text: text[:-1] + ', "x": "\\ud800", "\\udfff": 1}')),
}  # fmt: skip
