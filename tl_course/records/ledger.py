"""The ledger: one file in which a learner's own runs gather over the whole course.

Each line is one run as a JSON object. The file lies in the user's data folder, not in the cache, so that
clearing downloads never loses a learner's results. ``TL_LEDGER`` names another file, or is ``off``: then nothing is
written and nothing is read. Under pytest, and so in notebooks run by nbval, it is off unless ``TL_LEDGER`` says where.
"""

import json
import os
import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_data_path


def path() -> Path | None:
    """The ledger's file, or None when it is off.

    >>> path() is None      # this line runs as a test
    True
    """
    # pytest puts PYTEST_VERSION into the environment, and kernels started by nbval inherit it
    chosen = os.environ.get("TL_LEDGER") or ("off" if "PYTEST_VERSION" in os.environ else "")
    if chosen.lower() == "off":
        return None
    return Path(chosen).expanduser() if chosen else user_data_path("tl_course") / "ledger.jsonl"


def _plain(value: Any) -> Any:
    """Numbers held in arrays and tensors of one element, as Python numbers."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"a value of type {type(value).__name__}")


def append(run: Mapping[str, Any]) -> dict[str, Any]:
    """Add one run to the ledger and return it as it was written.

    Parameters
    ----------
    run
        JSON-able values by name, for example lesson, target, method, setting, seed, value, seconds.
        ``date`` (UTC, ISO 8601) is added when missing. NaN and infinity are refused: a run that diverged has None.
        ``interrupted`` is set to true where one of the values comes from an interrupted run, so that it is never taken
        for a whole one.

    Raises
    ------
    ValueError
        When a value has no JSON form; nothing is written then.

    Examples
    --------
    >>> append({"lesson": "01", "method": "scratch", "value": 0.31, "date": "2026-01-31"})
    {'lesson': '01', 'method': 'scratch', 'value': 0.31, 'date': '2026-01-31'}
    """
    entry = {**run}
    if any(getattr(value, "interrupted", False) for value in run.values()):
        entry["interrupted"] = True
    entry.setdefault("date", datetime.now(UTC).isoformat(timespec="seconds"))
    try:
        line = json.dumps(entry, allow_nan=False, default=_plain, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the ledger takes texts, finite numbers, lists and dicts, and this run holds something else "
            f"({error}): convert it, or write None."
        ) from error
    file = path()
    if file is not None:
        _write(file, line)
    return json.loads(line)


def _write(file: Path, line: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{file}.lock"), file.open("ab+") as stream:
        # a writer killed in mid-line leaves no newline: close its line, so that only that one is lost
        if stream.seek(0, os.SEEK_END) and (stream.seek(-1, os.SEEK_END), stream.read(1))[1] != b"\n":
            stream.write(b"\n")
        stream.write(f"{line}\n".encode())


def read() -> list[dict[str, Any]]:
    """Every run in the ledger, oldest first; an empty list when there is none or the ledger is off.

    A line that is not a JSON object is skipped with a warning that names the file and the line's number.

    >>> read()
    []
    """
    file = path()
    if file is None or not file.is_file():
        return []
    runs = []
    for number, line in enumerate(file.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            run = json.loads(line)
        except ValueError:
            run = None
        if isinstance(run, dict):
            runs.append(run)
        else:
            warnings.warn(f"{file.name}, line {number} is not a run and was skipped.", stacklevel=2)
    return runs
