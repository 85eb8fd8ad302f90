"""Tables (CSV) as people have them: any separator, ``sep=`` lines, byte order marks; a broken row is named."""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tl_course.data.labels import plain

DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
# Letters in one field of a CSV file; Python's own limit, 131,072, is less than a book has.
LONGEST_FIELD = 10**8
# How files begin that are often called a table and are none.
OTHER_KINDS = {
    b"PK": "a spreadsheet or an archive (zip)",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet (xls)",
    b"PAR1": "a Parquet file",
    b"\x1f\x8b": "packed with gzip",
    b"%PDF": "a PDF",
}
# The same of texts, with what to do.
OTHER_TEXTS = {
    rb"<(!doctype html|html)": ("a web page", "download the table itself again"),
    rb"version https://git-lfs": ("a Git LFS pointer that stands for the table", "fetch the table with git lfs pull"),
    rb"[\[{]\s*[\[{\"]": ("JSON", "save it as CSV, for example with pandas: read_json(...).to_csv(...)"),
}
# What stands in a cell that holds no value: pandas writes the first, spreadsheets the others.
BLANKS = {"nan", "#n/a", "#name?", "#ref!", "#value!", "#div/0!", "#null!", "#num!"}
UTF_8 = {"utf-8", "utf-8-sig"}
# UTF-32 first: its mark begins like that of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


class RowFault(NamedTuple):
    """What is wrong with a row of a table.

    Attributes
    ----------
    kind : str
        ``"empty"`` (a value is missing), ``"encoding"`` (its bytes do not fit the encoding), ``"cells"`` (it has more
        cells than the header, or ends before a column that is needed) or ``"header"`` (it is the header once more).
    sentence : str
        The same in words, without a subject.
    """

    kind: str
    sentence: str


class Row(NamedTuple):
    """One row of a table.

    Attributes
    ----------
    line : int
        The line of the file on which it ends.
    values : dict of str to str or None
        The wanted columns; undecodable bytes come as lone surrogates.
    others : tuple of str
        Its cells in the other columns.
    fault : RowFault or None
    """

    line: int
    values: dict[str, str | None]
    others: tuple[str, ...]
    fault: RowFault | None


@dataclass(frozen=True)
class TableFormat:
    """How a table is written.

    Attributes
    ----------
    file : Path
    encoding, delimiter : str
    header : tuple of str
        Names of the columns, without invisible letters and spaces around them.
    above : int
        Lines above the header: 1 where the first says ``sep=;``.
    """

    file: Path
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    above: int

    def places(self, columns: Sequence[str]) -> dict[str, int]:
        """Return where columns stand.

        Raises
        ------
        ValueError
            When there is no such column, or more than one.
        """
        found = {}
        for column in columns:
            here = [place for place, name in enumerate(self.header) if name == plain(column)]
            if not here:
                known = ", ".join(map(repr, self.header)).encode(errors="replace").decode()
                raise ValueError(
                    f"{self.file.name} has no column {column!r}; its columns are {known or 'none at all'}."
                )
            if len(here) > 1:
                numbers = " and ".join(str(place + 1) for place in here)
                raise ValueError(
                    f"{self.file.name} has more than one column {column!r} (numbers {numbers}); give each a name of "
                    "its own."
                )
            found[column] = here[0]
        return found

    def other_columns(self, columns: Sequence[str]) -> tuple[str, ...]:
        """Return the names of all columns but these, in the order of the table."""
        places = set(self.places(columns).values())
        return tuple(name for place, name in enumerate(self.header) if place not in places)


def table_format(
    file: Path, columns: Sequence[str], *, encoding: str = "utf-8-sig", delimiter: str | None = None
) -> TableFormat:
    """Find out how a table is written; a separator of None is the one that gives these columns.

    A byte order mark of UTF-16 or UTF-32 counts more than the default encoding, a first line such as ``sep=;`` says
    the separator, and blank lines may stand above the header.

    Raises
    ------
    ValueError
        When the file is no table, or the encoding unknown: one sentence with the way out.
    """
    try:
        with file.open("rb") as stream:
            start = stream.read(4096)
        encoding = _encoding_of(file, start, encoding)
        with file.open(encoding=encoding, errors="replace", newline="") as stream:
            said = re.fullmatch(r"\ufeff?\"?sep=(.|\\t)\"?", stream.readline().rstrip("\r\n"), re.IGNORECASE)
        if said:
            delimiter = delimiter or said[1].replace("\\t", "\t")
        above = int(bool(said))
        names = {each: _header(file, encoding, each, above) for each in ([delimiter] if delimiter else DELIMITERS)}
    except LookupError as error:
        raise ValueError(f"There is no encoding {encoding!r}; utf-8, cp1252 and latin-1 are usual ones.") from error
    except UnicodeError as error:
        raise ValueError(f"{file.name} is not written in {encoding} ({error}); name its encoding.") from error
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); give a file that you may read.") from error
    wanted = set(map(plain, columns))
    likely = max(names, key=lambda each: (len(wanted & set(names[each])), len(names[each])))
    return TableFormat(file, encoding, likely, names[likely], above)


def _header(file: Path, encoding: str, delimiter: str, above: int) -> tuple[str, ...]:
    """Return the names of the columns; a name may go over several lines."""
    with file.open(encoding=encoding, errors="replace", newline="") as stream:
        for _ in range(above):
            stream.readline()
        try:
            return tuple(map(plain, _first_row(csv.reader(stream, delimiter=delimiter))))
        except csv.Error:  # a quotation mark that is never closed, of a separator that is not this table's, say
            return ()


def _first_row(reader: Iterator[list[str]]) -> list[str]:
    """Return the first row that is not blank, as the header is."""
    return next((cells for cells in reader if any(map(str.strip, cells))), [])


def _encoding_of(file: Path, start: bytes, encoding: str) -> str:
    """Return the encoding that a file's first bytes ask for, or raise ValueError where they are of no table."""
    for beginning, what in OTHER_KINDS.items():
        if start.startswith(beginning):
            raise ValueError(
                f"{file.name} is not a text file; save the sheet as CSV UTF-8 and give that (this is {what})."
            )
    for beginning, (what, way_out) in OTHER_TEXTS.items():
        if re.match(rb"(\xef\xbb\xbf)?\s*" + beginning, start, re.IGNORECASE):
            raise ValueError(f"{file.name} is {what} and no table; {way_out}.")
    name = codecs.lookup(encoding).name
    marked = next((known for mark, known in MARKS.items() if start.startswith(mark)), None)
    if marked:
        return marked if name in UTF_8 else encoding
    if b"\0" in start and not name.startswith(("utf-16", "utf-32")):
        for place, wide in ((1, "utf-16-le"), (0, "utf-16-be")):  # every second byte of a Latin letter is 0
            zeros, others = (start[at::2].count(0) / len(start[at::2]) for at in (place, 1 - place))
            if zeros > 0.4 and others < 0.05:
                raise ValueError(
                    f"{file.name} seems to be written in UTF-16, without a mark that says so; save it as CSV UTF-8, or "
                    f"name the encoding {wide}."
                )
        if start.count(b"\0") > len(start) / 100:
            raise ValueError(f"{file.name} is not a text file; save the sheet as CSV UTF-8 and give that.")
        line = len(start[: start.index(b"\0")].splitlines() or [b""])
        raise ValueError(f"{file.name}, line {line}, holds a zero byte, as no text does; remove it, or write it again.")
    return encoding


def utf8_despite(file: Path, encoding: str) -> str | None:
    """Return "utf-8-sig" where a file is UTF-8 with letters beyond ASCII, and another encoding is named; else None.

    Nearly every other encoding takes such a file, too, and makes nonsense of its letters.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.csv"
    ...     _ = file.write_text("café", encoding="utf-8")
    ...     utf8_despite(file, "cp1252"), utf8_despite(file, "utf-8")
    ('utf-8-sig', None)
    """
    try:
        if codecs.lookup(encoding).name in UTF_8:
            return None
    except LookupError:
        return None  # table_format says so
    decoder, beyond = codecs.getincrementaldecoder("utf-8")(), False
    try:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                beyond |= not block.isascii()
                decoder.decode(block)
            decoder.decode(b"", final=True)
    except (UnicodeError, OSError):
        return None
    return "utf-8-sig" if beyond else None


def table_rows(table: TableFormat, columns: Sequence[str], *, may_be_blank: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows of a table that are not blank lines, each with what is wrong with it.

    Parameters
    ----------
    table : TableFormat
    columns : sequence of str
        Those whose cells are needed.
    may_be_blank : sequence of str
        Those of ``columns`` in which a blank cell is no fault.

    Raises
    ------
    ValueError
        When a column is missing or there twice, or the file cannot be read as a table: the sentence names the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "mine.csv"
    ...     _ = file.write_text("id,what,mood\\n7,fine,good\\n8,well, well,good\\n")
    ...     for row in table_rows(table_format(file, ["what"]), ["what"]):
    ...         print(row.line, row.values, row.others, row.fault and row.fault.kind)
    2 {'what': 'fine'} ('7', 'good') None
    3 {'what': 'well'} ('8', ' well') cells
    """
    places = table.places(columns)
    others = [place for place in range(len(table.header)) if place not in places.values()]
    limit = csv.field_size_limit(LONGEST_FIELD)
    ended = 0
    try:
        with table.file.open(encoding=table.encoding, errors="surrogateescape", newline="") as stream:
            for _ in range(table.above):
                stream.readline()
            reader = csv.reader(stream, delimiter=table.delimiter, strict=True)
            _first_row(reader)
            ended = reader.line_num + table.above
            for cells in reader:
                ended = reader.line_num + table.above
                if cells:
                    yield _row(table, cells, ended, places, others, may_be_blank)
    except (csv.Error, UnicodeError) as error:
        raise ValueError(_unreadable(table, error, ended + 1)) from error
    finally:
        csv.field_size_limit(limit)


def _row(
    table: TableFormat,
    cells: list[str],
    line: int,
    places: dict[str, int],
    others: list[int],
    may_be_blank: Sequence[str],
) -> Row:
    width = len(table.header)
    values = {column: cells[place] if place < len(cells) else None for column, place in places.items()}
    needed = {column: value for column, value in values.items() if column not in may_be_blank or not is_blank(value)}
    fault = wrong_with(needed)
    count = f"{len(cells)} cell{'s' * (len(cells) > 1)}, and the header has {width}"
    if any(cell.strip() for cell in cells[width:]):
        of = DELIMITERS.get(table.delimiter, f"{table.delimiter!r}s").removesuffix("s")
        fault = RowFault("cells", f"has {count} (a text with a {of} must stand in quotation marks)")
    elif fault and None in needed.values() and any(cell.strip() for cell in cells):
        missing = next(column for column, value in needed.items() if value is None)
        fault = RowFault(
            "cells",
            f"has no value in column {missing!r}: it has {count} (a text with a line break must stand in quotation "
            "marks)",
        )
    if width > 1 and tuple(map(plain, cells)) == table.header:
        fault = RowFault("header", "repeats the header, as where one table was put below another")
    rest = tuple(cells[place] if place < len(cells) else "" for place in others)
    return Row(line, values, rest, fault)


def _unreadable(table: TableFormat, error: Exception, line: int) -> str:
    """Say why a table cannot be read on from the row that begins on a line."""
    name = table.file.name
    if "unexpected end of data" in str(error):
        return (
            f"{name} cannot be read as a CSV file: a quotation mark is opened and never closed, in the row that begins "
            f"on line {line}; close it or write it twice."
        )
    if "expected after" in str(error):
        return (
            f"{name} cannot be read as a CSV file: the row that begins on line {line} has text after a closing "
            "quotation mark; write a quotation mark within a text twice."
        )
    return (
        f"{name} cannot be read as a CSV file ({error}), from line {line} on; check its encoding (now "
        f"{table.encoding}) and delimiter (now {table.delimiter!r})."
    )


def wrong_with(values: dict[str, str | None]) -> RowFault | None:
    """Return what is wrong with the values of a row; None when nothing is.

    >>> wrong_with({"text": "fine", "label": " "})
    RowFault(kind='empty', sentence="has no value in column 'label'")
    """
    for column, value in values.items():
        if is_blank(value):
            return RowFault("empty", f"has no value in column {column!r}")
        if not value.isascii() and any("\udc80" <= letter <= "\udcff" for letter in value):
            what = f"has bytes in column {column!r} that its encoding does not know"
            return RowFault("encoding", f"{what} (save it as UTF-8 or pass encoding=)")
    return None


def is_blank(value: str | None) -> bool:
    """Say whether a cell holds nothing: spaces and invisible letters only, pandas's "nan", or a spreadsheet's error.

    >>> is_blank(" \\u200b"), is_blank("NaN"), is_blank("#NAME?"), is_blank("0")
    (True, True, True, False)
    """
    if value is None or value.strip().lower() in BLANKS:
        return True
    return all(letter.isspace() or unicodedata.category(letter) == "Cf" for letter in value)


def harmless(cell: object) -> object:
    """Return what goes into a cell; a text that a spreadsheet would compute gets an apostrophe before it.

    A text may come from a stranger, and ``=HYPERLINK(…)`` is a program. Numbers stay as they are.

    >>> harmless("=1+1"), harmless(" @SUM(1)"), harmless("Ann"), harmless("-3.5"), harmless(3)
    ("'=1+1", "' @SUM(1)", 'Ann', '-3.5', 3)
    """
    if not isinstance(cell, str) or cell.lstrip()[:1] not in tuple("=+-@|"):
        return cell
    return cell if re.fullmatch(r"\s*[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?%?\s*", cell) else f"'{cell}"
