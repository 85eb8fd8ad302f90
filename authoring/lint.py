"""Say what is wrong with lessons, exercises and the scripts of records: ``python -m authoring.lint [paths]``.

nbval executes notebooks, and lets pass an unknown magic, a failing shell line, a cell that was announced to raise and
does not. This looks at what nbval does not: see ``authoring/rules``. Without paths it looks at every source and every
notebook of the course. The exit status is 1 when there is anything to report.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

from authoring import sources
from authoring.build import Course
from authoring.rules import RULES, Document, Kind, Problem

FOLDERS = {
    "authoring/lessons": (Kind.LESSON_SOURCE, "*.py"),
    "authoring/exercises": (Kind.EXERCISE_SOURCE, "*.py"),
    "authoring/records": (Kind.RECORD, "[0-9][0-9]_*.py"),
    "notebooks": (Kind.LESSON, "*.ipynb"),
    "exercises": (Kind.EXERCISE, "*.ipynb"),
    "solutions": (Kind.SOLUTION, "*.ipynb"),
}
"""What lies where, below the repository's root."""


def find(root: Path) -> list[Path]:
    """Return every source and notebook of the course, and every script of a record."""
    return [path for folder, (_, pattern) in FOLDERS.items() for path in sorted((root / folder).glob(pattern))]


def kind_of(path: Path) -> Kind:
    """Return what a file is, by the folder it lies in.

    Raises
    ------
    ValueError
        If the lint knows no such folder.
    """
    for folder, (kind, _) in FOLDERS.items():
        if path.resolve().parent.as_posix().endswith("/" + folder) and (path.suffix == ".py") == (
            "authoring" in folder
        ):
            return kind
    raise ValueError(f"{path} lies in none of the folders {', '.join(FOLDERS)}; the lint cannot tell what it is.")


def check(path: Path, course: Course) -> list[Problem]:
    """Return everything the rules find in one file.

    Raises
    ------
    ValueError
        If the file is no notebook or lies in a folder the lint does not know.
    FileNotFoundError
        If there is no such file.
    """
    kind = kind_of(path)
    if kind is Kind.RECORD:
        notebook = new_notebook(cells=[new_code_cell(path.read_text(encoding="utf-8"))])
    elif path.suffix == ".py":
        notebook = new_notebook(cells=sources.split_header(path)[1])
    else:
        notebook = nbformat.read(path, as_version=4)
    document = Document(path=path, kind=kind, notebook=notebook, course=course)
    return [problem for rule in RULES for problem in rule.problems(document)]


def check_all(paths: Iterable[Path], course: Course) -> list[Problem]:
    """Return everything the rules find in several files."""
    return [problem for path in paths for problem in check(path, course)]


def main(arguments: Sequence[str] | None = None, root: Path = sources.ROOT) -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m authoring.lint", description="Check lessons and exercises.")
    parser.add_argument("paths", nargs="*", type=Path, help="sources or notebooks; all where none is given")
    paths = parser.parse_args(arguments).paths or find(root)
    try:
        problems = check_all(paths, Course(root))
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(map(str, problems)) or f"{len(paths)} files, nothing to report.")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
