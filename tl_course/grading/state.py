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

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first mark is kept.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def get(self, answers: Answers, sheet: Worksheet) -> list[Mark] | None:
        """Return the marks for these answers, or None; a damaged file counts as none."""
        try:
            marks = [Mark(**fields) for fields in json.loads(self._file(answers, sheet).read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return None
        return marks if [one.question for one in marks] == [one.slug for one in sheet.questions] else None

    def put(self, answers: Answers, sheet: Worksheet, marks: list[Mark]) -> None:
        """Keep marks, all of them or none."""
        write_whole(self._file(answers, sheet), json.dumps([dataclasses.asdict(one) for one in marks], indent=1))

    def _file(self, answers: Answers, sheet: Worksheet) -> Path:
        key = hashlib.sha256(f"{answers.digest} {sheet.number} {sheet.version}".encode()).hexdigest()
        return self.folder / f"{key[:32]}.json"


def write_whole(file: Path, text: str) -> None:
    """Write a file so that no process ever sees half of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        partial.write_bytes(text.encode("utf-8", errors="replace"))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
