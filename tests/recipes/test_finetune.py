"""`tl-course finetune` and `tl-course predict` on folders of images, as a new user would: right, wrong and broken."""

import base64
import csv
import dataclasses
import html
import html.parser
import io
import json
import os
import re
import shlex

import numpy
import pytest
import torch
from draws import seeds
from PIL import Image

from tl_course import models, training
from tl_course.data.image_files import read_image
from tl_course.recipes import finetuning, images, planning, recipe

SMALL = ("--model", "resnet_small", "--weights", "none", "--size", "16", "--steps", "2")


@pytest.fixture
def tl(tl, monkeypatch, tmp_path):
    """Run the command line in this process, in a folder of its own: returns exit code, stdout, stderr."""
    monkeypatch.setenv("TL_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "PROBE_STEPS", 40)
    return tl


def photograph(path, brightness: int, seed: int = 0, side: int = 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    random = numpy.random.default_rng(seed)
    pixels = random.integers(0, 60, (side, side + 8, 3)) + brightness
    Image.fromarray(pixels.astype(numpy.uint8)).save(path)


@pytest.fixture
def folder(tmp_path):
    """Dark and bright noise: two classes that nobody can take for one another."""
    for number in range(12):
        photograph(tmp_path / "noise" / "dark" / f"{number:02}.png", 0, number)
        photograph(tmp_path / "noise" / "bright" / f"{number:02}.png", 180, 100 + number)
    return tmp_path / "noise"


class Page(html.parser.HTMLParser):
    """What a page is made of, to be asked about."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def every(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


# --- finetune, and what it leaves --------------------------------------------------------------------------------


@pytest.mark.integration
def test_a_folder_becomes_a_report_and_a_model_that_predicts(tl, folder, tmp_path):
    code, out, _ = tl("finetune", folder, *SMALL)
    assert code == 0
    assert "noise: 16 train, 4 validation, 4 test images 16×16, 2 classes." in out
    assert "Test accuracy: 100.0% [51.0%, 100.0%], n=4; always answering 'bright' would give 50.0%." in out
    assert "Note: Only 4 test examples: the true accuracy may lie anywhere from 51% to 100%." in out
    doubt = "Before you believe this accuracy, read what stands in the table above under 'Relatives'."
    assert doubt in out.splitlines()[-3:]  # after it only where the report is, and how to use the model
    made = tmp_path / "noise-finetuned"
    names = ["model.json", "model.safetensors", "predictions.csv", "report.html"]
    assert sorted(path.name for path in made.iterdir()) == names
    photograph(tmp_path / "new.png", 175, 7)
    code, out, _ = tl("predict", made, tmp_path / "new.png", folder / "dark")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 13
    assert lines[0].startswith(f"{tmp_path / 'new.png'}\tbright ")
    assert all("\tdark " in line for line in lines[1:])


@pytest.mark.integration
def test_predictions_of_the_test_name_their_files(tl, folder, tmp_path):
    photograph(folder / "dark" / "=cmd.png", 0, 77)
    assert tl("finetune", folder, *SMALL)[0] == 0
    with (tmp_path / "noise-finetuned" / "predictions.csv").open(encoding="utf-8-sig", newline="") as stream:
        found = list(csv.DictReader(stream))
    head = ["file", "truth", "predicted", "confidence", "probability_bright", "probability_dark"]
    assert list(found[0]) == head
    for row in found:
        assert (folder / row["file"]).is_file()
        assert row["file"].split("/")[0] == row["truth"]


@pytest.mark.integration
def test_the_python_of_the_report_runs_as_it_stands(tl, folder, tmp_path, capsys):
    (tmp_path / "it's noise").mkdir()
    folder.rename(tmp_path / "it's noise" / "noise")
    assert tl("finetune", "it's noise/noise", *SMALL)[0] == 0
    page = (tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")
    code = html.unescape(page.split('<pre id="in-python">')[1].split("</pre>")[0])
    capsys.readouterr()
    exec(compile(code, "report", "exec"), {})
    said = [line.split(": ") for line in capsys.readouterr().out.splitlines()]
    with (tmp_path / "noise-finetuned" / "predictions.csv").open(encoding="utf-8-sig", newline="") as stream:
        first = next(csv.DictReader(stream))
    assert said[0][0] == first["predicted"]
    for name, chance in said:
        assert float(chance.rstrip("%")) / 100 == pytest.approx(float(first[f"probability_{name}"]), abs=2e-3)


@pytest.mark.integration
def test_the_report_stands_alone_and_can_be_read_aloud(tl, folder, tmp_path):
    tl("finetune", folder, *SMALL, "--seed", "3")
    text = (tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert not page.every("script")
    for tag, attributes in page.found:
        for name in ("src", "href"):
            assert attributes.get(name, "data:").startswith("data:"), tag
    assert page.every("html")[0]["lang"] == "en"
    assert all(len(attributes["alt"]) > 10 for attributes in page.every("img"))
    assert len(page.every("table")) == len(page.every("caption")) >= 4
    assert text.count('<div class="wide"><table>') == len(page.every("table"))  # none widens a narrow page
    assert {attributes["scope"] for attributes in page.every("th")} == {"col", "row"}
    for said in (
        "of 4 test images are recognised rightly",
        "Wilson",
        "Always answering “bright”, the largest class",
        "Only 4 test examples",
        "Linear probe",
        "Precision",
        "Numbers trained",
        "multiply-accumulates",
        f"tl-course finetune {folder} --model resnet_small --weights none --size 16 --steps 2 --seed 3",
        "tl_course 0",
        "Seed 3",
    ):
        assert said in page.text, said


@pytest.mark.full
def test_mistakes_are_shown_as_pictures_with_their_files(tl, folder, tmp_path):
    for number in range(8):  # bright ones filed under dark: whatever is learned, some answers are wrong
        photograph(folder / "dark" / f"wrong {number}&.png", 180, 300 + number)
        photograph(folder / "bright" / f"wrong {number}&.png", 0, 400 + number)
    assert tl("finetune", folder, *SMALL)[0] == 0
    page = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8"))
    shown = [attributes["alt"] for attributes in page.every("img") if ": taken for " in attributes["alt"]]
    assert shown
    for alt in shown:
        assert (folder / alt.split(": taken for ")[0]).is_file()
        assert alt.split("taken for ")[1].split(" (")[0] != alt.split("is ")[-1]


@pytest.mark.integration
def test_the_linear_probe_alone(tl, folder, tmp_path):
    code, out, _ = tl("finetune", folder, "--model", "vgg_small", "--weights", "none", "--steps", "0")
    assert code == 0
    assert "Validation chose the linear probe." in out
    assert "Fine-tuning" not in out
    page = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert "features of the frozen network; nothing was fine-tuned." in page.text
    assert "mirrored" not in page.text


@pytest.mark.full
def test_a_class_name_that_no_font_has_is_numbered(tl, folder, tmp_path, recwarn):
    (folder / "dark").rename(folder / "暗い写真")
    assert tl("finetune", folder, *SMALL)[0] == 0
    assert not [warning for warning in recwarn if "lyph" in str(warning.message)]
    text = (tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")
    assert "暗い写真" in text
    assert "Classes are numbered" in text


@pytest.mark.integration
def test_parts_that_come_divided_are_respected(tl, folder, tmp_path):
    for part in ("train", "test"):
        for name in ("dark", "bright"):
            for number in range(6):
                seed = 100 * (part == "test") + 10 * (name == "dark") + number
                photograph(tmp_path / "ready" / part / name / f"{number}.png", 180 * (name == "bright"), seed)
    copied = (tmp_path / "ready" / "test" / "dark" / "0.png").read_bytes()
    (tmp_path / "ready" / "train" / "dark" / "0.png").write_bytes(copied)
    code, out, _ = tl("finetune", tmp_path / "ready", *SMALL)
    assert code == 0
    assert "9 train, 2 validation, 12 test" in out
    assert "1 image left out as an exact copy" in out
    assert "The folder came divided, and its parts were kept as they are: train for train, test for test." in out


# --- what is left out, and told ----------------------------------------------------------------------------------


@pytest.mark.full
def test_copies_are_used_once_and_disputed_ones_named(tl, folder, tmp_path):
    (folder / "dark" / "copy.png").write_bytes((folder / "dark" / "03.png").read_bytes())
    (folder / "bright" / "both.png").write_bytes((folder / "dark" / "05.png").read_bytes())
    code, out, _ = tl("finetune", folder, *SMALL)
    assert code == 0
    assert "1 image left out as an exact copy (byte for byte) of another of the same class." in out
    assert "1 image stood in several classes" in out
    assert "15 train, 4 validation, 4 test" in out
    page = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert "bright/both.png = dark/05.png" in page.text


@pytest.mark.integration
def test_a_broken_image_is_named_or_skipped_counted_and_listed(tl, folder, tmp_path):
    whole = (folder / "dark" / "01.png").read_bytes()
    (folder / "dark" / "01.png").write_bytes(whole[: len(whole) // 2])
    (folder / "bright" / "notes.txt").write_text("not an image")
    code, out, err = tl("finetune", folder, *SMALL)
    assert code == 2
    assert err.count("\n") == 1
    assert "is not an image that can be read; remove or replace it, or pass --on-error skip" in err
    assert not (tmp_path / "noise-finetuned").exists()
    code, out, _ = tl("finetune", folder, *SMALL, "--on-error", "skip")
    assert code == 0
    assert "2 problems passed over" in out
    page = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert "Skipped (2)" in page.text
    assert os.path.join("dark", "01.png") + " is not an image that can be read." in page.text


@pytest.mark.full
def test_deep_and_foreign_images_are_told_in_console_and_report(tl, folder, tmp_path):
    """12 bits in 16 were nearly black without a word; a HEIC had no way out."""
    for name, lowest in (("dark", 0), ("bright", 2900)):
        for number in range(3):
            values = numpy.random.default_rng(lowest + number).integers(lowest, lowest + 900, (40, 48))
            Image.fromarray(values.astype(numpy.uint16)).save(folder / name / f"deep {number}.png")
    (folder / "dark" / "IMG_1.HEIC").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    code, _, err = tl("finetune", folder, *SMALL)
    assert code == 2
    assert "IMG_1.HEIC is a HEIC photograph, as iPhones take them, which is not read here; save it as JPEG" in err
    assert err.count("\n") == 1
    code, out, err = tl("finetune", folder, *SMALL, "--on-error", "skip")
    assert code == 0
    said = "6 images hold 16 bits a pixel (bright/deep 0.png …): each was scaled from its own darkest value"
    assert out.count(said) == 1
    assert said in Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")).text
    code, out, err = tl("predict", "noise-finetuned", folder / "dark", "--on-error", "skip")
    assert code == 0
    assert err.count("Note: 3 images hold 16 bits a pixel") == 1
    assert "Skipped: " in out


@pytest.mark.full
def test_what_systems_leave_in_folders_is_passed_over(tl, folder):
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._01.png"):
        (folder / "dark" / name).write_bytes(b"not an image")
    (folder / "__MACOSX").mkdir()
    (folder / ".ipynb_checkpoints").mkdir()
    assert tl("finetune", folder, *SMALL)[0] == 0


@pytest.mark.integration
def test_tiny_and_empty_classes_are_left_out_only_when_asked(tl, folder):
    (folder / "empty").mkdir()
    code, _, err = tl("finetune", folder, *SMALL)
    assert code == 2
    assert "The class 'empty' in" in err
    assert "has no image; add some or remove its folder, or pass --on-error skip" in err
    photograph(folder / "empty" / "one.png", 90)
    code, _, err = tl("finetune", folder, *SMALL)
    assert code == 2
    assert "The class 'empty' has only 1 image, and 3 are the fewest that can be divided" in err
    code, out, _ = tl("finetune", folder, *SMALL, "--on-error", "skip")
    assert code == 0
    assert "2 classes" in out


@pytest.mark.integration
def test_a_rate_that_blew_the_loss_up_and_one_answer_for_all_are_told_everywhere(tl, folder, tmp_path, monkeypatch):
    monkeypatch.setitem(recipe.BACKBONE_RATE, "image", 50.0)
    monkeypatch.setitem(recipe.HEAD_RATE, "image", 50.0)
    monkeypatch.setattr(training.Run, "logits", lambda run, part: torch.tensor([[1.0, 0.0]] * len(run.task.test)))
    code, out, _ = tl("finetune", folder, *SMALL[:-1], "12")
    assert code == 0
    text = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")).text
    for said in ("Every one of the 4 test examples is called 'bright'", "Fine-tuning: The training loss "):
        assert out.count(f"Note: {said}") == 1
        assert text.count(said) == 1
        assert text.index(said) < text.index("Only 4 test examples")


@pytest.mark.integration
def test_uneven_classes_are_weighted_and_judged_by_macro_f1(tl, tmp_path):
    for number in range(40):
        photograph(tmp_path / "uneven" / "dark" / f"{number}.png", 0, number)
    for number in range(6):
        photograph(tmp_path / "uneven" / "bright" / f"{number}.png", 180, 100 + number)
    code, out, _ = tl("finetune", tmp_path / "uneven", *SMALL)
    assert code == 0
    assert "The classes are uneven" in out
    assert "Test macro F1: " in out
    always = 2 * 8 / (2 * 8 + 1) / 2  # all 8 dark ones found, the bright one never
    assert f"always answering 'dark' would give {always:.3f}." in out
    page = Page((tmp_path / "uneven-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert f"against {always:.3f} of always giving that answer" in page.text


# --- one sentence each -------------------------------------------------------------------------------------------


@pytest.mark.integration
def test_mistakes_are_one_sentence_and_leave_nothing(tl, folder, tmp_path):
    photograph(tmp_path / "one" / "only" / "a.png", 0)
    photograph(tmp_path / "outer" / "photos" / "dark" / "a.png", 0)
    photograph(tmp_path / "outer" / "photos" / "bright" / "a.png", 180)
    photograph(tmp_path / "loose" / "a.png", 0)
    (tmp_path / "images.zip").write_bytes(b"PK")
    before = sorted(path.name for path in tmp_path.iterdir())
    for arguments, message in [
        (["nowhere"], "There is no folder or file nowhere"),
        (["images.zip"], "neither a folder of images nor a table"),
        (["loose"], "no class folders; put the images of each class into a subfolder"),
        (["outer"], f"subfolders may be the classes; give {tmp_path / 'outer' / 'photos'}"),
        (["one"], "The class 'only' has only 1 image"),
        ([folder, "--model", "resnet_smal"], "there is no model 'resnet_smal'"),
        ([folder, "--model", "minilm"], "minilm is a network for texts"),
        ([folder, "--model", "resnet_small", "--weights", "imagenet"], "resnet_small has no weights 'imagenet'"),
        ([folder, "--weights", "letters"], "goes with a network of your choice"),
        ([folder, "--text", "a"], "is a folder of images"),
        ([folder, *SMALL, "--epochs", "2"], "one of the two"),
        ([folder, "--steps", "-1"], "cannot be negative"),
        ([folder, *SMALL, "--on-error", "ignore"], "on_error='ignore' is unknown"),
        ([folder, "--out", folder / "dark" / "x"], "lies inside the images"),
        ([folder, "--out", tmp_path / "images.zip"], "is a file; choose another --out"),
        ([folder, *SMALL, "--size", "8"], "at least 16 pixels"),
        ([folder, *SMALL, "--fit", "stretch"], "--fit stretch is unknown; give crop, pad or squish."),
        ([folder, *SMALL, "--size", "9000"], "pass a smaller --size"),
    ]:
        code, _, err = tl("finetune", *arguments)
        assert code == 2, arguments
        assert message in err
        assert err.count("\n") == 1, err
        assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.full
def test_a_network_without_trained_weights_says_that_nothing_is_transferred(tl, folder, tmp_path):
    """`--model resnet_tiny`, which the list of networks names, ended in a traceback."""
    said = "ResNet (tiny) has no trained weights and begins with random ones: nothing is transferred."
    for options, told in (([], 1), (["--weights", "none"], 0)):
        code, out, _ = tl("finetune", folder, "--model", "resnet_tiny", "--steps", "0", *options, "--force")
        assert code == 0
        assert out.count(said) == told
        page = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8"))
        assert page.text.count(said) == 2 * told  # at its top, and in the table of what was found


@pytest.mark.parametrize("name", models.MODELS)
def test_every_network_has_weights_or_is_known_to_begin_at_random(name):
    weights = planning.chosen_weights(name, None)
    assert weights in models.MODELS[name].weights or (weights, models.MODELS[name].weights) == (None, ())


@pytest.mark.parametrize(
    ("name", "size", "least"), [("vgg16", 31, 32), ("inception_v3", 74, 75), ("resnet18", 15, 16), ("auto", 15, 16)]
)
def test_a_size_that_the_layers_cannot_take_is_refused_with_the_least(name, size, least):
    with pytest.raises(ValueError, match=f"--size {size} leaves .* nothing to see; give at least {least} pixels"):
        planning.plan_images(200, 100, model=name, size=size)


@pytest.mark.usual(3)
@pytest.mark.integration
@pytest.mark.parametrize("name", [name for name, info in models.MODELS.items() if info.kind == "image"])
def test_every_network_takes_the_least_size(name):
    model = models.create(name)
    model.preprocess = dataclasses.replace(model.preprocess, size=planning.LEAST_SIDE.get(name, 16))
    with torch.no_grad():
        logits = models.logits(model, model.preprocess(torch.zeros(1, 3, 100, 100, dtype=torch.uint8)))
    assert torch.isfinite(logits).all()


def wide(path, cue: int, seed: int) -> None:
    """Three times as wide as high; the cue is at both ends."""
    pixels = numpy.random.default_rng(seed).integers(60, 120, (32, 96, 3))
    pixels[:, :20] = pixels[:, -20:] = cue
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(numpy.uint8)).save(path)


@pytest.mark.full
@pytest.mark.parametrize("fit", ["crop", "pad", "squish"])
def test_wide_images_with_the_cue_at_their_ends(tl, tmp_path, fit):
    """The middle square has no cue: half of the answers were right, and nothing was said."""
    for number in range(20):
        for name, cue in (("dark", 0), ("bright", 255)):
            wide(tmp_path / "wide" / name / f"{number:02}.png", cue, number + cue)
    options = ("--model", "resnet_small", "--weights", "letters", "--steps", "0", "--fit", fit)
    code, out, _ = tl("finetune", "wide", *options)
    assert code == 0
    said = {
        "crop": "(--fit crop), so 67% of an average image is not seen; --fit pad or --fit squish shows all of it.",
        "pad": "Each image is shown whole, between bars where it is no square (--fit pad).",
        "squish": "Each image is squeezed into a square, whole but out of proportion (--fit squish).",
    }[fit]
    page = Page((tmp_path / "wide-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert said in out
    assert said in page.text
    assert ("Test accuracy: 100.0%" in out) == (fit != "crop")
    assert models.load(tmp_path / "wide-finetuned").preprocess.fit == fit
    shown = [each for each in page.every("img") if each["alt"].endswith(".png, dark")]
    [seen] = [Image.open(io.BytesIO(base64.b64decode(each["src"].split(",")[1]))) for each in shown]
    assert seen.size == (32, 32)
    edge = numpy.asarray(seen)[16, :3].mean()
    assert (edge < 30) == (fit != "crop")
    wide(tmp_path / "new.png", 255, 999)
    code, out, _ = tl("predict", "wide-finetuned", "new.png", "--top", "1")
    assert ("\tbright 9" in out) or fit == "crop"


def test_a_model_of_before_fit_is_cut_as_it_was(saved):
    card = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    assert card["preprocess"].pop("fit") == "crop"
    (saved / "model.json").write_text(json.dumps(card), encoding="utf-8")
    assert models.load(saved).preprocess.fit == "crop"
    card["preprocess"]["fit"] = "stretch"
    (saved / "model.json").write_text(json.dumps(card), encoding="utf-8")
    with pytest.raises(ValueError, match="fit must be one of crop, pad, squish, not 'stretch'"):
        models.load(saved)


@pytest.mark.integration
def test_results_are_never_written_over_unasked(tl, folder, tmp_path):
    assert tl("finetune", folder, *SMALL, "--out", "mine")[0] == 0
    report = (tmp_path / "mine" / "report.html").read_bytes()
    code, _, err = tl("finetune", folder, *SMALL, "--out", "mine")
    assert code == 2
    assert "mine is there already; choose another --out, or pass --force" in err
    assert (tmp_path / "mine" / "report.html").read_bytes() == report
    assert tl("finetune", folder, *SMALL, "--out", "mine", "--force")[0] == 0


@pytest.mark.full
def test_within_the_folder_itself_the_results_go_beside_it(tl, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    assert tl("finetune", ".", *SMALL)[0] == 0
    assert (tmp_path / "noise-finetuned" / "report.html").is_file()


# --- how it is trained -------------------------------------------------------------------------------------------


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("given", [False, True])
def test_rate_and_batch_reach_the_training_and_the_report(tl, folder, tmp_path, monkeypatch, given):
    seen, whole = [], training.fit
    monkeypatch.setattr(
        training, "fit", lambda model, task, **options: seen.append(options) or whole(model, task, **options)
    )
    options = ("--lr", "3e-5", "--batch-size", "5") if given else ()
    assert tl("finetune", folder, *SMALL, *options)[0] == 0
    asked = {name: seen[-1][name] for name in ("lr", "head_lr", "batch_size")}
    usual = {"lr": recipe.BACKBONE_RATE["image"], "head_lr": recipe.HEAD_RATE["image"], "batch_size": 16}
    assert asked == pytest.approx({"lr": 3e-5, "head_lr": 1e-4, "batch_size": 5} if given else usual)
    text = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")).text
    said = (
        "in batches of {batch_size}; the highest learning rate was {lr:g} for the backbone and {head_lr:g} for the head"
    )
    assert text.count(said.format(**asked)) == 1


@pytest.mark.usual(2)
@pytest.mark.integration
@pytest.mark.parametrize(
    ("choice", "dark", "weighted"),
    [("auto", 40, True), ("balanced", 8, True), ("none", 40, False), ("none", 8, False), ("auto", 8, False)],
)
def test_class_weights_by_choice(tl, tmp_path, choice, dark, weighted):
    for number in range(dark):
        photograph(tmp_path / "some" / "dark" / f"{number}.png", 0, number)
    for number in range(6):
        photograph(tmp_path / "some" / "bright" / f"{number}.png", 180, 100 + number)
    options = () if choice == "auto" else ("--class-weights", choice)
    code, out, _ = tl("finetune", "some", *SMALL[:-1], "0", *options)
    assert code == 0
    page = Page((tmp_path / "some-finetuned" / "report.html").read_text(encoding="utf-8")).text
    said = "Class weights: none; every example weighs the same, and accuracy decides."
    if weighted:
        said = (
            r"Class weights: an example of 'bright' weighs [\d.]+ times as much as one of 'dark', and macro F1 decides."
        )
    assert len(re.findall(said, page)) == 1
    assert len(re.findall(said, out)) == (weighted or choice != "auto")
    assert ("Test macro F1: " in out) == weighted
    assert ("macro F1 chose" in page) == weighted
    assert ("The classes are uneven: training weighted them" in out) == (weighted and dark == 40)
    assert ("The classes are uneven and were not weighted, as you chose" in out) == (not weighted and dark == 40)


def test_the_help_names_the_usual_rates_and_its_parts(tl, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    out = tl("finetune", "--help")[1]
    rates = (f"{recipe.BACKBONE_RATE[kind]:.0e}".replace("e-0", "e-") for kind in ("image", "text"))
    assert "{} for images, {} for texts".format(*rates) in out
    for part in ("Your data", "The network", "How it is trained", "What is written"):
        assert part in out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--class-weights", "some"), "--class-weights some is unknown; give auto, balanced, none."),
        (("--lr", "0"), "--lr 0 is no learning rate; give a number above 0, such as 1e-4."),
        (("--lr", "-1"), "--lr -1 is no learning rate"),
        (("--lr", "nan"), "--lr=nan is not possible"),
        (("--batch-size", "0"), "--batch-size 0 is not a number of examples; give at least 1."),
    ],
)
def test_impossible_numbers_are_refused_before_anything_is_read(tl, folder, options, message):
    code, _, err = tl("finetune", folder, *SMALL, *options)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err


# --- Ctrl-C ------------------------------------------------------------------------------------------------------


def interrupted_in(monkeypatch, kind: str, step: int = 1) -> None:
    """Press Ctrl-C in a step of training on features (the probe) or images (fine-tuning)."""
    whole = training.fit

    def fit(model, task, *, loss, **options):
        seen = []

        def counting(model, batch):
            seen.append(batch)
            if task.kind == kind and len(seen) > step:
                raise KeyboardInterrupt
            return loss(model, batch)

        return whole(model, task, loss=counting, **options)

    monkeypatch.setattr(training, "fit", fit)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["features", "image"])
def test_ctrl_c_keeps_what_was_trained(tl, folder, tmp_path, monkeypatch, kind):
    interrupted_in(monkeypatch, kind)
    code, out, err = tl("finetune", folder, *SMALL)
    assert code == 130
    assert "Training was interrupted; this is the best model until then." in out
    kept = "Stopped; the best model until then is kept in noise-finetuned, with a report that says so."
    assert err.endswith(f"{kept} The same command goes on from there.\n")
    assert ("Fine-tuning:" in out) == (kind == "image")
    assert "Training was interrupted" in (tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")
    assert tl("predict", tmp_path / "noise-finetuned", folder / "dark" / "00.png")[0] == 0


def test_ctrl_c_before_anything_was_learned_leaves_nothing(tl, folder, tmp_path, monkeypatch):
    def stop(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(images, "read_image", stop)
    code, _, err = tl("finetune", folder, *SMALL)
    assert code == 130
    assert err.endswith("Stopped; there was no model yet, and nothing is kept. The same command begins again.\n")
    assert not (tmp_path / "noise-finetuned").exists()


@pytest.mark.full
def test_ctrl_c_when_all_is_trained_keeps_the_probe(folder, monkeypatch):
    """While the fine-tuned network answers for the last time, there is a probe to be kept."""
    look = images.look_over(folder)
    plan, model = planning.plan_images(look.side, 24, model="resnet_small", weights="none")
    task = images.read(look, size=32, most_training=100).task
    whole, answers = training.Run.logits, []

    def logits(run, part):
        answers.append(part)
        if len(answers) > 2:  # the probe's are the first two
            raise KeyboardInterrupt
        return whole(run, part)

    monkeypatch.setattr(training.Run, "logits", logits)
    outcome = recipe.learn(model, task, plan, steps=1, say=lambda line: None)
    assert outcome.interrupted
    assert [one.method for one in outcome.candidates] == ["linear_probe"]
    with torch.no_grad():
        given = outcome.model.eval()(outcome.model.preprocess(task.validation.inputs))
    torch.testing.assert_close(given, outcome.kept.logits["validation"], rtol=1e-3, atol=1e-3)
    assert all(parameter.requires_grad for parameter in outcome.model.parameters())


# --- the recipe --------------------------------------------------------------------------------------------------


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize(
    ("accuracies", "kept"), [((0.5, 0.9), "fine_tune"), ((0.9, 0.5), "linear_probe"), ((0.7, 0.7), "linear_probe")]
)
def test_validation_chooses_and_a_tie_keeps_the_probe(folder, monkeypatch, accuracies, kept):
    """The model that comes out is the chosen one, whatever the test would have said."""
    look = images.look_over(folder)
    plan, model = planning.plan_images(look.side, 24, model="resnet_small", weights="none")
    task = images.read(look, size=32, most_training=100).task
    by_method = dict(zip(("linear_probe", "fine_tune"), accuracies, strict=True))
    monkeypatch.setattr(recipe, "score", lambda candidate, task, uneven: by_method[candidate.method])
    outcome = recipe.learn(model, task, plan, steps=4, say=lambda line: None)
    assert outcome.kept.method == kept
    with torch.no_grad():
        logits = models.logits(model, model.preprocess(task.test.inputs))
    torch.testing.assert_close(logits, outcome.kept.logits["test"], atol=1e-4, rtol=1e-4)
    assert len(outcome.candidates) == 2


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("uneven", [False, True])
def test_fine_tuning_keeps_the_weights_that_were_best_on_validation(tl, tmp_path, uneven):
    """The last ones were kept, worse or not; here labels are drawn, and what is learned cannot last."""
    draw = numpy.random.default_rng(3)
    for number in range(80):
        name = ("a", "b")[number % 8 == 0] if uneven else "ab"[draw.integers(2)]
        photograph(tmp_path / "drawn" / name / f"{number:02}.png", 60, number)
    network = ("--model", "resnet_small", "--weights", "none", "--size", "16")
    finished = []
    usual = finetuning.report.page
    finetuning.report.page = lambda each: usual(finished.append(each) or each)
    try:
        code, out, _ = tl("finetune", "drawn", *network, "--steps", "40")
    finally:
        finetuning.report.page = usual
    assert code == 0
    tuned, task = finished[0].outcome.candidates[1], finished[0].prepared.task
    key = "validation_macro_f1" if uneven else "validation_accuracy"
    seen = {entry["step"]: entry[key] for entry in tuned.history if entry.get(key) is not None}
    assert len(seen) > 3
    assert tuned.best_step == max(seen, key=seen.__getitem__)  # the first of the highest
    assert recipe.score(tuned, task, uneven) == pytest.approx(seen[tuned.best_step])
    said = f"The weights after step {tuned.best_step} of 40 were best on validation"
    said += f"; training ended after step {tuned.steps}." if tuned.steps < 40 else "."
    assert out.count(said) == 1
    assert said in Page((tmp_path / "drawn-finetuned" / "report.html").read_text(encoding="utf-8")).text


@pytest.mark.integration
@pytest.mark.parametrize("seed", seeds(2))
def test_the_probe_is_scikit_learn_s_logistic_regression(seed):
    """On standardised features with the same regularisation, and folded into the head of a whole model."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from tasks import points

    task = points(seed, train=90)
    model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Linear(8, 3))
    candidate, _ = recipe._probe(model, task, recipe.weighted(torch.ones(3)), seed)
    peer = make_pipeline(StandardScaler(), LogisticRegression(C=recipe.PROBE_C, tol=1e-6))
    peer.fit(task.train.inputs.numpy(), task.train.labels.numpy())
    ours = candidate.logits["test"].softmax(1)
    torch.testing.assert_close(
        ours, torch.tensor(peer.predict_proba(task.test.inputs), dtype=ours.dtype), atol=0.01, rtol=0
    )
    torch.testing.assert_close(model(task.test.inputs), candidate.logits["test"], atol=1e-4, rtol=1e-4)


@pytest.mark.integration
def test_a_perfect_probe_is_kept_without_fine_tuning(tl, folder):
    code, out, _ = tl("finetune", folder, "--model", "resnet_small", "--weights", "letters", "--size", "16")
    assert code == 0
    assert "100.0% right on 4 validation examples" in out
    assert "nothing could be better" in out
    assert "Fine-tuning" not in out


@pytest.mark.integration
def test_read_this_first_begins_with_leakage_and_has_no_good_news(tl, folder, tmp_path):
    """It began with "the probe made no mistake", and leakage stood below in the section on data."""
    for name in ("dark", "bright"):
        Image.open(folder / name / "00.png").point(lambda value: value + 5).save(folder / name / "lighter.png")
        (folder / name / "notes.txt").write_text(f"no image of {name}")
    code, out, _ = tl(
        "finetune", folder, "--model", "resnet_small", "--weights", "letters", "--size", "32", "--on-error", "skip"
    )
    assert code == 0
    assert out.count("nothing could be better") == 1
    text = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8")).text
    first, results = text.split("Read this first")[1].split("Results")[:2]
    order = [
        "near copies of one another",
        "are not found: they may stand",
        "test examples: the true accuracy may lie",
        "problems passed over",
    ]
    assert [said for said in order if said not in first] == [], first
    places = [first.index(said) for said in order]
    assert places == sorted(places)
    assert "nothing could be better" not in first
    assert "nothing could be better" in results


@pytest.mark.full
def test_training_that_fails_leaves_the_probe(folder, monkeypatch):
    monkeypatch.setitem(recipe.BACKBONE_RATE, "image", 1e30)
    look = images.look_over(folder)
    plan, model = planning.plan_images(look.side, 24, model="resnet_small", weights="none")
    task = images.read(look, size=32, most_training=100).task
    outcome = recipe.learn(model, task, plan, steps=6, say=lambda line: None)
    assert outcome.kept.method == "linear_probe"
    assert outcome.notes[0].startswith("Fine-tuning failed, and the probe was kept: ")
    assert torch.isfinite(models.logits(model, model.preprocess(task.test.inputs))).all()


@pytest.mark.parametrize("count", [26, 800, 25_600])
def test_the_length_follows_the_number_of_examples_within_the_budget(count):
    split = type("Split", (), {"__len__": lambda self: count})()
    task = type("Task", (), {"train": split, "kind": "image"})()
    plan = planning.Plan("resnet_small", None, "", 32, 75e6, planning.allowed_passes("image", 75e6))
    length = recipe._length(task, plan, None, None)
    passes = length["steps"] * length["batch_size"]
    assert passes <= plan.passes + length["batch_size"]
    assert passes >= min(count * recipe.EPOCHS["image"][0], plan.passes) - length["batch_size"]
    assert passes <= count * recipe.EPOCHS["image"][1] + length["batch_size"]


def test_the_network_follows_the_images(monkeypatch):
    made = []

    def create(name, **options):
        made.append(name)
        if name == "efficientnet_lite0" and missing:
            raise planning.AssetError("no network")
        return create.real("resnet_small")

    create.real = models.create
    monkeypatch.setattr(models, "create", create)
    missing = False
    assert planning.plan_images(32, 100)[0].model == "resnet_small"
    large = planning.plan_images(300, 100)[0]
    assert large.model == "efficientnet_lite0"
    assert "median 300 pixels" in large.why
    missing = True
    assert planning.plan_images(300, 100)[0].model == "resnet_small"
    assert "could not be had (no network)" in planning.plan_images(300, 100)[0].why


# --- images of every kind ----------------------------------------------------------------------------------------


def half_and_half(mode: str) -> Image.Image:
    """Left black, right white."""
    top = {"I;16": 65535, "F": 1.0}.get(mode, 255)
    kind = {"I;16": numpy.uint16, "F": numpy.float32}.get(mode, numpy.uint8)
    pixels = numpy.zeros((20, 40), kind)
    pixels[:, 20:] = top
    return Image.fromarray(pixels) if mode in ("I;16", "F", "L") else Image.fromarray(pixels).convert(mode)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("L", "png"),
        ("1", "png"),
        ("P", "gif"),
        ("CMYK", "jpg"),
        ("I;16", "png"),
        ("I;16", "tiff"),
        ("F", "tiff"),
        ("RGBA", "webp"),
    ],
)
def test_images_of_every_kind_look_the_same(tmp_path, mode, suffix):
    half_and_half(mode).save(tmp_path / f"a.{suffix}")
    pixels = read_image(tmp_path / f"a.{suffix}")
    assert pixels.shape == (3, 20, 40)
    assert pixels[:, :, :18].float().mean() < 12
    assert pixels[:, :, 22:].float().mean() > 243


def test_transparency_is_white_a_camera_s_turn_is_undone_and_an_animation_is_its_first_picture(tmp_path):
    Image.new("RGBA", (8, 8), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    half_and_half("L").save(tmp_path / "turned.jpg", exif=exif)
    turned = read_image(tmp_path / "turned.jpg")
    assert turned.shape == (3, 40, 20)
    assert turned[:, :18].float().mean() < 12
    pages = [Image.new("L", (8, 8), value) for value in (255, 0)]
    pages[0].save(tmp_path / "moving.gif", save_all=True, append_images=pages[1:])
    assert (read_image(tmp_path / "moving.gif") == 255).all()


def test_a_large_jpeg_is_decoded_at_a_fraction_and_looks_the_same(tmp_path):
    x, y = numpy.meshgrid(numpy.arange(1600), numpy.arange(1200))
    waves = 127 + 60 * numpy.sin(x / 90) + 60 * numpy.cos(y / 70)
    Image.fromarray(waves.astype(numpy.uint8)).save(tmp_path / "a.jpg", quality=95)
    Image.fromarray(waves.astype(numpy.uint8)).save(tmp_path / "a.png")
    jpeg, exact = (read_image(tmp_path / f"a.{suffix}", 64).float() for suffix in ("jpg", "png"))
    assert (jpeg - exact).abs().max() < 8


# --- predict -----------------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    model = models.create("resnet_small", num_classes=3)
    return models.save(model, tmp_path / "model", class_names=["ant", "bee", "cat"])


def test_predictions_come_as_lines_or_as_a_table(tl, saved, tmp_path):
    photograph(tmp_path / "shots" / "deep" / "b.png", 100)
    photograph(tmp_path / "shots" / "a.png", 30)
    (tmp_path / "shots" / ".hidden.png").write_bytes(b"")
    code, out, _ = tl("predict", saved, "shots", "--top", "2")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == [
        os.path.join("shots", "a.png"),
        os.path.join("shots", "deep", "b.png"),
    ]
    assert all(line.count("%") == 2 for line in out.splitlines())
    code, out, _ = tl("predict", saved, "shots", "--csv", "answers.csv", "--top", "9")
    assert "2 answers are in answers.csv." in out
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["input"] for row in rows] == [os.path.join("shots", "a.png"), os.path.join("shots", "deep", "b.png")]
    for row in rows:
        assert {row[f"class_{place}"] for place in (1, 2, 3)} == {"ant", "bee", "cat"}
        values = [float(row[f"probability_{place}"]) for place in (1, 2, 3)]
        assert values == sorted(values, reverse=True)
        assert abs(sum(values) - 1) < 1e-3


@pytest.mark.integration
def test_predictions_do_not_depend_on_the_company(tl, saved, tmp_path):
    for number in range(5):
        photograph(tmp_path / "shots" / f"{number}.png", 40 * number, number)
    together = tl("predict", saved, "shots")[1].splitlines()
    alone = [tl("predict", saved, tmp_path / "shots" / f"{number}.png")[1] for number in range(5)]
    assert [line.split("\t")[1] for line in together] == [line.split("\t")[1].strip() for line in alone]


@pytest.mark.integration
def test_wrong_requests_to_predict_are_one_sentence(tl, saved, tmp_path):
    photograph(tmp_path / "a.png", 30)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.csv").write_text("mine")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "model.json").write_text((saved / "model.json").read_text())
    for arguments, message in [
        (["empty", "a.png"], "empty holds no saved model; give the folder that tl-course finetune wrote"),
        (["nowhere", "a.png"], "nowhere holds no saved model"),
        (["half", "a.png"], "half"),
        ([saved, "what a film"], "no image or folder what a film; give the path of one: this model"),
        ([saved, "there.csv", "--text", "words"], "This model was trained on images"),
        ([saved, "empty"], "The folder empty holds no image"),
        ([saved, "broken.jpg"], "broken.jpg is not an image that can be read"),
        ([saved, "a.png", "--top", "0"], "names no class"),
        ([saved, "a.png", "--csv", "there.csv"], "there.csv is there already"),
    ]:
        code, out, err = tl("predict", *arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err
        assert err.count("\n") == 1, err
    assert (tmp_path / "there.csv").read_text() == "mine"
    code, out, _ = tl("predict", saved, "a.png", "broken.jpg", "--on-error", "skip")
    assert code == 0
    assert "Skipped: broken.jpg is not an image that can be read." in out


def test_both_commands_explain_themselves(tl):
    for command in ("finetune", "predict"):
        code, out, _ = tl(command, "--help")
        assert code == 0
        assert "Usage" in out


@pytest.mark.full
def test_the_python_verb_says_what_the_command_says(folder, tmp_path, monkeypatch):
    lines = []
    out = tmp_path / "my 'own' photos"
    settings = finetuning.Settings(out=out, model="resnet_small", weights="none", steps=2)
    finished = finetuning.finetune(folder, settings, say=lines.append)
    assert finished.accuracy.n == 4
    said, typed = lines[-1].split(": ", 1)
    assert said == "Use it"
    assert shlex.split(typed) == ["tl-course", "predict", str(out), "IMAGE_OR_FOLDER"]
    assert typed in Page((out / "report.html").read_text(encoding="utf-8")).text
    assert models.load(out).spec.class_names == ("bright", "dark")
