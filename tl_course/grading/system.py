"""The few calls of the Linux kernel that Python 3.11 has no name for. Each returns whether it worked."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

NEW_MOUNTS, NEW_HOST, NEW_IPC, NEW_USER = 0x00020000, 0x04000000, 0x08000000, 0x10000000
NEW_PROCESSES, NEW_NETWORK = 0x20000000, 0x40000000

_BIND, _RECURSIVE, _PRIVATE, _NO_SUID, _NO_DEVICES, _NO_EXECUTE = 4096, 16384, 1 << 18, 2, 4, 8
_READ_ONLY, _REMOUNT, _DETACH = 1, 32, 2
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


def mount_memory(folder: Path, size: int) -> bool:
    """Put an empty file system of so many bytes, which lives in memory, over a folder."""
    return _mount("tmpfs", str(folder), "tmpfs", _NO_SUID | _NO_DEVICES, f"size={size},nr_inodes=20000,mode=755")


def cover(place: Path, by: Path) -> bool:
    """Show one file or folder in the place of another."""
    return _mount(str(by), str(place), None, _BIND | _RECURSIVE)


def uncover(place: Path) -> bool:
    """Take away what was last put over a place."""
    return _libc is not None and _libc.umount2(os.fsencode(place), _DETACH) == 0


def make_read_only(place: Path) -> bool:
    """Let nothing be changed below a folder that something was put over."""
    again = _BIND | _REMOUNT | _READ_ONLY
    return any(_mount("none", str(place), None, again | kept) for kept in (0, _NO_SUID | _NO_DEVICES))


def mount_processes() -> bool:
    """Show only the processes of our own namespace in /proc."""
    return _mount("proc", "/proc", "proc", _NO_SUID | _NO_DEVICES | _NO_EXECUTE)


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
