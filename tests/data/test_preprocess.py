"""What goes into a network: sizes, statistics, tokens, and refusals."""

import dataclasses

import pytest
import torch
from draws import seeds
from torchvision.transforms.v2 import functional as V

from tl_course.data import preprocess as preprocess_module
from tl_course.data.preprocess import ImagePreprocess, TextPreprocess, load_tokenizer

IMAGENET = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF = {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "dull", "film"]


def pictures(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def text() -> TextPreprocess:
    from transformers import BertTokenizer

    return TextPreprocess(BertTokenizer(vocab={word: i for i, word in enumerate(WORDS)}), max_length=6)


@pytest.mark.parametrize("side", ["right", "left"])
def test_many_texts_are_tokenised_a_few_at_a_time_to_the_same_tokens(text, side, monkeypatch):
    text.tokenizer.padding_side = side
    draw = torch.Generator().manual_seed(0)
    counts = torch.randint(1, 7, (23,), generator=draw).tolist()
    texts = [" ".join(WORDS[5 + number % 4] for number in range(count)) for count in counts]
    whole = text(texts)
    monkeypatch.setattr(preprocess_module, "AT_ONCE", 4)
    seen, encoded = [], TextPreprocess._encoded
    monkeypatch.setattr(TextPreprocess, "_encoded", lambda self, some: (seen.append(len(some)), encoded(self, some))[1])
    parts = text(texts)
    assert max(seen) == 4
    assert sum(seen) == 23
    assert parts.keys() == whole.keys()
    assert all(torch.equal(parts[name], whole[name]) for name in whole)


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("shape", [(32, 32), (64, 64), (20, 20), (48, 80), (75, 33)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pictures_are_what_torchvision_makes_of_them(seed, shape, interpolation):
    images = pictures(3, 3, *shape, seed=seed)
    preprocess = ImagePreprocess(32, **IMAGENET, interpolation=interpolation)
    mode = {"bilinear": V.InterpolationMode.BILINEAR, "bicubic": V.InterpolationMode.BICUBIC}[interpolation]
    resized = V.center_crop(V.resize(images.float(), [32], interpolation=mode, antialias=True), [32, 32])
    expected = V.normalize(resized.clamp(0, 255) / 255, *IMAGENET.values())
    result = preprocess(images)
    assert result.dtype == torch.float32
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_black_and_white_stay_within_the_scale(interpolation):
    board = (torch.arange(61 * 61).view(1, 1, 61, 61) % 2 * 255).to(torch.uint8).expand(2, 3, -1, -1)
    result = ImagePreprocess(32, **HALF, interpolation=interpolation)(board)
    assert result.shape == (2, 3, 32, 32)
    assert result.abs().max() <= 1 + 1e-6


def test_pictures_are_not_changed_in_place():
    images = pictures(2, 3, 32, 32)
    before = images.clone()
    ImagePreprocess(32, **HALF)(images)
    assert torch.equal(images, before)


def test_statistics_first_used_in_inference_mode_serve_autograd_later():
    preprocess = ImagePreprocess(32, mean=(0.11, 0.12, 0.13), std=(0.21, 0.22, 0.23))
    with torch.inference_mode():
        preprocess(pictures(1, 3, 32, 32))
    weight = torch.ones(1, requires_grad=True)
    (preprocess(pictures(1, 3, 32, 32)) * weight).sum().backward()
    assert weight.grad is not None


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (torch.zeros(2, 3, 8, 8), "uint8"),
        (pictures(2, 1, 8, 8), "expand"),
        (pictures(3, 8, 8), "N×3×H×W"),
        (pictures(2, 8, 8, 3), "N×3×H×W"),
    ],
)
def test_other_things_than_raw_pictures_are_refused(images, says):
    with pytest.raises(ValueError, match=says):
        ImagePreprocess(8, **HALF)(images)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"size": 0}, "size"),
        ({"std": (0.5, 0.0, 0.5)}, "std"),
        ({"mean": (0.5,)}, "3 channels"),
        ({"interpolation": "lanczos"}, "bilinear"),
    ],
)
def test_impossible_settings_are_refused(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(ImagePreprocess(8, **HALF), **change)


def test_texts_are_padded_to_the_longest_and_cut(text):
    inputs = text(["good", "a good film a good film a"])
    assert set(inputs) == {"input_ids", "attention_mask"}
    assert inputs["input_ids"].tolist() == [[2, 6, 3, 0, 0, 0], [2, 5, 6, 8, 5, 3]]
    assert inputs["attention_mask"].sum(1).tolist() == [3, 6]
    assert inputs["input_ids"].dtype == inputs["attention_mask"].dtype == torch.int64
    assert text(["good"])["input_ids"].shape == (1, 3)


@pytest.mark.parametrize(
    ("texts", "says"), [("good", "list"), ([], "no text"), (["a", None], "text 1"), ([float("nan")], "text 0")]
)
def test_other_things_than_texts_are_refused(text, texts, says):
    with pytest.raises(ValueError, match=says):
        text(texts)


def test_too_short_a_length_is_refused(text):
    with pytest.raises(ValueError, match="max_length"):
        TextPreprocess(text.tokenizer, max_length=2)


def test_texts_survive_saving(text, tmp_path):
    text.save_tokenizer(tmp_path)
    again = TextPreprocess.from_dict(text.to_dict(), tmp_path)
    sample = ["a dull film", "good", "unheard of"]
    assert again(sample)["input_ids"].equal(text(sample)["input_ids"])
    assert again.max_length == text.max_length


def test_a_folder_without_tokenizer_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"tokenizer\.json"):
        load_tokenizer(tmp_path)
