"""Fetching as it should go: every source, conversion, what somebody brought along, and what users are told."""

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading

import pytest
from serving import (
    Server,
    asset_of,
    child,
    contents,
    file_of,
    index_source,
    leftovers,
    registry_file,
    right,
    sdist,
    silent,
    url_source,
    wheel,
    zip_of,
)

from tl_course import assets, environment
from tl_course.assets import Asset, AssetError, Source, fetch, fetching, registry, sources
from tl_course.assets.convert import CONVERTERS
from tl_course.assets.registry import Original

# --- the registry -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asset", registry().values(), ids=lambda asset: asset.name)
def test_the_registry_is_complete_and_consistent(asset):
    assert asset.title
    assert asset.licence
    assert asset.homepage.startswith("https://")
    assert set(asset.profiles) <= set(environment.PROFILES)
    assert asset.profiles
    assert asset.sources
    assert all(source.kind in sources.KINDS and str(source) for source in asset.sources)
    every = [file for form in asset.forms for file in form]
    assert len({file.name for file in every}) == len(every) > 0
    assert {source.carries for source in asset.sources if source.carries} == set(asset.alternatives)
    assert bool(asset.without) == bool(asset.optional_for)
    assert not asset.local or importlib.util.find_spec(f"tl_course.assets.{asset.local}")
    for file in every:
        for form in (file, file.published):
            assert len(form.sha256) == 64
            assert int(form.sha256, 16) > 0
            assert form.size > 0
        assert file.original is None or file.original.converter in CONVERTERS
    for source in asset.sources:
        if source.kind == "index":
            assert "==" in source.options["package"]
            assert source.options["form"] in {"wheel", "sdist"}
        if source.kind == "hub":
            assert len(source.options["revision"]) == 40


def test_the_mini_profile_stays_near_the_size_the_readme_promises():
    assert sum(asset.size for asset in assets.for_profile("mini")) < 120e6


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match=r"'bert-large'.*minilm"):
        assets.get("bert-large")


# --- the web ------------------------------------------------------------------------------------------------------


def test_get_fetches_once_and_then_needs_no_server(server, cache, monkeypatch):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    monkeypatch.setattr(fetching, "registry", lambda: {"tiny": asset})
    monkeypatch.setenv("TL_CACHE", str(cache))
    assert assets.get("tiny") == cache / "tiny"
    assert assets.get("tiny") == cache / "tiny"
    assert right(asset, cache)
    assert sorted(server.requests) == sorted(server.files)
    assert leftovers(cache) == []


def test_what_is_right_is_not_downloaded_again(server, cache):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    fetch([asset], cache=cache, say=silent)
    (cache / "tiny" / "vocab.txt").unlink()
    server.requests.clear()
    fetch([asset], cache=cache, say=silent)
    assert server.requests == ["vocab.txt"]
    assert right(asset, cache)


def test_size_and_licence_are_said_before_a_download(server, cache):
    server.files = contents()
    said = []
    fetch([asset_of(server.files, url_source(server))], cache=cache, say=said.append)
    assert said == ["A tiny thing: 0.005 MB, licence MIT"]


def test_the_next_source_is_tried_for_what_the_first_lacks(server, cache):
    files = contents()
    server.files = {"a/model.bin": files["model.bin"], **{f"b/{name}": content for name, content in files.items()}}
    asset = asset_of(files, url_source(server, "a/"), url_source(server, "b/"))
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (b"<html>Please log in</html>", "wrong bytes for model.bin"),
        (b"", "wrong bytes"),
        (500, "answered 500"),
        (404, "answered 404"),
        ("drop", "broke off while model.bin"),
    ],
)
def test_a_mirror_that_fails_is_named_with_its_reason_and_the_next_one_is_used(server, cache, wrong, reason):
    files = contents(sizes={"model.bin": 3000})
    server.files = {"a/model.bin": files["model.bin"], "b/model.bin": files["model.bin"]}
    server.faults = {"a/model.bin": wrong}
    alone = asset_of(files, url_source(server, "a/"))
    with pytest.raises(AssetError, match=reason):
        fetch([alone], cache=cache, say=silent)
    assert not (cache / "tiny" / "model.bin").exists()
    both = asset_of(files, url_source(server, "a/"), url_source(server, "b/"))
    fetch([both], cache=cache, say=silent)
    assert right(both, cache)
    assert leftovers(cache) == []


def test_a_server_that_never_stops_sending_does_not_fill_the_disk(server, cache, monkeypatch):
    files = contents(sizes={"model.bin": 3000})
    server.faults = {"model.bin": bytes(20_000_000)}
    written = []
    accept = fetching._accept
    monkeypatch.setattr(
        fetching,
        "_accept",
        lambda file, staged, *rest: written.append(staged[file.name].stat().st_size) or accept(file, staged, *rest),
    )
    with pytest.raises(AssetError, match="wrong bytes"):
        fetch([asset_of(files, url_source(server))], cache=cache, say=silent)
    assert written[0] < 1_000_000


def test_one_failing_asset_does_not_stop_the_others_and_all_are_told_in_one_sentence(server, cache):
    files = contents(sizes={"a.bin": 100, "b.bin": 200, "c.bin": 300})
    server.files = {"b.bin": files["b.bin"]}
    tiny = [asset_of({f"{n}.bin": files[f"{n}.bin"]}, url_source(server), name=n) for n in "abc"]
    with pytest.raises(AssetError) as caught:
        fetch(tiny, cache=cache, say=silent)
    assert [right(asset, cache) for asset in tiny] == [False, True, False]
    message = str(caught.value)
    assert "\n" not in message
    assert "a (" in message
    assert "c (" in message
    assert "`tl-course fetch a c`" in message


def test_offline_is_obeyed_and_said(server, cache, monkeypatch):
    server.files = contents()
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(AssetError, match=r"tiny \(0.005 MB\).*offline by your setting \(TL_OFFLINE"):
        fetch([asset_of(server.files, url_source(server), index_source())], cache=cache, say=silent)
    assert server.requests == []


def test_offline_still_hands_out_what_is_cached(server, cache, monkeypatch):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    fetch([asset], cache=cache, say=silent)
    monkeypatch.setenv("TL_OFFLINE", "1")
    fetch([asset], cache=cache, say=silent)


# --- the package index --------------------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize("form", ["wheel", "sdist"])
def test_a_distribution_on_the_users_own_index(server, cache, monkeypatch, form):
    files = contents()
    name = "tiny_carrier-1.0-py3-none-any.whl" if form == "wheel" else "tiny_carrier-1.0.tar.gz"
    server.add_distribution("tiny-carrier", name, wheel(files) if form == "wheel" else sdist(files))
    server.as_index(monkeypatch)
    prefix = "tiny_carrier/data/" if form == "wheel" else "tiny_carrier-1.0/tiny_carrier/data/"
    asset = asset_of(files, index_source(form, prefix=prefix))
    # the course's own pins must not keep pip from a distribution that only carries data
    pins = cache.with_name("constraints.txt")
    pins.write_text("tiny-carrier==3.0\n")
    monkeypatch.setenv("PIP_CONSTRAINT", str(pins))
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert leftovers(cache) == []


@pytest.mark.integration
def test_an_index_without_the_distribution_is_told_in_pips_own_words(server, cache, monkeypatch):
    server.as_index(monkeypatch)
    with pytest.raises(AssetError, match=r"package index: No matching distribution found for tiny-carrier==1\.0\)"):
        fetch([asset_of(contents(), index_source())], cache=cache, say=silent)


@pytest.mark.integration
def test_a_wheel_without_the_file_or_with_other_bytes_leads_to_the_next_source(server, cache, monkeypatch):
    files = contents()
    server.files = dict(files)
    carried = {"config.json": files["config.json"], "model.bin": b"another model"}
    server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", wheel(carried))
    server.as_index(monkeypatch)
    asset = asset_of(files, index_source(), url_source(server))
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert sorted(server.requests[-2:]) == ["model.bin", "vocab.txt"]


@pytest.mark.full
def test_an_index_that_answers_slowly_gets_a_second_patient_try(server, cache, monkeypatch):
    files = contents()
    server.add_distribution("tiny-carrier", "tiny_carrier-1.0-py3-none-any.whl", wheel(files))
    server.as_index(monkeypatch)
    server.faults["simple/tiny-carrier/"] = "slow"
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.5)
    tries = []
    run = sources._run_with_bar

    def counted(command, env, *rest):
        tries.append(float(env["PIP_DEFAULT_TIMEOUT"]))
        if len(tries) == 2:
            server.release.set()
        return run(command, env, *rest)

    monkeypatch.setattr(sources, "_run_with_bar", counted)
    asset = asset_of(files, index_source())
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert tries == [0.5, sources.READ_SECONDS]


@pytest.mark.full
def test_an_index_that_never_answers_is_left_alone_for_the_next_asset(server, cache, monkeypatch):
    server.as_index(monkeypatch)
    server.faults = {"simple/tiny-carrier/": "slow", "simple/other/": "slow"}
    monkeypatch.setattr(sources, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(sources, "READ_SECONDS", 0.3)
    files = contents()
    tiny = asset_of(files, index_source())
    other = asset_of(files, index_source(package="other==1.0"), name="other")
    with pytest.raises(AssetError, match=r"tiny .*, other .*answers too slowly"):
        fetch([tiny, other], cache=cache, say=silent)
    assert "simple/other/" not in server.requests


# --- the hub ------------------------------------------------------------------------------------------------------


def hub_server(server: Server, files: dict[str, bytes], revision: str) -> None:
    """Let a server answer as the hub does for a file of a pinned revision."""
    server.files |= {f"someone/tiny/resolve/{revision}/{name}": content for name, content in files.items()}
    handler = server._http.RequestHandlerClass
    get = handler.do_GET

    def send_headers(self):
        body = server.files.get(self.path.lstrip("/"))
        self.send_response(200 if body is not None else 404)
        self.send_header("Content-Length", str(len(body or b"")))
        self.send_header("X-Repo-Commit", revision)
        self.send_header("ETag", f'"{hashlib.sha256(body or b"").hexdigest()}"')
        if body is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.end_headers()

    handler.do_GET, handler.do_HEAD = get, send_headers


@pytest.mark.usual(2)
@pytest.mark.integration
@pytest.mark.parametrize("fault", [None, b"x" * 3000, 500, "drop"], ids=["right", "wrong bytes", "500", "drop"])
def test_the_hub_or_a_mirror_of_it(server, cache, tmp_path, fault):
    files, revision = contents(), "a" * 40
    hub_server(server, files, revision)
    if fault is not None:
        server.faults[f"someone/tiny/resolve/{revision}/model.bin"] = fault
    asset = asset_of(files, Source("hub", {"repo": "someone/tiny", "revision": revision}))
    file = registry_file(tmp_path / "registry.toml", asset)
    elsewhere = {"HF_ENDPOINT": server.url[:-1], "HF_HOME": str(tmp_path / "hf"), "NO_PROXY": "127.0.0.1"}
    env = {**os.environ, **elsewhere}
    ended = subprocess.run(child(file, cache), env=env, capture_output=True, text=True, timeout=60)
    if fault is None:
        assert ended.returncode == 0, ended.stdout + ended.stderr
        assert right(asset, cache)
    else:
        assert ended.returncode == 2, ended.stdout + ended.stderr
        assert "Missing tiny" in ended.stdout
        assert not (cache / "tiny" / "model.bin").exists()
    assert leftovers(cache) == []


# --- PyTorch's cache ----------------------------------------------------------------------------------------------


def test_files_that_torchvision_downloaded_are_copied(cache, tmp_path, monkeypatch):
    files = contents(sizes={"resnet.pth": 500})
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    (folder / "resnet.pth").write_bytes(files["resnet.pth"])
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TL_OFFLINE", "1")
    asset = asset_of(files, Source("torch_cache"))
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert (folder / "resnet.pth").read_bytes() == files["resnet.pth"]


# --- conversion ---------------------------------------------------------------------------------------------------


def converted_asset(server: Server, monkeypatch, converter=None) -> tuple[Asset, bytes]:
    published = b"the published form " * 30
    monkeypatch.setitem(
        CONVERTERS, "upper", converter or (lambda source, to: to.write_bytes(source.read_bytes().upper()) and to)
    )
    original = Original("model.pth", hashlib.sha256(published).hexdigest(), len(published), "upper")
    file = file_of("model.bin", published.upper() + b"", original)
    server.files = {"model.pth": published}
    return Asset("tiny", "A tiny thing", "MIT", "", ("mini",), (file,), (url_source(server),)), published


def test_a_published_file_is_converted_once(server, cache, monkeypatch):
    asset, _ = converted_asset(server, monkeypatch)
    fetch([asset], cache=cache, say=silent)
    fetch([asset], cache=cache, say=silent)
    assert right(asset, cache)
    assert server.requests == ["model.pth"]
    assert os.listdir(cache / "tiny") == ["model.bin"]


def test_a_conversion_with_another_outcome_is_refused(server, cache, monkeypatch):
    asset, _ = converted_asset(server, monkeypatch, lambda source, to: to.write_bytes(b"else") and to)
    with pytest.raises(AssetError, match=r"converting model.pth did not give"):
        fetch([asset], cache=cache, say=silent)
    assert not (cache / "tiny" / "model.bin").exists()


def test_a_wrong_published_file_is_never_converted(server, cache, monkeypatch):
    def never(source, to):
        raise AssertionError("converted")

    asset, published = converted_asset(server, monkeypatch, never)
    server.files["model.pth"] = published.swapcase()
    with pytest.raises(AssetError, match=r"wrong bytes for model.pth"):
        fetch([asset], cache=cache, say=silent)


@pytest.mark.parametrize("form", ["published", "converted"])
def test_from_takes_a_convertible_file_in_either_form(server, cache, tmp_path, monkeypatch, form):
    asset, published = converted_asset(server, monkeypatch)
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought" / "whatever").write_bytes(published if form == "published" else published.upper())
    fetch([asset], place=tmp_path / "brought", cache=cache, say=silent)
    assert right(asset, cache)
    assert server.requests == []


# --- --from -------------------------------------------------------------------------------------------------------


def brought(tmp_path, kind: str, files: dict[str, bytes]):
    """Lay out files in one of the ways in which people carry them from machine to machine."""
    folder = tmp_path / "brought"
    folder.mkdir()
    if kind == "folder":
        for name, content in files.items():
            (folder / name).write_bytes(content)
    elif kind == "renamed":
        for number, content in enumerate(files.values()):
            (folder / f"download ({number})").write_bytes(content)
    elif kind == "copied cache":
        (folder / "tiny").mkdir()
        (folder / "tiny.lock").write_bytes(b"")
        for name, content in files.items():
            (folder / "tiny" / name).write_bytes(content)
    elif kind == "wheels":
        (folder / "Tiny_Carrier-1.0-py3-none-any.whl").write_bytes(wheel(files))
    elif kind == "one wheel":
        (folder / "tiny_carrier-1.0-py3-none-any.whl").write_bytes(wheel(files))
        return folder / "tiny_carrier-1.0-py3-none-any.whl"
    elif kind == "zip":
        (folder / "bundle.zip").write_bytes(zip_of({f"tiny/{name}": content for name, content in files.items()}))
        return folder / "bundle.zip"
    elif kind == "zip of wheels":
        (folder / "bundle.zip").write_bytes(zip_of({"w/tiny_carrier-1.0-py3-none-any.whl": wheel(files)}))
        return folder / "bundle.zip"
    elif kind == "damaged copy first":
        for name, content in files.items():
            for place, written in (("a", content[:-1] + b"\x00"), ("b", content)):
                (folder / place).mkdir(exist_ok=True)
                (folder / place / name).write_bytes(written)
    elif kind == "damaged copy and wheel":
        (folder / "model.bin").write_bytes(bytes(len(files["model.bin"])))
        (folder / "tiny_carrier-1.0-py3-none-any.whl").write_bytes(wheel(files))
    return folder


KINDS = ["folder", "renamed", "copied cache", "wheels", "one wheel", "zip", "zip of wheels", "damaged copy first"]


@pytest.mark.parametrize("kind", [*KINDS, "damaged copy and wheel"])
def test_from_a_folder_or_zip_however_it_was_packed(cache, tmp_path, kind):
    files = contents()
    asset = asset_of(files, index_source())
    fetch([asset], place=brought(tmp_path, kind, files), cache=cache, say=silent)
    assert right(asset, cache)
    assert leftovers(cache) == []


def test_from_an_sdist(cache, tmp_path):
    files = contents()
    asset = asset_of(files, index_source("sdist", prefix="tiny_carrier-1.0/tiny_carrier/data/"))
    (tmp_path / "tiny-carrier-1.0.tar.gz").write_bytes(sdist(files))
    fetch([asset], place=tmp_path, cache=cache, say=silent)
    assert right(asset, cache)


def test_from_a_copy_of_a_whole_cache_leaves_the_copy_as_it_is(server, cache, tmp_path):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    fetch([asset], cache=cache, say=silent)
    shutil.copytree(cache, tmp_path / "copy")
    shutil.rmtree(cache)
    server.requests.clear()
    fetch([asset], place=tmp_path / "copy", cache=cache, say=silent)
    assert right(asset, cache)
    assert right(asset, tmp_path / "copy")
    assert server.requests == []


@pytest.mark.parametrize("kind", ["empty folder", "damaged file", "no zip", "damaged zip", "damaged wheel", "nothing"])
def test_from_something_that_does_not_hold_the_files_is_one_sentence(cache, tmp_path, kind):
    files = contents()
    place = tmp_path / "brought"
    if kind == "nothing":
        expected = "There is no folder or zip at"
    elif kind == "no zip":
        place.write_bytes(b"this is not a zip")
        expected = "does not have model.bin"
    elif kind == "damaged zip":
        packed = bytearray(zip_of(files))
        packed[200] ^= 1  # in the middle of model.bin
        place.write_bytes(packed)
        expected = "damaged"
    else:
        place.mkdir()
        expected = "does not have model.bin"
        if kind == "damaged file":
            (place / "model.bin").write_bytes(bytes(3000))
            expected = "wrong bytes for model.bin"
        if kind == "damaged wheel":
            (place / "tiny_carrier-1.0-py3-none-any.whl").write_bytes(wheel(files)[:2000])
            expected = "damaged"
    with pytest.raises(AssetError, match=expected) as caught:
        fetch([asset_of(files, index_source())], place=place, cache=cache, say=silent)
    assert "\n" not in str(caught.value)
    assert not (cache / "tiny" / "model.bin").exists()


# --- status -------------------------------------------------------------------------------------------------------


def test_status_sees_sizes_and_only_deep_sees_a_flipped_bit(server, cache, monkeypatch):
    monkeypatch.setenv("TL_CACHE", str(cache))
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    assert assets.status(asset) == assets.status(asset, deep=True) == "missing"
    fetch([asset], say=silent)
    assert assets.status(asset) == assets.status(asset, deep=True) == "cached"
    model = cache / "tiny" / "model.bin"
    model.write_bytes(bytes([server.files["model.bin"][0] ^ 1]) + server.files["model.bin"][1:])
    assert (assets.status(asset), assets.status(asset, deep=True)) == ("cached", "damaged")
    model.write_bytes(b"short")
    assert assets.status(asset) == "damaged"
    model.unlink()
    assert assets.status(asset) == "damaged"


# --- two at once --------------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_of_two_processes_one_downloads_and_the_other_waits(server, cache, tmp_path):
    server.files = contents(sizes={"model.bin": 3000})
    server.faults = {"model.bin": "hold"}
    asset = asset_of(server.files, url_source(server))
    command = child(registry_file(tmp_path / "registry.toml", asset), cache)
    first = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.halfway.wait(30)
    second = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert second.stdout.readline() == "Another process is fetching tiny; waiting for it.\n"
    server.release.set()
    assert (first.wait(30), second.wait(30)) == (0, 0)
    assert server.requests == ["model.bin"]
    assert right(asset, cache)
    for process in (first, second):
        process.stdout.close()


def test_many_threads_at_once(server, cache):
    server.files = contents()
    asset = asset_of(server.files, url_source(server))
    failures = []

    def work():
        try:
            fetch([asset], cache=cache, say=silent)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(server.requests) == sorted(server.files)
    assert right(asset, cache)


# --- the real ones ------------------------------------------------------------------------------------------------


@pytest.mark.assets
@pytest.mark.parametrize("name", ["minilm", "efficientnet_lite0", "sentiment"])
def test_the_mini_assets_are_what_the_registry_says(name):
    folder = assets.get(name)
    assert right(registry()[name], folder.parent)


@pytest.mark.assets
def test_minilm_is_a_folder_for_from_pretrained_and_lite0_fits_its_network():
    import timm
    from safetensors import safe_open

    config = json.loads((assets.get("minilm") / "config.json").read_text())
    assert (config["model_type"], config["num_hidden_layers"]) == ("bert", 6)
    names = timm.create_model("tf_efficientnet_lite0").state_dict()
    with safe_open(assets.get("efficientnet_lite0") / "model.safetensors", "pt") as stored:
        assert set(stored.keys()) == set(names)
        assert all(tuple(stored.get_slice(name).get_shape()) == tuple(names[name].shape) for name in names)


@pytest.mark.integration
@pytest.mark.parametrize("damage", ["fewer", "shape"])
def test_the_converter_refuses_other_weights(tmp_path, damage):
    import timm
    import torch

    tensors = {f"x{n}": t for n, t in enumerate(timm.create_model("tf_efficientnet_lite0").state_dict().values())}
    if damage == "fewer":
        tensors.popitem()
    else:
        tensors["x0"] = torch.zeros(1)
    torch.save(tensors, tmp_path / "w.pth")
    with pytest.raises(ValueError, match=r"w\.pth holds 295 tensors" if damage == "fewer" else r"x0 has shape \(1,\)"):
        CONVERTERS["efficientnet_lite0"](tmp_path / "w.pth", tmp_path / "w.safetensors")
    with contextlib.suppress(FileNotFoundError):
        pytest.fail(f"wrote {os.stat(tmp_path / 'w.safetensors').st_size} bytes")


@pytest.mark.integration
def test_importing_assets_loads_neither_torch_nor_the_hub():
    code = "import sys, tl_course.assets; print(*{'torch', 'huggingface_hub', 'requests'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "\n"
