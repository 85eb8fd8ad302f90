"""Networks of timm by name: features, heads, groups, sizes; saved and made again."""

import copy
import json
import shutil

import backbones
import pytest
import tasks
import torch
from draws import seeds
from timm.data import resolve_data_config

from tl_course import models, training
from tl_course.models.arithmetic import count_macs
from tl_course.models.tensors import TensorsDoNotFitError

# A convnet with BatchNorm, ConvNeXt, a ViT with class token, one with registers and rotations, Swin-like, a MobileNet.
SMALL = ["test_resnet", "test_vit", "test_efficientnet", "test_byobnet"]
SMALL += [pytest.param(name, marks=pytest.mark.integration) for name in ("test_convnext", "test_vit3", "test_nfnet")]
FAMILIES = (
    "resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050", "swin_tiny_patch4_window7_224", "regnety_002",
    "poolformer_s12",
)  # fmt: skip
MORE_FAMILIES = (
    "vgg11_bn", "deit_tiny_patch16_224", "mixer_s16_224", "densenet121", "eva02_tiny_patch14_224",
    "vit_small_patch14_dinov2", "convnextv2_atto", "edgenext_xx_small", "ghostnet_050", "mobilenetv4_conv_small",
    "legacy_seresnet18", "xcit_nano_12_p16_224", "beit_base_patch16_224", "coat_tiny", "cait_xxs24_224",
    "pvt_v2_b0", "maxvit_tiny_tf_224", "efficientvit_b0", "hrnet_w18_small", "inception_v4", "repvgg_a0", "volo_d1_224",
    "resnet50_gn", "eca_nfnet_l0", "vit_base_patch16_siglip_224", "vit_small_patch16_dinov3", "mobilevit_xxs",
    "senet154", "rdnet_tiny", "pit_ti_224", "hiera_tiny_224", "davit_tiny", "focalnet_tiny_srf", "tiny_vit_5m_224",
)  # fmt: skip


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Folder and network of timm's, made once for each name."""
    made = {}

    def by_name(name: str):
        if name not in made:
            folder = tmp_path_factory.mktemp(name) / "net"
            made[name] = folder, backbones.save_timm(folder, name)
        return made[name]

    return by_name


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", SMALL)
def test_features_and_answers_are_timms_own(name, saved):
    folder, theirs = saved(name)
    ours = models.create(str(folder), weights="pretrained")
    cfg = resolve_data_config({}, model=theirs)
    look = ours.preprocess
    assert (look.size, look.mean, look.std) == (cfg["input_size"][-1], cfg["mean"], cfg["std"])
    assert look.interpolation == cfg["interpolation"]
    inputs = look(backbones.pictures(look.size))
    with torch.no_grad():
        pooled = theirs.forward_head(theirs.forward_features(inputs), pre_logits=True)
        torch.testing.assert_close(models.embed(ours, inputs), pooled, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(models.logits(ours, inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
        head = models.head_of(ours)[1]
        torch.testing.assert_close(head(models.embed(ours, inputs)), theirs(inputs), rtol=1e-5, atol=1e-5)
    assert ours.spec.feature_dim == theirs.num_features == models.replace_head(ours, 3).in_features


@pytest.mark.daily(1)
@pytest.mark.parametrize("name", SMALL)
def test_a_saved_network_answers_the_same_without_the_files_it_came_from(name, saved, tmp_path):
    folder = tmp_path / "net"
    shutil.copytree(saved(name)[0], folder)
    model = models.create(str(folder), weights="pretrained", num_classes=3)
    models.save(model, tmp_path / "saved", class_names=["a", "b", "c"])
    shutil.rmtree(folder)
    again = models.load(tmp_path / "saved")
    inputs = model.preprocess(backbones.pictures(model.preprocess.size))
    with torch.no_grad():
        torch.testing.assert_close(again(inputs), model(inputs), rtol=0, atol=1e-5)
    assert again.preprocess == model.preprocess
    assert again.spec == model.spec.__class__(**{**vars(model.spec), "class_names": ("a", "b", "c")})


@pytest.mark.daily(1)
@pytest.mark.parametrize("name", ["test_resnet", "test_vit3"])
def test_a_copied_network_answers_for_itself_and_is_saved(name, tmp_path):
    model = copy.deepcopy(models.create(f"timm/{name}", num_classes=2))
    assert models.load(models.save(model, tmp_path / "m")).spec.name == f"timm/{name}"
    assert "licence" not in json.loads((tmp_path / "m" / "model.json").read_text())["spec"]  # random weights have none


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", SMALL)
def test_each_parameter_is_in_one_group_and_freezing_holds_them(name):
    model = models.create(f"timm/{name}", num_classes=3)
    groups = models.layer_groups(model)
    names = [each for each, _ in groups]
    assert names[0] == "stem"
    assert len(set(names)) == len(names) > 3
    assert names[-1] == models.head_of(model)[0]
    held = [id(p) for _, parts in groups for part in parts for p in part.parameters()]
    assert sorted(held) == sorted(map(id, model.parameters()))
    report = models.freeze(model, until=names[-3])
    frozen = {id(p) for p in model.parameters() if not p.requires_grad}
    assert frozen == {id(p) for _, parts in groups[:-2] for part in parts for p in part.parameters()}
    model.train()
    training.fit(
        model, tasks.images(train=4, validation=0), steps=1, lr=0.1, batch_size=4, optimizer="sgd", progress=False
    )
    assert report.check(model)
    models.unfreeze(model)
    assert all(p.requires_grad for p in model.parameters())


def test_positions_that_hang_on_no_layer_are_frozen_and_learn_with_the_stem():
    model = models.create("timm/test_vit", num_classes=2)
    models.freeze(model, parts=["stem"])
    assert not model.pos_embed.requires_grad
    assert not model.cls_token.requires_grad
    models.unfreeze(model, parts=["stem"])
    assert model.pos_embed.requires_grad
    groups = {group["name"]: group for group in training.parameter_groups(model, lr=1e-3, layer_decay=0.5)}
    assert any(p is model.pos_embed for p in groups["stem"]["params"])
    assert groups["stem"]["lr"] < groups["blocks.0"]["lr"] < groups["head"]["lr"]
    assert list(training.gradual(model, every=1).values())[-1] == ("stem",)


@pytest.mark.usual(2)
@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.integration) for name in FAMILIES),
        *(pytest.param(name, marks=pytest.mark.full) for name in MORE_FAMILIES),
    ],
)
def test_networks_of_many_families_can_be_probed_grouped_and_made_again(name):
    model = models.create(f"timm/{name}", num_classes=3)
    groups = models.layer_groups(model)
    assert len(groups) > 3
    assert len({each for each, _ in groups}) == len(groups)
    assert count_macs(model, model.preprocess.size) > 1e6


@pytest.mark.parametrize("name", ["deit_tiny_distilled_patch16_224", "dla34", "crossvit_tiny_240"])
@pytest.mark.integration
def test_a_network_with_another_kind_of_head_is_refused(name):
    with pytest.raises(ValueError, match="does not end in one linear layer"):
        models.create(f"timm/{name}")


@pytest.mark.parametrize("seed", seeds(3))
def test_random_weights_follow_the_seed(seed):
    first, same = (models.create("timm/test_resnet", num_classes=2, seed=seed) for _ in range(2))
    tasks.assert_same(first, same)
    other = models.create("timm/test_resnet", num_classes=2, seed=seed + 100)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


def test_a_network_without_classes_gets_a_head(tmp_path):
    theirs = backbones.save_timm(tmp_path / "net", "test_vit", num_classes=0)
    ours = models.create(str(tmp_path / "net"), weights="pretrained", num_classes=5)
    inputs = ours.preprocess(backbones.pictures(ours.preprocess.size))
    with torch.no_grad():
        torch.testing.assert_close(models.embed(ours, inputs), theirs(inputs), rtol=1e-5, atol=1e-5)
    assert models.load(models.save(ours, tmp_path / "saved")).spec.num_classes == 5


@pytest.mark.integration
def test_options_of_a_saved_network_are_kept(tmp_path):
    theirs = backbones.save_timm(tmp_path / "net", "test_vit", img_size=96, global_pool="avg")
    ours = models.create(str(tmp_path / "net"), weights="pretrained", num_classes=2)
    again = models.load(models.save(ours, tmp_path / "saved"))
    inputs = ours.preprocess(backbones.pictures(96))
    with torch.no_grad():
        pooled = theirs.forward_head(theirs.forward_features(inputs), pre_logits=True)
        torch.testing.assert_close(models.embed(again, inputs), pooled, rtol=1e-5, atol=1e-5)


# --- what cannot be taken -------------------------------------------------------------------------------------------


def test_weights_of_another_network_are_refused(tmp_path):
    backbones.save_timm(tmp_path / "net", "test_resnet")
    backbones.change(tmp_path / "net" / "config.json", architecture="test_vit")
    with pytest.raises(TensorsDoNotFitError, match="do not fit timm's test_vit"):
        models.create(str(tmp_path / "net"), weights="pretrained")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"architecture": "no_such_net"}, "'no_such_net' that this version of timm does not have"),
        ({"architecture": "hf-hub:somebody/net"}, "this version of timm does not have"),
        (
            {"model_args": {"checkpoint_path": "evil.pth"}},
            "the option 'checkpoint_path', which no file may choose",
        ),
        ({"model_args": {"pretrained_cfg": "x"}}, "'pretrained_cfg', which no file may choose"),
        ({"model_args": {"block_args": {"a": 1}}}, "'block_args' of ./net is no plain value"),
        ({"model_args": [1]}, "options of ./net are damaged"),
    ],
)
def test_a_file_chooses_no_code_and_no_place(tmp_path, values, told):
    backbones.save_timm(tmp_path / "net", "test_resnet")
    backbones.change(tmp_path / "net" / "config.json", **values)
    with pytest.raises(ValueError, match=told):
        models.create(str(tmp_path / "net"), weights="pretrained")


def test_places_in_a_saved_description_of_weights_are_not_followed(tmp_path):
    backbones.save_timm(tmp_path / "net", "test_resnet")
    file = tmp_path / "net" / "config.json"
    cfg = json.loads(file.read_text())["pretrained_cfg"]
    places = {"url": "http://127.0.0.1:1/evil.pth", "file": "evil.pth", "hf_hub_id": "a/b", "custom_load": True}
    backbones.change(file, pretrained_cfg=cfg | places)
    model = models.create(str(tmp_path / "net"), weights="pretrained")
    assert not {"url", "file", "hf_hub_id", "custom_load"} & set(model.design["cfg"])


@pytest.mark.daily(2)
@pytest.mark.parametrize(
    "values",
    [
        {"architecture": "local-dir:/tmp"},
        {"architecture": ["x"]},
        {"arguments": {"checkpoint_path": "evil.pth"}},
        {"arguments": 3},
        {"arguments": {"block": "evil.Block"}},
        {"cfg": {"num_classes": "x"}},
    ],
)
def test_a_saved_model_cannot_choose_them_either(tmp_path, values):
    saved = models.save(models.create("timm/test_resnet", num_classes=2), tmp_path / "m")
    card = json.loads((saved / "model.json").read_text())
    backbones.change(saved / "model.json", config=card["config"] | values)
    with pytest.raises(ValueError, match=r"does not have|may choose|damaged|these options"):
        models.load(saved)


def test_pickles_are_not_read(tmp_path):
    backbones.save_timm(tmp_path / "net", "test_resnet")
    (tmp_path / "net" / "model.safetensors").rename(tmp_path / "net" / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"has its weights only as pytorch_model\.bin, and reading"):
        models.create(str(tmp_path / "net"), weights="pretrained")
    assert models.create(str(tmp_path / "net")).spec.weights is None


def test_sizes_that_a_network_does_not_take_are_told():
    model = models.create("timm/test_vit_relpos", num_classes=2)
    with pytest.raises(ValueError, match="Input height"):
        count_macs(model, 128)
    assert all(not p.is_meta for p in model.parameters())
