"""Pack assets for a room without a network: a zip or a folder that ``tl-course fetch --from`` takes.

A bundle holds::

    README.txt           what to do with it when the wifi dies
    LICENCES.txt         whose files these are, and under which licence
    assets/NAME/FILE     the files as they lie in the cache
    wheels/…             where they were asked for: the Python packages
    bundle.json          what it holds, with size and sha256 of every file; written last

Equal contents give equal bytes. A bundle appears under its name when it is whole, and not before.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tl_course import environment
from tl_course.assets import store
from tl_course.assets.fetching import fetch
from tl_course.assets.registry import Asset, File, registry
from tl_course.assets.sources import byte_bar
from tl_course.assets.store import AssetError, megabytes

LISTING = "bundle.json"
FORMAT = 1
CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file of a bundle: its name in there, its size, and where its bytes come from."""

    name: str
    size: int
    source: Path | bytes
    sha256: str = ""

    def copy(self, target, advance: Callable[[int], object]) -> str:
        """Write the bytes to a stream and return their sha256; ``advance`` is told how many were written.

        Raises
        ------
        AssetError
            When they are not the bytes that were planned.
        """
        digest = hashlib.sha256()
        with io.BytesIO(self.source) if isinstance(self.source, bytes) else self.source.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                target.write(chunk)
                digest.update(chunk)
                advance(len(chunk))
        if self.sha256 not in {"", digest.hexdigest()}:
            raise AssetError(f"{self.source} changed while it was being packed; give the same command again.")
        return digest.hexdigest()


def pack(
    wanted: Iterable[Asset],
    out: Path,
    *,
    wheels: Path | None = None,
    force: bool = False,
    cache: Path | None = None,
    say=print,
) -> int:
    """Pack assets into a zip, or into a folder where ``out`` does not end in ``.zip``.

    What the cache lacks is fetched first. CIFAR-10 is left out, and that is said. After an interruption the same call
    goes on: downloads are kept, a folder is taken up where it was left, a zip is begun again.

    Parameters
    ----------
    wanted : iterable of Asset
        What to pack.
    out : path
        The zip or folder to make, in a folder that exists.
    wheels : path, optional
        A folder of Python packages to take along.
    force : bool
        Replace a bundle that is there.
    cache : path, optional
        Where the assets lie; the environment's cache folder by default.
    say : callable
        Takes each line that tells the user what happens.

    Returns
    -------
    int
        The bytes of everything in the bundle.

    Raises
    ------
    AssetError
        One sentence: something is there already, an asset cannot be had, the disk is full …

    Examples
    --------
    >>> pack([registry()["cifar10"]], Path("usb.zip"))
    Traceback (most recent call last):
    tl_course.assets.store.AssetError: Nothing is left to pack: cifar10 is never passed on, ...
    """
    cache, wanted = cache or environment.cache_dir(), list(wanted)
    check_target(out, force)
    carried = [asset for asset in wanted if asset.redistribute]
    if not carried:
        names = ", ".join(asset.name for asset in wanted)
        raise AssetError(
            f"Nothing is left to pack: {names} is never passed on, since it carries no licence; everybody fetches it "
            f"alone with `tl-course fetch {names}`, or brings a copy with --from."
        )
    for asset in wanted:
        if not asset.redistribute:
            say(_left_out(asset))
    fetch(carried, cache=cache, say=say)
    members = _members(carried, cache, wheels)
    total = sum(member.size for member in members)
    for line in _sizes(carried, members, total, out):
        say(line)
    _check_room(out, total)
    with _explained(out, total), byte_bar(out.name, total) as bar:
        write = _write_zip if _is_zip(out) else _write_folder
        write(members, [asset.name for asset in carried], out, bar.update)
    return total


def check_target(out: Path, force: bool) -> None:
    """Refuse a place that is taken, or that lies in no folder; raise AssetError.

    >>> check_target(Path("no/such/folder/usb.zip"), force=False)
    Traceback (most recent call last):
    tl_course.assets.store.AssetError: There is no folder no/such/folder for usb.zip; is the stick plugged in? ...
    """
    if not out.absolute().parent.is_dir():
        raise AssetError(
            f"There is no folder {out.parent} for {out.name}; is the stick plugged in? If it is, create that folder."
        )
    if not out.exists():
        return
    if not force:
        raise AssetError(f"{out} is there already; give another --out, or --force to replace it.")
    if out.is_dir() if _is_zip(out) else not (out / LISTING).is_file():
        raise AssetError(f"{out} is there and is no bundle, so it is not replaced; give another --out.")


def held(place: Path) -> list[Asset]:
    """Return the assets of the registry that a bundle says it holds; none where the place is no bundle.

    >>> held(Path("no/such.zip"))
    []
    """
    try:
        if place.is_dir():
            listing = json.loads((place / LISTING).read_text(encoding="utf-8"))
        else:
            with zipfile.ZipFile(place) as opened:
                listing = json.loads(opened.read(LISTING))
        return [registry()[name] for name in listing["assets"] if name in registry()]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        RuntimeError,
        zipfile.BadZipFile,
    ):  # its files may be right all the same
        return []


# --- what goes in -------------------------------------------------------------------------------------------------


def _members(carried: list[Asset], cache: Path, wheels: Path | None) -> list[Member]:
    members = []
    for asset in carried:
        known = {file.name: file for form in asset.forms for file in form}
        for path in store.right_files(asset, cache):
            file = known[path.name]
            members.append(Member(f"assets/{asset.name}/{file.name}", file.size, path, file.sha256))
    for path in sorted(wheels.iterdir()) if wheels else ():
        members.append(Member(f"wheels/{path.name}", path.stat().st_size, path))
    size = sum(member.size for member in members)
    texts = {"README.txt": _readme(carried, size, bool(wheels)), "LICENCES.txt": _licences(carried)}
    written = [(name, text.encode()) for name, text in texts.items()]
    return [*(Member(name, len(content), content) for name, content in written), *members]


def _readme(carried: list[Asset], size: int, wheels: bool) -> str:
    from tl_course import __version__

    if wheels:
        install = (
            "On the same system and Python as where this was made: unpack it, then\n"
            "     python3 -m venv .venv\n"
            "     .venv/bin/pip install --no-index --find-links BUNDLE/wheels -c constraints.txt -e ."
        )
    else:
        install = (
            "The Python packages are not in here: install them while there\n"
            "     is a network, or have the bundle made with --wheels."
        )
    return f"""\
For a room without a network: the data and weights of the transfer learning course (tl_course {__version__}).
Inside: {", ".join(asset.name for asset in carried)}; {megabytes(size)}. bundle.json lists every file and its sha256.

When the wifi dies, on each machine:
  1. Copy this zip or folder to it, and the course's own folder (the clone) if it is not there yet.
  2. In a terminal, in the course's folder:   .venv/bin/tl-course fetch --from PATH/OF/THIS/BUNDLE
     (on Windows .venv\\Scripts\\tl-course). Every file is checked; what is right already is left alone.
  3. Then:                                    .venv/bin/tl-course start
  4. There is no .venv in the course's folder? {install}
  5. CIFAR-10 is not in here: it carries no licence and is never passed on. Lessons then use MNIST-M and say so.
     A copy that you have comes in with:       .venv/bin/tl-course fetch cifar10 --from COPY
  6. Anything else that is wrong:             .venv/bin/tl-course doctor
"""


def _licences(carried: list[Asset]) -> str:
    lines = ["Whose files these are. The course's own licences do not cover them.", ""]
    for asset in carried:
        lines += [asset.title, f"  in:      assets/{asset.name}", f"  licence: {asset.licence}"]
        lines += [f"  from:    {asset.homepage}", ""]
    if silent := _without_licence(carried):
        lines += [f"No licence is stated for {silent}: keep this bundle within your class, and publish it nowhere.", ""]
    return "\n".join(lines)


def _without_licence(carried: list[Asset]) -> str:
    return ", ".join(asset.name for asset in carried if not asset.licence_stated)


def _left_out(asset: Asset) -> str:
    return (
        f"{asset.name} is left out: it carries no licence and is never passed on; everybody fetches it alone "
        f"(`tl-course fetch {asset.name}`) or brings a copy."
    )


def _sizes(carried: list[Asset], members: list[Member], total: int, out: Path) -> Iterator[str]:
    """Yield what is about to be written, line by line."""
    for asset in carried:
        size = sum(member.size for member in members if member.name.startswith(f"assets/{asset.name}/"))
        yield f"{asset.name:<20} {megabytes(size):>8}   licence: {asset.licence}"
    if wheels := sum(member.size for member in members if member.name.startswith("wheels/")):
        yield f"{'Python packages':<20} {megabytes(wheels):>8}   licences: in each of them"
    yield f"{'in all':<20} {megabytes(total):>8}   {megabytes(store.free_bytes(out.absolute().parent))} free there"
    if silent := _without_licence(carried):
        yield f"No licence is stated for {silent}: keep the bundle within your class."


# --- writing ------------------------------------------------------------------------------------------------------


def _is_zip(out: Path) -> bool:
    return out.suffix.lower() == ".zip"


def _scratch(out: Path) -> Path:
    """Where a bundle grows, on the same file system as its final place."""
    return out.absolute().with_name(f".{out.name}.unfinished")


def _unseen(count: int) -> None:
    """Advance no bar: what the bundle says about itself is not counted."""


def _listing(names: list[str], members: list[Member], digests: list[str]) -> Member:
    from tl_course import __version__

    files = {
        member.name: {"size": member.size, "sha256": digest} for member, digest in zip(members, digests, strict=True)
    }
    content = {"format": FORMAT, "course": __version__, "assets": names, "files": files}
    text = (json.dumps(content, indent=1) + "\n").encode()
    return Member(LISTING, len(text), text)


def _write_zip(members: list[Member], names: list[str], out: Path, advance: Callable) -> None:
    scratch = _scratch(out)
    try:
        # stored, not deflated: weights do not get smaller, and a damaged stick then damages one file
        with scratch.open("wb") as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
            digests = [_put_member(archive, member, advance) for member in members]
            _put_member(archive, _listing(names, members, digests), _unseen)
        _to_disk(scratch)
        scratch.replace(out)
    finally:
        scratch.unlink(missing_ok=True)


def _put_member(archive: zipfile.ZipFile, member: Member, advance: Callable) -> str:
    entry = zipfile.ZipInfo(member.name)  # dated 1980, so that equal contents give equal bytes
    entry.file_size, entry.external_attr = member.size, 0o644 << 16
    with archive.open(entry, "w") as target:
        return member.copy(target, advance)


def _write_folder(members: list[Member], names: list[str], out: Path, advance: Callable) -> None:
    """Fill a folder beside ``out`` and rename it; one that an interruption left is taken up again."""
    scratch, old = _scratch(out), out.absolute().with_name(f".{out.name}.old")
    digests = [_put_file(scratch / member.name, member, advance) for member in members]
    _put_file(scratch / LISTING, _listing(names, members, digests), _unseen)
    expected = {scratch / name for name in (*(member.name for member in members), LISTING)}
    for path in [path for path in scratch.rglob("*") if path.is_file() and path not in expected]:
        path.unlink()  # from an attempt with other contents
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    scratch.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _put_file(target: Path, member: Member, advance: Callable) -> str:
    """Write one file whole or not at all; what lies there right is left alone."""
    if member.sha256 and store.has_content(target, File(member.name, member.sha256, member.size)):
        advance(member.size)
        return member.sha256
    part = target.with_name(f".{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("wb") as stream:
            digest = member.copy(stream, advance)
        _to_disk(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return digest


def _to_disk(path: Path) -> None:
    """Wait until the bytes are on the stick and not only on their way: it is pulled out soon after."""
    with path.open("r+b") as stream:
        os.fsync(stream.fileno())


def _check_room(out: Path, total: int) -> None:
    there = sum(path.stat().st_size for path in _scratch(out).rglob("*") if path.is_file())  # from an interruption
    if store.free_bytes(out.absolute().parent) + there < total:
        raise _full(out, total)


def _full(out: Path, total: int) -> AssetError:
    free = megabytes(store.free_bytes(out.absolute().parent))
    return AssetError(
        f"The disk of {out} is full ({free} free; the bundle takes {megabytes(total)}): make room, or give another "
        "--out."
    )


@contextlib.contextmanager
def _explained(out: Path, total: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _full(out, total) from error
        if error.errno == errno.EFBIG:
            raise AssetError(
                f"The disk of {out} takes no file of {megabytes(total)} (FAT32 ends at 4 GB): give a folder as --out."
            ) from error
        raise AssetError(f"{out} cannot be written ({error.strerror}); give another --out.") from error
