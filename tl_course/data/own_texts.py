"""The learner's own texts: a CSV file with a header line."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch

from tl_course.data.task import Dataset, Problems, Split, Task, check_classes

# Letters in one field of a CSV file; Python's own limit, 131,072, is less than a book has.
LONGEST_FIELD = 10**8


def csv_text(
    path: str | os.PathLike,
    *,
    text: str,
    label: str,
    group: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
    train_per_class: int | None = None,
    validation: float = 0.2,
    test: float | int | None = None,
    seed: int = 0,
    on_error: str = "raise",
) -> Task:
    """Make a task from a CSV file with a header line.

    Parameters
    ----------
    path : path
    text, label : str
        Names of the columns.
    group : str, optional
        Column with the document (author, patient …) of a text: all texts of one stay in one split.
    delimiter : str, optional
        A comma by default, a tab for ``.tsv``.
    encoding : str
        UTF-8 by default, with or without a byte order mark.
    train_per_class, validation, seed
        As in :func:`tl_course.data.load`.
    test : float or int, optional
        Share (or number) of the rows held out for the test, one fifth by default; the same ones for every ``seed``.
    on_error : {"raise", "skip"}
        What to do with a row without text, label or readable bytes: raise, or leave it out, list it in ``task.notes``
        and warn once.

    Returns
    -------
    Task
        Texts; classes in numerical order where all labels are whole numbers, else in alphabetical order.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When a column is missing, a row has no text or label (empty or NaN) or cannot be read in this encoding, there
        is one class only, or a class is too small to be split: one sentence with file and line and the way out.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = [f"text {number},{'good' if number % 2 else 'bad'}" for number in range(20)]
    ...     _ = (Path(folder) / "mine.csv").write_text("\\n".join(["what,mood", *rows]))
    ...     print(csv_text(f"{folder}/mine.csv", text="what", label="mood"))
    mine: 12 train, 4 validation, 4 test texts, 2 classes
    """
    dataset = read_csv_text(
        path, text=text, label=label, group=group, delimiter=delimiter, encoding=encoding, on_error=on_error
    )
    return dataset.draw(train_per_class=train_per_class, validation=validation, test=test, seed=seed)


def read_csv_text(
    path: str | os.PathLike,
    *,
    text: str,
    label: str,
    group: str | None = None,
    delimiter: str | None = None,
    encoding: str = "utf-8-sig",
    on_error: str = "raise",
) -> Dataset:
    """Return the :class:`~tl_course.data.Dataset` that :func:`csv_text` draws its task from."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise FileNotFoundError(f"There is no file {file}; give the path of a CSV file with a header line.")
    problems = Problems(on_error)
    delimiter = delimiter or ("\t" if file.suffix.lower() == ".tsv" else ",")
    columns = [text, label] + ([group] if group else [])
    rows = []
    for line, values in csv_rows(file, columns, delimiter, encoding):
        if wrong := wrong_with(values):
            problems.add(f"{file.name}, line {line}, {wrong.sentence}", "correct the row")
        else:
            rows.append(values)
    problems.warn()
    names = sorted({row[label].strip() for row in rows}, key=number_or_text({row[label] for row in rows}))
    labels = torch.tensor([names.index(row[label].strip()) for row in rows], dtype=torch.int64)
    check_classes(labels, names, f"column {label!r} of {file.name}", at_least=3)
    documents = {name: number for number, name in enumerate(dict.fromkeys(row[group] for row in rows))} if group else {}
    groups = torch.tensor([documents[row[group]] for row in rows]) if group else None
    return Dataset(
        "csv_text",
        file.stem,
        "text",
        tuple(names),
        Split([row[text] for row in rows], labels, groups),
        f"the reader's own texts, file {file.name}",
        notes=problems.notes,
    )


def csv_rows(
    file: Path, columns: list[str], delimiter: str, encoding: str
) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Yield the line a row ends on and its wanted columns; undecodable bytes come as lone surrogates.

    Raises
    ------
    ValueError
        When a column is missing, or the file is no CSV file of this delimiter and encoding.
    """
    limit = csv.field_size_limit(LONGEST_FIELD)
    try:
        with file.open(encoding=encoding, errors="surrogateescape", newline="") as stream:
            reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
            header = reader.fieldnames or []
            for column in columns:
                if column not in header:
                    known = ", ".join(repr(name) for name in header).encode(errors="replace").decode()
                    raise ValueError(f"{file.name} has no column {column!r}; its columns are {known or 'none at all'}.")
            for row in reader:
                yield reader.line_num, {column: row[column] for column in columns}
    except (csv.Error, UnicodeError) as error:
        if "unexpected end of data" in str(error):
            raise ValueError(
                f"{file.name} cannot be read as a CSV file: a quotation mark is opened and never closed; look for it "
                "from the last row that reads well, and close it or write it twice."
            ) from error
        raise ValueError(
            f"{file.name} cannot be read as a CSV file ({error}); check its encoding (now {encoding}) and delimiter "
            f"(now {delimiter!r})."
        ) from error
    finally:
        csv.field_size_limit(limit)


class RowFault(NamedTuple):
    """What is wrong with a row of a table.

    Attributes
    ----------
    kind : str
        ``"empty"`` (a value is missing) or ``"encoding"`` (its bytes do not fit the encoding).
    sentence : str
        The same in words, without a subject.
    """

    kind: str
    sentence: str


def wrong_with(values: dict[str, str | None]) -> RowFault | None:
    """Return what is wrong with a row; None when nothing is.

    >>> wrong_with({"text": "fine", "label": " "})
    RowFault(kind='empty', sentence="has no value in column 'label'")
    """
    for column, value in values.items():
        if value is None or not value.strip() or value.strip().lower() == "nan":
            return RowFault("empty", f"has no value in column {column!r}")
        if any("\udc80" <= letter <= "\udcff" for letter in value):
            what = f"has bytes in column {column!r} that its encoding does not know"
            return RowFault("encoding", f"{what} (save it as UTF-8 or pass encoding=)")
    return None


def number_or_text(labels: set[str]) -> type:
    """Return the type that labels are ordered as: int where all are whole numbers, so that 10 follows 9, else str.

    >>> sorted({"10", "9"}, key=number_or_text({"10", "9"}))
    ['9', '10']
    """
    return int if all(re.fullmatch(r"\s*[+-]?\d+\s*", label) for label in labels) else str
