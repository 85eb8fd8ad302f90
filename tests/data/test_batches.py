"""Batches and features: every example once, labels kept, seeded, and nothing left changed."""

import copy

import numpy
import pytest
import torch
import torch.nn.functional as F
from draws import seeds
from torch import nn
from torchvision.transforms.v2 import functional as V

import tl_course as tl
from tl_course.data.batches import moved
from tl_course.data.task import SPLITS, Split, Task

SEEDS = seeds(3)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]


def images_of(count: int, side: int = 16, seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=random)


def image_task(count: int = 50, side: int = 16, augment=(), seed: int = 0) -> Task:
    """A task whose labels are the positions of the images, so that a label says which image must lie beside it."""
    splits = [Split(images_of(count, side, seed + number), torch.arange(count)) for number in range(3)]
    return Task("noise", "noise", "image", tuple(map(str, range(count))), *splits, "made up", augment)


def image_model(side: int = 16, seed: int = 0) -> nn.Module:
    """A small net with a preprocess whose result is the raw pixels divided by 255, and an embedding."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.preprocess = tl.data.ImagePreprocess(side, (0.0,) * 3, (1.0,) * 3)
    model.embed = model.forward
    return model


@pytest.fixture
def text_model():
    from transformers import BertTokenizer

    model = nn.Linear(1, 1)
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)})
    model.preprocess = tl.data.TextPreprocess(tokenizer, max_length=12)
    model.embed = lambda inputs: (inputs["input_ids"] * inputs["attention_mask"]).sum(1, keepdim=True).double()
    return model


def text_task(count: int = 40, seed: int = 0) -> Task:
    random = numpy.random.default_rng(seed)
    texts = [" ".join(random.choice(WORDS[5:], random.integers(1, 9))) for _ in range(count)]
    split = Split(texts, torch.arange(count), torch.arange(count) // 4)
    return Task("words", "words", "text", tuple(map(str, range(count))), split, split, split, "made up")


def order_of(loader) -> list[int]:
    return torch.cat([batch.index for batch in loader]).tolist()


# --- order --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("count", "batch_size"), [(50, 8), (48, 8), (5, 128), (1, 1)])
def test_every_epoch_sees_every_example_exactly_once(seed, count, batch_size):
    loader = tl.data.batches(image_task(count), image_model(), batch_size=batch_size, seed=seed)
    for _ in range(3):
        sizes = [len(batch) for batch in loader]
        assert sum(sizes) == count
        assert len(sizes) == len(loader)
        assert sorted(order_of(loader)) == list(range(count))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("augment", [(), ("flip", "crop")])
def test_epochs_differ_repeat_by_seed_and_can_be_resumed(seed, augment):
    def epochs(seed, start=0, count=3):
        loader = tl.data.batches(image_task(augment=augment), image_model(), batch_size=16, seed=seed)
        loader.epoch = start
        return [torch.cat([batch.inputs.flatten(1) for batch in loader]) for _ in range(count)], loader.epoch

    whole, reached = epochs(seed)
    assert reached == 3
    assert not torch.equal(whole[0], whole[1])
    assert not torch.equal(whole[0], epochs(seed + 1)[0][0])
    assert all(map(torch.equal, whole, epochs(seed)[0]))
    resumed, reached = epochs(seed, start=2, count=1)
    assert torch.equal(resumed[0], whole[2])
    assert reached == 3


def test_only_training_batches_are_shuffled_and_augmented():
    task, model = image_task(augment=("flip", "crop")), image_model()
    for split in ("validation", "test"):
        loader = tl.data.batches(task, model, split, batch_size=16)
        assert order_of(loader) == list(range(50))
        raw = getattr(task, split).inputs
        assert torch.equal(torch.cat([batch.inputs for batch in loader]), model.preprocess(raw))
    assert order_of(tl.data.batches(task, model)) != list(range(50))
    assert order_of(tl.data.batches(task, model, shuffle=False)) == list(range(50))
    assert order_of(tl.data.batches(task, model, "test", shuffle=True)) != list(range(50))


def test_order_and_augmentation_of_an_image_do_not_depend_on_the_batch_size():
    task, model = image_task(augment=("flip", "crop")), image_model()
    small, large = (
        torch.cat([batch.inputs for batch in tl.data.batches(task, model, batch_size=size, seed=4)]) for size in (7, 50)
    )
    assert torch.equal(small, large)


def test_a_pass_leaves_the_global_generator_alone():
    loader = tl.data.batches(image_task(augment=("flip", "crop")), image_model())
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    order_of(loader)
    assert torch.equal(torch.rand(4), expected)


# --- images -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_inputs_are_what_preprocess_makes_of_the_raw_images_beside_their_labels(seed):
    task = image_task(seed=seed)
    model = image_model(side=8)
    for batch in tl.data.batches(task, model, batch_size=16, seed=seed):
        assert batch.inputs.dtype == torch.float32
        assert batch.labels.dtype == batch.index.dtype == torch.int64
        assert torch.equal(batch.labels, task.train.labels[batch.index])
        assert torch.equal(batch.inputs, model.preprocess(task.train.inputs[batch.index]))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("size", [(16, 16), (12, 20), (7, 5)])
def test_moving_equals_padding_cropping_and_flipping_one_by_one(seed, size):
    random = torch.Generator().manual_seed(seed)
    height, width = size
    images = torch.randint(0, 256, (20, 3, *size), dtype=torch.uint8, generator=random)
    reach = min(size) // 2
    down, right = torch.randint(-reach, reach + 1, (2, 20), generator=random)
    flip = torch.rand(20, generator=random) < 0.5
    result = moved(images, flip=flip, down=down, right=right)
    padded = F.pad(images.float(), (reach,) * 4, mode="reflect").to(torch.uint8)
    for number in range(20):
        top, left = reach + int(down[number]), reach + int(right[number])
        expected = padded[number, :, top : top + height, left : left + width]
        expected = V.horizontal_flip(expected) if flip[number] else expected
        assert torch.equal(result[number], expected)


@pytest.mark.parametrize("seed", SEEDS)
def test_augmentation_keeps_label_and_content(seed):
    task = image_task(200, augment=("flip",), seed=seed)
    flipped = 0
    for batch in tl.data.batches(task, image_model(), batch_size=64, seed=seed):
        raw = task.train.inputs[batch.labels].float() / 255
        for image, original in zip(batch.inputs, raw, strict=True):
            same = torch.allclose(image, original, atol=1e-6)
            mirrored = torch.allclose(image, original.flip(-1), atol=1e-6)
            assert same != mirrored
            flipped += mirrored
    assert 60 < flipped < 140  # within six standard deviations of one half


@pytest.mark.parametrize("side", [8, 16, 32])
def test_crops_move_by_up_to_an_eighth_in_all_directions(side):
    ramp = torch.arange(side, dtype=torch.uint8)
    image = torch.stack(
        [ramp.expand(side, side), ramp.expand(side, side).T, torch.zeros(side, side, dtype=torch.uint8)]
    )
    split = Split(image.expand(3000, -1, -1, -1), torch.zeros(3000, dtype=torch.int64))
    task = Task("ramp", "ramp", "image", ("a", "b"), split, split, split, "made up", ("crop",))
    middle = torch.cat([batch.inputs for batch in tl.data.batches(task, image_model(side))])[
        :, :2, side // 2, side // 2
    ]
    steps = (middle * 255).round().long() - side // 2
    reach = side // 8
    assert set(steps.flatten().tolist()) == set(range(-reach, reach + 1))
    assert len({tuple(step) for step in steps.tolist()}) == (2 * reach + 1) ** 2


def test_the_raw_task_is_not_touched():
    task = image_task(augment=("flip", "crop"))
    before = copy.deepcopy(task)
    order_of(tl.data.batches(task, image_model()))
    for part in SPLITS:
        assert torch.equal(getattr(task, part).inputs, getattr(before, part).inputs)


# --- texts and features -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_texts_are_padded_to_the_longest_of_their_batch(seed, text_model):
    task = text_task(seed=seed)
    widths = set()
    for batch in tl.data.batches(task, text_model, batch_size=4, seed=seed):
        expected = text_model.preprocess([task.train.inputs[index] for index in batch.index])
        assert batch.inputs.keys() == expected.keys()
        assert all(torch.equal(batch.inputs[name], expected[name]) for name in expected)
        assert torch.equal(batch.labels, batch.index)
        widths.add(batch.inputs["input_ids"].shape[1])
    assert len(widths) > 1


def test_texts_are_tokenised_once(text_model):
    preprocess, calls = text_model.preprocess, []
    text_model.preprocess = lambda texts: calls.append(len(texts)) or preprocess(texts)
    loader = tl.data.batches(text_task(), text_model, batch_size=4)
    for _ in range(3):
        order_of(loader)
    assert calls == [40]


@pytest.mark.parametrize("seed", SEEDS)
def test_features_are_the_embeddings_of_the_model_in_evaluation_mode(seed):
    task, model = image_task(seed=seed), image_model(seed=seed)
    result = tl.data.features(model, task, batch_size=16)
    model.eval()
    for part in SPLITS:
        split = getattr(result, part)
        expected = model(model.preprocess(getattr(task, part).inputs))
        torch.testing.assert_close(split.inputs, expected.detach(), rtol=1e-5, atol=1e-6)
        assert torch.equal(split.labels, getattr(task, part).labels)
        assert split.inputs.dtype == torch.float32
        assert not split.inputs.requires_grad
        assert not split.inputs.is_inference()  # else a head could not be trained on them
    assert (result.kind, result.name, result.title, result.class_names) == (
        "features",
        "noise",
        "noise",
        task.class_names,
    )


@pytest.mark.parametrize("fails", [False, True])
def test_features_leave_every_part_of_the_model_in_its_mode(fails):
    model = image_model()
    model.train()
    model[1].eval()
    modes = {name: module.training for name, module in model.named_modules()}
    state = copy.deepcopy(model.state_dict())
    if fails:
        model.embed = lambda inputs: inputs.no_such_thing
        with pytest.raises(AttributeError):
            tl.data.features(model, image_task())
    else:
        tl.data.features(model, image_task())
    assert {name: module.training for name, module in model.named_modules()} == modes
    assert all(torch.equal(values, state[name]) for name, values in model.state_dict().items())


def test_features_of_texts_are_float32_and_keep_documents(text_model):
    task = text_task()
    result = tl.data.features(text_model, task, batch_size=8)
    assert result.train.inputs.dtype == torch.float32
    assert torch.equal(result.train.groups, task.train.groups)
    head = nn.Linear(1, 2)
    for batch in tl.data.batches(result, head, batch_size=8):
        assert torch.equal(batch.inputs, result.train.inputs[batch.index])


def test_features_of_an_empty_validation_split_are_empty():
    task = tl.data.load("digits", train_per_class=2, validation=0, test=20)
    result = tl.data.features(image_model(8), task)
    assert result.validation.inputs.shape == (0, 4)
    with pytest.raises(ValueError, match=r"validation split of .* is empty; load the task with"):
        tl.data.batches(result, nn.Linear(4, 2), "validation")


def test_a_parameterless_model_embeds_too():
    model = nn.Flatten()
    model.preprocess, model.embed = tl.data.ImagePreprocess(16, (0.0,) * 3, (1.0,) * 3), model.forward
    assert tl.data.features(model, image_task()).train.inputs.shape == (50, 768)


# --- refusals -----------------------------------------------------------------------------------------------------


def test_features_refuse_what_they_cannot_keep():
    with pytest.raises(ValueError, match=r"augmented with flip.*load it without augment"):
        tl.data.features(image_model(), image_task(augment=("flip",)))
    done = tl.data.features(image_model(), image_task())
    with pytest.raises(ValueError, match="made of features already"):
        tl.data.features(image_model(), done)
    with pytest.raises(ValueError, match=r"Linear has no embed\(inputs\); make it with"):
        tl.data.features(nn.Linear(1, 1), image_task())


def test_batches_refuse_what_makes_no_sense(text_model):
    with pytest.raises(ValueError, match=r"no split 'valid'; the three are train, validation, test"):
        tl.data.batches(image_task(), image_model(), "valid")
    with pytest.raises(ValueError, match="batch_size=0"):
        tl.data.batches(image_task(), image_model(), batch_size=0)
    with pytest.raises(ValueError, match=r"not possible for the image task noise; images know 'flip' and 'crop'"):
        tl.data.batches(image_task(), image_model(), augment=("rotate",))
    with pytest.raises(ValueError, match="not possible for the text task"):
        tl.data.batches(text_task(), text_model, augment=("flip",))
    with pytest.raises(ValueError, match=r"Linear does not say what its inputs must be like.*ImagePreprocess"):
        tl.data.batches(image_task(), nn.Linear(1, 1))
    with pytest.raises(ValueError, match=r"TextPreprocess"):
        tl.data.batches(text_task(), nn.Linear(1, 1))


# --- devices ------------------------------------------------------------------------------------------------------


def test_batches_are_where_the_model_is_unless_told_otherwise():
    model = image_model().to("meta")
    loader = tl.data.batches(image_task(augment=("flip", "crop")), model, batch_size=16)
    assert all(batch.inputs.is_meta and batch.labels.is_meta for batch in loader)
    assert tl.data.batches(image_task(), model, device="cpu").device.type == "cpu"


@pytest.mark.cuda
@pytest.mark.parametrize("kind", ["image", "text", "features"])
def test_nothing_in_an_epoch_waits_for_the_gpu(kind, text_model):
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    task, model = {
        "image": lambda: (image_task(augment=("flip", "crop")), image_model()),
        "text": lambda: (text_task(), text_model),
        "features": lambda: (tl.data.features(image_model(), image_task()), nn.Linear(4, 2)),
    }[kind]()
    loader = tl.data.batches(task, model.to("cuda"), batch_size=16)
    order_of(loader)  # allocations and cached statistics of the first epoch may wait
    torch.cuda.set_sync_debug_mode("error")
    try:
        seen = [batch for batch in loader]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert all(batch.labels.is_cuda for batch in seen)
