"""What is wrong with this installation, and how to mend it."""

from __future__ import annotations

import math
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tl_course import environment
from tl_course.app.startpage import anywhere, command
from tl_course.assets import for_profile, status
from tl_course.assets.copies import wanted
from tl_course.assets.store import free_bytes, megabytes
from tl_course.profiles import SLOW_GFLOPS

GOOD, WARNING, BROKEN = "good", "warning", "broken"
MATRIX_SIDE, SPEED_SECONDS = 1024, 0.3
"""How fast the machine is, is measured on products of matrices of this side, repeated for this long."""


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at: how it stands, and the way out where it does not stand well."""

    subject: str
    state: str
    text: str
    remedy: str = ""


def examine(*, deep: bool = False) -> list[Finding]:
    """Look at everything the course needs and return one finding each.

    Parameters
    ----------
    deep : bool
        Hash every cached file instead of comparing sizes.

    Returns
    -------
    list of Finding
        Settings that cannot be resolved come back as a broken finding, never as an exception.

    Examples
    --------
    >>> {finding.state for finding in examine()} <= {"good", "warning", "broken"}
    True
    """
    findings = [*_python(), *_command(), *_packages()]
    try:
        env = environment.setup(quiet=True)
        return [
            *findings,
            *_machine(env),
            *_cache(env),
            *_assets(env, deep),
            *_shipped(deep),
            *_target(deep),
            *_ledger(),
        ]
    except ValueError as error:
        return [*findings, Finding("settings", BROKEN, str(error), "unset the variable it names, or correct it")]
    except (ImportError, OSError) as error:  # a library is absent, or its own files are
        return [*findings, Finding("libraries", BROKEN, f"{type(error).__name__}: {error}", _install())]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    inside = sys.prefix != sys.base_prefix or "CONDA_PREFIX" in os.environ
    yield Finding(
        "Python",
        GOOD if inside else WARNING,
        f"{version} in the environment {Path(sys.prefix).name}",
        ""
        if inside
        else "use an environment of its own (`make course` makes one), so that other projects stay as they are",
    )


def _command() -> Iterator[Finding]:
    """Say what to type: a terminal of another day may not know this environment."""
    also = "" if command() == anywhere() else f"; in a terminal that does not find it, {anywhere()}"
    yield Finding("command", GOOD, f"{command()}{also}")


def _packages() -> Iterator[Finding]:
    """Compare what is installed with what the package declares."""
    try:
        from packaging.requirements import Requirement

        declared = metadata.requires("tl-course") or []
    except ImportError as error:  # PackageNotFoundError is one too
        yield Finding("packages", BROKEN, f"{error.name} is not installed", _install())
        return
    problems = []
    for line in declared:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        version = environment.version_of(requirement.name)
        if version == "not installed" or not requirement.specifier.contains(version, prereleases=True):
            problems.append(f"{requirement.name} {version} (needs {requirement.specifier})")
    if problems:
        yield Finding("packages", BROKEN, "; ".join(problems), _install())
    else:
        yield Finding("packages", GOOD, f"torch {environment.version_of('torch')} and the others are as declared")


def _install() -> str:
    return f"{environment.shorten_home(Path(sys.executable))} -m pip install -c constraints.txt -e ."


def _machine(env: environment.Environment) -> Iterator[Finding]:
    import psutil
    import torch

    unsuited = environment.too_large(env)
    text = f"{env.profile}: {environment.PROFILES[env.profile].summary}"
    yield Finding("profile", WARNING if unsuited else GOOD, text, unsuited)
    has_nvidia = shutil.which("nvidia-smi") is not None
    if has_nvidia and env.device.type != "cuda" and not torch.cuda.is_available():
        remedy = "install a CUDA build of PyTorch that fits the driver (selector on pytorch.org), or go on with the CPU"
        yield Finding("device", WARNING, "there is an NVIDIA driver, but this PyTorch cannot use it", remedy)
    else:
        yield Finding("device", GOOD, f"{environment.device_name(env.device)}, {env.threads} threads, {env.precision}")
    speed = gflops()
    text = f"{speed:.0f} GFLOP/s in a float32 matrix product, {torch.get_num_threads()} threads"
    yield Finding("speed", GOOD, f"{text}: suits the {environment.suited_profile(env.device, speed)} profile")
    if time_needed := lessons_take(env, speed):
        yield Finding("lessons", GOOD, time_needed)
    memory = psutil.virtual_memory().available
    needed = environment.PROFILES[env.profile].gigabytes
    low = memory < needed * 10**9
    yield Finding(
        "memory",
        WARNING if low else GOOD,
        f"{megabytes(memory)} free; a lesson needs up to {needed} GB",
        "close other programs and other notebooks' kernels" if low else "",
    )


def lessons_take(env: environment.Environment, speed: float) -> str:
    """Say how long it takes here to execute the lessons in the chosen profile; nothing where that is said elsewhere.

    An estimate: the seconds that the lessons state, which are those of a slow machine, more on a slower one, and as
    many times more as the profile computes more.

    Parameters
    ----------
    env : Environment
    speed : float
        As :func:`gflops` gives it.
    """
    from tl_course.app import course

    profile = environment.PROFILES[env.profile]
    if env.rehearsal or profile.needs_gpu:  # hours on a CPU, as the finding on the profile says
        return "" if env.rehearsal or env.device.type == "cpu" else "how long they take on a GPU was not measured"
    try:
        seconds = [stated for path in course.lessons() if (stated := course.seconds_to_run(path))]
    except course.CourseError:  # the package alone
        return ""
    more = max(profile.gflops, SLOW_GFLOPS) / SLOW_GFLOPS * max(1.0, SLOW_GFLOPS / speed)
    minutes = math.ceil(sum(seconds) * more / 60)
    return f"all {len(seconds)} run in at most about {minutes} min here, estimated from the speed and the profile"


def gflops(side: int = MATRIX_SIDE, seconds: float = SPEED_SECONDS) -> float:
    """Return the speed of a float32 matrix product on all of the CPU's cores: the best of several.

    Times in the course's documents stand beside this number. NumPy's product is as fast as PyTorch's, and NumPy loads
    in no time.

    Parameters
    ----------
    side : int
        Rows and columns of both matrices.
    seconds : float
        How long to go on; at least one product is timed.

    Returns
    -------
    float
        10⁹ operations a second; a product counts 2·side³.

    Examples
    --------
    >>> gflops(64, seconds=0.01) > 0
    True
    """
    import numpy

    matrix = numpy.ones((side, side), dtype=numpy.float32)
    small = matrix[:64, :64]
    small @ small  # starts the threads
    best, until = float("inf"), time.perf_counter() + seconds
    while best == float("inf") or time.perf_counter() < until:
        start = time.perf_counter()
        matrix @ matrix
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 / best / 1e9


def _cache(env: environment.Environment) -> Iterator[Finding]:
    free = free_bytes(env.cache)
    needed = sum(asset.size for asset in for_profile(env.profile) if status(asset) != "cached")
    place = environment.shorten_home(env.cache)
    if os.path.exists(env.cache) and not os.path.isdir(env.cache):
        yield Finding("cache", BROKEN, f"{place} is a file", "set TL_CACHE to a folder of your own")
    elif needed and not _writable(env.cache):
        yield Finding("cache", BROKEN, f"{place} cannot be written to", "set TL_CACHE to a folder of your own")
    elif free < 2 * needed:
        remedy = "make room, or set TL_CACHE to a folder on another disk"
        yield Finding(
            "cache", BROKEN, f"{place} has {megabytes(free)} free, {megabytes(2 * needed)} are needed", remedy
        )
    else:
        offline = ", downloads forbidden (TL_OFFLINE or HF_HUB_OFFLINE)" if env.offline else ""
        yield Finding("cache", GOOD, f"{place}, {megabytes(free)} free{offline}")


def _writable(folder: Path) -> bool:
    while not os.path.exists(folder):
        folder = folder.parent
    return os.path.isdir(folder) and os.access(folder, os.W_OK)


def _assets(env: environment.Environment, deep: bool) -> Iterator[Finding]:
    for asset in for_profile(env.profile):
        state = status(asset, deep=deep)
        how = "hashes right" if deep else "sizes right"
        if state == "cached":
            yield Finding(asset.name, GOOD, f"{asset.title}: cached, {how}")
        else:
            text = f"{asset.title}: {state}, {megabytes(asset.size)}"
            yield Finding(asset.name, BROKEN, text, f"{command()} fetch {asset.name}")


def _shipped(deep: bool) -> Iterator[Finding]:
    """Look at the weights that come with the package; their hashes only when asked, since loading compares them."""
    from tl_course.models import zoo

    files = zoo.shipped_files()
    spoilt = [path.name for path in files if not path.is_file() or (deep and not zoo.is_as_shipped(path))]
    if spoilt:
        remedy = "restore tl_course/weights from the repository, or install the package again"
        yield Finding("small weights", BROKEN, f"missing or damaged: {', '.join(spoilt)}", remedy)
    else:
        yield Finding("small weights", GOOD, f"{len(files)} files of the package{', hashes right' * deep}")


def _target(deep: bool) -> Iterator[Finding]:
    from tl_course import data
    from tl_course.data import cifar10

    found = cifar10.describe()
    chosen = os.environ.get("TL_TARGET")
    if cifar10.misplaced():
        yield Finding("CIFAR-10", BROKEN, found, "set TL_CIFAR10 to the folder or tar that holds a copy, or unset it")
    elif deep and (spoilt := cifar10.damaged()):
        place = environment.shorten_home(spoilt)
        yield Finding("CIFAR-10", BROKEN, f"the decoded pixels in {place} are damaged", "delete that file")
    elif chosen == "cifar10" and not found:
        remedy = f"{command()} fetch cifar10, or unset TL_TARGET"
        yield Finding("CIFAR-10", BROKEN, "TL_TARGET=cifar10, and there is no copy here", remedy)
    elif wanted():
        remedy = f"{command()} fetch cifar10, or with --from DIR your copy"
        yield Finding("CIFAR-10", WARNING, "no copy here, so the vision lessons run on MNIST-M (rebuilt)", remedy)
    else:
        yield Finding("CIFAR-10", GOOD, f"a copy {found}" if found else "no copy here, and none is needed")
    if chosen:
        try:
            yield Finding("target", GOOD, f"{data.target()}, by TL_TARGET")
        except ValueError as error:
            yield Finding("target", BROKEN, str(error).removesuffix("."), "set TL_TARGET as it says, or unset it")


def _ledger() -> Iterator[Finding]:
    from tl_course.records import ledger

    file = ledger.path()
    if file is None:
        yield Finding("ledger", GOOD, "off: neither your runs nor what you solved is kept (TL_LEDGER=off)")
        return
    place = environment.shorten_home(file.absolute())
    remedy = "set TL_LEDGER to a file of your own, or to off"
    if os.path.isdir(file):
        yield Finding("ledger", BROKEN, f"{place} is a folder", remedy)
    elif not (os.access(file, os.R_OK | os.W_OK) if os.path.exists(file) else _writable(file.absolute().parent)):
        yield Finding(
            "ledger", BROKEN, f"{place} cannot be written to, so neither your runs nor what you solved is kept", remedy
        )
    else:
        yield Finding("ledger", GOOD, place)


def report(findings: list[Finding]) -> str:
    """Write findings as aligned lines, each remedy below what it mends.

    >>> print(report([Finding("cache", BROKEN, "full", "make room")]))
    broken   cache    full
                      mend: make room
    """
    width = max(len(finding.subject) for finding in findings) + 4
    lines = []
    for finding in findings:
        lines.append(f"{finding.state:<8} {finding.subject:<{width}}{finding.text}")
        if finding.remedy:
            lines.append(f"{'':<8} {'':<{width}}mend: {finding.remedy}")
    return re.sub(r"[ ]+$", "", "\n".join(lines), flags=re.MULTILINE)
