"""Recorded results: reading, checking and summarising the CSV files beside this module."""

import csv
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from pathlib import Path

from tl_course.environment import PRECISIONS, PROFILES
from tl_course.records.intervals import Interval, mean_and_sd, t_interval, t_quantile

FOLDER = Path(__file__).parent
MINIMAL_SEEDS = 3


class RecordError(ValueError):
    """A record is missing, broken, or was asked for something it does not hold."""


@dataclass(frozen=True)
class Row:
    """One measurement: one method at one setting with one seed.

    ``setting`` is text because it may be a number of labels, a layer or a learning rate; ``date`` is ISO 8601.
    """

    profile: str
    target: str
    method: str
    setting: str
    seed: int
    value: float
    seconds: float
    precision: str
    machine: str
    date: str
    version: str


COLUMNS = tuple(field.name for field in fields(Row))
_NARROWING = ("profile", "target", "method", "setting")


def _natural(text: str) -> tuple:
    """Sort key that puts numbers first, by size, and other texts after them, by alphabet."""
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)


@dataclass(frozen=True)
class Record:
    """Rows of one recorded result, and what follows from them.

    Examples
    --------
    >>> rows = [Row("mini", "toy", m, "10", s, v + s / 100, 1.0, "fp32", "cpu", "2026-01-01", "0.1.0")
    ...         for m, v in (("scratch", 0.30), ("fine_tune", 0.60)) for s in range(3)]
    >>> record = Record("00_toy", tuple(rows))
    >>> record.methods, record.settings, record.seeds
    (('scratch', 'fine_tune'), ('10',), (0, 1, 2))
    >>> scratch = record.select(method="scratch", setting="10")
    >>> scratch.values, round(scratch.mean, 3)
    ({0: 0.3, 1: 0.31, 2: 0.32}, 0.31)
    >>> round(paired_difference(record.select(method="fine_tune"), scratch).mean, 3)
    0.3
    """

    name: str
    rows: tuple[Row, ...]

    def select(self, **where: str | int | float | Iterable[str]) -> "Record":
        """The rows with these values of ``profile``, ``target``, ``method``, ``setting`` (one, or a list of them).

        Raises
        ------
        RecordError
            When nothing fits: a typing error must not become an empty figure. The message lists what there is.
        """
        record = self
        for column, wanted in where.items():
            if column not in _NARROWING:
                raise RecordError(f"cannot select by {column!r}: choose among {', '.join(_NARROWING)}.")
            many = isinstance(wanted, Iterable) and not isinstance(wanted, str)
            accepted = {str(item) for item in (wanted if many else [wanted])}
            missing = accepted - set(record._distinct(column))
            if missing:
                raise RecordError(
                    f"record {self.name} holds no {column} {', '.join(map(repr, sorted(missing)))} here; "
                    f"it holds {', '.join(record._distinct(column)) or 'no rows'}."
                )
            record = Record(self.name, tuple(row for row in record.rows if getattr(row, column) in accepted))
        return record

    def relabelled(self, **columns: str | int | float) -> "Record":
        """The same values under another ``method`` or ``setting``, to stand beside those of another record.

        Raises
        ------
        RecordError
            For another column: what was measured where cannot be changed.

        Examples
        --------
        >>> read("01_patience").select(method="scratch", setting="10, 3e-3").relabelled(setting=10).settings
        ('10',)
        """
        if unknown := columns.keys() - {"method", "setting"}:
            raise RecordError(f"cannot relabel {', '.join(sorted(unknown))}: choose method, setting or both.")
        new = {column: str(value) for column, value in columns.items()}
        return Record(self.name, tuple(replace(row, **new) for row in self.rows))

    def __add__(self, other: "Record") -> "Record":
        """The rows of both, for one figure.

        Raises
        ------
        RecordError
            When both hold a value of one method, setting and seed.
        """
        keys = [tuple(getattr(row, column) for column in (*_NARROWING, "seed")) for row in (*self.rows, *other.rows)]
        if len(set(keys)) < len(keys):
            raise RecordError(
                f"records {self.name} and {other.name} hold values of one method, setting and seed: "
                "select or relabel one of them first."
            )
        return Record(f"{self.name} + {other.name}", self.rows + other.rows)

    def _distinct(self, column: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(getattr(row, column) for row in self.rows))

    @property
    def profiles(self) -> tuple[str, ...]:
        """Profiles in the record, in the order of the file."""
        return self._distinct("profile")

    @property
    def targets(self) -> tuple[str, ...]:
        """Targets in the record, in the order of the file."""
        return self._distinct("target")

    @property
    def methods(self) -> tuple[str, ...]:
        """Methods in the record, in the order of the file."""
        return self._distinct("method")

    @property
    def settings(self) -> tuple[str, ...]:
        """Settings in the record: numbers by size, then texts by alphabet."""
        return tuple(sorted(self._distinct("setting"), key=_natural))

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds in the record, ascending."""
        return tuple(sorted({row.seed for row in self.rows}))

    def _one_cell(self) -> None:
        for column in _NARROWING:
            if len(self._distinct(column)) > 1:
                raise RecordError(
                    f"record {self.name} holds several values of {column} ({', '.join(self._distinct(column))}): "
                    f"narrow it first with select({column}=...)."
                )

    @property
    def values(self) -> dict[int, float]:
        """Value by seed, of a record narrowed to one method and setting (RecordError otherwise)."""
        self._one_cell()
        return {row.seed: row.value for row in sorted(self.rows, key=lambda row: row.seed)}

    @property
    def mean(self) -> float:
        """Mean value over the seeds of one method and setting."""
        return math.fsum(self.values.values()) / len(self.values)

    @property
    def seconds(self) -> float:
        """Mean wall-clock seconds of a run of one method and setting."""
        self._one_cell()
        return math.fsum(row.seconds for row in self.rows) / len(self.rows)

    def interval(self, level: float = 0.95) -> Interval:
        """t interval of the mean over the seeds of one method and setting."""
        return t_interval(self.values.values(), level)

    def prediction_interval(self, level: float = 0.95) -> Interval:
        """Where one more run of the same method and setting is expected: mean ± t(level, n − 1)·s·√(1 + 1/n)."""
        values = list(self.values.values())
        mean, sd = mean_and_sd(values)
        half = t_quantile(level, len(values) - 1) * sd * math.sqrt(1 + 1 / len(values))
        return Interval(mean, mean - half, mean + half, len(values))


def paired_difference(one: Record, other: Record, level: float = 0.95) -> Interval:
    """t interval of ``one − other`` over the seeds that both hold, each record narrowed to one method and setting.

    A seed fixes data split and order for both methods, so the difference within a seed is freed of what
    a lucky split gives to both.

    Raises
    ------
    RecordError
        When fewer than two seeds are common.

    >>> record = read("01_label_budget").select(setting="10")
    >>> gain = paired_difference(record.select(method="fine_tune"), record.select(method="scratch"))
    >>> gain.n, gain.low > 0.5
    (5, True)
    """
    first, second = one.values, other.values
    common = sorted(first.keys() & second.keys())
    if len(common) < 2:
        raise RecordError(f"record {one.name}: a paired difference needs 2 common seeds and there are {len(common)}.")
    return t_interval([first[seed] - second[seed] for seed in common], level)


def _parse(raw: dict[str, str], line: int) -> tuple[Row | None, list[str]]:
    """A row from the texts of one line, or what is wrong with them."""
    found = [f"line {line}: {name} is empty" for name in COLUMNS if not raw[name].strip()]
    numbers: dict[str, int | float] = {}
    for name, kind in (("seed", int), ("value", float), ("seconds", float)):
        try:
            numbers[name] = kind(raw[name])
        except ValueError:
            found.append(f"line {line}: {name} {raw[name]!r} is not a {'whole ' if kind is int else ''}number")
    if not math.isfinite(numbers.get("value", 0)):
        found.append(f"line {line}: value {raw['value']} is not finite")
    if not 0 <= numbers.get("seconds", 0) < math.inf:
        found.append(f"line {line}: seconds {raw['seconds']} is not a duration")
    for name, allowed in (("profile", PROFILES), ("precision", PRECISIONS)):
        if raw[name] not in allowed:
            found.append(f"line {line}: {name} {raw[name]!r} is not one of {', '.join(allowed)}")
    try:
        date.fromisoformat(raw["date"])
    except ValueError:
        found.append(f"line {line}: date {raw['date']!r} is not an ISO date such as 2026-01-31")
    return (None if found else Row(**{**raw, **numbers})), found


def _parse_file(path: Path) -> tuple[list[Row], list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, restkey="surplus", restval="")
        header = tuple(reader.fieldnames or ())
        if header != COLUMNS:
            return [], [f"the columns are {', '.join(header) or 'missing'} and must be {', '.join(COLUMNS)}"]
        rows: list[Row] = []
        found: list[str] = []
        for raw in reader:
            if "surplus" in raw:
                found.append(f"line {reader.line_num}: more than {len(COLUMNS)} fields")
                continue
            row, wrong = _parse(raw, reader.line_num)
            found += wrong
            if row:
                rows.append(row)
    return rows, found


def _seed_problems(rows: list[Row], minimal_seeds: int) -> list[str]:
    cells: dict[tuple, Counter] = {}
    for row in rows:
        cells.setdefault((row.profile, row.target, row.method, row.setting), Counter())[row.seed] += 1
    found = []
    for cell, seeds in cells.items():
        label = " / ".join(cell)
        found += [f"{label}: seed {seed} stands there {times} times" for seed, times in seeds.items() if times > 1]
        if len(seeds) < minimal_seeds:
            found.append(f"{label}: {len(seeds)} seeds, at least {minimal_seeds} are needed")
    return found


def problems(path: str | Path, *, minimal_seeds: int = MINIMAL_SEEDS) -> list[str]:
    """Every violation of the schema in one CSV file, each with its line or its cell; an empty list when it is sound.

    Checked: the columns and their order, whole-number seeds, finite values, durations, known profile and precision,
    ISO dates, no seed twice, and at least ``minimal_seeds`` seeds for each profile, target, method and setting.

    >>> problems(FOLDER / "01_label_budget.csv")
    []
    """
    rows, found = _parse_file(Path(path))
    if not rows and not found:
        return ["the file has a header and no rows"]
    return found + _seed_problems(rows, minimal_seeds)


def read_rows(path: str | Path, *, minimal_seeds: int = MINIMAL_SEEDS) -> tuple[Row, ...]:
    """The checked rows of one CSV file; RecordError names the first violation and counts the others."""
    path = Path(path)
    if not path.is_file():
        raise RecordError(f"there is no record {path.name}: `python -m authoring.records {path.stem}` makes it.")
    found = problems(path, minimal_seeds=minimal_seeds)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        raise RecordError(f"record {path.name}: {found[0]}{more}; `make records` writes it again.")
    return tuple(_parse_file(path)[0])


def available(folder: Path = FOLDER) -> tuple[str, ...]:
    """Names of the records in a folder, sorted.

    >>> isinstance(available(), tuple)
    True
    """
    return tuple(sorted(path.stem for path in folder.glob("*.csv")))


def read(name: str, *, folder: Path = FOLDER) -> Record:
    """Open the recorded result ``name`` (such as ``"01_label_budget"``) and check its schema.

    Raises
    ------
    RecordError
        When there is no such record (the message lists those there are) or its file breaks the schema.

    Examples
    --------
    >>> read("99_nothing")
    Traceback (most recent call last):
    ...
    tl_course.records.table.RecordError: there is no record '99_nothing'; ...
    """
    if name not in available(folder):
        there = ", ".join(available(folder)) or "none yet"
        raise RecordError(f"there is no record {name!r}; there are: {there}.")
    return Record(name, read_rows(folder / f"{name}.csv"))
