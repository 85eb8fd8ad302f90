"""The harness of the record scripts: run a grid of cells, resume an interrupted one, write the CSV in one stroke.

A script takes its networks and sizes from the profile by role, as the lessons do, and names in ``PROFILES`` the
profiles that it can measure; one about the course's own networks or about toys leaves ``PROFILES`` out, which is mini's
alone. It says what else there is to know in ``CHEAP``, ``TOLERANCE`` and ``NEEDS_CIFAR10``.
"""

import contextlib
import csv
import hashlib
import importlib
import itertools
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, astuple, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from torch import nn
from tqdm.auto import tqdm

import tl_course
from tl_course import environment
from tl_course.data import Task, cifar10
from tl_course.models import create
from tl_course.profiles import PROFILES, REHEARSED_EXAMPLES, Sizes
from tl_course.records import COLUMNS, FOLDER, RecordError, Row
from tl_course.records.table import read_rows

SCRIPTS = Path(__file__).parent
UNFINISHED = SCRIPTS.parents[1] / "build" / "records"


class Cell(NamedTuple):
    """One measurement to take."""

    target: str
    method: str
    setting: str
    seed: int


Measure = Callable[[Cell], float | tuple[float, float]]


@dataclass(frozen=True)
class Conditions:
    """What all rows of one run share, beside the date."""

    profile: str
    precision: str
    machine: str
    version: str = tl_course.__version__

    @classmethod
    def here(cls) -> "Conditions":
        """The settings of this process; the machine by its kind, never by its name."""
        now = environment.current()
        kind = f"{environment.device_name(now.device)}, {now.threads} threads"
        return cls(now.profile, now.precision, kind)


def product(targets: Iterable, methods: Iterable, settings: Iterable, seeds: Iterable[int]) -> list[Cell]:
    """Every combination, seeds outermost, so that an interrupted grid has whole seeds rather than whole methods.

    >>> product(["toy"], ["scratch"], [10, 30], [0])[1]
    Cell(target='toy', method='scratch', setting='30', seed=0)
    """
    combinations = itertools.product(seeds, targets, methods, settings)
    return [Cell(target, method, str(setting), seed) for seed, target, method, setting in combinations]


def sizes() -> Sizes:
    """The sizes of the profile that the process was started with; no look at the machine, so that an import is quick.

    >>> sizes().steps(60)
    60
    """
    return Sizes(PROFILES[environment.chosen_profile()], environment.is_rehearsal())


class Budget(NamedTuple):
    """How many labels a class to take (None: all), and the number on the mini profile that they stand for."""

    labels: int | None
    mini: int


def budgets(*counts: int, classes: int = 1) -> dict[str, Budget]:
    """Label budgets a class of the profile, under the names that they have in ``setting``: a number, or "all".

    The number is that of the labels a class, or of all labels where the number of classes is given. A data set that has
    fewer gives all it has. Where two budgets come to the same, the larger stands for both.

    >>> budgets(10, 100)
    {'10': Budget(labels=10, mini=10), '100': Budget(labels=100, mini=100)}
    >>> list(budgets(25, 100, classes=2))
    ['50', '200']
    """
    taken = [Budget(sizes().labels(count), count) for count in sorted(counts)]
    return {"all" if budget.labels is None else str(classes * budget.labels): budget for budget in taken}


def fixed(count: int, *, least: int = 1) -> int:
    """A number of examples that is the same in every profile, since the record is about it; in a rehearsal, a few.

    ``least`` is how many there have to be even then, such as one of each class.

    >>> fixed(230)
    230
    """
    return min(count, max(least, REHEARSED_EXAMPLES)) if sizes().rehearsal else count


def network(name: str, **options) -> nn.Module:
    """A network of :func:`tl_course.models.create`, on the device of this process.

    >>> network("resnet_tiny", num_classes=2).spec.num_classes
    2
    """
    return create(name, **options).to(environment.current().device)


def standardised(points: Task) -> Task:
    """Features with mean 0 and standard deviation 1 over the training part; other parts are moved and scaled alike."""
    mean, spread = points.train.inputs.mean(0), points.train.inputs.std(0).clamp_min(1e-6)
    parts = {name: getattr(points, name) for name in ("train", "validation", "test")}
    return replace(
        points, **{name: replace(part, inputs=(part.inputs - mean) / spread) for name, part in parts.items()}
    )


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write rows under a temporary name and rename: a reader sees the old file or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
    try:
        with open(handle, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            writer.writerows(astuple(row) for row in rows)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)
    except BaseException:
        os.unlink(scratch)
        raise


def _measured(cell: Cell, measure: Measure, conditions: Conditions) -> Row:
    start = time.perf_counter()
    result = measure(cell)
    value, seconds = result if isinstance(result, tuple) else (result, time.perf_counter() - start)
    return Row(
        **cell._asdict(),
        **asdict(conditions),
        # six digits tell any accuracy on a million examples; more would only make diffs restless
        value=round(float(value), 6),
        seconds=round(float(seconds), 3),
        date=datetime.now(UTC).date().isoformat(),
    )


def _cell_of(row: Row) -> Cell:
    return Cell(row.target, row.method, row.setting, row.seed)


def _rows(path: Path) -> list[Row]:
    """Rows of an unfinished or finished file; none when it is missing or damaged."""
    with contextlib.suppress(RecordError):
        return list(read_rows(path, minimal_seeds=1))
    return []


def run_grid(
    name: str,
    cells: Iterable[Cell],
    measure: Measure,
    *,
    conditions: Conditions | None = None,
    fingerprint: str = "",
    folder: Path = FOLDER,
    unfinished: Path = UNFINISHED,
) -> Path:
    """Measure every cell and write the record; go on where an interrupted run of the same script stopped.

    Parameters
    ----------
    name
        Of the record, such as ``"01_label_budget"``.
    cells
        What to measure, each once.
    measure
        cell → value, or (value, seconds); wall-clock seconds of the call are recorded in the first case.
    fingerprint
        Of the script: rows measured by another state of it are not taken over.

    Returns
    -------
    Path
        The record. Its rows of other profiles, and of targets that are not in ``cells``, stay as they were.

    Raises
    ------
    RecordError
        For a cell that stands twice.
    """
    cells = list(cells)
    if len(set(cells)) < len(cells):
        raise RecordError(f"the grid of {name} holds a cell twice: give every target, method, setting and seed once.")
    conditions = conditions or Conditions.here()
    key = hashlib.sha256(repr((fingerprint, conditions)).encode()).hexdigest()[:12]
    partial = unfinished / f"{name}-{key}.csv"
    done = {_cell_of(row): row for row in _rows(partial)}
    with tqdm(cells, desc=name, unit="run") as bar:
        for cell in bar:
            if cell in done:
                continue
            bar.set_postfix_str(f"{cell.target} {cell.method} {cell.setting} seed {cell.seed}")
            done[cell] = _measured(cell, measure, conditions)
            write_csv(partial, done.values())
    target_file = folder / f"{name}.csv"
    remeasured = {(conditions.profile, cell.target) for cell in cells}
    kept = [row for row in _rows(target_file) if (row.profile, row.target) not in remeasured]
    write_csv(target_file, sorted([*kept, *(done[cell] for cell in cells)], key=_order(kept, cells)))
    partial.unlink(missing_ok=True)
    return target_file


def _order(kept: list[Row], cells: list[Cell]) -> Callable[[Row], tuple]:
    """Rows by profile, target, then method and setting in the order of the script, then seed."""
    ranks = {
        column: {value: rank for rank, value in enumerate(dict.fromkeys(getattr(item, column) for item in source))}
        for column in ("target", "method", "setting")
        for source in [[*cells, *kept]]
    }
    return lambda row: (row.profile, *(ranks[column][getattr(row, column)] for column in ranks), row.seed)


def moved(name: str, cells: Iterable[Cell], measure: Measure, tolerance: float, *, folder: Path = FOLDER) -> list[str]:
    """Derive every cell anew and list those whose value moved by more than ``tolerance``, or is not in the record."""
    profile, recorded = environment.current().profile, recorded_here(name, folder=folder)
    found = []
    for cell in tqdm(list(cells), desc=f"{name} anew", unit="run"):
        result = measure(cell)
        value = float(result[0] if isinstance(result, tuple) else result)
        label = f"{name}: {cell.target} {cell.method} {cell.setting} seed {cell.seed}"
        if cell not in recorded:
            found.append(f"{label} is not recorded on the {profile} profile")
        elif not abs(value - recorded[cell].value) <= tolerance:
            found.append(f"{label} is recorded as {recorded[cell].value:.4g} and was now {value:.4g}")
    return found


def recorded_here(name: str, *, folder: Path = FOLDER) -> dict[Cell, Row]:
    """The rows of a record on the profile of this process, by cell."""
    profile = environment.current().profile
    return {_cell_of(row): row for row in read_rows(folder / f"{name}.csv") if row.profile == profile}


def quickest(name: str, cells: Iterable[Cell], count: int, *, folder: Path = FOLDER) -> list[Cell]:
    """So many cells that took the least time when they were recorded; those that are not recorded come last."""
    recorded = recorded_here(name, folder=folder)
    return sorted(cells, key=lambda cell: recorded[cell].seconds if cell in recorded else float("inf"))[:count]


def one_of_each(cells: Iterable[Cell]) -> list[Cell]:
    """The first cell of each target, of each method, and of each setting: every way through a script.

    >>> one_of_each(product(["toy"], ["scratch", "probe"], [10, 30], range(3)))
    [Cell(target='toy', method='scratch', setting='10', seed=0), Cell(target='toy', method='scratch', setting='30', seed=0), Cell(target='toy', method='probe', setting='10', seed=0)]
    """  # noqa: E501
    seen: set[tuple[int, str]] = set()
    chosen = []
    for cell in cells:
        new = {(place, name) for place, name in enumerate(cell[:3])} - seen
        if new:
            chosen.append(cell)
            seen |= new
    return chosen


def possible(script: ModuleType) -> list[Cell]:
    """The cells of a script that can be measured here: without a copy of CIFAR-10, those that need none.

    A rehearsal takes one cell of each kind, and MNIST-M in the place of CIFAR-10.
    """
    if environment.is_rehearsal():
        return one_of_each(cell._replace(target=cell.target.replace("cifar10", "mnist_m")) for cell in script.CELLS)
    if cifar10.available():
        return list(script.CELLS)
    return [] if getattr(script, "NEEDS_CIFAR10", False) else [c for c in script.CELLS if c.target != "cifar10"]


def profiles_of(script: ModuleType) -> tuple[str, ...]:
    """The profiles that a script can measure; mini's alone unless it says otherwise."""
    return getattr(script, "PROFILES", ("mini",))


def why_mini_only(script: ModuleType) -> str:
    """The sentence of a script's docstring that says why it measures the mini profile alone; "" where none does."""
    said = re.search(r"For the mini profile only: (.+?)\.(\s|$)", script.__doc__ or "", re.DOTALL)
    return " ".join(said[1].split()) if said else ""


def scripts() -> tuple[str, ...]:
    """Names of the record scripts, sorted: the files of this folder that begin with two digits."""
    return tuple(sorted(path.stem for path in SCRIPTS.glob("[0-9][0-9]_*.py")))


def load(name: str) -> ModuleType:
    """Import a record script by its name."""
    if name not in scripts():
        raise RecordError(f"there is no record script {name!r}; there are: {', '.join(scripts()) or 'none yet'}.")
    return importlib.import_module(f"authoring.records.{name}")


def chosen(names: Iterable[str], cheap: bool) -> Iterator[tuple[str, ModuleType]]:
    """The scripts named, or all of them; only those marked cheap where asked."""
    for name in names or scripts():
        script = load(name)
        if not cheap or script.CHEAP:
            yield name, script
