"""A root of files of its own for a learner's process: what it needs, for reading, and one folder in memory to write in.

Nothing else of the system is there: no homes, no class, no /run with its sockets, no devices but the harmless ones.
Only what is listed is shown, so that what a system has besides (and what we do not know of) stays outside.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from tl_course.grading import system
from tl_course.grading.limits import MEBIBYTE

FREE = Path("/tmp")
"""Where the learner's code may write."""
_SAME_AS_FREE = tuple(map(Path, ("/var/tmp", "/dev/shm", "/run/lock")))
"""Where programs expect that everybody may write."""
_SYSTEM = tuple(map(Path, (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix/store", "/gnu/store",
    "/sys/devices/system",
)))  # fmt: skip
"""What programs and libraries need; what of these a system does not have is left out."""
_DEVICES = tuple(Path("/dev") / name for name in ("null", "zero", "full", "random", "urandom"))
_DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1",
                 "stderr": "/proc/self/fd/2"}  # fmt: skip

_SHOW, _EMPTY, _FREE, _HIDE = "show", "empty", "free", "hide"


class Room:
    """What is where in such a root.

    Parameters
    ----------
    show : iterable of str
        Files and folders to be seen, besides the system's own and the libraries that are loaded.
    empty : iterable of str
        Folders of which only what lies in `show` is seen.
    hide : iterable of str
        Files and folders that are not seen, wherever they lie.
    size : int
        Bytes that may be written.
    """

    def __init__(self, show: Iterable[str], empty: Iterable[str], hide: Iterable[str], size: int):
        self.size = size
        self.links: dict[Path, str] = {}
        wanted = [self._real(place) for place in [*_SYSTEM, *_DEVICES, *map(Path, show), *_loaded()]]
        plan = {place: _SHOW for place in wanted if os.path.exists(place) and place != Path("/")}
        plan |= {Path(place): _EMPTY for place in empty}
        plan |= {place: _FREE for place in (FREE, *_SAME_AS_FREE)}
        plan |= {Path(place).resolve(): _HIDE for place in hide if os.path.exists(place)}
        self.plan = dict(sorted(plan.items()))  # a folder before what lies in it

    def _real(self, place: Path) -> Path:
        """Where a place really is; the links on the way there are noted."""
        for _ in range(40):
            link = next((part for part in [*reversed(place.parents), place] if part.is_symlink()), None)
            if link is None:
                return place
            text = os.readlink(link)
            self.links[link] = text
            place = Path(os.path.normpath(link.parent / text)) / place.relative_to(link)
        return place

    def build(self, root: Path) -> bool:
        """Put it together over a folder, from what is mounted now. Returns whether all of it could be done."""
        if not system.mount_memory(root, MEBIBYTE):
            return False
        try:
            (root / "proc").mkdir()
            free = _in(root, FREE)
            free.mkdir()
            done = system.mount_memory(free, self.size, mode=0o1777)
            for place, how in self.plan.items():
                done = done and (not self._counts(place, how) or self._put(place, how, root))
            self._link(root)
        except OSError:
            done = False
        if not done:
            system.uncover(root)
        return done

    def lock(self, root: Path) -> bool:
        """Let everything be for reading only, but the places to write in. Returns whether that holds."""
        return system.make_read_only(root, but=[_in(root, place) for place, how in self.plan.items() if how == _FREE])

    def _counts(self, place: Path, how: str) -> bool:
        """Whether something has to be done for a place, after what was done for the folders above it."""
        above = next((self.plan[parent] for parent in place.parents if parent in self.plan), "")
        return how == _FREE or (above == _SHOW) == (how != _SHOW)

    def _put(self, place: Path, how: str, root: Path) -> bool:
        target = _in(root, place)
        if how == _FREE:
            target.mkdir(parents=True, exist_ok=True)
            return place == FREE or system.cover(target, by=_in(root, FREE))
        if place.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            if how == _SHOW:
                return system.cover(target, by=place)
            return system.mount_memory(target, MEBIBYTE, mode=0o111 if how == _HIDE else 0o755)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
        return system.cover(target, by=place if how == _SHOW else Path(os.devnull))

    def _link(self, root: Path) -> None:
        links = {**self.links, **{Path("/dev") / name: text for name, text in _DEVICE_LINKS.items()}}
        for place, text in links.items():
            target = _in(root, place)
            with contextlib.suppress(FileExistsError):
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(text)


def _in(root: Path, place: Path) -> Path:
    return root / place.relative_to("/")


def _loaded() -> list[Path]:
    """Files of libraries that this process has loaded: some lie where nobody would look for them."""
    lines = Path("/proc/self/maps").read_text(errors="surrogateescape").splitlines()
    return list(dict.fromkeys(Path(line[line.index("/") :]) for line in lines if "/" in line and ".so" in line))


def sockets() -> list[Path]:
    """Sockets that lie in folders, as the kernel lists them; empty where it does not."""
    try:
        lines = Path("/proc/net/unix").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = dict.fromkeys(Path(line[line.index(" /") + 1 :]) for line in lines if " /" in line)
    return [place for place in found if _is_socket(place)]


def _is_socket(place: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return stat.S_ISSOCK(place.stat().st_mode)
    return False
