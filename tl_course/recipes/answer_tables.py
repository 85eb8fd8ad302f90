"""Answers as tables (CSV) that programs read and spreadsheets show without computing them."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tl_course.data.tables import harmless
from tl_course.recipes.predicting import Prediction
from tl_course.recipes.results import Finished

# The mark tells spreadsheets that a table is UTF-8.
WITH_MARK = "utf-8-sig"


def write_csv(predictions: Sequence[Prediction], path: Path, *, with_answer: bool = False) -> None:
    """Write predictions as a table: input, its other columns, then class and probability, the most likely first.

    Cells that a spreadsheet would compute get an apostrophe before them.

    Parameters
    ----------
    predictions : list of Prediction
    path : Path
    with_answer : bool
        Give a column ``answer``, too: the class, or "unsure".

    Raises
    ------
    ValueError
        When the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> answers = [Prediction(name, (("cat", 0.9), ("dog", 0.1))) for name in ("a.jpg", "=1+1")]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_csv(answers, Path(folder, "answers.csv"))
    ...     print(Path(folder, "answers.csv").read_text().strip())
    input,class_1,probability_1,class_2,probability_2
    a.jpg,cat,0.9000,dog,0.1000
    '=1+1,cat,0.9000,dog,0.1000
    """
    count = max((len(each.classes) for each in predictions), default=0)
    own = re.compile(rf"input|(class|probability)_\d+{'|answer' * with_answer}")
    headers = dict.fromkeys(tuple(name for name, _ in each.columns) for each in predictions)  # one for each table
    free = {names: free_names(names, lambda name: bool(own.fullmatch(name))) for names in headers}
    others = list(dict.fromkeys(name for names in free.values() for name in names))
    answers = [name for place in range(1, count + 1) for name in (f"class_{place}", f"probability_{place}")]
    rows = []
    for each in predictions:
        names = free[tuple(name for name, _ in each.columns)]
        given = dict(zip(names, (cell for _, cell in each.columns), strict=True))
        cells = [cell for name, value in each.classes for cell in (name, f"{value:.4f}")]
        cells += [""] * (2 * count - len(cells))
        rows.append([each.name, *(given.get(name, "") for name in others), *([each.answer] * with_answer), *cells])
    _write(path, ["input", *others, *(["answer"] * with_answer), *answers], rows, encoding="utf-8")


def write_test(finished: Finished, path: Path) -> None:
    """Write what the model says about each test example, a row each.

    That is: its file, or its line and text; the other columns of its table; ``truth``, ``predicted``, the calibrated
    ``confidence``, and the probability of each class.

    Raises
    ------
    ValueError
        When the file cannot be written.
    """
    prepared, task = finished.prepared, finished.prepared.task
    table = finished.probabilities
    classes = [f"probability_{name}" for name in task.class_names]
    places = [name for name, _ in prepared.test_places[0]]
    own = [*places, "truth", "predicted", "confidence", *classes]
    columns = prepared.test_columns or [()] * len(table)
    others = free_names([name for name, _ in columns[0]], own.__contains__)
    rows = []
    for at, (truth, said) in enumerate(zip(task.test.labels.tolist(), table.argmax(1).tolist(), strict=True)):
        cells = [cell for _, cell in (*prepared.test_places[at], *columns[at])]
        chances = [f"{value:.4f}" for value in table[at].tolist()]
        rows.append([*cells, task.class_names[truth], task.class_names[said], chances[said], *chances])
    _write(path, [*places, *others, *own[len(places) :]], rows, encoding=WITH_MARK)


def free_names(names: Sequence[str], taken: Callable[[str], bool]) -> list[str]:
    """Return names for the columns of a table beside those that are taken: none twice.

    >>> free_names(["id", "class_1", "id", "truth"], {"class_1", "truth"}.__contains__)
    ['id', 'class_1_2', 'id_2', 'truth_2']
    """
    found: list[str] = []
    for name in names:
        number, free = 1, name
        while free in found or taken(free):
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]], *, encoding: str) -> None:
    try:
        with path.open("w", encoding=encoding, newline="") as stream:
            table = csv.writer(stream)
            table.writerow(map(harmless, header))
            table.writerows([harmless(cell) for cell in row] for row in rows)
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); choose another file.") from error
