"""How ``tl-course test`` goes about it: which tests belong to which tier, and which notebooks need not run again.

A notebook that passed is remembered by a digest of all that decides whether it passes: the notebook itself, the package
that it uses, the versions of the installed libraries, the settings, the data at hand, and this machine. While none of
them changes, running it again would tell nothing. Only whole notebooks are remembered, and only when every cell passed;
never a unit test: those are quick, and change with what they test.

Every notebook that passes leaves one small file, written at once under another name and renamed, so an interrupted run
keeps what it has, and two runs at a time cannot harm each other.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from tl_course import environment
from tl_course.profiles import SLOW_GFLOPS

FOLDERS = ("notebooks", "exercises", "solutions")
LIMIT_SECONDS = 1.0
"""Processor time that a test without a marker may take, on a slow machine or a faster one."""
LENIENT = 3
"""So many times as long outside `make check`."""

LEFT_OUT = ("integration", "another_seed", "assets", "root", "full", "browser")
"""Markers of the tests that `make check` leaves out; the limit does not hold for them."""

TIERS = {
    "check": " and ".join(f"not {marker}" for marker in LEFT_OUT),
    "test": "not full",
    "full": "",
}
"""What pytest is to select in each tier."""

GIGABYTES_A_PROCESS = 2
CELL_TIMEOUT_SECONDS = 600
KEPT_DIGESTS = 12

BY_TARGET, COMPARED = "by-target", "nbval-check-output"


def jobs() -> int:
    """Count the test processes that this machine can feed: one for each core, if there is memory for it.

    joblib respects the affinity mask and a container's CPU quota.

    >>> jobs() >= 1
    True
    """
    import joblib
    import psutil

    room = psutil.virtual_memory().available // (GIGABYTES_A_PROCESS * 2**30)
    return max(1, min(joblib.cpu_count(), int(room)))


def limit_seconds() -> float:
    """Return how long a test without a marker may take here: more on a slower machine, or it would be failed for that.

    >>> limit_seconds() >= LIMIT_SECONDS
    True
    """
    from tl_course.app.doctor import gflops

    return LIMIT_SECONDS * max(1.0, SLOW_GFLOPS / gflops())


def notebooks(root: Path) -> list[Path]:
    """Return every notebook of the course: lessons, exercises, solutions."""
    return [path for name in FOLDERS for path in sorted((root / name).glob("*.ipynb"))]


# --- what is known ----------------------------------------------------------------------------------------------------


def surroundings(settings: Mapping[str, str]) -> str:
    """Return a digest of what decides, beside notebook and package, whether a notebook passes.

    That is: settings, installed libraries, Python, the machine, and which data lie in its cache.

    Parameters
    ----------
    settings : mapping of str to str
        The environment variables of the run; those of the course (``TL_…``) and of the hub count.
    """
    import torch

    from tl_course import data
    from tl_course.assets import registry, status

    chosen = {
        name: value
        for name, value in sorted(settings.items())
        if name.startswith(("TL_", "HF_")) and name != "TL_CACHE"  # what is in the cache counts, not where it lies
    }
    installed = sorted({f"{each.metadata['Name']} {each.version}" for each in metadata.distributions()})
    devices = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    machine = [platform.node(), platform.machine(), torch.backends.cpu.get_cpu_capability(), devices, sys.version]
    at_hand = [data.target(), {asset.name: status(asset) for asset in registry().values()}]
    return hashlib.sha256(json.dumps([chosen, installed, machine, at_hand]).encode()).hexdigest()


def package(root: Path) -> str:
    """Return a digest of every file of the package, which every notebook uses."""
    whole = hashlib.sha256()
    for path in sorted((root / "tl_course").rglob("*")):
        if "__pycache__" not in path.parts and path.is_file():
            whole.update(f"\0{path.relative_to(root).as_posix()}\0".encode() + _hash(path))
    return whole.hexdigest()


def digest(root: Path, notebook: Path, around: str) -> str:
    """Return the digest under which a notebook is remembered.

    Parameters
    ----------
    root : pathlib.Path
        The repository.
    notebook : pathlib.Path
        The notebook; its name and every byte count.
    around : str
        What decides beside it: `surroundings` and `package`, one after the other.
    """
    name = notebook.relative_to(root).as_posix()
    return hashlib.sha256(f"{name}\0{around}\0".encode() + _hash(notebook)).hexdigest()


def _hash(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


@dataclass(frozen=True)
class Memory:
    """The notebooks that passed on this machine, and how long tests took, in a folder.

    Examples
    --------
    >>> import tempfile
    >>> memory = Memory(Path(tempfile.mkdtemp()))
    >>> memory.knows("notebooks/00_a.ipynb", "0" * 64)
    False
    >>> memory.remember("notebooks/00_a.ipynb", "0" * 64)
    >>> memory.knows("notebooks/00_a.ipynb", "0" * 64), memory.knows("notebooks/00_a.ipynb", "1" * 64)
    (True, False)
    """

    folder: Path

    def knows(self, name: str, key: str) -> bool:
        """Whether the notebook passed in this very state."""
        return self._file(name, key).is_file()

    def remember(self, name: str, key: str) -> None:
        """Note that every cell of the notebook passed in this state; the oldest of its other states are forgotten."""
        write(self._file(name, key), name)
        passed = sorted(self.folder.glob(f"{self._file(name, '').name}*"), key=_age, reverse=True)
        for old in passed[KEPT_DIGESTS:]:
            old.unlink(missing_ok=True)

    def forget(self, name: str, key: str) -> None:
        """Let the notebook run again, although it passed in this state."""
        self._file(name, key).unlink(missing_ok=True)

    def durations(self) -> dict[str, float]:
        """Seconds that tests took the last time, as far as they are worth sorting by; empty where none is known."""
        with contextlib.suppress(OSError, ValueError):
            content = json.loads((self.folder / "durations.json").read_text(encoding="utf-8"))
            return {str(name): float(seconds) for name, seconds in content.items()}
        return {}

    def keep_durations(self, seconds: Mapping[str, float]) -> None:
        """Note how long tests took."""
        write(self.folder / "durations.json", json.dumps(dict(seconds), indent=0))

    def _file(self, name: str, key: str) -> Path:
        return self.folder / f"{name.removesuffix('.ipynb').replace('/', '.')}-{key[:40]}"


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another run has just deleted it
        return 0.0


def write(path: Path, text: str) -> None:
    """Write a whole file or nothing; a folder that cannot be written to only means that nothing is remembered."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            scratch.write_text(text, encoding="utf-8")
            scratch.replace(path)
        finally:
            scratch.unlink(missing_ok=True)


def memory() -> Memory:
    """Return the memory of this machine, in the cache folder."""
    return Memory(environment.cache_dir() / "tested")


# --- what is compared -------------------------------------------------------------------------------------------------


def elsewhere(notebook: Mapping) -> str:
    """Return on which data set or profile a notebook was built, where this machine's is another; else nothing.

    Parameters
    ----------
    notebook : mapping
        The notebook's JSON.

    >>> elsewhere({"metadata": {}})
    ''
    """
    from tl_course import data

    built = notebook["metadata"].get("tl_course", {})
    profile = _profile()
    if built.get("profile", profile) != profile:
        return f"the {built['profile']} profile"
    return built["target"] if built.get("target", here := data.target()) != here else ""


def left_out(paths: Sequence[Path]) -> list[str]:
    """Return one sentence for each place on which notebooks were built, and which this machine is not.

    It says how many outputs are for that reason not compared. There is none where everything is.
    """
    from tl_course import data

    counts: dict[str, list[int]] = {}
    for path in paths:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        count = sum({BY_TARGET, COMPARED} <= set(cell["metadata"].get("tags", [])) for cell in notebook["cells"])
        if count and (place := elsewhere(notebook)):
            counts.setdefault(place, []).append(count)
    return [
        f"Not compared: {sum(each)} outputs of {len(each)} notebooks that were built on {place}; "
        f"here it is {data.target()} and the {_profile()} profile."
        for place, each in counts.items()
    ]


def _profile() -> str:
    return os.environ.get("TL_PROFILE") or "mini"


# --- the run ----------------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """One call of ``tl-course test``.

    Attributes
    ----------
    root : pathlib.Path
        The repository.
    tier : {"check", "test", "full"}
        What to run.
    processes : int
        Test processes side by side.
    force : bool
        Run the notebooks that are known to pass, too.
    variables : dict
        The environment of the tests.
    """

    root: Path
    tier: str
    processes: int
    force: bool = False
    variables: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        # two processes with two threads each on two cores are ten times slower than with one thread each
        ours = {"OMP_NUM_THREADS": "1", "TL_LEDGER": "off", "TOKENIZERS_PARALLELISM": "false"}
        self.variables = {**os.environ, **ours}
        self._memory = memory()
        self._all = [] if self.tier == "check" else notebooks(self.root)
        self._to_run = self._unknown() if self._all else []

    def _unknown(self) -> list[Path]:
        self._around = surroundings(self.variables)
        around = self._around + package(self.root)
        self._keys = {path: digest(self.root, path, around) for path in self._all}
        if self.force:  # what fails now must not stay known
            for path in self._all:
                self._memory.forget(self._name(path), self._keys[path])
        return [path for path in self._all if not self._memory.knows(self._name(path), self._keys[path])]

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()

    def commands(self) -> list[list[str]]:
        """Return what to call, one after another, each with this Python's ``-m``."""
        suite = ["pytest", "--doctest-modules", "tests", "tl_course"]
        suite += ["-n", str(self.processes), "--dist", "loadgroup", "--no-loadscope-reorder"]
        # a long run among kernels is no place to judge by tenths of a second: only what is far over fails there
        limit = limit_seconds() * (1 if self.tier == "check" else LENIENT)
        # in one word with its option: pytest looks for settings above each path that stands alone
        suite += ["--tiers-limit", f"{limit:.2f}", f"--tiers-memory={self._memory.folder}"]
        # it hangs itself on thirty loggers of PyTorch in each phase of each test, and these then begin to work
        suite += ["-p", "no:logging"]
        suite += ["-m", TIERS[self.tier]] if TIERS[self.tier] else []
        if self.tier == "check":
            suite += ["-p", "no:nbval"]  # it would load the notebook format, for seconds, in every process
            return [["ruff", "check", "."], ["ruff", "format", "--check", "."], suite]
        if self._to_run:
            suite += ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", str(CELL_TIMEOUT_SECONDS)]
            suite += ["--tiers-around", self._around]
            suite += [self._name(path) for path in self._to_run]
        return [suite]

    def start(self) -> int:
        """Run everything, up to the first command that fails, and say how it went; return the exit code."""
        code = 0
        try:
            for command in self.commands():
                if code := call([sys.executable, "-m", *command], cwd=self.root, env=self.variables):
                    break
        except KeyboardInterrupt:
            code = 130
        for line in self.summary(stopped=code == 130):
            print(line, flush=True)
        return code

    def summary(self, *, stopped: bool = False) -> list[str]:
        """Return how many notebooks ran and how many were known, and what was not compared."""
        if not self._all:
            return []
        passed = sum(self._memory.knows(self._name(path), self._keys[path]) for path in self._to_run)
        known = len(self._all) - len(self._to_run)
        if stopped:
            return [f"Notebooks: {known + passed} of {len(self._all)} are known to pass, and will not run again."]
        line = f"Notebooks: {len(self._to_run)} ran, {passed} of them passed; {known} were known to pass unchanged"
        return [line + (" (--force runs them again)." if known else "."), *left_out(self._all)]


def call(command: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> int:
    """Run a command and return its exit code; Ctrl-C waits until it has ended by itself, which it heard as well.

    >>> call([sys.executable, "-c", "raise SystemExit(3)"], cwd=Path.cwd(), env=os.environ)
    3
    """
    with subprocess.Popen(command, cwd=cwd, env=env) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise
