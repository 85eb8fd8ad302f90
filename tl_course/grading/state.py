"""What is already marked, one small file for each set of answers, so that an interrupted grading goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

from tl_course.grading.notebooks import Answers, Worksheet
from tl_course.grading.results import Mark


class Kept:
    """Marks by what they depend on: the answers, the exercise, and the version of the course.

    The files are read once, before any learner's code runs: what that writes into the folder later counts for nothing.

    Parameters
    ----------
    folder : pathlib.Path
        Made at once, and open to its owner alone.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._texts = {path.name: _text(path) for path in folder.glob("*.json")}

    def get(self, answers: Answers, sheet: Worksheet) -> list[Mark] | None:
        """Return the marks for these answers, or None; a damaged file counts as none."""
        try:
            marks = [Mark(**fields) for fields in json.loads(self._texts.get(self._name(answers, sheet), ""))]
        except (ValueError, TypeError, RecursionError):
            return None
        return marks if [one.question for one in marks] == [one.slug for one in sheet.questions] else None

    def put(self, answers: Answers, sheet: Worksheet, marks: list[Mark]) -> None:
        """Keep marks, all of them or none."""
        text = json.dumps([dataclasses.asdict(one) for one in marks], indent=1)
        name = self._name(answers, sheet)
        write_whole(self.folder / name, text)
        self._texts[name] = text

    def _name(self, answers: Answers, sheet: Worksheet) -> str:
        key = hashlib.sha256(f"{answers.digest} {sheet.number} {sheet.version}".encode()).hexdigest()
        return f"{key[:32]}.json"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


def write_whole(file: Path, text: str) -> None:
    """Write a file so that no process ever sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        partial.write_bytes(text.encode("utf-8", errors="replace"))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
