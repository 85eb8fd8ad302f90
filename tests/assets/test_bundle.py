"""Bundles: packed here, taken there, whole or not at all, and one sentence where it cannot be."""

import errno
import json
import os
import signal
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from draws import seeds
from serving import Server, asset_of, contents, leftovers, only_index, registry_file, right, silent, url_source, wheel

import tl_course.assets
from tl_course import environment
from tl_course.app import cli, course, wheels
from tl_course.assets import AssetError, bundle, fetch, fetching, for_profile, registry, store
from tl_course.assets.bundle import check_target, held, pack

pytestmark = pytest.mark.integration
SEEDS = seeds(3)


@pytest.fixture
def known(monkeypatch, tmp_path):
    """Two small assets and one that is never passed on, in a cache; the server they came from is gone."""
    return _known(0, monkeypatch, tmp_path)


def _known(seed, monkeypatch, tmp_path):
    with Server() as server:
        parts = {
            "a": contents(seed, {"a.bin": 40_000, "a.json": 70}),
            "b": contents(seed + 50, {"b.bin": 3_000_000}),
        }
        for part in parts.values():
            server.files |= part
        registry_ = {name: asset_of(part, url_source(server), name=name) for name, part in parts.items()}
        fetch(registry_.values(), cache=environment.cache_dir(), say=silent)
    registry_["cifar10"] = replace(asset_of(contents(3), name="cifar10"), redistribute=False)
    for module in (cli, fetching, bundle, tl_course.assets):
        monkeypatch.setattr(module, "registry", lambda: registry_)
    monkeypatch.setattr(cli, "for_profile", lambda profile: [registry_["a"], registry_["b"]])
    return registry_


def elsewhere(monkeypatch, tmp_path) -> Path:
    """Go to another machine: an empty cache, and no server."""
    cache = tmp_path / "elsewhere"
    monkeypatch.setenv("TL_CACHE", str(cache))
    return cache


def names_in(place: Path) -> set[str]:
    if place.is_dir():
        return {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    return set(zipfile.ZipFile(place).namelist())


INSIDE = {"README.txt", "LICENCES.txt", "bundle.json", "assets/a/a.bin", "assets/a/a.json", "assets/b/b.bin"}


# --- there and back -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", ["usb.zip", "usb"])
def test_what_is_packed_here_is_right_there(tl, monkeypatch, tmp_path, name, seed):
    known = _known(seed, monkeypatch, tmp_path)
    code, out, _ = tl("bundle", "--out", tmp_path / name)
    assert code == 0
    assert "every file checked" in out
    assert names_in(tmp_path / name) == INSIDE
    cache = elsewhere(monkeypatch, tmp_path)
    code, out, _ = tl("fetch", "--from", tmp_path / name)
    assert code == 0
    assert "a, b: in " in out
    assert all(right(known[each], cache) for each in "ab")
    assert leftovers(cache) == []


def test_a_zip_can_be_unpacked_first(tl, known, monkeypatch, tmp_path):
    tl("bundle", "--out", tmp_path / "usb.zip")
    zipfile.ZipFile(tmp_path / "usb.zip").extractall(tmp_path / "unpacked")
    cache = elsewhere(monkeypatch, tmp_path)
    assert tl("fetch", "--from", tmp_path / "unpacked")[0] == 0
    assert right(known["b"], cache)


def test_nothing_named_takes_all_that_the_bundle_holds(tl, known, monkeypatch, tmp_path):
    tl("bundle", "b", "--out", tmp_path / "usb.zip")
    cache = elsewhere(monkeypatch, tmp_path)
    assert tl("fetch", "--from", tmp_path / "usb.zip")[0] == 0
    assert right(known["b"], cache)
    assert not right(known["a"], cache)
    # a profile that is named is what is wanted, and what the bundle lacks is told with the way to it
    monkeypatch.setenv("TL_PROFILE", "mini")
    code, _, err = tl("fetch", "--from", tmp_path / "usb.zip")
    assert code == 2
    assert "Missing a (" in err
    assert "leave out --from to download" in err


def test_sizes_and_licences_are_said_before_and_stand_inside(known, tmp_path):
    said = []
    size = pack([known["a"], known["b"]], tmp_path / "usb.zip", say=said.append)
    assert [line.split()[:3] for line in said[:2]] == [["a", "0.04", "MB"], ["b", "3", "MB"]]
    assert all("licence: MIT" in line for line in said[:2])
    assert "in all" in said[2]
    assert "free there" in said[2]
    with zipfile.ZipFile(tmp_path / "usb.zip") as opened:
        assert "licence: MIT" in opened.read("LICENCES.txt").decode()
        listing = json.loads(opened.read("bundle.json"))
        members = [entry for entry in opened.infolist() if entry.filename != "bundle.json"]
    assert listing["assets"] == ["a", "b"]
    assert {entry.filename: entry.file_size for entry in members} == {
        name: file["size"] for name, file in listing["files"].items()
    }
    assert sum(entry.file_size for entry in members) == size
    assert listing["files"]["assets/b/b.bin"]["sha256"] == known["b"].files[0].sha256


def test_the_readme_says_in_ten_lines_what_to_do(known, tmp_path):
    pack([known["a"]], tmp_path / "usb.zip", say=silent)
    text = zipfile.ZipFile(tmp_path / "usb.zip").read("README.txt").decode()
    steps = text.partition("When the wifi dies")[2].splitlines()[1:]
    assert 0 < len(steps) <= 10
    assert all(len(line) <= 130 for line in text.splitlines())
    for needed in ("tl-course fetch --from", "tl-course start", "CIFAR-10 is not in here", "--wheels"):
        assert needed in text


def test_equal_contents_give_equal_bytes(known, tmp_path):
    for name in ("x.zip", "y.zip"):
        pack([known["a"]], tmp_path / name, say=silent)
    assert (tmp_path / "x.zip").read_bytes() == (tmp_path / "y.zip").read_bytes()


def test_what_no_licence_is_stated_for_is_to_stay_within_the_class(known, tmp_path):
    said = []
    pack([replace(known["a"], licence="no word on it", licence_stated=False)], tmp_path / "usb.zip", say=said.append)
    assert said[-1] == "No licence is stated for a: keep the bundle within your class."
    assert "publish it nowhere" in zipfile.ZipFile(tmp_path / "usb.zip").read("LICENCES.txt").decode()


@pytest.mark.parametrize("name", ["usb.zip", "usb"])
def test_cifar10_is_left_out_and_that_is_one_sentence(tl, known, tmp_path, name):
    folder = environment.cache_dir() / "cifar10"
    folder.mkdir()
    (folder / "brought.safetensors").write_bytes(b"somebody's own copy")
    code, out, _ = tl("bundle", "a", "cifar10", "--out", tmp_path / name)
    assert code == 0
    [line] = [line for line in out.splitlines() if line.startswith("cifar10 is left out")]
    assert line.endswith(".")
    assert not any("cifar10" in member for member in names_in(tmp_path / name))
    code, _, err = tl("bundle", "cifar10", "--out", tmp_path / f"only-{name}")
    assert code == 2
    assert "never passed on" in err
    assert not (tmp_path / f"only-{name}").exists()


def test_the_real_registry_keeps_cifar10_and_nothing_else_out_of_bundles():
    assert [asset.name for asset in registry().values() if not asset.redistribute] == ["cifar10"]


# --- nothing is lost, nothing is half -----------------------------------------------------------------------------


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.endswith((".unfinished", ".old"))]


def test_a_zip_that_is_there_is_replaced_only_with_force(tl, known, tmp_path):
    out = tmp_path / "usb.zip"
    out.write_bytes(b"holiday pictures")
    code, _, err = tl("bundle", "--out", out)
    assert code == 2
    assert "is there already" in err
    assert out.read_bytes() == b"holiday pictures"
    assert tl("bundle", "--out", out, "--force")[0] == 0
    assert names_in(out) == INSIDE


def test_a_folder_is_replaced_only_with_force_and_only_if_it_is_a_bundle(tl, known, tmp_path):
    out = tmp_path / "usb"
    out.mkdir()
    (out / "thesis.tex").write_text("years of work")
    for options in ([], ["--force"]):
        code, _, err = tl("bundle", "--out", out, *options)
        assert code == 2
        assert err.count("\n") == 1
    assert (out / "thesis.tex").is_file()
    (out / "thesis.tex").unlink()
    out.rmdir()
    assert tl("bundle", "a", "--out", out)[0] == 0
    assert tl("bundle", "b", "--out", out)[0] == 2
    assert tl("bundle", "b", "--out", out, "--force")[0] == 0
    assert {name for name in names_in(out) if name.startswith("assets")} == {"assets/b/b.bin"}
    assert unfinished(tmp_path) == []


def test_a_folder_where_the_zip_belongs_is_never_replaced(known, tmp_path):
    (tmp_path / "usb.zip").mkdir()
    with pytest.raises(AssetError, match="is no bundle"):
        check_target(tmp_path / "usb.zip", force=True)


def test_a_stick_that_is_not_plugged_in(tl, known, tmp_path):
    code, _, err = tl("bundle", "--out", tmp_path / "stick" / "usb.zip")
    assert code == 2
    assert "is the stick plugged in?" in err
    assert not (tmp_path / "stick").exists()


@pytest.mark.parametrize("name", ["usb.zip", "usb"])
def test_an_interruption_leaves_no_half_bundle_and_the_next_try_succeeds(known, tmp_path, monkeypatch, name):
    out, copy = tmp_path / name, bundle.Member.copy
    copied = []

    def interrupted(member, target, advance):
        if member.name == "assets/b/b.bin":
            target.write(b"half")
            raise KeyboardInterrupt
        copied.append(member.name)
        return copy(member, target, advance)

    monkeypatch.setattr(bundle.Member, "copy", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack([known["a"], known["b"]], out, say=silent)
    assert not out.exists()
    assert (unfinished(tmp_path) == []) == (name == "usb.zip")
    again = []
    monkeypatch.setattr(bundle.Member, "copy", lambda member, *rest: again.append(member.name) or copy(member, *rest))
    pack([known["a"], known["b"]], out, say=silent)
    assert names_in(out) == INSIDE
    assert unfinished(tmp_path) == []
    # a folder is taken up where it was left
    assert ("assets/a/a.bin" in again) == (name == "usb.zip")


def test_a_folder_taken_up_with_other_contents_carries_nothing_of_the_first(known, tmp_path):
    stale = tmp_path / ".usb.unfinished" / "assets" / "a"
    stale.mkdir(parents=True)
    (stale / "a.bin").write_bytes(b"of another attempt")
    pack([known["b"]], tmp_path / "usb", say=silent)
    assert names_in(tmp_path / "usb") == {name for name in INSIDE if "assets/a" not in name}


PACK = """
import sys
from pathlib import Path
from tl_course.assets import bundle, registry
real = bundle.Member.copy
def slow(member, target, advance):
    if member.name.startswith("assets"):
        target.write(b"half")
        print("halfway", flush=True)
        sys.stdin.read()
    return real(member, target, advance)
bundle.Member.copy = slow
from tl_course.app import cli
cli.registry = lambda: known
known = registry(Path(sys.argv.pop(1)))
cli.main()
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_real_ctrl_c_and_a_kill(known, tmp_path, how):
    file = registry_file(tmp_path / "registry.toml", known["a"], known["b"])
    out = tmp_path / "usb.zip"
    command = [sys.executable, "-c", PACK, str(file), "bundle", "--all", "--out", str(out)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while process.stdout.readline() != "halfway\n":
        assert process.poll() is None, process.stderr.read()
    process.send_signal(how)
    _, err = process.communicate(timeout=30)
    assert not out.exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "Traceback" not in err
        assert unfinished(tmp_path) == []
    pack([known["a"], known["b"]], out, say=silent)
    assert names_in(out) == INSIDE
    assert unfinished(tmp_path) == []


# --- errors -------------------------------------------------------------------------------------------------------


def test_what_the_cache_lacks_and_nobody_has_is_told(known, tmp_path, monkeypatch):
    (environment.cache_dir() / "b" / "b.bin").unlink()
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(AssetError, match=r"Missing b \(3 MB\).*connect this machine and run `tl-course fetch b`"):
        pack(known.values(), tmp_path / "usb.zip", say=silent)
    assert list(tmp_path.glob("*usb*")) == []


def test_a_damaged_file_of_the_cache_is_never_packed(known, tmp_path, monkeypatch):
    path = environment.cache_dir() / "b" / "b.bin"
    path.write_bytes(bytes(path.stat().st_size))
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(AssetError, match="Missing b"):
        pack([known["b"]], tmp_path / "usb.zip", say=silent)


def test_a_file_that_changes_while_it_is_packed(known, tmp_path, monkeypatch):
    size = known["b"].files[0].size
    monkeypatch.setattr(
        bundle, "_check_room", lambda *_: (environment.cache_dir() / "b/b.bin").write_bytes(bytes(size))
    )
    with pytest.raises(AssetError, match=r"b\.bin changed while it was being packed"):
        pack([known["b"]], tmp_path / "usb.zip", say=silent)
    assert list(tmp_path.glob("*usb*")) == []


@pytest.mark.parametrize("name", ["usb.zip", "usb"])
def test_a_disk_with_too_little_room_is_told_before(known, tmp_path, monkeypatch, name):
    monkeypatch.setattr(store, "free_bytes", lambda path: 10_000)
    with pytest.raises(AssetError, match=r"is full \(0\.01 MB free; the bundle takes 3 MB\): make room") as caught:
        pack([known["b"]], tmp_path / name, say=silent)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.glob("*usb*")) == []


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EFBIG, "FAT32 ends at 4 GB"),
        (errno.EROFS, r"cannot be written \(Read-only"),
    ],
)
@pytest.mark.parametrize("name", ["usb.zip", "usb"])
def test_a_disk_that_does_not_take_it(known, tmp_path, monkeypatch, name, number, message):
    def refuse(member, target, advance):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(bundle.Member, "copy", refuse)
    with pytest.raises(AssetError, match=message) as caught:
        pack([known["b"]], tmp_path / name, say=silent)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / name).exists()


@pytest.mark.root
def test_a_stick_that_is_really_full(known, tmp_path):
    stick = tmp_path / "stick"
    stick.mkdir()
    file = registry_file(tmp_path / "registry.toml", known["a"], known["b"])
    code = (
        "import sys; from pathlib import Path; from tl_course.assets import AssetError, bundle, registry\n"
        "bundle._check_room = lambda *_: None\n"
        "try: bundle.pack(registry(Path(sys.argv[1])).values(), Path(sys.argv[2]), say=print)\n"
        "except AssetError as error: print('AssetError:', error)\n"
    )
    listing = f"find {stick} -mindepth 1"
    script = f'mount -t tmpfs -o size=1m none {stick} && "$@" && {listing}'
    command = [sys.executable, "-c", code, str(file), str(stick / "usb.zip")]
    ended = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", *command], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.splitlines()[-1].startswith("AssetError: The disk of"), ended.stdout


@pytest.mark.root
@pytest.mark.assets
@pytest.mark.full
def test_a_lesson_runs_from_a_bundle_where_there_is_no_network(tmp_path):
    """An empty cache, the bundle, and nothing but loopback, without which no kernel starts."""
    pack(for_profile("mini"), tmp_path / "usb.zip", say=silent)
    tl = f"{sys.executable} -m tl_course.app.cli"
    script = (
        f"set -e; ip link set lo up; {tl} fetch --from usb.zip; {tl} run 00 --out done; "
        f"{sys.executable} -c \"import socket; socket.create_connection(('192.0.2.1', 80), 3)\" || echo alone"
    )
    env = {**os.environ, "TL_CACHE": str(tmp_path / "elsewhere"), "PYTHONPATH": str(course.root())}
    command = ["unshare", "-n", "sh", "-c", script]
    ended = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "passed" in ended.stdout
    assert ended.stdout.endswith("alone\n")
    assert [path.name for path in (tmp_path / "done").glob("*.ipynb")] == ["00_start_here.ipynb"]


# --- taking one up that is not right --------------------------------------------------------------------------------


def damaged(place: Path, name: str) -> None:
    """Flip a bit in the middle of a member."""
    with zipfile.ZipFile(place) as opened:
        start = opened.getinfo(name).header_offset
    content = bytearray(place.read_bytes())
    content[start + 30 + len(name) + 20] ^= 1
    place.write_bytes(content)


def test_a_damaged_member_is_named_and_the_others_are_taken(tl, known, monkeypatch, tmp_path):
    tl("bundle", "--out", tmp_path / "usb.zip")
    damaged(tmp_path / "usb.zip", "assets/b/b.bin")
    cache = elsewhere(monkeypatch, tmp_path)
    code, _, err = tl("fetch", "--from", tmp_path / "usb.zip")
    assert code == 2
    assert "assets/b/b.bin in usb.zip is damaged" in err
    assert err.count("\n") == 1
    assert right(known["a"], cache)
    assert not (cache / "b" / "b.bin").exists()


def test_a_damaged_member_does_not_hide_a_right_one(tl, known, monkeypatch, tmp_path):
    tl("bundle", "--out", tmp_path / "usb.zip")
    with zipfile.ZipFile(tmp_path / "usb.zip", "a") as opened:
        opened.write(environment.cache_dir() / "b" / "b.bin", "another/b.bin")
    damaged(tmp_path / "usb.zip", "assets/b/b.bin")
    cache = elsewhere(monkeypatch, tmp_path)
    assert tl("fetch", "--from", tmp_path / "usb.zip")[0] == 0
    assert right(known["b"], cache)


def test_a_damaged_file_in_a_folder_is_named(tl, known, monkeypatch, tmp_path):
    tl("bundle", "--out", tmp_path / "usb")
    path = tmp_path / "usb" / "assets" / "b" / "b.bin"
    path.write_bytes(bytes(path.stat().st_size))
    elsewhere(monkeypatch, tmp_path)
    code, _, err = tl("fetch", "--from", tmp_path / "usb")
    assert code == 2
    assert "wrong bytes for b.bin" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a zip at all", "is no zip, or only a part of one; copy it again."),
        (None, "is no zip, or only a part of one; copy it again."),
    ],
    ids=["something else", "cut off"],
)
def test_what_is_no_zip_is_one_sentence(tl, known, monkeypatch, tmp_path, content, message):
    tl("bundle", "--out", tmp_path / "usb.zip")
    whole = (tmp_path / "usb.zip").read_bytes()
    (tmp_path / "usb.zip").write_bytes(content or whole[: len(whole) // 2])
    cache = elsewhere(monkeypatch, tmp_path)
    code, _, err = tl("fetch", "--from", tmp_path / "usb.zip")
    assert (code, err.strip()) == (2, f"{tmp_path / 'usb.zip'} {message}")
    assert not cache.exists()


@pytest.mark.parametrize("listing", [b"", b"[1]", b'{"assets": 3}', b'{"assets": ["never heard of"]}'])
def test_a_bundle_whose_own_listing_is_damaged_is_taken_by_hashes(tl, known, monkeypatch, tmp_path, listing):
    tl("bundle", "--out", tmp_path / "usb")
    (tmp_path / "usb" / "bundle.json").write_bytes(listing)
    assert held(tmp_path / "usb") == []
    cache = elsewhere(monkeypatch, tmp_path)
    assert tl("fetch", "--from", tmp_path / "usb")[0] == 0
    assert right(known["a"], cache)


def test_a_fetch_that_was_interrupted_is_taken_up(tl, known, monkeypatch, tmp_path):
    tl("bundle", "--out", tmp_path / "usb.zip")
    cache = elsewhere(monkeypatch, tmp_path)
    tl("fetch", "a", "--from", tmp_path / "usb.zip")
    before = (cache / "a" / "a.bin").stat().st_mtime_ns
    assert tl("fetch", "--from", tmp_path / "usb.zip")[0] == 0
    assert (cache / "a" / "a.bin").stat().st_mtime_ns == before
    assert right(known["b"], cache)


# --- the Python packages ------------------------------------------------------------------------------------------


PROJECT = '[build-system]\nrequires = []\n[project]\ndependencies = ["tiny-carrier>=1.0"]\n'


@pytest.fixture
def index(monkeypatch, clone):
    """A package index with one package, and a course that needs it."""
    (clone / "pyproject.toml").write_text(PROJECT)
    (clone / "constraints.txt").write_text("tiny-carrier==1.0\n")
    with Server() as server:
        server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", wheel({"x": b"1"}))
        server.as_index(monkeypatch)
        yield server


@pytest.mark.full
def test_the_packages_come_along_and_are_downloaded_once(tl, known, tmp_path, index):
    for name in ("x.zip", "y.zip"):
        code, out, _ = tl("bundle", "a", "--wheels", "--out", tmp_path / name)
        assert code == 0
        assert "Python packages" in out
    assert "wheels/tiny_carrier-1.0-py3-none-any.whl" in names_in(tmp_path / "x.zip")
    assert "pip install --no-index --find-links" in zipfile.ZipFile(tmp_path / "x.zip").read("README.txt").decode()
    assert index.requests.count("files/tiny_carrier-1.0-py3-none-any.whl") == 1


def test_packages_that_cannot_be_had_are_one_sentence_after_pips_own(tl, known, tmp_path, clone, monkeypatch):
    (clone / "pyproject.toml").write_text(PROJECT)
    (clone / "constraints.txt").write_text("")
    with Server() as server:
        only_index(monkeypatch, server.url + "simple")
        code, _, err = tl("bundle", "a", "--wheels", "--out", tmp_path / "usb.zip")
    assert code == 2
    assert "pip could not download the packages" in err
    assert not (tmp_path / "usb.zip").exists()


def test_packages_are_not_downloaded_offline(tl, known, tmp_path, index, monkeypatch):
    monkeypatch.setenv("TL_OFFLINE", "1")
    code, _, err = tl("bundle", "a", "--wheels", "--out", tmp_path / "usb.zip")
    assert code == 2
    assert "TL_OFFLINE" in err
    assert "--wheels" in err
    assert not index.requests
    assert not (tmp_path / "usb.zip").exists()


def test_other_pins_make_another_folder(clone, monkeypatch):
    monkeypatch.setattr(subprocess, "call", lambda command: 0)
    (clone / "pyproject.toml").write_text(PROJECT)
    (clone / "constraints.txt").write_text("tiny-carrier==1.0\n")
    first = wheels.download(silent)
    (clone / "constraints.txt").write_text("tiny-carrier==1.1\n")
    assert wheels.download(silent) != first
    assert first.parent == course.root() / "build"
