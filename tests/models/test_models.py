"""Networks: the table, the weights, the head, the features, and saving."""

import copy
import json
import pickle
import random
import shutil
from dataclasses import replace

import pytest
import torch
import torchvision
from draws import seeds
from safetensors.torch import save_file
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from authoring.weights import write_sums
from tl_course import assets, models
from tl_course.data.preprocess import ImagePreprocess
from tl_course.models import zoo
from tl_course.models.heads import seeded
from tl_course.models.structure import is_text
from tl_course.models.tensors import load_tensors, read_safetensors

SMALL = ["resnet_small", "vgg_small"]
TORCHVISION = ["vgg16", "resnet18", "resnet50", "inception_v3"]
IMAGES = [name for name, info in models.MODELS.items() if info.kind == "image"]
TEXTS = [name for name, info in models.MODELS.items() if info.kind == "text"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "dull", "film", "play", "and"]


def text_config(name: str, **tiny) -> dict:
    from transformers import BertConfig, DistilBertConfig

    if name == "distilbert":
        return DistilBertConfig(**(dict(dim=16, n_layers=2, n_heads=2, hidden_dim=32) | tiny if tiny else {})).to_dict()
    real = dict(hidden_size=384, num_hidden_layers=6, intermediate_size=1536) if name == "minilm" else {}
    small = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    return BertConfig(**(small | tiny if tiny else real)).to_dict()


def full_size_on_meta(name: str) -> nn.Module:
    config = text_config(name) if name in TEXTS else None
    with torch.device("meta"):
        return zoo.architecture(name, models.MODELS[name].num_classes, config).eval()


def meta_inputs(name: str):
    info = models.MODELS[name]
    if info.kind == "text":
        return {"input_ids": torch.zeros(1, info.size, dtype=torch.long, device="meta")}
    return torch.zeros(1, 3, info.size, info.size, device="meta")


def macs_by_hooks(model: nn.Module, inputs) -> int:
    """Count multiply-accumulates of convolutions and linear layers as they run."""
    count = 0

    def add(layer, _, output):
        nonlocal count
        count += output.numel() * layer.weight[0].numel()

    hooks = [m.register_forward_hook(add) for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    with torch.no_grad():
        models.logits(model, inputs)
    for hook in hooks:
        hook.remove()
    return count


@pytest.fixture
def text_folder(tmp_path, monkeypatch):
    """A function that writes a tiny BERT with its tokenizer, and the assets that hand it out."""
    from transformers import BertTokenizer

    def write(name: str, **changes):
        folder = tmp_path / name
        config = text_config(name, vocab_size=len(WORDS), **changes)
        with seeded(7):
            model = zoo.architecture(name, 5, config)
        model.base_model.save_pretrained(folder)
        BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}).save_pretrained(folder)
        monkeypatch.setattr(assets, "get", lambda asked: tmp_path / asked)
        return model

    return write


# ---- the table


@pytest.mark.usual(6)
@pytest.mark.integration
@pytest.mark.parametrize("name", models.MODELS)
def test_the_table_has_the_true_parameters_and_macs(name):
    info, model = models.MODELS[name], full_size_on_meta(name)
    assert models.count_parameters(model).total == info.parameters
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        models.logits(model, meta_inputs(name))
    assert counter.get_total_flops() == 2 * info.macs


@pytest.mark.daily(3)
@pytest.mark.parametrize("name", IMAGES)
def test_macs_counted_by_hooks_agree(name):
    assert macs_by_hooks(full_size_on_meta(name), meta_inputs(name)) == models.MODELS[name].macs


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_are_small(name):
    info = models.MODELS[name]
    assert 1.5e6 < info.parameters < 1.8e6
    with_thousand = full_size_on_meta(name).state_dict()
    head = models.head_of(full_size_on_meta(name))[1]
    numbers = sum(tensor.numel() for tensor in with_thousand.values()) + (head.in_features + 1) * 990
    assert 2 * numbers < 3.98e6, "a half-precision file with 1,000 classes must fit in 4 MB"


def test_the_students_resnet_is_a_quarter_of_its_teacher():
    teacher, student = models.MODELS["resnet_small"], models.MODELS["resnet_tiny"]
    assert 3.8 < teacher.parameters / student.parameters < 4.2
    assert 3.8 < teacher.macs / student.macs < 4.2
    assert models.create("resnet_tiny").preprocess == models.create("resnet_small").preprocess


def test_small_networks_have_torchvision_attributes():
    resnet, vgg = models.create("resnet_small"), models.create("vgg_small")
    big = {name for name, _ in full_size_on_meta("resnet18").named_children()}
    assert big - {name for name, _ in resnet.named_children()} == {"maxpool"}
    assert [name for name, _ in vgg.named_children()] == ["features", "avgpool", "classifier"]
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in vgg.features)
    assert isinstance(vgg.classifier[-1], nn.Linear)


# ---- groups and heads


@pytest.mark.parametrize("name", models.MODELS)
def test_every_layer_stands_in_exactly_one_group_from_input_to_head(name):
    model = full_size_on_meta(name)
    groups = models.layer_groups(model)
    grouped = [layer for _, parts in groups for part in parts for layer in part.modules() if not list(layer.children())]
    layers = [layer for layer in model.modules() if not list(layer.children())]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == set(layers)
    assert groups[-1] == (models.head_of(model)[0], [models.head_of(model)[1]])
    assert len({group for group, _ in groups}) == len(groups)


@pytest.mark.daily(3)
@pytest.mark.parametrize("name", IMAGES)
def test_groups_run_in_the_order_of_the_forward_pass(name):
    model, ran = full_size_on_meta(name), []
    group_of = {layer: i for i, (_, ps) in enumerate(models.layer_groups(model)) for p in ps for layer in p.modules()}
    for layer in group_of:
        if not list(layer.children()):
            layer.register_forward_hook(lambda module, *_: ran.append(group_of[module]))
    with torch.no_grad():
        model(meta_inputs(name))
    assert ran == sorted(ran)


@pytest.mark.parametrize(
    ("name", "head"),
    {
        "resnet_small": "fc",
        "resnet18": "fc",
        "inception_v3": "fc",
        "vgg_small": "classifier.3",
        "vgg16": "classifier.6",
        "efficientnet_lite0": "classifier",
        "distilbert": "classifier",
        "bert": "classifier",
    }.items(),
)
def test_the_head_is_where_the_libraries_put_it(name, head):
    model = full_size_on_meta(name)
    found, layer = models.head_of(model)
    assert found == head
    assert layer.out_features == models.MODELS[name].num_classes


def test_inception_with_its_auxiliary_head_is_grouped_too():
    with torch.device("meta"):
        model = torchvision.models.inception_v3(weights=None, init_weights=False)
    assert models.head_of(model)[0] == "fc"
    assert [name for name, _ in models.layer_groups(model)] == ["stem", "Mixed_5", "Mixed_6", "Mixed_7", "fc"]


def test_a_network_without_linear_layer_has_no_head():
    with pytest.raises(ValueError, match="no head"):
        models.head_of(nn.Sequential(nn.Conv2d(3, 4, 3)))


def test_layers_that_cannot_be_grouped_are_named():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model.scale = nn.Parameter(torch.ones(1))
    with pytest.raises(ValueError, match="scale belongs to 0 groups"):
        models.layer_groups(model)


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", [*SMALL, "resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize("seed", [0, 3])
def test_replacing_the_head_changes_the_head_only(name, seed):
    model = models.create(name, num_classes=4)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    head = models.replace_head(model, 7, seed=seed)
    where = models.head_of(model)[0]
    assert models.head_of(model)[1] is head
    assert model.spec.num_classes == 7
    for key, tensor in model.state_dict().items():
        assert key.startswith(where) or torch.equal(tensor, before[key])
    assert models.logits(model, torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_a_seed_decides_the_head_and_std_is_kept():
    model = models.create("resnet_small")
    first = models.replace_head(model, 200, seed=5, std=0.02)
    second = models.replace_head(model, 200, seed=5, std=0.02)
    other = models.replace_head(model, 200, seed=6, std=0.02)
    assert first.weight.equal(second.weight)
    assert not first.weight.equal(other.weight)
    assert first.bias.abs().max() == 0
    assert abs(first.weight.std().item() / 0.02 - 1) < 0.02


@pytest.mark.parametrize("num_classes", [0, -1, 2.0, True, "3"])
def test_impossible_numbers_of_classes_are_refused(num_classes):
    with pytest.raises(ValueError, match="whole number"):
        models.replace_head(models.create("resnet_small"), num_classes)
    with pytest.raises(ValueError, match="whole number"):
        models.create("resnet_small", num_classes=num_classes)


def test_impossible_heads_are_refused():
    with pytest.raises(ValueError, match="std"):
        models.replace_head(models.create("resnet_small"), 2, std=-1)
    with pytest.raises(ValueError, match="only a head"):
        models.replace_head(nn.Linear(3, 2), 2)


def test_a_new_head_takes_the_type_of_the_old_one():
    model = models.create("resnet_small").to(torch.float64)
    assert models.replace_head(model, 3).weight.dtype == torch.float64


# ---- features and logits


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", [*SMALL, "resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize("seed", seeds(2))
def test_head_of_features_is_logits(name, seed):
    model = models.create(name, num_classes=4, seed=seed)
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(seed))
    features = model.embed(images)
    assert features.shape == (3, model.spec.feature_dim)
    assert features.requires_grad
    assert torch.equal(models.head_of(model)[1](features), models.logits(model, images))
    assert torch.equal(models.embed(model, images), features)


def test_features_leave_no_hook_behind_even_after_an_error():
    model = models.create("resnet_small")
    with pytest.raises(RuntimeError):
        model.embed(torch.zeros(1, 4, 32, 32))
    assert not model.fc._forward_pre_hooks


def test_a_mere_linear_layer_has_its_inputs_as_features():
    head, features = nn.Linear(4, 2), torch.randn(3, 4)
    assert torch.equal(models.embed(head, features), features)
    assert models.layer_groups(head) == [("head", [head])]


@pytest.mark.integration
def test_inception_in_training_gives_plain_logits():
    with torch.device("meta"):
        model = torchvision.models.inception_v3(weights=None, init_weights=False).train()
    assert models.logits(model, torch.zeros(2, 3, 299, 299, device="meta")).shape == (2, 1000)


@pytest.mark.parametrize("name", ["minilm", "distilbert"])
def test_text_features(name, text_folder):
    text_folder(name)
    model = models.create(name, weights="pretrained", num_classes=3)
    inputs = model.preprocess(["a good film", "dull", "a dull play and a good film"])
    states = model.base_model(**inputs).last_hidden_state
    expected = torch.stack(
        [row[mask.bool()].mean(0) for row, mask in zip(states, inputs["attention_mask"], strict=True)]
    )
    torch.testing.assert_close(model.embed(inputs), expected)
    head = models.head_of(model)[1]
    torch.testing.assert_close(head(model.embed(inputs, pooling="cls")), models.logits(model, inputs))
    assert models.logits(model, inputs).shape == (3, 3)
    with pytest.raises(ValueError, match="pooling"):
        model.embed(inputs, pooling="max")


@pytest.mark.parametrize("name", ["bert", "distilbert"])
def test_padding_changes_no_text_features(name, text_folder):
    text_folder(name)
    model = models.create(name, weights="pretrained")
    alone = model.embed(model.preprocess(["dull"]))
    beside = model.embed(model.preprocess(["dull", "a good film and a good play"]))[:1]
    torch.testing.assert_close(alone, beside, rtol=1e-4, atol=1e-5)


# ---- create


@pytest.mark.parametrize("name", SMALL)
def test_a_seed_decides_everything_and_the_global_state_is_left_alone(name):
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    one, same, other = (models.create(name, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(one[key], same[key]) for key in one)
    assert any(not torch.equal(one[key], other[key]) for key in one)


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", [*SMALL, "resnet18"])
def test_the_random_backbone_does_not_depend_on_the_classes(name):
    few, many = models.create(name, num_classes=2, seed=4), models.create(name, num_classes=300, seed=4)
    images = torch.zeros(1, 3, 32, 32)
    assert torch.equal(few.embed(images), many.embed(images))


@pytest.mark.parametrize("name", SMALL)
def test_asking_for_the_usual_number_of_classes_changes_nothing(name):
    plain, asked = models.create(name, seed=2), models.create(name, num_classes=10, seed=2)
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), asked.parameters(), strict=True))


def test_a_created_model_is_in_eval_trainable_and_knows_itself():
    model = models.create("resnet_small", num_classes=6)
    assert not model.training
    assert models.count_parameters(model).trainable == models.count_parameters(model).total
    assert model.spec == models.ModelSpec("resnet_small", None, 288, 6)
    assert isinstance(model.preprocess, ImagePreprocess)


@pytest.mark.parametrize("carry", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_the_copy_of_a_model_embeds_with_its_own_weights(carry):
    model = models.create("resnet_small")
    twin = carry(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert model.embed(images).abs().max() == 0
    assert twin.embed(images).abs().max() > 0


def test_pictures_can_be_seen_at_another_size_and_texts_cannot():
    assert models.create("resnet_small", weights="letters", size=48).preprocess.size == 48
    assert models.create("timm/test_resnet", size=64).preprocess.size == 64
    with pytest.raises(ValueError, match=r"gru_small reads texts, and size is in pixels; leave it out\."):
        models.create("gru_small", size=64)
    with pytest.raises(ValueError, match=r"test_vit takes pictures of \d+ pixels only"):
        models.create("timm/test_vit", size=64)
    with pytest.raises(ValueError, match="size"):
        models.create("resnet_small", size=0)


def test_unknown_names_and_weights_are_refused():
    with pytest.raises(ValueError, match="resnet_small"):
        models.create("resnet_smal")
    with pytest.raises(ValueError, match="letters or imagenet_distilled"):
        models.create("resnet_small", weights="imagenet")
    with pytest.raises(ValueError, match=r"choose None \(random\)\."):
        models.create("resnet_tiny", weights="letters")


@pytest.mark.parametrize("name", SMALL)
def test_shipped_half_precision_weights_are_read_as_float32(name, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "WEIGHTS_FOLDER", tmp_path)
    source = models.create(name, num_classes=37, seed=9)
    models.write_half(source, tmp_path / f"{name}-letters.safetensors")
    write_sums(tmp_path)
    written = read_safetensors(tmp_path / f"{name}-letters.safetensors")
    assert {tensor.dtype for tensor in written.values()} == {torch.float32, torch.int64}
    model = models.create(name, weights="letters")
    assert (model.spec.weights, model.spec.num_classes) == ("letters", 37)
    for key, tensor in source.state_dict().items():
        loaded = model.state_dict()[key]
        assert loaded.dtype == tensor.dtype
        torch.testing.assert_close(loaded, tensor, rtol=1e-3, atol=1e-6)
    fewer = models.create(name, weights="letters", num_classes=10)
    images = torch.zeros(1, 3, 32, 32)
    assert torch.equal(fewer.embed(images), model.embed(images))
    assert fewer.spec.num_classes == 10
    with pytest.raises(FileNotFoundError, match="imagenet_distilled"):
        models.create(name, weights="imagenet_distilled")


@pytest.mark.parametrize("seed", seeds(2))
def test_shipped_weights_with_one_bit_changed_are_refused(seed, tmp_path, monkeypatch):
    shutil.copytree(zoo.WEIGHTS_FOLDER, tmp_path / "weights")
    monkeypatch.setattr(zoo, "WEIGHTS_FOLDER", tmp_path / "weights")
    file = tmp_path / "weights" / "resnet_small-letters.safetensors"
    before = models.create("resnet_small", weights="letters").state_dict()
    content = bytearray(file.read_bytes())
    draw = random.Random(seed)
    content[draw.randrange(len(content) // 2, len(content))] ^= 1 << draw.randrange(8)
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"resnet_small-letters\.safetensors is damaged.*install it again"):
        models.create("resnet_small", weights="letters")
    write_sums(file.parent)  # as the script does that trains them
    after = models.create("resnet_small", weights="letters").state_dict()
    assert sum(not torch.equal(before[name], after[name]) for name in before) <= 1


def test_every_shipped_file_is_known_by_its_hash():
    shipped = {path.name for path in zoo.WEIGHTS_FOLDER.glob("*.safetensors")}
    assert {path.name for path in zoo.shipped_files()} == shipped
    assert all(zoo.is_as_shipped(path) for path in zoo.shipped_files())


def test_values_beyond_half_precision_are_refused(tmp_path):
    model = nn.Linear(1, 1)
    nn.init.constant_(model.weight, 1e6)
    with pytest.raises(ValueError, match="weight has values"):
        models.write_half(model, tmp_path / "x.safetensors")


# ---- torchvision's files


def checkpoint_like(name: str, seed: int, old: bool = False) -> dict[str, torch.Tensor]:
    """Random tensors of the names and shapes of torchvision's published file, BatchNorm variances positive."""
    with torch.device("meta"):
        options = {"init_weights": False} if name == "inception_v3" else {}
        shapes = torchvision.models.get_model(name, weights=None, **options).state_dict()
    draw = torch.Generator().manual_seed(seed)

    def fill(key: str, shape: torch.Size) -> torch.Tensor:
        if not shape:
            return torch.tensor(1)  # BatchNorm's counter
        if key.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight", "bn.weight")):
            return 0.5 + torch.rand(shape, generator=draw)
        return torch.randn(shape, generator=draw).mul_((2 / shape[1:].numel()) ** 0.5 if len(shape) > 1 else 0.1)

    return {
        key: fill(key, tensor.shape)
        for key, tensor in shapes.items()
        if not (old and key.endswith("num_batches_tracked"))
    }


@pytest.mark.usual(2)
@pytest.mark.daily(1)
@pytest.mark.parametrize(
    ("name", "old"),
    [
        ("resnet18", False),
        ("resnet18", True),
        pytest.param("resnet50", False, marks=pytest.mark.integration),
        pytest.param("inception_v3", False, marks=pytest.mark.integration),
        pytest.param("vgg16", False, marks=pytest.mark.full),
    ],
)
def test_torchvision_files_load_as_torchvision_loads_them(name, old, tmp_path, monkeypatch):
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"]
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    file = folder / weights.url.rsplit("/", 1)[-1]
    torch.save(checkpoint_like(name, seed=3, old=old), file)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(assets, "paths", lambda asked: [file] if asked == name else None)
    theirs = torchvision.models.get_model(name, weights=weights).eval()
    ours = models.create(name, weights="imagenet")
    file.unlink()  # half a gigabyte for VGG16
    mine = ours.state_dict()
    for key, tensor in theirs.state_dict().items():
        assert key.startswith("AuxLogits.") or torch.equal(mine[key], tensor), key
    size = 96
    images = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    prepared = replace(ours.preprocess, size=size)(images)
    with torch.no_grad():
        one, other = models.logits(ours, prepared)
        torch.testing.assert_close(torch.stack([one, other]), theirs(prepared))
    assert (one - other).abs().max() > 0.01 * one.abs().max(), "the pictures must matter for this to mean anything"
    published = weights.transforms(crop_size=size, resize_size=size)
    torch.testing.assert_close(prepared, published(images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", TORCHVISION)
def test_preprocess_of_big_networks_is_what_torchvision_publishes(name):
    preprocess = zoo._image_preprocess(name, nn.Identity())
    assert preprocess.size == models.MODELS[name].size
    assert preprocess.mean == (0.485, 0.456, 0.406)
    assert preprocess.std == (0.229, 0.224, 0.225)
    assert preprocess.interpolation == "bilinear"


@pytest.mark.integration
def test_a_file_of_another_network_says_which_tensors_differ(tmp_path, monkeypatch):
    torch.save(checkpoint_like("resnet50", seed=0), tmp_path / "resnet18.pth")
    monkeypatch.setattr(assets, "paths", lambda asked: [tmp_path / "resnet18.pth"])
    with pytest.raises(models.TensorsDoNotFitError, match=r"unexpected: layer1\.0\.conv3\.weight.*another shape"):
        models.create("resnet18", weights="imagenet")


def test_a_pickle_that_would_run_code_is_not_loaded(tmp_path, monkeypatch):
    torch.save({"fc.weight": print}, tmp_path / "resnet18.pth")
    monkeypatch.setattr(assets, "paths", lambda asked: [tmp_path / "resnet18.pth"])
    with pytest.raises(pickle.UnpicklingError):
        models.create("resnet18", weights="imagenet")


# ---- EfficientNet-Lite0: right and wrong wiring


def first_output_depends_on_pixel(model: nn.Module, row: int) -> bool:
    images = torch.zeros(1, 3, 224, 224)
    plain = model.conv_stem(images)[0, :, 0, 0]
    images[:, :, row, row] = 1
    return not torch.equal(model.conv_stem(images)[0, :, 0, 0], plain)


def test_efficientnet_has_tensorflow_padding_eps_and_statistics():
    import timm

    model = models.create("efficientnet_lite0", seed=1)
    # Stride 2 and SAME padding put all of the padding at the end: the first output sees pixels 0 to 2, not -1 to 1.
    assert first_output_depends_on_pixel(model, 2)
    assert not first_output_depends_on_pixel(timm.create_model("efficientnet_lite0").eval(), 2)
    assert {layer.eps for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)} == {1e-3}
    assert model.preprocess == ImagePreprocess(224, (0.5,) * 3, (0.5,) * 3, "bicubic")


@pytest.mark.full
@pytest.mark.assets
def test_statistics_that_the_weights_carry_tell_right_from_wrong_wiring():
    """BatchNorm remembers the means it met in training: on photographs the right wiring meets them again."""
    import timm
    from skimage import data
    from sklearn.datasets import load_sample_images

    model = models.create("efficientnet_lite0", weights="imagenet")
    photographs = [data.chelsea(), data.coffee(), data.rocket(), data.astronaut(), *load_sample_images().images]

    def surprise(net: nn.Module, preprocess: ImagePreprocess) -> float:
        """Mean squared distance of channel means from the remembered ones, in remembered variances."""
        found = []

        def compare(norm, args):
            distance = (args[0].mean((0, 2, 3)) - norm.running_mean) ** 2 / (norm.running_var + 1e-3)
            found.append(distance.mean().item())

        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.register_forward_pre_hook(compare)
        images = [torch.from_numpy(image.copy()).permute(2, 0, 1)[None] for image in photographs]
        with torch.no_grad():
            net(torch.cat([preprocess(image) for image in images]))
        return sum(found) / len(found)

    def wired(name: str, **options) -> nn.Module:
        net = timm.create_model(name, **options).eval()
        net.load_state_dict(model.state_dict())  # the shapes fit: nothing complains
        return net

    half = model.preprocess
    imagenet = replace(half, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
    right = surprise(copy.deepcopy(model), half)
    assert right < surprise(wired("tf_efficientnet_lite0", bn_eps=1e-5), half)
    assert right < surprise(wired("tf_efficientnet_lite0", pad_type=""), half)
    assert right < surprise(wired("efficientnet_lite0"), half)
    assert 2 * right < surprise(copy.deepcopy(model), imagenet)
    assert 2 * right < surprise(wired("efficientnet_lite0"), imagenet)


@pytest.mark.assets
def test_efficientnet_names_what_is_in_photographs():
    from skimage import data

    model = models.create("efficientnet_lite0", weights="imagenet")
    classes = torchvision.models.ResNet18_Weights.IMAGENET1K_V1.meta["categories"]
    for photograph, expected in ((data.chelsea(), "cat"), (data.coffee(), "espresso")):
        image = torch.from_numpy(photograph.copy()).permute(2, 0, 1)[None]
        with torch.no_grad():
            answer = classes[model(model.preprocess(image)).argmax()]
        assert expected in answer


# ---- texts


@pytest.mark.daily(1)
@pytest.mark.parametrize("name", ["minilm", "distilbert"])
def test_pretrained_texts_have_the_files_backbone_and_a_seeded_head(name, text_folder, capfd):
    written = text_folder(name)
    model = models.create(name, weights="pretrained", num_classes=4, seed=3)
    out, err = capfd.readouterr()
    assert "REPORT" not in out + err
    assert "Loading" not in out + err
    for key, tensor in written.base_model.state_dict().items():
        assert torch.equal(model.base_model.state_dict()[key], tensor)
    same = models.create(name, weights="pretrained", num_classes=4, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), same.parameters(), strict=True))
    other = models.create(name, weights="pretrained", num_classes=4, seed=4)
    assert not torch.equal(models.head_of(model)[1].weight, models.head_of(other)[1].weight)
    assert model.config.num_labels == model.num_labels == model.spec.num_classes == 4


def test_random_texts_have_other_weights_and_the_same_layout(text_folder):
    written = text_folder("minilm")
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    one, same = models.create("minilm", seed=1), models.create("minilm", seed=1, num_classes=2)
    assert torch.equal(torch.rand(2), expected)
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    embeddings = "embeddings.word_embeddings.weight"
    assert not torch.equal(one.bert.state_dict()[embeddings], written.bert.state_dict()[embeddings])
    assert one.spec.weights is None


def test_the_callers_logging_is_put_back(text_folder):
    from transformers.utils import logging

    text_folder("minilm")
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    models.create("minilm", weights="pretrained")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize("fault", ["missing", "unexpected", "of another shape"])
def test_a_text_file_that_does_not_fit_says_so(fault, text_folder, tmp_path):
    text_folder("minilm")
    path = tmp_path / "minilm" / "model.safetensors"
    tensors = read_safetensors(path)
    key = "encoder.layer.1.output.dense.weight"
    if fault == "missing":
        del tensors[key]
    elif fault == "unexpected":
        tensors["encoder.layer.2.output.dense.weight"] = tensors[key].clone()
    else:
        tensors[key] = tensors[key][:5].clone()
    save_file(tensors, path, metadata={"format": "pt"})
    with pytest.raises(models.TensorsDoNotFitError, match=rf"{fault}: .*encoder\.layer\.\d\.output\.dense\.weight"):
        models.create("minilm", weights="pretrained")


@pytest.mark.assets
def test_minilm_loads_and_means_what_it_says():
    model = models.create("minilm", weights="pretrained")
    texts = ["a wonderful, moving film", "a great and touching movie", "the drill stopped after a week"]
    with torch.no_grad():
        features = nn.functional.normalize(model.embed(model.preprocess(texts)))
    likeness = features @ features.T
    assert likeness[0, 1] > likeness[0, 2] + 0.2
    assert model.spec == models.ModelSpec("minilm", "pretrained", 384, 2)


# ---- save and load


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", [*SMALL, "resnet18", "efficientnet_lite0"])
def test_a_saved_model_answers_the_same(name, tmp_path):
    model = models.create(name, num_classes=3, seed=5)
    model.preprocess = replace(model.preprocess, size=40)
    models.freeze(model, except_head=True)
    model.to(memory_format=torch.channels_last)
    path = models.save(model, tmp_path / "run" / "model", class_names=["a", "b", "c"])
    again = models.load(path)
    images = torch.randint(0, 256, (2, 3, 50, 50), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours, theirs = (models.logits(m, m.preprocess(images)) for m in (model, again))
    torch.testing.assert_close(ours, theirs)
    assert again.preprocess == model.preprocess
    assert again.spec == replace(model.spec, class_names=("a", "b", "c"))
    assert again.embed(again.preprocess(images)).shape == (2, again.spec.feature_dim)
    assert models.count_parameters(again).trainable == models.count_parameters(again).total
    assert sorted(file.name for file in path.iterdir()) == ["model.json", "model.safetensors"]


@pytest.mark.parametrize("name", ["minilm", "distilbert"])
def test_a_saved_text_model_answers_the_same_without_the_assets(name, text_folder, tmp_path, monkeypatch):
    text_folder(name)
    model = models.create(name, weights="pretrained", num_classes=3, seed=1)
    path = models.save(model, tmp_path / "saved")
    monkeypatch.delattr(assets, "get")
    again = models.load(path)
    texts = ["a good film", "dull"]
    with torch.no_grad():
        assert torch.equal(models.logits(again, again.preprocess(texts)), models.logits(model, model.preprocess(texts)))
    assert is_text(again)
    assert again.config.num_labels == 3
    assert again.spec == model.spec


def test_saving_again_replaces_and_keeps_the_names(tmp_path):
    model = models.create("resnet_small", num_classes=2)
    models.save(model, tmp_path / "m", class_names=["no", "yes"])
    again = models.load(tmp_path / "m")
    nn.init.zeros_(again.fc.weight)
    models.save(again, tmp_path / "m")
    third = models.load(tmp_path / "m")
    assert third.fc.weight.abs().max() == 0
    assert third.spec.class_names == ("no", "yes")
    models.replace_head(third, 2)
    assert third.spec.class_names is None


def test_what_cannot_be_saved_is_refused(tmp_path):
    model = models.create("resnet_small", num_classes=2)
    with pytest.raises(ValueError, match="3 class names do not name 2 outputs"):
        models.save(model, tmp_path / "m", class_names=["a", "b", "c"])
    with pytest.raises(ValueError, match="create"):
        models.save(nn.Linear(2, 2), tmp_path / "m")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is a file"):
        models.save(model, tmp_path / "file")
    model.fc = nn.Sequential(nn.Linear(288, 8), nn.Linear(8, 2))
    with pytest.raises(models.TensorsDoNotFitError, match=r"unexpected: fc\.0\.weight"):
        models.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.fixture
def saved(tmp_path):
    return models.save(models.create("resnet_small", num_classes=2), tmp_path / "m")


def test_no_saved_model_and_no_weights_are_said(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="no saved model"):
        models.load(tmp_path / "elsewhere")
    (saved / "model.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match=r"model\.safetensors"):
        models.load(saved)


@pytest.mark.parametrize("keep", [0, 7, 100, 100_000])
def test_truncated_weights_are_said(saved, keep):
    path = saved / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        models.load(saved)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1, "spec": {"name": "resnet_small"}}'])
def test_a_damaged_card_is_said(saved, text):
    (saved / "model.json").write_text(text)
    with pytest.raises(ValueError, match="is damaged"):
        models.load(saved)


@pytest.mark.parametrize("change", [{"format": 99}, {"spec": {"name": "resnet_1001"}}])
def test_a_card_of_another_version_is_said(saved, change):
    card = json.loads((saved / "model.json").read_text())
    (saved / "model.json").write_text(json.dumps(card | change))
    with pytest.raises(ValueError, match="another version"):
        models.load(saved)


def test_tensors_that_do_not_fit_are_named_and_nothing_is_loaded():
    model = models.create("resnet_small", num_classes=2)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    tensors = {key: tensor + 1 for key, tensor in before.items()}
    del tensors["bn1.weight"]
    tensors["nose.weight"] = torch.ones(1)
    tensors["fc.weight"] = torch.ones(3, 288)
    says = r"missing: bn1\.weight; unexpected: nose\.weight; of another shape: fc\.weight \(3×288 instead of 2×288\)"
    with pytest.raises(models.TensorsDoNotFitError, match=says):
        load_tensors(model, tensors, source="this file")
    assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
