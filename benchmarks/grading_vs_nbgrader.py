"""``tl-course grade`` against nbgrader's ``autograde`` on the same ordinary submissions of exercise 02.

Each pair grades one class twice, in turned order, each time anew: commands as a teacher calls them, with all that they
start. Counted are seconds on the clock and CPU seconds of the command and its children; on a busy machine the latter
are worth more. For nbgrader nothing but ``autograde`` counts; ``tl-course grade`` writes tables, feedback and summary
as well. Both must come to the same points, or the run fails. Aim: ten submissions at least five times as fast.

    pip install -c constraints.txt -e '.[nbgrader]'
    python benchmarks/grading_vs_nbgrader.py --students 10 --pairs 3      # exit status 1 if less than five times
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tl_course.app import course
from tl_course.grading.export import hand_over, write_course
from tl_course.grading.notebooks import source_of

NUMBER, AIM = "02", 5
RIGHT = "rate / count"
VARIANTS = (RIGHT, "rate * count", "(rate) / count", "rate + count")


def make_class(folder: Path, students: int) -> None:
    """Write solutions, every other with a mistake in the first question; one in four has answered nothing yet.

    No two answers are the same in every character, since `tl-course grade` marks such ones once.
    """
    for number in range(students):
        kind = "exercises" if number % 4 == 3 else "solutions"
        [path] = (course.root() / kind).glob(f"{NUMBER}_*.ipynb")
        book = json.loads(path.read_text(encoding="utf-8").replace(RIGHT, VARIANTS[number % 4]))
        answers = [cell for cell in book["cells"] if cell["metadata"].get("nbgrader", {}).get("solution")]
        answers[0]["source"] = f"# student {number}\n{source_of(answers[0])}"
        target = folder / f"student{number}" / path.name
        target.parent.mkdir(parents=True)
        target.write_text(json.dumps(book), encoding="utf-8")


def timed(command: list[str], folder: Path) -> tuple[float, float]:
    """Run a command; return seconds on the clock, and CPU seconds of it and its children."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def points(table: Path, student: str, score: str) -> dict[str, float]:
    rows = csv.DictReader(table.read_text(encoding="utf-8-sig").splitlines())
    return {row[student]: float(row[score]) for row in rows}


def by_course(folder: Path) -> tuple[tuple[float, float], dict[str, float]]:
    for path in folder.glob("grades*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    command = [sys.executable, "-m", "tl_course.app.cli", "grade", "in", "--exercise", NUMBER]
    return timed(command, folder), points(folder / "grades-totals.csv", "student", "points")


def by_nbgrader(folder: Path, name: str) -> tuple[tuple[float, float], dict[str, float]]:
    inside = folder / "nb"
    shutil.rmtree(inside / "autograded", ignore_errors=True)
    seconds = timed([sys.executable, "-m", "nbgrader", "autograde", name], inside)
    timed([sys.executable, "-m", "nbgrader", "export"], inside)
    return seconds, points(inside / "grades.csv", "student_id", "score")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=1)
    options = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "TL_THREADS": "1", "TL_PRECISION": "fp32"}  # as the course's grader sets it
    found: dict[str, list[tuple[float, float]]] = {"tl-course grade": [], "nbgrader autograde": []}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_class(folder / "in", options.students)
        [name] = write_course(folder / "nb", [NUMBER])
        hand_over(folder / "nb", NUMBER, folder / "in", say=sys.exit)
        timed([sys.executable, "-m", "nbgrader", "generate_assignment", name], folder / "nb")
        for pair in range(options.pairs):
            graders: dict[str, Callable] = {
                "tl-course grade": lambda: by_course(folder),
                "nbgrader autograde": lambda: by_nbgrader(folder, name),
            }
            given = {}
            for title in sorted(graders, reverse=bool(pair % 2)):
                seconds, given[title] = graders[title]()
                found[title].append(seconds)
            if len({json.dumps(marks, sort_keys=True) for marks in given.values()}) > 1:
                sys.exit(f"The points differ: {given}")
            print(f"pair {pair + 1}: {given['tl-course grade']}", flush=True)
    print(f"{options.students} submissions, median of {options.pairs}")
    ratios = []
    for number, what in enumerate(("on the clock", "of CPU")):
        ours, theirs = ([one[number] for one in each] for each in found.values())
        for title, each in zip(found, (ours, theirs), strict=True):
            seconds = statistics.median(each)
            print(f"{title:<20} {seconds:6.1f} s {what}, {seconds / options.students:.1f} for each submission")
        ratio = statistics.median(there / here for here, there in zip(ours, theirs, strict=True))
        print(f"nbgrader takes {ratio:.2f} times as long {what}, pair by pair")
        ratios.append(ratio)
    return 0 if ratios[0] >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
