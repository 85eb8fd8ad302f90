"""The cache folder: checked reading, atomic writing, one writer at a time.

A file gets its final name only after its hash was found right, by a rename within one file system. So a file under
its final name was right when it was put there; that it still is, is checked again before each first use.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import filelock

from tl_course.assets.registry import Asset, File, Original

# (path, sha256, size, times, inode) of files whose hash was found right by this process
_checked: set[tuple] = set()
BROUGHT = "brought.safetensors"  # what was made from a copy in a form that no hash of the registry knows
# A file that changed this recently is hashed again the next time: a clock that ticks slowly could hide a second change.
SETTLED_AFTER = 2 * 10**9  # nanoseconds
CANNOT_WRITE = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}


class AssetError(RuntimeError):
    """An asset cannot be had; the message is one sentence that says why and what to do."""


def folder_of(asset: Asset, cache: Path) -> Path:
    """Return the folder of an asset in the cache."""
    return cache / asset.name


def sha256(path: Path) -> str:
    """Return the sha256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def has_content(path: Path, file: File | Original) -> bool:
    """Tell whether a path holds exactly the bytes that the registry names (always reads the whole file)."""
    try:
        return path.stat().st_size == file.size and sha256(path) == file.sha256
    except OSError:
        return False


def is_good(asset: Asset, file: File, cache: Path) -> bool:
    """Tell whether a cached file is right, hashing it once in this process for as long as it stays untouched."""
    path = folder_of(asset, cache) / file.name
    try:
        facts = path.stat()
    except OSError:
        return False
    key = (str(path), file.sha256, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino)
    if key in _checked:
        return True
    right = has_content(path, file)
    if right and time.time_ns() - max(facts.st_mtime_ns, facts.st_ctime_ns) > SETTLED_AFTER:
        _checked.add(key)
    return right


def missing_files(asset: Asset, cache: Path) -> list[File]:
    """Return the files of an asset that are absent from the cache or damaged; none where one form of it is whole."""
    missing = []
    for form in asset.forms:
        missing.append([file for file in form if not is_good(asset, file, cache)])
        if not missing[-1]:
            return []
    return missing[0]


def right_files(asset: Asset, cache: Path) -> list[Path]:
    """Return the paths of the first form of an asset that is whole and right in the cache; none where none is."""
    for form in asset.forms:
        if all(is_good(asset, file, cache) for file in form):
            return [folder_of(asset, cache) / file.name for file in form]
    return []


def is_present(asset: Asset, cache: Path) -> bool:
    """Tell from names and sizes alone, in no time, whether an asset seems to be in the cache."""
    folder = folder_of(asset, cache)
    return any(all(_size(folder / file.name) == file.size for file in form) for form in asset.forms)


def is_absent(asset: Asset, cache: Path) -> bool:
    """Tell whether none of an asset's files is in the cache."""
    folder = folder_of(asset, cache)
    return all(_size(folder / file.name) is None for form in asset.forms for file in form)


def brought(asset: Asset, cache: Path) -> Path | None:
    """Return the file that was made from a copy somebody brought, where there is one."""
    path = folder_of(asset, cache) / BROUGHT
    return path if _size(path) is not None else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:  # absent, or in a folder that is not ours to read
        return None


def brought_note(path: Path) -> dict[str, str]:
    """Return what a brought file says about itself, from its first bytes alone; nothing where they are damaged."""
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        return dict(header["__metadata__"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, MemoryError):
        return {}


@contextlib.contextmanager
def writing(asset: Asset, cache: Path, say) -> Iterator[Path]:
    """Hold the asset's lock and give an empty staging folder on the cache's own file system.

    What a killed process left in the staging folder is removed here: the lock says that no process uses it any more.
    """
    with _explained(asset, cache):
        (cache / ".locks").mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(cache / ".locks" / f"{asset.name}.lock")
        try:
            lock.acquire(timeout=0.5)
        except filelock.Timeout:
            say(f"Another process is fetching {asset.name}; waiting for it.")
            lock.acquire()
        staging = cache / ".staging" / asset.name
        try:
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            yield staging
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            lock.release()


def install(path: Path, asset: Asset, file: File, cache: Path) -> bool:
    """Move a staged file to its final name if its bytes are right; return whether they were."""
    if not has_content(path, file):
        return False
    put(path, folder_of(asset, cache) / file.name)
    return True


def put(path: Path, target: Path) -> None:
    """Move a staged file, which is known to be right, to its final name."""
    with path.open("r+b") as stream:  # Windows syncs only what is open for writing
        os.fsync(stream.fileno())
    with contextlib.suppress(PermissionError):  # some network disks have no modes to change
        path.chmod(0o644)  # a shared cache is read by others than the one who fills it
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)


@contextlib.contextmanager
def _explained(asset: Asset, cache: Path) -> Iterator[None]:
    """Turn the two failures of a disk that a learner meets into one sentence each."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full(asset, cache) from error
        if error.errno in CANNOT_WRITE:
            raise AssetError(
                f"The cache folder {cache} cannot be written to ({error.strerror}: {error.filename}), so {asset.name} "
                f"({megabytes(asset.size)}) cannot be put there; set TL_CACHE to a folder of your own, or ask the "
                f"keeper of this cache to run `tl-course fetch {asset.name}`."
            ) from error
        raise


def disk_full(asset: Asset, cache: Path) -> AssetError:
    """Return the error for a file system with no room left."""
    return AssetError(
        f"The disk that holds {cache} is full ({megabytes(free_bytes(cache))} free; {asset.name} takes "
        f"{megabytes(asset.size)} and about as much again while it is fetched): make room, or set TL_CACHE to a "
        "folder on another disk."
    )


def free_bytes(path: Path) -> int:
    """Return the free bytes of the file system that holds a path, which need not exist yet."""
    while not os.path.exists(path):  # unlike Path.exists it does not raise in a folder that may not be read
        path = path.parent
    return shutil.disk_usage(path).free


def clear(cache: Path, names: Iterable[str]) -> None:
    """Delete what the course put into its cache folder, and nothing else that may lie there."""
    for name in (*names, ".locks", ".staging", "tested", "decoded", "rehearsal"):
        if (cache / name).exists():
            shutil.rmtree(cache / name)
    (cache / "precision.json").unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # something else is in it
        cache.rmdir()


def megabytes(size: int) -> str:
    """Write a size for people.

    >>> megabytes(90_900_000), megabytes(1_200), megabytes(5_510_000_000)
    ('91 MB', '0.001 MB', '5.5 GB')
    """
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1g} MB"
