"""The few calls of the Linux kernel that Python 3.11 has no name for. Each returns whether it worked."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

NEW_MOUNTS, NEW_HOST, NEW_IPC, NEW_USER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
NEW_PROCESSES, NEW_NETWORK = 0x20000000, 0x40000000

_BIND, _RECURSIVE, _PRIVATE, _NO_SUID, _NO_DEVICES, _NO_EXECUTE = 4096, 16384, 1 << 18, 2, 4, 8
_READ_ONLY, _REMOUNT, _DETACH = 1, 32, 2
_OPTIONS = {"nosuid": 2, "nodev": 4, "noexec": 8, "noatime": 1024, "nodiratime": 2048, "relatime": 1 << 21}
_OCTAL = re.compile(r"\\([0-7]{3})")
_DIE_WITH_PARENT, _ADOPT_ORPHANS, _NO_NEW_PRIVILEGES = 1, 36, 38
_CAPABILITIES_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def unshare(flags: int) -> bool:
    """Leave these namespaces for new ones; for the processes' namespace, the next child does."""
    return _libc is not None and _libc.unshare(flags) == 0


def own_identity() -> bool:
    """In a new namespace of users, be the one that we were."""
    user, group = os.getuid(), os.getgid()
    return unshare(NEW_USER) and _write_maps(user, group)


def _write_maps(user: int, group: int) -> bool:
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    return True


def keep_mounts_to_ourselves() -> bool:
    """Let no mount made from now on be seen outside."""
    return _mount("none", "/", None, _RECURSIVE | _PRIVATE)


def mount_memory(folder: Path, size: int, mode: int = 0o755) -> bool:
    """Put an empty file system of so many bytes, which lives in memory, over a folder."""
    options = f"size={size},nr_inodes=20000,mode={mode:o}"
    return _mount("tmpfs", str(folder), "tmpfs", _NO_SUID | _NO_DEVICES, options)


def cover(place: Path, by: Path) -> bool:
    """Show one file or folder, with all that is mounted in it, in the place of another."""
    return _mount(str(by), str(place), None, _BIND | _RECURSIVE)


def uncover(place: Path) -> bool:
    """Take away what was last put over a place, with all that is mounted in it."""
    return _libc is not None and _libc.umount2(os.fsencode(place), _DETACH) == 0


def make_read_only(root: Path, but: Iterable[Path] = ()) -> bool:
    """Let nothing be changed in a folder and in what is mounted below it, but in what is mounted at some places.

    What else a mount forbids stays forbidden: in a namespace of users the kernel refuses to change it.
    """
    kept = {str(place) for place in but}
    for place, options in _mounts().items():
        if place not in kept and Path(place).is_relative_to(root):
            flags = sum(flag for name, flag in _OPTIONS.items() if name in options)
            _mount("none", place, None, _BIND | _REMOUNT | _READ_ONLY | flags)
    return all("ro" in how or place in kept for place, how in _mounts().items() if Path(place).is_relative_to(root))


def _mounts() -> dict[str, set[str]]:
    """Where something is mounted, and what the uppermost of these mounts forbids."""
    lines = [line.split() for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()]
    return {_OCTAL.sub(lambda found: chr(int(found[1], 8)), line[4]): set(line[5].split(",")) for line in lines}


def change_root(new: Path) -> bool:
    """Make a folder that something is mounted on the root of all files, and let go of the root until now.

    Raises
    ------
    OSError
        If the old root cannot be let go of, so that it lies over the new one.
    """
    os.chdir(new)
    if _libc is None or _libc.pivot_root(b".", b".") != 0:
        return False
    if _libc.umount2(b".", _DETACH) != 0:
        raise OSError(ctypes.get_errno(), "The old root of all files cannot be let go of.")
    os.chdir("/")
    return True


def mount_processes(place: Path = Path("/proc")) -> bool:
    """Show only the processes of our own namespace, as /proc does."""
    return _mount("proc", str(place), "proc", _NO_SUID | _NO_DEVICES | _NO_EXECUTE)


def _mount(what: str, where: str, kind: str | None, flags: int, options: str = "") -> bool:
    texts = [os.fsencode(text) if text is not None else None for text in (what, where, kind)]
    return _libc is not None and _libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None) == 0


def die_with_parent(signal: int) -> bool:
    """Be sent a signal when the parent ends."""
    return _control(_DIE_WITH_PARENT, signal)


def adopt_orphans() -> bool:
    """Become the parent of every descendant whose own parent ends, so that none gets lost."""
    return _control(_ADOPT_ORPHANS, 1)


def no_new_privileges() -> bool:
    """Let no program that is started from now on have more rights than we have (setuid programs)."""
    return _control(_NO_NEW_PRIVILEGES, 1)


def _control(option: int, value: int) -> bool:
    return _libc is not None and _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) == 0


def give_up_capabilities() -> bool:
    """Give up every right that an ordinary user does not have."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    return _libc is not None and _libc.capset(header, nothing) == 0
