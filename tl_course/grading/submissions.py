"""What a learning platform exports: who handed in which files, and when. Nothing is unpacked onto the disk.

Known are Moodle's folders and files (``Name_12345_assignsubmission_file_``), Canvas's files
(``nameoflearner_LATE_12345_67890_file.ipynb``), a folder for each student, and single notebooks; each of them in a
folder or in a zip, and zips of one student within.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Protocol

MAX_BYTES = 64 * 2**20
"""Of one file, unpacked."""
MAX_ALL_BYTES = 512 * 2**20
"""Of all files of one student, unpacked."""
MAX_ENTRIES = 20_000
"""Of one zip."""
MAX_PATH = 1000
"""Characters of a path in a zip."""
MAX_DEPTH = 60
"""Folders in one another."""
MAX_NAME_BYTES = 120
"""Of the name of a file that we write; with what is added to it, any file system takes it."""
_YEARS = range(1980, 2100)
_ENTRY_MARK = b"PK\1\2"

_MOODLE = re.compile(r"(?P<name>.+?)_(?P<id>\d+)_assignsubmission_\w+?_(?P<rest>.*)", re.DOTALL)
_CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<id>\d+)_(?P<number>\d+)_(?P<rest>.+)", re.DOTALL)
_JUNK = re.compile(r"^(__MACOSX|\.ipynb_checkpoints|\.DS_Store|\._.*|Thumbs\.db|desktop\.ini)$")


class Refused(Exception):
    """A file that is not graded; the grader counts by ``word``, people read the message."""

    def __init__(self, word: str, message: str):
        super().__init__(message)
        self.word = word


@dataclass(frozen=True)
class Piece:
    """A file that a student handed in.

    Attributes
    ----------
    name : str
        Its path within the submissions.
    stamp : datetime.datetime or None
        When it was handed in, in local time; as far as the export says. Of a file in a student's own zip: the zip's.
    late : bool
        Whether the platform's file name says that it was late.
    read : callable
        Returns its bytes; raises `Refused`.
    inner_stamp : datetime.datetime or None
        Of a file in a student's own zip: the date in it, which the student may set: it says which is the newest there.
    """

    name: str
    stamp: datetime | None
    late: bool
    read: Callable[[], bytes] = field(compare=False)
    inner_stamp: datetime | None = None


@dataclass
class Submission:
    """All that one student handed in.

    Attributes
    ----------
    student, identity : str
        Name, and the platform's number; the number may be empty.
    pieces : list of Piece
    """

    student: str
    identity: str = ""
    pieces: list[Piece] = field(default_factory=list)


def find(place: Path) -> list[Submission]:
    """Return what each student handed in, in the order of their names.

    Raises
    ------
    ValueError
        If there is nothing at that place, or nothing that could be a submission.
    """
    place = Path(place)
    if not place.exists():
        raise ValueError(f"There is nothing at {place}; name a folder, a zip or a notebook.")
    if place.is_dir():
        entries = list(_in_folder(place))
    elif zipfile.is_zipfile(place):
        try:
            entries = list(_in_zip(place.read_bytes(), ""))
        except Refused as reason:
            raise ValueError(f"{place} cannot be read: {reason}") from reason
    else:
        entries = [(place.name, _stamp(place), lambda: _read_file(place))]
    found = _by_student(_below_one_folder(entries))
    if not found:
        raise ValueError(f"{place} holds no submissions; give the folder or zip that your platform exports.")
    return sorted(found, key=lambda one: (one.student.casefold(), one.identity))


# --- files -----------------------------------------------------------------------------------------------------------

Entry = tuple[str, datetime | None, Callable[[], bytes] | None]
"""Path, time, and how to read it; an empty folder cannot be read."""


def _in_folder(folder: Path) -> Iterator[Entry]:
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        path = here.relative_to(folder).as_posix()
        try:
            entries = [
                entry for entry in sorted(os.scandir(here), key=lambda one: one.name) if not _is_junk(entry.name)
            ]
        except OSError as error:
            yield path, _stamp(here), _refuse("unreadable", f"The folder cannot be read ({error.strerror}).")
            continue
        if len(here.relative_to(folder).parts) > MAX_DEPTH:
            yield (
                _cut(path),
                _stamp(here),
                _refuse("too deep", f"There are more than {MAX_DEPTH} folders in one another."),
            )
            continue
        if not entries and here != folder:
            yield path, None, None
        for entry in entries:
            inner = here / entry.name
            if entry.is_dir(follow_symlinks=False):
                waiting.append(inner)
            else:
                yield inner.relative_to(folder).as_posix(), _stamp(inner), lambda inner=inner: _read_file(inner)


def _is_junk(name: str) -> bool:
    return _JUNK.match(name) is not None


def _cut(text: str, most: int = 200) -> str:
    """A text that can be shown, its end included."""
    return text if len(text) <= most else f"{text[: most - 61]}…{text[-60:]}"


def _stamp(path: Path) -> datetime | None:
    try:
        return _sensible(datetime.fromtimestamp(int(path.lstat().st_mtime)))
    except (OSError, ValueError, OverflowError):
        return None


def _sensible(stamp: datetime) -> datetime | None:
    """A date that can be shown and counted with in every time zone."""
    return stamp if stamp.year in _YEARS else None


def _read_file(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        what = "a link" if path.is_symlink() else error.strerror
        raise Refused("unreadable", f"The file cannot be read ({what}).") from error
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Refused("unreadable", "The file is a device or a pipe, and not an ordinary file.")
        return _at_most(file)


def _at_most(file) -> bytes:
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Refused("too large", f"The file has more than {MAX_BYTES // 2**20} MB.")
    return data


def _in_zip(data: bytes, before: str) -> Iterator[Entry]:
    """Entries of a zip, whose names are only names: nothing is written anywhere."""
    if data.count(_ENTRY_MARK) > 10 * MAX_ENTRIES:  # even listing them would take much memory; zips in it count as well
        raise Refused("too large", f"The zip has more than {MAX_ENTRIES:,} entries.")
    try:
        archive = zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise Refused("broken zip", "The zip is damaged.") from error
    if len(archive.infolist()) > MAX_ENTRIES:
        raise Refused("too large", f"The zip has more than {MAX_ENTRIES:,} entries.")
    for entry in archive.infolist():
        path = PurePosixPath(entry.filename.replace("\\", "/"))
        if any(_is_junk(part) for part in path.parts):
            continue
        stamp = _zip_stamp(entry)
        name = f"{before}{'/'.join(part for part in path.parts if part not in ('/', '..'))}"
        if name == before:
            if before:  # in a class's zip an entry without a name is nobody's
                yield f"{before}?", stamp, _refuse("unsafe path", "The zip has an entry without a name.")
        elif path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", entry.filename):
            yield _cut(name), stamp, _refuse("unsafe path", "The zip has an entry that points outside of it.")
        elif len(str(path)) > MAX_PATH or len(path.parts) > MAX_DEPTH:
            yield _cut(name), stamp, _refuse("too deep", "The zip has an entry whose path is too long.")
        elif entry.is_dir():
            yield name, None, None
        else:
            yield name, stamp, lambda entry=entry: _read_entry(archive, entry)


def _refuse(word: str, message: str) -> Callable[[], bytes]:
    def read() -> bytes:
        raise Refused(word, message)

    return read


def _zip_stamp(entry: zipfile.ZipInfo) -> datetime | None:
    try:
        return _sensible(datetime(*entry.date_time))
    except ValueError:
        return None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MAX_BYTES:
        raise Refused("too large", f"Unpacked, the file has more than {MAX_BYTES // 2**20} MB.")
    if stat.S_ISLNK(entry.external_attr >> 16):
        raise Refused("unreadable", "The file is a link.")
    try:
        with archive.open(entry) as file:
            return _at_most(file)
    except RuntimeError as error:
        raise Refused("broken zip", "The zip is locked with a password.") from error
    except Exception as error:  # zipfile raises whatever its decompressors raise
        raise Refused("broken zip", "The zip is damaged.") from error


# --- students --------------------------------------------------------------------------------------------------------


def _below_one_folder(entries: list[Entry]) -> list[Entry]:
    """Take away a folder that holds all students' folders, as a zip of a folder has it."""
    tops = {path.partition("/")[0] for path, _, _ in entries}
    inner = {path.split("/")[1] for path, _, read in entries if path.count("/") > 1 or (read is None and "/" in path)}
    files = {path.split("/")[1] for path, _, read in entries if path.count("/") == 1 and read}
    if len(tops) != 1 or _MOODLE.fullmatch(f"{next(iter(tops))}"):
        return entries
    if len(inner) > 1 or any(_MOODLE.fullmatch(name) for name in inner) or any(map(_by_platform, files)):
        return [(path.partition("/")[2], stamp, read) for path, stamp, read in entries if "/" in path]
    return entries


def _by_platform(name: str) -> bool:
    return bool(_MOODLE.fullmatch(name) or _CANVAS.fullmatch(name))


def _by_student(entries: list[Entry]) -> list[Submission]:
    found: dict[tuple[str, str], Submission] = {}
    for path, stamp, read in entries:
        student, identity, late = _who(path, is_folder=read is None)
        submission = found.setdefault((student, identity), Submission(student, identity))
        if read is not None:
            submission.pieces += _unpacked(Piece(path, stamp, late, read))
    return list(found.values())


def _who(path: str, *, is_folder: bool) -> tuple[str, str, bool]:
    """Name, number, and whether the name says that it was late.

    >>> _who("Ann Lee_123_assignsubmission_file_/a.ipynb", is_folder=False)
    ('Ann Lee', '123', False)
    >>> _who("leeann_LATE_77_1234_a-2.ipynb", is_folder=False)
    ('leeann', '77', True)
    >>> _who("Ann/02/a.ipynb", is_folder=False), _who("Ann.ipynb", is_folder=False)
    (('Ann', '', False), ('Ann', '', False))
    """
    first, _, rest = path.partition("/")
    if match := _MOODLE.fullmatch(first):
        return match["name"], match["id"], False
    if not rest and (match := _CANVAS.fullmatch(first)):
        return match["name"], match["id"], bool(match["late"])
    return (first if rest or is_folder else first.partition(".ipynb")[0].removesuffix(".zip")), "", False


class Named(Protocol):
    """An object that has a student's name and the platform's number."""

    student: str
    identity: str


def safe_names(students: Iterable[Named]) -> list[str]:
    """Names for files and folders: what is left of the students' names, and a number where that is not enough.

    >>> safe_names([Submission("Ann Lee", "7"), Submission("../Ann"), Submission("ann")])
    ['Ann-Lee-7', 'Ann', 'ann-2']
    """
    names, taken = [], set()
    for one in students:
        said = unicodedata.normalize("NFC", f"{one.student} {one.identity}")
        base = "-".join(re.findall(r"\w+", said))[:80]
        base = base.encode(errors="replace")[:MAX_NAME_BYTES].decode(errors="ignore") or "student"
        name, number = base, 2
        while _alike(name) in taken:
            name, number = f"{base}-{number}", number + 1
        taken.add(_alike(name))
        names.append(name)
    return names


def _alike(name: str) -> str:
    """Equal for names that some file system takes for the same."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def _unpacked(piece: Piece) -> list[Piece]:
    """The files in a student's zip; everything else as it is."""
    if not piece.name.lower().endswith(".zip"):
        return [piece]
    try:
        inside = [entry for entry in _in_zip(piece.read(), f"{piece.name}/") if entry[2] is not None]
    except Refused as reason:
        return [Piece(piece.name, piece.stamp, piece.late, _refuse(reason.word, str(reason)))]
    return [Piece(name, piece.stamp, piece.late, read, inner_stamp=stamp) for name, stamp, read in inside]
