"""What lies in the folder of the results while a fine-tuning is not finished, so that the same command goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import pickle
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tl_course import __version__

FOLDER = "unfinished"
FORMAT = 1


class Unfinished:
    """A folder within the results: what is done of a fine-tuning, and the checkpoints of training.

    Each file is written under another name and renamed, so that a kill leaves it whole.

    Parameters
    ----------
    out : Path or None
        The folder of the results; None writes nothing and holds all in memory.
    settings : dict
        What makes the command this command, as plain values.
    force : bool
        Whether to delete what another command began, in place of an error.

    Raises
    ------
    ValueError
        When another command began what lies there, or it cannot be read; the message says what differs.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as out:
    ...     Unfinished(Path(out), {"lr": 0.1}).save(step=3)
    ...     again = Unfinished(Path(out), {"lr": 0.1})
    ...     again.get("step"), again.get("probe")
    (3, None)
    """

    def __init__(self, out: Path | None, settings: Mapping[str, Any], force: bool = False):
        self.out, self.force = out, force
        self.folder = None if out is None else out / FOLDER
        self._state, self._held = self._beginning(settings), {}
        if self.folder is not None and self._file.exists():
            try:
                self._state = self._read()
            except ValueError:
                if not force:
                    raise
                self.remove()

    def _beginning(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        return {"settings": {**settings, "tl_course": __version__}, "format": FORMAT}

    @property
    def _file(self) -> Path:
        return self.folder / "state.pt"

    def _read(self) -> dict[str, Any]:
        try:
            state = torch.load(self._file, map_location="cpu", weights_only=True)
            theirs, kind = state["settings"], state["format"]
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._file} is damaged ({type(error).__name__}); pass --force to begin again."
            ) from error
        ours = self._state["settings"]
        differ = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        if differ or kind != FORMAT:
            name = differ[0] if differ else "format"
            option = name if name == "tl_course" else f"--{name.replace('_', '-')}"
            was, now = ("none" if value is None else value for value in (theirs.get(name), ours.get(name)))
            raise ValueError(
                f"{self.out} holds a fine-tuning that was stopped, begun with {option} {was} and now {option} {now}; "
                "give the same command to go on with it, or pass --force to begin again."
            )
        return state

    def check_data(self, fingerprint: str) -> None:
        """Note what data are used, or raise ValueError where those of the beginning were others."""
        if self._state.setdefault("data", fingerprint) == fingerprint:
            return
        if self.force:
            self.remove()
            self._state = {**self._beginning(self._state["settings"]), "data": fingerprint}
        else:
            raise ValueError(
                f"{self.out} holds a fine-tuning that was stopped, and its data have changed since; pass --force to "
                "begin again, or choose another --out."
            )

    def get(self, name: str) -> Any:
        """Return what was saved under a name, or None."""
        return self._state.get(name)

    def note(self, **parts: Any) -> None:
        """Add something to what :meth:`save` will write."""
        self._state |= {name: _plain(part) for name, part in parts.items()}

    def save(self, **parts: Any) -> None:
        """Save something under a name each, beside what was saved before."""
        self.note(**parts)
        if self.folder is not None:
            _write(self._state, self._file)

    def put(self, name: str, weights: Mapping[str, Tensor]) -> None:
        """Keep a network's weights under a name, on disk, where they take no memory."""
        if self.folder is None:
            self._held[name] = {key: value.detach().clone() for key, value in weights.items()}
        else:
            _write(dict(weights), self.folder / f"{name}.pt")

    def fetch(self, name: str) -> Mapping[str, Tensor]:
        """Return weights that were put away."""
        if self.folder is None:
            return self._held[name]
        return torch.load(self.folder / f"{name}.pt", map_location="cpu", weights_only=True, mmap=True)

    def checkpoint(self, seed: int) -> Path | None:
        """Return the file for the checkpoint of fine-tuning with a seed."""
        return None if self.folder is None else self.folder / f"fine_tune_{seed}.pt"

    def forget(self, seed: int) -> None:
        """Delete the checkpoint of a fine-tuning that is done."""
        if self.folder is not None:
            self.checkpoint(seed).unlink(missing_ok=True)

    def remove(self) -> None:
        """Leave nothing of it."""
        if self.folder is not None and self.folder.exists():
            shutil.rmtree(self.folder)


def _write(content: Mapping[str, Any], file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    scratch = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        torch.save(content, scratch)
        scratch.replace(file)
    finally:
        scratch.unlink(missing_ok=True)


def _plain(part: Any) -> Any:
    if isinstance(part, list):
        return [_plain(each) for each in part]
    return dataclasses.asdict(part) if dataclasses.is_dataclass(part) else part


def fingerprint(lines: Iterable[str]) -> str:
    """Return a short hash of lines.

    >>> fingerprint(["a", "b"]) == fingerprint(["a", "b"]) != fingerprint(["ab"])
    True
    """
    found = hashlib.sha256()
    for line in lines:
        found.update(f"{line}\0".encode("utf-8", "surrogatepass"))
    return found.hexdigest()[:16]


def told_files(root: Path, files: Iterable[Path]) -> Iterable[str]:
    """Yield for each file a line that changes when it does: its name, its size, and when it was written."""
    for file in files:
        about = file.stat() if file.exists() else file.lstat()  # a link may lead nowhere; its reader says so
        yield f"{file.relative_to(root).as_posix()} {about.st_size} {about.st_mtime_ns}"


def is_unfinished(out: Path) -> bool:
    """Whether a folder of results holds a fine-tuning that was stopped."""
    return (out / FOLDER).is_dir()


@contextlib.contextmanager
def whole(out: Path):
    """Give a folder to write results into; at the end of the block they are moved to where they belong, all or none."""
    place = out / FOLDER / "results"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    yield place
    for new in sorted(place.iterdir()):
        old = out / new.name
        if old.is_dir():  # a folder is never moved onto one that holds something
            shutil.rmtree(old)
        os.replace(new, old)
    place.rmdir()
