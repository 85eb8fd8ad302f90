"""An exported model answers as the saved one does, and what lies beside it is all that one needs to ask it."""

import json

import numpy
import pytest
import torch
from PIL import Image, ImageOps
from tasks import tiny_bert

from tl_course import models, recipes
from tl_course.models import exporting
from tl_course.models.zoo import equip

CLASSES = ["no", "perhaps", "yes"]


def saved_image_model(folder, name="resnet_tiny", fit="crop", seed=0):
    import dataclasses

    model = models.create(name, num_classes=3, seed=seed)
    model.preprocess = dataclasses.replace(model.preprocess, fit=fit, mean=(0.4, 0.5, 0.6))
    return models.save(model, folder, class_names=CLASSES, temperature=1.7)


def saved_text_model(folder):
    bert = tiny_bert()
    return models.save(equip(bert, "minilm", None, bert.preprocess), folder, class_names=CLASSES[:2], temperature=0.8)


def asker(folder, card):
    """Ask an export as someone without the course would."""
    if card["model"].endswith(".onnx"):
        import onnxruntime

        session = onnxruntime.InferenceSession(folder / card["model"])
        assert [each.name for each in session.get_inputs()] == list(card["inputs"])
        return lambda **given: session.run(["logits"], {name: numpy.asarray(each) for name, each in given.items()})[0]
    program = torch.export.load(folder / card["model"]).module()
    return lambda **given: program(*(torch.as_tensor(each) for each in given.values())).detach().numpy()


def softmax(logits, temperature):
    powers = numpy.exp(logits / temperature - (logits / temperature).max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.integration
@pytest.mark.parametrize(("format", "fit"), [pytest.param("torch", "pad", marks=pytest.mark.full), ("onnx", "crop")])
def test_images_can_be_asked_with_nothing_but_the_folder(tmp_path, format, fit):
    saved = saved_image_model(tmp_path / "mine", fit=fit)
    done = models.export(saved, tmp_path / "out", format=format)
    assert done.difference < exporting.TOLERANCE
    assert done.length is None
    card = json.loads((done.folder / "preprocess.json").read_text(encoding="utf-8"))
    files = []
    for number, shape in enumerate([(50, 90, 3), (40, 40, 3), (21, 64, 3), (90, 33, 3), (32, 32, 3)]):
        pixels = numpy.random.default_rng(number).integers(0, 256, shape).astype(numpy.uint8)
        files.append(tmp_path / f"{number}.png")
        Image.fromarray(pixels).resize((shape[1], shape[0])).save(files[-1])
    batch, size = [], card["size"]
    for file in files:
        image = Image.open(file)
        assert card["resize_filter"] == "bicubic"
        if card["fit"] == "crop":
            image = ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)
        else:
            scale = size / max(image.size)
            small = image.resize([max(1, int(scale * side)) for side in image.size], Image.Resampling.BICUBIC)
            image = Image.new("RGB", (size, size), tuple(card["fill"]))
            image.paste(small, [(size - side) // 2 for side in small.size])
        pixels = (numpy.asarray(image) / card["scale"] - card["mean"]) / card["std"]
        batch.append(pixels.transpose(2, 0, 1).astype(numpy.float32))
    ask = asker(done.folder, card)
    answers, _ = recipes.predict(saved, [str(file) for file in files])
    for count in (1, 5):
        chances = softmax(ask(pixels=numpy.stack(batch[:count])), card["temperature"])
        for row, answer in zip(chances, answers, strict=False):
            expected = [dict(answer.classes)[name] for name in card["class_names"]]
            numpy.testing.assert_allclose(row, expected, atol=1e-4)


@pytest.mark.full
@pytest.mark.parametrize("format", ["torch", pytest.param("onnx", marks=pytest.mark.full)])
def test_texts_can_be_asked_with_nothing_but_the_folder(tmp_path, format):
    import tokenizers

    saved = saved_text_model(tmp_path / "mine")
    done = models.export(saved, tmp_path / "out", format=format)
    card = json.loads((done.folder / "preprocess.json").read_text(encoding="utf-8"))
    texts = ["a good film", "bad", "film a film a good bad film " * 5]
    tokenizer = tokenizers.Tokenizer.from_file(str(done.folder / card["tokenizer"]))
    tokenizer.enable_truncation(card["max_length"])
    tokenizer.enable_padding(pad_id=card["pad_token_id"], length=done.length)
    ask = asker(done.folder, card)
    answers, _ = recipes.predict(saved, [f"{text} " for text in texts])
    for count in (1, 2, 3):
        encoded = tokenizer.encode_batch(texts[:count])
        given = {
            "input_ids": numpy.array([each.ids for each in encoded]),
            "attention_mask": numpy.array([each.attention_mask for each in encoded]),
        }
        chances = softmax(ask(**given), card["temperature"])
        for row, answer in zip(chances, answers, strict=False):
            expected = [dict(answer.classes)[name] for name in card["class_names"]]
            numpy.testing.assert_allclose(row, expected, atol=1e-4)


@pytest.mark.full
@pytest.mark.parametrize("format", ["torch", "onnx"])
@pytest.mark.parametrize("name", ["vgg_small", "resnet_small", "resnet_tiny", "gru_small", "resnet18"])
def test_every_small_network_can_be_exported(tmp_path, name, format):
    saved = models.save(models.create(name, num_classes=3), tmp_path / "mine")
    done = models.export(saved, tmp_path / "out", format=format)
    assert done.difference < exporting.TOLERANCE


def test_an_export_that_answers_otherwise_leaves_nothing(tmp_path, monkeypatch):
    saved = saved_image_model(tmp_path / "mine")

    def written(network, file, length):
        file.write_text("an export")
        return lambda pixels: models.logits(network, pixels) + 2e-4

    monkeypatch.setattr(exporting, "_write_torch", written)
    with pytest.raises(ValueError, match=r"answers otherwise than the saved one: by 2.0e-04 in a batch of 1"):
        models.export(saved, tmp_path / "out", format="torch")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_recurrent_network_is_refused_before_anything_is_tried(tmp_path):
    saved = models.save(models.create("gru_small", num_classes=2, weights=None), tmp_path / "mine")
    with pytest.raises(ValueError, match=r"^gru_small has recurrent layers \(GRU\).*tl\.models\.load.*minilm\.$"):
        models.export(saved, tmp_path / "out", format="torch")
    assert not (tmp_path / "out").exists()


def test_a_network_that_cannot_be_exported_is_said_so(tmp_path, monkeypatch):
    saved = saved_image_model(tmp_path / "mine")

    def written(network, file, length):
        raise RuntimeError("no such operator\nand a page more")

    monkeypatch.setattr(exporting, "_write_torch", written)
    with pytest.raises(ValueError, match=r"resnet_tiny cannot be exported \(RuntimeError: no such operator\); try"):
        models.export(saved, tmp_path / "out", format="torch")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine"]


def test_a_length_that_cannot_be_free_is_fixed(tmp_path, monkeypatch):
    saved = saved_text_model(tmp_path / "mine")

    def written(network, file, length):
        if length is None:
            raise RuntimeError("constrained")
        file.write_text("an export")
        return lambda ids, mask: models.logits(network, {"input_ids": ids, "attention_mask": mask})

    monkeypatch.setattr(exporting, "_write_torch", written)
    done = models.export(saved, tmp_path / "out", format="torch")
    card = json.loads((done.folder / "preprocess.json").read_text(encoding="utf-8"))
    assert done.length == card["max_length"] == 16
    assert card["inputs"]["input_ids"]["shape"] == ["batch", 16]
    assert card["padding"] == "max_length"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine", "--format", "tflite"), "--format tflite is unknown; give torch or onnx."),
        (("nowhere",), "nowhere holds no saved model"),
        (("mine", "--out", "there"), "there is there and holds no export; choose another --out"),
        (("mine", "--out", "done"), "done is there already; choose another --out, or pass --force"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(tl, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    saved_image_model(tmp_path / "mine")
    for name, file in (("there", "thesis.tex"), ("done", "model.pt2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text("mine")
    code, out, err = tl("export", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_without_the_packages_for_onnx_it_says_what_to_install(tmp_path, monkeypatch):
    saved = saved_image_model(tmp_path / "mine")
    monkeypatch.setattr(exporting, "NEEDED", ("json", "onnx_of_the_future"))
    with pytest.raises(ValueError, match=r"ONNX needs onnx_of_the_future: pip install .* -e '.\[export\]'"):
        models.export(saved, tmp_path / "out", format="onnx")


def test_the_command_line_exports(tl, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    saved_image_model(tmp_path / "my model")

    def written(network, file, length):
        file.write_text("an export")
        return lambda pixels: models.logits(network, pixels)

    monkeypatch.setattr(exporting, "_write_torch", written)
    for options in ((), ("--force",)):
        code, out, _ = tl("export", "my model", "--format", "torch", *options)
        assert code == 0
        assert out.splitlines() == [
            "Checked in 4 batches: the logits differ by 0.0e+00 at most.",
            "my model-torch has model.pt2, preprocess.json.",
        ]
