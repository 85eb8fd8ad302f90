"""The course as files: where the lessons are, a learner's own copy of them, and running them all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tl_course
from tl_course import environment

PACKAGE = Path(tl_course.__file__).resolve().parent
MANIFEST = ".tl_course.json"
START = "START.md"
"""The page that a workspace opens on."""
_HEADING = re.compile(r"(#+) ")
_STATED = re.compile(r"Running every cell took at most ([\d,]+) s\b")


class CourseError(RuntimeError):
    """The course's files are not as they must be; the message says what to do."""


def root() -> Path:
    """Return the folder of the course: the clone this package was installed from.

    Raises
    ------
    CourseError
        When the package stands alone, without the lessons beside it.
    """
    folder = PACKAGE.parent
    if not (folder / "notebooks").is_dir():
        raise CourseError(
            "The lessons are not beside the package: clone the course's repository and install it from there with "
            "`pip install -c constraints.txt -e .`."
        )
    return folder


def lessons(wanted: Iterable[str] = ()) -> list[Path]:
    """Return the lesson notebooks in order, or those whose number or name is wanted.

    >>> lessons(["00"])[0].stem
    '00_start_here'
    """
    found = sorted((root() / "notebooks").glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise CourseError(f"There is no lesson in {root() / 'notebooks'}: restore that folder from the repository.")
    wanted = list(wanted)
    for name in wanted:
        if not any(_matches(path, name) for path in found):
            raise CourseError(f"There is no lesson {name!r}; there are {', '.join(path.stem for path in found)}.")
    return [path for path in found if not wanted or any(_matches(path, name) for name in wanted)]


def seconds_to_run(lesson: Path) -> int | None:
    """Return the seconds that a lesson states for all of its cells on the mini profile; None where it states none.

    >>> seconds_to_run(lessons(["00"])[0]) > 0
    True
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        for cell in json.loads(lesson.read_text(encoding="utf-8"))["cells"]:
            if stated := _STATED.search("".join(cell["source"])):
                return int(stated[1].replace(",", ""))
    return None


def further(cells: Iterable[Mapping[str, Any]]) -> list[bool]:
    """Return, for each cell of a notebook, whether it lies in a folded further section.

    Such a section begins with a heading tagged ``further`` and ends before the next heading that is as high.

    Parameters
    ----------
    cells : iterable of mapping
        As a notebook's JSON has them.

    Examples
    --------
    >>> more = {"cell_type": "markdown", "source": "## More", "metadata": {"tags": ["further"]}}
    >>> further([more, {"cell_type": "code", "source": "1"}, {"cell_type": "markdown", "source": "## Points"}])
    [True, True, False]
    """
    found, depth = [], None
    for cell in cells:
        heading = _HEADING.match("".join(cell.get("source", ""))) if cell.get("cell_type") == "markdown" else None
        if heading and depth is not None and len(heading[1]) <= depth:
            depth = None
        if heading and depth is None and "further" in cell.get("metadata", {}).get("tags", []):
            depth = len(heading[1])
        found.append(depth is not None)
    return found


def _matches(path: Path, name: str) -> bool:
    return Path(name).stem in {path.stem, path.stem.partition("_")[0]}


# --- running ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One line of the table that a run ends with; ``error`` is None where every cell ran."""

    lesson: str
    seconds: float
    peak_bytes: int
    error: str | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    @property
    def result(self) -> str:
        """How it ended, in words."""
        return "passed" if self.ok else f"failed: {self.error}"


def run(paths: list[Path], out: Path, *, force: bool = False, timeout: int = 600) -> Iterator[tuple[Row, bool]]:
    """Execute lessons into a folder, one after the other; what is already there and up to date is not repeated.

    Parameters
    ----------
    paths : list of pathlib.Path
        Notebooks, as :func:`lessons` returns them.
    out : pathlib.Path
        Folder for the executed copies and for ``results.json``.
    force : bool
        Execute also what is up to date.
    timeout : int
        Seconds a single cell may take.

    Yields
    ------
    (Row, bool)
        The row, and whether it was kept from an earlier run.
    """
    from tl_course.app.running import execute

    with _explained(f"The folder {out} for the executed lessons", "--out"):
        out.mkdir(parents=True, exist_ok=True)
    ledger = out / "results.json"
    known = _read(ledger)
    for path in paths:
        digest = _digest(path)
        before = _passed_before(known.get(path.stem), digest)
        if not force and before and (out / path.name).is_file():
            yield before, True
            continue
        result = execute(path, out / path.name, timeout=timeout, cwd=path.parent)
        row = Row(path.stem, round(result.seconds, 1), result.peak_bytes, None if result.ok else result.error or "")
        known[path.stem] = {"digest": digest, "row": asdict(row)}
        _write(ledger, json.dumps(known, indent=1))
        yield row, False


def _passed_before(entry: object, digest: str) -> Row | None:
    """Return the row of an earlier run that passed and still holds; None for anything else that may stand there."""
    try:
        row = Row(**entry["row"])
        return row if entry["digest"] == digest and row.ok else None
    except (TypeError, KeyError):  # written by another version of the course, or by no version at all
        return None


def _digest(notebook: Path) -> str:
    """Hash all that a lesson's result depends on: its code, the package, the settings, the libraries."""
    from tl_course import data

    env = environment.current()
    parts = [environment.version_of(name) for name in ("torch", "torchvision", "transformers", "timm")]
    parts += [env.profile, str(env.rehearsal), str(env.device), env.precision, str(env.threads)]
    parts += [data.target(), data.cifar10.describe()]  # the photographs a lesson runs on
    digest = hashlib.sha256("\n".join(parts).encode())
    digest.update("".join(_code(notebook)).encode())
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in {".py", ".toml", ".csv", ".json", ".safetensors"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _code(notebook: Path) -> list[str]:
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


# --- a learner's own copy ---------------------------------------------------------------------------------------


def make_workspace(workspace: Path) -> list[str]:
    """Copy lessons and exercises into a learner's folder, without outputs, and never over the learner's work.

    A file that the learner has not touched since it was copied follows the course. Where both have changed, the
    learner's stays as it is and the course's new one is put beside it with ``.new`` in its name.

    Parameters
    ----------
    workspace : pathlib.Path
        The learner's folder; made where it does not exist.

    Returns
    -------
    list of str
        One line for each file that was copied, updated or put beside.
    """
    manifest = workspace / MANIFEST
    copied = _read(manifest)
    lines = []
    with _explained(f"The workspace {workspace}", "--workspace"):
        try:
            # the folders keep their names, and so the links between lessons and exercises stay alive
            for name in ("notebooks", "exercises"):
                for path in sorted((root() / name).glob("*.ipynb")):
                    fresh = for_learner(path.read_text(encoding="utf-8"))
                    line = _copy_unless_touched(fresh, workspace, f"{name}/{path.name}", copied)
                    lines += [line] if line else []
        finally:
            _write(manifest, json.dumps(copied, indent=1))
    return lines


def put(fresh: str, workspace: Path, label: str) -> str:
    """Put one text into a learner's folder by the rules of :func:`make_workspace`, and return its line."""
    with _explained(f"The workspace {workspace}", "--workspace"):
        copied = _read(workspace / MANIFEST)
        line = _copy_unless_touched(fresh, workspace, label, copied)
        _write(workspace / MANIFEST, json.dumps(copied, indent=1))
    return line


def reset(workspace: Path, name: str, *, folder: str = "notebooks") -> str:
    """Give the learner a fresh copy of one lesson, and keep the old one under a numbered name.

    Parameters
    ----------
    workspace : pathlib.Path
        The learner's folder.
    name : str
        A lesson's number or name.
    folder : {"notebooks", "exercises"}
        Which of a lesson's two files.

    Returns
    -------
    str
        What was done, in a sentence.

    Raises
    ------
    CourseError
        When there is no such lesson, no exercise for it, or no workspace.
    """
    [lesson] = lessons([name])
    source, label = root() / folder / lesson.name, f"{folder}/{lesson.name}"
    target = workspace / label
    if not source.is_file():
        raise CourseError(f"Lesson {lesson.stem} has no exercises yet.")
    if not workspace.is_dir():
        raise CourseError(f"There is no workspace at {workspace}; make one with `tl-course start`, or name yours.")
    fresh = for_learner(source.read_text(encoding="utf-8"))
    if target.is_file() and target.read_bytes() == fresh.encode():
        return f"{label} is as the course has it; there is nothing to reset."
    with _explained(f"The workspace {workspace}", "--workspace"):
        kept = _keep(target) if target.exists() else None
        copied = _read(workspace / MANIFEST)
        _write(target, fresh)
        _write(
            workspace / MANIFEST,
            json.dumps({**copied, label: hashlib.sha256(fresh.encode()).hexdigest()}, indent=1),
        )
    yours = f" Yours is kept beside it as {kept.name}." if kept else ""
    return f"{label} is fresh.{yours} If it is open in JupyterLab, close its tab and open it again."


def _keep(target: Path) -> Path:
    """Copy a learner's file to the next free number, and return the copy."""
    taken = [path.stem.rpartition("-")[2] for path in target.parent.glob(f"{target.stem}.mine-*{target.suffix}")]
    number = 1 + max((int(each) for each in taken if each.isdecimal()), default=0)
    return Path(shutil.copy2(target, target.with_name(f"{target.stem}.mine-{number}{target.suffix}")))


def _copy_unless_touched(fresh: str, workspace: Path, label: str, copied: dict[str, str]) -> str:
    target = workspace / label
    key = hashlib.sha256(fresh.encode()).hexdigest()
    if not target.exists():
        _write(target, fresh)
        line = f"copied  {label}"
    elif copied.get(label) == key or (now := hashlib.sha256(target.read_bytes()).hexdigest()) == key:
        line = ""
    elif now == copied.get(label):
        _write(target, fresh)
        line = f"updated {label}"
    else:
        beside = Path(label).with_suffix(f".new{Path(label).suffix}").as_posix()
        _copy_unless_touched(fresh, workspace, beside, copied)  # that one may hold work as well
        line = f"kept    {label} as you changed it; the course's new version lies beside it as {Path(beside).name}"
    copied[label] = key
    return line


def for_learner(notebook: str) -> str:
    """Return a notebook's text as a learner gets it: a learner predicts first, and then runs, so without outputs.

    Its lines of links lead to the start page, too, which only a workspace has.
    """
    content = json.loads(notebook)
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
        elif "nav" in cell.get("metadata", {}).get("tags", []):
            links = "".join(cell["source"])
            cell["source"] = f"[Your course](../{START}) · {links}".splitlines(keepends=True)
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _read(path: Path) -> dict:
    """Return the JSON object in a file; an empty one where there is none, or something else."""
    with contextlib.suppress(OSError, ValueError):
        content = json.loads(path.read_text(encoding="utf-8"))
        return content if isinstance(content, dict) else {}
    return {}


def _write(path: Path, text: str) -> None:
    """Write a whole file or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        scratch.write_text(text, encoding="utf-8", newline="\n")
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(what: str, option: str) -> Iterator[None]:
    """Turn a folder that cannot be written to into one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise CourseError(f"{what} cannot be written to ({reason}); choose another one with {option}.") from error
