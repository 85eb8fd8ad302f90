"""Sixty broken and hostile submissions and more, graded as classes with well-meaning neighbours among them."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import zoo
from classroom import ROOT
from zoo import ZOO, keep, of_class, without_a_wall
from zoo_answers import ANSWERS, Answer
from zoo_files import ARCHIVES, FOLDERS, NOTEBOOKS

from tl_course.grading import sandbox


def test_there_are_sixty_and_each_says_what_must_happen():
    assert len(ZOO) >= 60
    assert len(ZOO) == sum(map(len, (ARCHIVES, FOLDERS, NOTEBOOKS, ANSWERS)))
    assert len(ARCHIVES) >= 20
    assert len(NOTEBOOKS) >= 20
    assert len(ANSWERS) >= 60
    for name, one in ZOO.items():
        if isinstance(one, Answer):
            assert one.wall in (*sandbox.WALLS, ""), name
            assert "REACHED" not in one.source or one.wall, name
        else:
            assert bool(one.reason) == (one.points == 0), name
    assert {one.wall for one in ANSWERS.values()} - {""} == set(sandbox.WALLS)


@pytest.mark.parametrize(
    "half", [pytest.param(0, marks=pytest.mark.integration), pytest.param(1, marks=pytest.mark.full)]
)
def test_the_quick_ones_in_one_class(half, tmp_path, walls):
    """The start of a grading costs most, so they share it."""
    names, how = of_class("quick")
    outcome = keep(without_a_wall(names[half::2], walls), tmp_path, **how)
    assert not outcome.faults
    assert outcome.right == outcome.of


@pytest.mark.full
def test_the_slow_ones_in_one_class(tmp_path, walls):
    names, how = of_class("slow")
    outcome = keep(without_a_wall(names, walls), tmp_path, **how)
    assert not outcome.faults
    assert outcome.right == outcome.of


GIGABYTE = 2**30


@pytest.mark.full
def test_a_class_of_sixty_half_of_it_hostile_takes_little_memory(tmp_path):
    """With the memory that a teacher's command gives to learners."""
    command = [sys.executable, zoo.__file__, "sixty", str(tmp_path)]
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=variables)
    own, together = peak_memory(process)
    found = json.loads(process.stdout.read().splitlines()[-1])
    print(f"the grader's own process {own / GIGABYTE:.2f} GB, all together {together / GIGABYTE:.2f} GB")
    assert not [line for name in ("wrong", "forged", "crossed", "left") for line in found[name]]
    assert found["right"] == found["of"] == 60
    assert own < GIGABYTE
    assert together < 2 * GIGABYTE


def peak_memory(process: subprocess.Popen) -> tuple[int, int]:
    """Bytes that a process takes at most, and with all that it starts; memory that two share is counted once."""
    own = together = 0
    while process.poll() is None:
        with contextlib.suppress(psutil.Error):
            family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
            sizes = [_share(one.pid) for one in family]
            own, together = max(own, sizes[0]), max(together, sum(sizes))
        time.sleep(0.1)
    return own, together


def _share(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
