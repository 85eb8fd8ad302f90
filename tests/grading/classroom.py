"""Submissions for the tests: notebooks made from ours. What hostile learners hand in is in `zoo`."""

import copy
import io
import json
import os
import zipfile
from functools import cache
from pathlib import Path

import psutil

import tl_course
from tl_course.grading import Limits

ROOT = Path(tl_course.__file__).resolve().parent.parent
QUICK = Limits(
    cell=1.5,
    question=1.5,
    grace=0.5,
    submission=60,
    memory=150 * 2**20,
    processes=24,
    file=2**22,
    room=2**24,
    message=2**18,
)
POINTS = {"02": 13, "05": 20}
MARKER = os.environ.setdefault("TL_TESTS_SLEEP", f"97531.{os.getpid()}")
"""Seconds that a left-behind ``sleep`` would sleep: its process is known by them, and by whose test it is."""


@cache
def _ours(kind: str, number: str) -> str:
    return next((ROOT / kind).glob(f"{number}_*.ipynb")).read_text(encoding="utf-8")


def notebook(number: str = "02", kind: str = "solutions", **cells: str) -> dict:
    """Our notebook, with the learner's own source in the cells of these questions."""
    made = json.loads(_ours(kind, number))
    for slug, source in cells.items():
        cell_of(made, slug)["source"] = source
    return made


def short(number: str = "02", kept: tuple[str, ...] = ("sum_or_mean", "spring"), **cells: str) -> dict:
    """The same with few questions: it is quickly run, and the last of them shows what the first did to others."""
    made = notebook(number, **cells)
    names = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in made["cells"]]
    made["cells"] = [cell for cell, name in zip(made["cells"], names, strict=True) if name in kept]
    return made


def cell_of(made: dict, slug: str) -> dict:
    """The answer cell of a question."""
    return next(cell for cell in made["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == slug)


def without(made: dict, slug: str) -> dict:
    """The same notebook with a cell deleted."""
    gone = cell_of(made, slug)
    return {**made, "cells": [cell for cell in made["cells"] if cell is not gone]}


def twice(made: dict, slug: str, second: str) -> dict:
    """The same notebook with a cell that is there a second time, with another source."""
    cells = list(made["cells"])
    again = copy.deepcopy(cell_of(made, slug))
    again["source"] = second
    return {**made, "cells": [*cells, again]}


def stub(number: str, slug: str) -> str:
    """The source of a cell nobody has touched."""
    return "".join(cell_of(notebook(number, "exercises"), slug)["source"])


def put(path: Path, content: dict | bytes) -> Path:
    """Write a notebook or raw bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def zipped(entries: dict[str, bytes], stamp=(2026, 1, 2, 3, 4, 6)) -> bytes:
    """A zip of these files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name, stamp), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def left_behind() -> list[psutil.Process]:
    """Processes of learners' code that still run."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if MARKER in (process.info["cmdline"] or []):
            found.append(process)
    return found


RIGHT = "    return rate / count\n"
HEAD = "def answer_sum_or_mean(rate, count):\n"
