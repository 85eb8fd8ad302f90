"""Keep the zoo in other surroundings, and say in a table what came of it.

    python tests/grading/environments.py                       # as root: the quick ones, everywhere
    python tests/grading/environments.py --classes walls       # only those that try to get through walls
    python tests/grading/environments.py --classes quick slow sixty --only root "a user, with namespaces"

A machine gives root all walls; a laptop or a container gives less. Each environment is a process that has given up
what is not there: it is another user, lacks a right, or a filter in the kernel refuses the calls (as those of
containers do, and as `AppArmor` does on newer desktops). The clone is copied to where everybody can read it. Nothing
of the machine is changed: what is mounted is seen by that process alone.
"""

from __future__ import annotations

import argparse
import ctypes
import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tl_course.grading import forbidden, system
from tl_course.grading.sandbox import WALLS

ROOT = Path(__file__).resolve().parents[2]
USER = 64_000
UNSHARE, CLONE, CLONE3, MOUNT, PIVOT, PRCTL, SECCOMP = 272, 56, 435, 165, 155, 157, 317
"""Numbers of calls on x86-64."""
ADMINISTER = 21
"""The right that namespaces and mounts ask for."""


@dataclass(frozen=True)
class Environment:
    """Who grades, and what the kernel refuses.

    Attributes
    ----------
    user : int
    refused : tuple
        Rules for `refuse`.
    without_right : bool
        Whether the right to administer is given up, as in a container.
    covered_proc : bool
        Whether a part of /proc is covered, as in a container; then no user may mount another one.
    """

    user: int = USER
    refused: tuple[tuple[int, str, int, int], ...] = ()
    without_right: bool = False
    covered_proc: bool = False


NO_NAMESPACES = (
    (UNSHARE, "always", 0, errno.EPERM),
    (CLONE, "any bit", 0x7E020000, errno.EPERM),
    (CLONE3, "always", 0, errno.ENOSYS),
)
NO_FILTER = ((PRCTL, "equals", 22, errno.EINVAL), (SECCOMP, "always", 0, errno.ENOSYS))
ENVIRONMENTS = {
    "root": Environment(0),
    "a user, with namespaces": Environment(),
    "a user, without namespaces": Environment(refused=NO_NAMESPACES),
    "root without CAP_SYS_ADMIN": Environment(0, without_right=True),
    "a user, namespaces without mounts": Environment(refused=((MOUNT, "always", 0, errno.EPERM),)),
    "a user, namespaces without a new root": Environment(refused=((PIVOT, "always", 0, errno.EPERM),)),
    "a user, namespaces without rights": Environment(refused=((UNSHARE, "lacks bit", 0x10000000, errno.EPERM),)),
    "a user, namespaces without a new /proc": Environment(covered_proc=True),
    "a user, no filter of calls": Environment(refused=NO_FILTER),
    "a user, neither": Environment(refused=(*NO_NAMESPACES, *NO_FILTER)),
    "root without CAP_SYS_ADMIN, no filter of calls": Environment(0, refused=NO_FILTER, without_right=True),
}


def refuse(rules: tuple[tuple[int, str, int, int], ...]) -> None:
    """Have the kernel refuse calls to this process and its children: number, test of the first argument, error."""
    step = forbidden._Step
    steps = [step(forbidden._LOAD, 0, 0, forbidden._NUMBER)]
    for number, test, value, error in rules:
        fail = step(forbidden._RETURN, 0, 0, forbidden._FAIL | error)
        if test == "always":
            steps += [step(forbidden._EQUAL, 0, 1, number), fail]
            continue
        compare = forbidden._EQUAL if test == "equals" else forbidden._ANY_BIT
        yes, no = (1, 0) if test == "lacks bit" else (0, 1)
        steps += [
            step(forbidden._EQUAL, 0, 4, number),
            step(forbidden._LOAD, 0, 0, forbidden._FIRST_ARGUMENT),
            step(compare, yes, no, value),
            fail,
            step(forbidden._LOAD, 0, 0, forbidden._NUMBER),
        ]
    steps.append(step(forbidden._RETURN, 0, 0, forbidden._ALLOW))
    program = forbidden._Program(len(steps), (step * len(steps))(*steps))
    if ctypes.CDLL(None).prctl(forbidden._SET_FILTER, forbidden._BY_FILTER, ctypes.byref(program), 0, 0) != 0:
        sys.exit("This kernel takes no filter of calls.")


def readable_clone(folder: Path) -> Path:
    """A copy of the clone that everybody can read."""
    copy = folder / "course"
    left_out = shutil.ignore_patterns(".git", ".venv", "__pycache__", "build", ".*_cache", "notebooks")
    shutil.copytree(ROOT, copy, ignore=left_out)
    subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
    return copy


def become(one: Environment, folder: Path) -> None:
    """In a process of its own: let everybody reach Python, cover what is covered, and give up what is not there."""
    if not (system.unshare(system.NEW_MOUNTS) and system.keep_mounts_to_ourselves()):
        sys.exit("This needs root, and the right to mount.")
    base = Path(sys.base_prefix)
    closed = [place for place in base.parents if not place.stat().st_mode & 0o001]
    if closed:  # Python lies in a home that is closed to others
        shown = folder / "python"
        shown.mkdir()
        system.cover(shown, by=base)
        system.mount_memory(closed[-1], 2**20)
        base.mkdir(parents=True)
        system.cover(base, by=shown)
    if one.covered_proc:
        system.cover(Path("/proc/kcore"), by=Path(os.devnull))
    if one.refused:
        refuse(one.refused)
    if one.without_right:
        ctypes.CDLL(None).prctl(24, ADMINISTER, 0, 0, 0)
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        data = (ctypes.c_uint32 * 6)()
        ctypes.CDLL(None).capget(header, data)
        for half in (0, 1, 2):
            data[half] &= ~(1 << ADMINISTER) & 0xFFFFFFFF
        ctypes.CDLL(None).capset(header, data)
    if one.user:
        os.setgroups([])
        os.setresgid(one.user, one.user, one.user)
        os.setresuid(one.user, one.user, one.user)
        ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # be visible in /proc to programs of the same user, as after a login


def kept(name: str, which: str, folder: Path, copy: Path) -> dict:
    """What came of a class there."""
    one = ENVIRONMENTS[name]
    place = Path(tempfile.mkdtemp(dir=folder))
    (place / "own").mkdir()
    for made in (place, place / "own"):
        os.chown(made, one.user, one.user)
        made.chmod(0o755)
    settings = {
        "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(place / "own"), "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1", "TL_LEDGER": "off", "OMP_NUM_THREADS": "1", "TL_PRECISION": "fp32",
    }  # fmt: skip
    (place / "class").mkdir()
    os.chown(place / "class", one.user, one.user)
    done = subprocess.run(
        [sys.executable, str(copy / "tests/grading/zoo.py"), which, str(place / "class")],
        preexec_fn=lambda: become(one, place), env=settings, cwd=copy, capture_output=True, text=True,
    )  # fmt: skip
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"failed": f"code {done.returncode}: {done.stderr[-2000:]}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", nargs="+", default=["quick"], choices=["quick", "slow", "sixty", "walls"])
    parser.add_argument("--only", nargs="+", default=list(ENVIRONMENTS), choices=list(ENVIRONMENTS))
    options = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="tl-environments-") as folder:
        os.chmod(folder, 0o755)
        copy = readable_clone(Path(folder))
        columns = ("environment", "class", "told missing", "marks right", "forged", "crossed", "through missing walls")
        print(*columns, "left", "seconds", sep=" | ")
        for name in options.only:
            for which in options.classes:
                began = time.monotonic()
                found = kept(name, which, Path(folder), copy)
                if "failed" in found:
                    bad += 1
                    print(f"{name} | {which} | FAILED {found['failed']}", flush=True)
                    continue
                missing = ", ".join(wall for wall in WALLS if wall not in found["walls"]) or "none"
                counts = [len(found[what]) for what in ("forged", "crossed", "open", "left")]
                told = all(wall in " ".join(found["words"]) for wall in WALLS if wall not in found["walls"])
                print(name, which, missing if told else f"NOT TOLD: {missing}", f"{found['right']} of {found['of']}",
                      *counts, f"{time.monotonic() - began:.0f}", sep=" | ", flush=True)  # fmt: skip
                for what in ("wrong", "forged", "crossed", "left"):
                    for line in found[what]:
                        bad += 1
                        print(f"    {what}: {line}", flush=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
