"""The Python packages of the course as files, for a bundle that is carried to machines without a network."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

from tl_course import environment
from tl_course.app import course


def download(say: Callable[[str], object] = print) -> Path:
    """Download everything that ``pip install -e .`` needs, at the versions of ``constraints.txt``, as wheels.

    They fit this system and this Python version, and no others. An interrupted download is taken up again: what lies
    in the folder already is not downloaded twice.

    Parameters
    ----------
    say : callable
        Takes the line that tells what begins.

    Returns
    -------
    pathlib.Path
        The folder of the wheels, below ``build/``.

    Raises
    ------
    CourseError
        When downloads are forbidden (``TL_OFFLINE``), or pip fails; what it said stands on the screen.
    """
    if environment.is_offline():
        raise course.CourseError(
            "The Python packages would have to be downloaded, and TL_OFFLINE or HF_HUB_OFFLINE forbids that: unset it, "
            "or leave --wheels out."
        )
    root = course.root()
    declared = (root / "pyproject.toml").read_text(encoding="utf-8")
    pins = (root / "constraints.txt").read_text(encoding="utf-8")
    project = tomllib.loads(declared)
    needed = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    # other pins, other folder: what an older set left behind would be carried along for nothing
    folder = root / "build" / f"wheels-{hashlib.sha256((declared + pins).encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    say(f"The Python packages, for this system and Python {sys.version_info.major}.{sys.version_info.minor}:")
    command = [sys.executable, "-m", "pip", "download", "--only-binary", ":all:", "-c", str(root / "constraints.txt")]
    if subprocess.call([*command, "-d", str(folder), *needed]):
        raise course.CourseError(
            "pip could not download the packages (its reason stands above); mend that and give the same command again: "
            "what was downloaded is kept."
        )
    return folder
