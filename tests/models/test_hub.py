"""Networks of the Hugging Face hub: from its cache without a network, else one sentence; fetched as data alone."""

import backbones
import huggingface_hub
import pytest
import torch
from huggingface_hub import constants, errors

from tl_course import models
from tl_course.assets import AssetError, hub

REPO = "somebody/tiny-bert"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "hub"
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(folder))
    monkeypatch.setenv("TL_OFFLINE", "1")
    return folder


def test_a_cached_encoder_is_taken_without_a_network(cache, tmp_path):
    theirs = backbones.save_encoder(tmp_path / "net")
    backbones.in_cache(cache, REPO, tmp_path / "net", "---\nlicense: apache-2.0\n---\nA network.")
    ours = models.create(REPO, weights="pretrained", num_classes=3)
    assert (ours.spec.name, ours.spec.weights, ours.spec.licence) == (REPO, "pretrained", "apache-2.0")
    inputs = ours.preprocess(["a good film"])
    with torch.no_grad():
        states = theirs(**inputs).last_hidden_state
        torch.testing.assert_close(models.embed(ours, inputs), states.mean(1), rtol=1e-4, atol=1e-5)


def test_cached_weights_of_timm_are_taken_without_settings_beside_them(cache, tmp_path):
    theirs = backbones.save_timm(tmp_path / "net", "test_resnet")
    (tmp_path / "net" / "config.json").unlink()  # what timm itself leaves in the cache
    backbones.in_cache(cache, "timm/test_resnet.r160_in1k", tmp_path / "net")
    ours = models.create("timm/test_resnet", weights="pretrained")
    assert (ours.spec.name, ours.spec.licence) == ("timm/test_resnet.r160_in1k", "apache-2.0")
    inputs = ours.preprocess(backbones.pictures(160))
    with torch.no_grad():
        torch.testing.assert_close(models.logits(ours, inputs), theirs(inputs), rtol=1e-5, atol=1e-5)


def test_a_cached_network_that_timm_saved_is_taken_by_its_owner_and_name(cache, tmp_path):
    backbones.save_timm(tmp_path / "net", "test_vit")
    backbones.in_cache(cache, "somebody/vit", tmp_path / "net")
    assert models.create("somebody/vit", weights="pretrained").preprocess.size == 160


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "timm/test_resnet",
            r"timm/test_resnet\.r160_in1k \(\d.* MB\) is not in the Hugging Face .*`hf download",
        ),
        ("nobody/net", r"nobody/net is not in the Hugging Face cache .* by your setting .* --model \./FOLDER"),
        ("somebody/tiny-brt", r"\(near it: somebody/tiny-bert\)"),
        ("timm/gcvit_xxtiny.in1k", "has its weights only as a pickle"),
    ],
)
def test_what_is_missing_is_told_in_a_sentence_with_the_way_out(cache, tmp_path, name, told):
    backbones.save_encoder(tmp_path / "net")
    backbones.in_cache(cache, REPO, tmp_path / "net")
    with pytest.raises((AssetError, ValueError), match=told) as caught:
        models.create(name, weights="pretrained")
    assert "\n" not in str(caught.value)


def test_a_cache_with_a_part_names_the_missing_file(cache, tmp_path):
    backbones.save_encoder(tmp_path / "net")
    folder = backbones.in_cache(cache, REPO, tmp_path / "net")
    (folder / "model.safetensors").unlink()
    with pytest.raises(AssetError, match=rf"^model\.safetensors of {REPO} is not in"):
        models.create(REPO, weights="pretrained")
    assert models.create(REPO).spec.weights is None  # random weights need settings and words alone
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"copy of somebody/tiny-bert has its weights only as pytorch_model\.bin"):
        models.create(REPO, weights="pretrained")


# --- fetching: the hub's client is played, since no test needs a network ----------------------------------------------


@pytest.fixture
def served(cache, tmp_path, monkeypatch):
    """A hub that has what lies in a folder, and notes what was asked of it."""
    monkeypatch.delenv("TL_OFFLINE")
    backbones.save_encoder(tmp_path / "net")
    asked = []

    class Api:
        def model_info(self, repo, **options):
            if repo != REPO:
                raise errors.RepositoryNotFoundError("404", response=_response())
            names = [path.name for path in (tmp_path / "net").iterdir()] + ["onnx/model.safetensors", "evil.py"]
            siblings = [huggingface_hub.hf_api.RepoSibling(rfilename=name, size=10) for name in names]
            return type("Info", (), {"siblings": siblings})()

    def download(repo, name, **options):
        asked.append(name)
        return str(tmp_path / "net" / name)

    def snapshot(repo, allow_patterns, **options):
        asked.extend(allow_patterns)
        return str(backbones.in_cache(cache, repo, tmp_path / "net"))

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot)
    return tmp_path / "net", asked


def _response():
    import httpx

    return httpx.Response(404, request=httpx.Request("GET", "http://127.0.0.1"))


def test_what_is_not_cached_is_fetched_and_no_code_with_it(served):
    folder, asked = served
    (folder / "pytorch_model.bin").write_bytes(b"not read")
    assert models.create(REPO, weights="pretrained").spec.name == REPO
    assert set(asked) == {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    asked.clear()
    models.create(REPO, weights="pretrained")
    assert asked == []  # the cache has it now


def test_a_network_of_no_use_is_refused_before_its_weights_are_fetched(served):
    folder, asked = served
    backbones.change(folder / "config.json", model_type="llama", architectures=["LlamaForCausalLM"])
    with pytest.raises(ValueError, match="reads from left to right"):
        models.create(REPO, weights="pretrained")
    assert asked == ["config.json"]


def test_pickles_are_not_fetched(served):
    folder, asked = served
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"has its weights only as pytorch_model\.bin, and reading"):
        models.create(REPO, weights="pretrained")
    assert asked == []


def test_a_name_that_the_hub_does_not_know_is_told(served):
    with pytest.raises(ValueError, match="the hub has no repository somebody/nothing, or it is not open to you"):
        models.create("somebody/nothing", weights="pretrained")


def test_a_hub_that_cannot_be_reached_is_told(served, monkeypatch):
    def no_connection(self, repo, **options):
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", no_connection)
    with pytest.raises(AssetError, match="fetching failed: Name or service not known"):
        models.create(REPO, weights="pretrained")


@pytest.mark.parametrize(
    ("card", "licence"),
    [
        ("---\nlicense: mit\n---", "mit"),
        ("---\nlicense: other\nlicense_name: llama-kind\n---", "llama-kind"),
        ("---\nlicense: [mit, gpl]\n---", "mit"),
        ("---\nlanguage: en\n---", None),
        ("no header", None),
        ("---\nlicense: {\n---", None),
        ("---\nlicense: !!python/object/apply:os.system ['touch evil']\n---", None),
    ],
)
def test_the_licence_is_read_from_the_card_as_data(tmp_path, card, licence):
    (tmp_path / "README.md").write_text(card)
    assert hub.licence_of(tmp_path) == licence
