"""A copy of CIFAR-10 that somebody has comes into the cache, whatever its form; and its sources, however they fail."""

import hashlib
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from cifar10_copies import FORMS, form, made_up_pixels, write_images, write_parquet, write_tar
from PIL import Image
from serving import asset_of, file_of, leftovers, right, silent, url_source

import tl_course as tl
from tl_course import assets, environment
from tl_course.app import doctor
from tl_course.assets import AssetError, Source, fetch, fetching, local_cifar10, registry, sources, store

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


@pytest.fixture
def published(monkeypatch, tmp_path, pixels, server):
    """CIFAR-10 as the registry has it, but small, with its hub and its original host on a server of this machine."""
    write_parquet(tmp_path / "hub", pixels)
    form("tar of batches", tmp_path, pixels)
    hub = {file.name: file.read_bytes() for file in (tmp_path / "hub").iterdir()}
    tar = (tmp_path / "copy" / "cifar-10-python.tar.gz").read_bytes()
    server.files = {f"hub/{name}": content for name, content in hub.items()}
    server.files["kriz/cifar-10-python.tar.gz"] = tar
    asset = replace(
        asset_of(hub, url_source(server, "hub/"), name="cifar10"),
        alternative=(file_of("cifar-10-python.tar.gz", tar),),
        local="local_cifar10",
    )
    host = Source("url", {"base": server.url + "kriz/", "carries": "alternative"})
    asset = replace(asset, sources=(*asset.sources, host))
    for module in (fetching, assets):
        monkeypatch.setattr(module, "registry", lambda: {"cifar10": asset})
    return asset


def test_the_registry_tries_the_hub_first_and_the_original_host_last():
    assert [source.kind for source in CIFAR10.sources] == ["hub", "url"]
    assert CIFAR10.sources[-1].carries_alternative
    assert [file.name for file in CIFAR10.alternative] == ["cifar-10-python.tar.gz"]


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
    assert hashlib.sha256(tar.read_bytes()).hexdigest() == published.alternative[0].sha256
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
