"""torchvision's big networks from its own files and from timm's mirrors: the same numbers, wherever they come from."""

from dataclasses import replace

import pytest
import torch
import torchvision
from draws import seeds
from safetensors.torch import save_file
from serving import file_of, silent
from test_models import TORCHVISION, checkpoint_like

from tl_course import assets, data, environment, models
from tl_course.assets import Asset, AssetError, Source, fetch, fetching, registry, store
from tl_course.assets.convert import TIMM_VGG, torchvision_names
from tl_course.models import zoo

MIRRORED = [
    "resnet18",
    pytest.param("resnet50", marks=pytest.mark.integration),
    pytest.param("vgg16", marks=pytest.mark.full),
]


def timm_tensors(name: str, seed: int) -> dict[str, torch.Tensor]:
    """Random tensors under timm's names, and no counters left out, as its mirrors have them."""
    tensors = checkpoint_like(name, seed)
    back = {new: old for old, new in TIMM_VGG.items()}
    renamed = {}
    for key, tensor in tensors.items():
        new = next((prefix for prefix in back if key.startswith(prefix)), None)
        if new and key.endswith("weight") and new != "classifier.6.":
            side = 7 if new == "classifier.0." else 1
            tensor = tensor.unflatten(1, (-1, side, side))
        renamed[back[new] + key.removeprefix(new) if new else key] = tensor.contiguous()
    return renamed


@pytest.fixture
def course(tmp_path, monkeypatch):
    """Give a network the files written here, as its registry entry says, in a cache and a TORCH_HOME of this test."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("TL_OFFLINE", "1")

    def publish(name: str, official: dict | None, mirror: dict | None) -> Asset:
        """Put the official file into torchvision's cache; the mirror's into a folder somebody brings."""
        real = registry()[name]
        contents = {real.files[0].name: b"never there", real.alternatives["safetensors"][0].name: b"nor this"}
        if official is not None:
            path = tmp_path / "torch" / "hub" / "checkpoints" / real.files[0].name
            path.parent.mkdir(parents=True)
            torch.save(official, path)
            contents[path.name] = path.read_bytes()
        if mirror is not None:
            path = tmp_path / "brought" / real.alternatives["safetensors"][0].name
            path.parent.mkdir()
            save_file(mirror, path)
            contents[path.name] = path.read_bytes()
        files, alternative = (
            (file_of(each.name, contents[each.name]),)
            for each in (real.files[0], *real.alternatives.get("safetensors", ()))
        )
        asset = replace(real, files=files, alternatives={"safetensors": alternative})
        for module in (fetching, assets):
            monkeypatch.setattr(module, "registry", lambda: {name: asset})
        return asset

    return publish


def pictures(side: int = 64) -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("name", MIRRORED)
def test_the_mirrors_file_is_timms_network_and_torchvisions_at_once(name, course, tmp_path):
    import timm

    tensors = timm_tensors(name, seed=1)
    asset = course(name, None, tensors)
    with pytest.raises(AssetError, match="offline by your setting"):
        models.create(name, weights="imagenet")
    fetch([asset], place=tmp_path / "brought", say=silent)
    model = models.create(name, weights="imagenet")
    images = replace(model.preprocess, size=64)(pictures())
    with torch.no_grad():
        ours = models.logits(model, images)
        theirs = timm.create_model(name, pretrained=False)
        theirs.load_state_dict(tensors, strict=True)
        torch.testing.assert_close(ours, theirs.eval()(images), rtol=1e-4, atol=1e-4)
        del theirs
        vision = torchvision.models.get_model(name, weights=None)
        vision.load_state_dict(checkpoint_like(name, seed=1), strict=True)
        assert torch.equal(ours, vision.eval()(images))
    assert (ours[0] - ours[1]).abs().max() > 0.01 * ours.abs().max(), "the pictures must matter"


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_torchvisions_own_cache_serves_and_the_mirror_is_not_asked(name, course):
    asset = course(name, checkpoint_like(name, seed=2), None)
    model = models.create(name, weights="imagenet")
    vision = torchvision.models.get_model(name, weights=None)
    vision.load_state_dict(checkpoint_like(name, seed=2))
    images = replace(model.preprocess, size=64)(pictures())
    with torch.no_grad():
        assert torch.equal(models.logits(model, images), vision.eval()(images))
    assert [path.name for path in assets.paths(name)] == [asset.files[0].name]


@pytest.mark.integration
def test_a_damaged_official_file_beside_a_good_mirror_is_not_used(course, tmp_path):
    asset = course("resnet18", checkpoint_like("resnet18", seed=3), timm_tensors("resnet18", seed=3))
    fetch([asset], place=tmp_path / "brought", say=silent)
    folder = store.folder_of(asset, environment.cache_dir())
    (folder / asset.files[0].name).write_bytes(b"half a file")
    assert assets.paths("resnet18") == [folder / "model.safetensors"]
    assert models.create("resnet18", weights="imagenet").spec.weights == "imagenet"
    assert (assets.status(asset), assets.describe(asset)) == ("cached", asset.files[0].name)


@pytest.mark.parametrize("name", TORCHVISION)
def test_the_registered_file_is_the_one_whose_statistics_are_used(name):
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    asset = registry()[name]
    [file] = asset.files
    assert weights.url.endswith(file.name)
    assert "IMAGENET1K_V1" in asset.title
    assert file.name.rsplit("-", 1)[1] == f"{file.sha256[:8]}.pth"
    kinds = [source.kind for source in asset.sources]
    assert kinds == ["torch_cache", "url", *(["hub"] if asset.alternatives else [])]
    assert all(bool(source.carries) == (source.kind == "hub") for source in asset.sources)
    for source in asset.sources[2:]:
        assert source == Source(
            "hub",
            {
                "repo": f"timm/{name}.tv_in1k",
                "revision": source.options["revision"],
                "carries": "safetensors",
            },
        )


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg16"])
def test_the_registered_mirror_has_room_for_the_networks_numbers_and_little_more(name):
    with torch.device("meta"):
        shapes = torchvision.models.get_model(name, weights=None).state_dict()
    numbers = sum(tensor.numel() * tensor.element_size() for tensor in shapes.values())
    assert numbers < registry()[name].alternatives["safetensors"][0].size < numbers + 1000 * len(shapes)


@pytest.mark.parametrize("seed", seeds(3))
def test_a_linear_layer_run_as_a_convolution_is_the_same_layer(seed):
    draw = torch.Generator().manual_seed(seed)
    features, weight = (torch.randn(count, 5, 7, 7, generator=draw) for count in (2, 6))
    [(name, linear)] = torchvision_names({"pre_logits.fc1.weight": weight}).items()
    assert name == "classifier.0.weight"
    as_convolution = torch.nn.functional.conv2d(features, weight).flatten(1)
    torch.testing.assert_close(features.flatten(1) @ linear.T, as_convolution, rtol=1e-4, atol=1e-4)


# --- sizes and statistics -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("name", TORCHVISION)
def test_with_its_crop_the_preprocess_is_torchvisions(name, seed):
    published = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"].transforms()
    preprocess = replace(zoo._image_preprocess(name, torch.nn.Identity()), crop=0.875)
    [before] = published.resize_size
    draw = torch.Generator().manual_seed(seed)
    for height, width in ((before, before), (before, before + 51), (before + 80, before)):
        images = torch.randint(0, 256, (1, 3, height, width), dtype=torch.uint8, generator=draw)
        torch.testing.assert_close(preprocess(images), published(images), rtol=0, atol=1e-5)
    half_a_level = 0.5 / 255 / min(preprocess.std)  # torchvision rounds a resized picture to whole levels again
    for shape in ((32, 32), (97, 141), (500, 333)):
        images = torch.randint(0, 256, (1, 3, *shape), dtype=torch.uint8, generator=draw)
        torch.testing.assert_close(preprocess(images), published(images), rtol=0, atol=half_a_level + 1e-4)


@pytest.mark.parametrize("crop", [0, -1, 1.01])
def test_an_impossible_crop_is_refused(crop):
    with pytest.raises(ValueError, match="crop must be above 0 and at most 1"):
        data.ImagePreprocess(32, (0.5,) * 3, (0.5,) * 3, crop=crop)


def test_a_crop_is_kept_with_a_model_and_may_be_absent_from_an_older_card():
    preprocess = data.ImagePreprocess(224, (0.5,) * 3, (0.5,) * 3, crop=0.875)
    card = preprocess.to_dict()
    assert data.ImagePreprocess.from_dict(card) == preprocess
    del card["crop"]
    assert data.ImagePreprocess.from_dict(card).crop == 1
