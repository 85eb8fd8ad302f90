"""The learner's own texts: a CSV file with a header line."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from pathlib import Path

import torch

from tl_course.data.labels import look, number_or_text, settle_labels
from tl_course.data.tables import table_format, table_rows
from tl_course.data.task import Dataset, Problems, Split, Task, check_classes


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
        Column with the document (author, patient …) of a text: all texts of one stay in one split, and every split gets
        every class.
    delimiter : str, optional
        By default the comma, semicolon or tab that gives the columns, or what a first line such as ``sep=;`` says.
    encoding : str
        UTF-8 by default, with or without a byte order mark; a mark of UTF-16 is heeded.
    train_per_class, validation, seed
        As in :func:`tl_course.data.load`.
    test : float or int, optional
        Share (or number) of the rows held out for the test, one fifth by default; the same ones for every ``seed``.
    on_error : {"raise", "skip"}
        What to do with a row without text, label or readable bytes, or with more cells than the header: raise, or leave
        it out, list it in ``task.notes`` and warn once.

    Returns
    -------
    Task
        Texts; classes in numerical order where all labels are whole numbers, else in alphabetical order.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    ValueError
        When a column is missing, a row has no text or label (empty or NaN), several labels, or cannot be read in this
        encoding, labels differ in capitals only, there is one class only, or a class is too small or stands in too few
        groups to be split: one sentence with file and line and the way out.

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
    columns = [text, label] + ([group] if group else [])
    rows, lines = [], []
    for row in table_rows(table_format(file, columns, encoding=encoding, delimiter=delimiter), columns):
        if row.fault:
            problems.add(f"{file.name}, line {row.line}, {row.fault.sentence}", "correct the row")
        else:
            rows.append(row.values)
            lines.append(row.line)
    classes, told = settle_labels([row[label] for row in rows], lines, f"column {label!r} of {file.name}", problems)
    for sentence in told:
        problems.tell(sentence)
    problems.warn()
    rows = [row for row, name in zip(rows, classes, strict=True) if name is not None]
    classes = [name for name in classes if name is not None]
    names = sorted(set(classes), key=number_or_text(set(classes)))
    labels = torch.tensor([names.index(name) for name in classes], dtype=torch.int64)
    check_classes(labels, names, f"column {label!r} of {file.name}", at_least=3)
    documents = [look(row[group]).casefold() for row in rows] if group else []
    numbers = {name: number for number, name in enumerate(dict.fromkeys(documents))}
    groups = torch.tensor([numbers[name] for name in documents]) if group else None
    return Dataset(
        "csv_text",
        file.stem,
        "text",
        tuple(names),
        Split([row[text] for row in rows], labels, groups),
        f"the reader's own texts, file {file.name}",
        notes=problems.notes,
        every_class=True,
    )


def plain_form(text: str) -> str:
    """Return a text without case, punctuation, spaces and the form of its letters: what near copies share.

    A text of signs alone stays as it is.

    >>> plain_form("What a ﬁlm!") == plain_form("what a  film") == plain_form("‘What’ a FILM…")
    True
    >>> plain_form("café") == plain_form("cafe\u0301"), plain_form("50 %") == plain_form("5 0"), plain_form(":-)")
    (True, False, ':-)')
    """
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_KEPT).split()) or text


def near_text_keys(texts: Sequence[str]) -> list[Hashable]:
    """Return a key for each text, equal where :func:`plain_form` is.

    That is worked out only where the letters and digits alone are those of another text, which is quicker to see.

    >>> keys = near_text_keys(["A film.", "a film", "afilm", "a play"])
    >>> [keys.index(key) for key in keys]
    [0, 0, 2, 3]
    """
    rough = [re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text).casefold()) for text in texts]
    counts = Counter(rough)
    return [(plain_form(text),) if counts[key] > 1 else key for text, key in zip(texts, rough, strict=True)]


class _Kept(dict):
    """What becomes of each letter, looked up once: 100,000 texts have millions of letters, of few kinds."""

    def __missing__(self, code: int) -> str:
        letter = chr(code)
        kind = unicodedata.category(letter)
        invisible = "" if kind == "Cf" else " "  # a space of no width stands within words
        self[code] = letter if kind[0] in "LNMS" and kind != "Sk" else invisible
        return self[code]


_KEPT = _Kept()
