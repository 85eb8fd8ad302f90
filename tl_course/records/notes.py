"""What a learner has tried, solved and been told: one small JSON file beside the ledger.

Where the ledger is off (in tests, and in notebooks run by nbval) nothing is written, and what is noted lasts as long as
the process. A file that cannot be read is put aside, never written over; a folder that cannot be written to costs the
memory of it, and no error.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from tl_course.records import ledger

FILE = "exercises.json"
LOCK_SECONDS = 2

_unwritten: dict[str, dict[str, Any]] = {}
"""The notes of this process, where there is no file to keep them."""


def path() -> Path | None:
    """The file, or None where the ledger is off.

    >>> path() is None      # this line runs as a test
    True
    """
    file = ledger.path()
    return file.with_name(FILE) if file else None


def read() -> dict[str, dict[str, Any]]:
    """What is noted, by the questions' slugs: ``status``, ``tries``, ``hints``, ``date``."""
    file = path()
    if file is None:
        return _unwritten
    with contextlib.suppress(OSError, ValueError):
        return {**_unwritten, **_entries(json.loads(file.read_text(encoding="utf-8")))}
    return _unwritten


def note_try(slug: str, status: str) -> None:
    """Note that an answer was right or wrong; once right it stays right."""
    entry = _entry(slug)
    solved = "right" if entry["status"] == "right" else status
    _write(slug, {**entry, "status": solved, "tries": entry["tries"] + 1})


def note_hint(slug: str, last: int) -> int:
    """Note that the next hint was given, and return its number, at most ``last``."""
    entry = _entry(slug)
    number = min(entry["hints"] + 1, last)
    _write(slug, {**entry, "hints": number})
    return number


def _entry(slug: str) -> dict[str, Any]:
    return {"status": "not attempted", "tries": 0, "hints": 0} | read().get(slug, {})


def _entries(content: object) -> dict[str, dict[str, Any]]:
    """The well-formed entries of a file's content."""
    if not isinstance(content, dict):
        raise ValueError("no dict")
    whole = {"tries": int, "hints": int, "status": str}
    return {
        slug: entry
        for slug, entry in content.items()
        if isinstance(entry, dict) and all(type(entry.get(name)) is kind for name, kind in whole.items())
    }


def _write(slug: str, entry: dict[str, Any]) -> None:
    entry["date"] = datetime.now(UTC).isoformat(timespec="seconds")
    file = path()
    if file is None:
        _unwritten[slug] = entry
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{file}.lock", timeout=LOCK_SECONDS):
            _put_aside_if_damaged(file)
            _replace(file, {**read(), slug: entry})
    except (OSError, TimeoutError):  # a read-only folder, or a file system that knows no locks
        _unwritten[slug] = entry


def _put_aside_if_damaged(file: Path) -> None:
    if not file.exists():
        return
    try:
        _entries(json.loads(file.read_text(encoding="utf-8")))
    except ValueError:
        file.replace(file.with_name(f"{file.name}.damaged"))


def _replace(file: Path, content: dict[str, dict[str, Any]]) -> None:
    """Write the whole file or nothing."""
    scratch = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        scratch.replace(file)
    finally:
        scratch.unlink(missing_ok=True)
