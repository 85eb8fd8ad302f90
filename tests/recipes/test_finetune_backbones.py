"""`tl-course finetune --model` with a network by name: timm's, one of the Hugging Face cache, a folder."""

import os
import subprocess
import sys

import backbones
import pytest
import torch
from huggingface_hub import constants
from PIL import Image
from test_finetune import Page
from test_finetune_texts import rows, write

from tl_course import models
from tl_course.recipes import planning, recipe
from tl_course.recipes.languages import language_warnings

COLUMNS = ("--text", "review", "--label", "stars")
REPO = "somebody/tiny"


@pytest.fixture
def tl(tl, monkeypatch, tmp_path):
    """Run the command line in this process, in a folder of its own, with an empty cache of the hub."""
    monkeypatch.setenv("TL_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(recipe, "PROBE_STEPS", 40)
    return tl


@pytest.fixture
def folder(tmp_path):
    """Dark and bright noise of 40 pixels."""
    for name, base in (("dark", 0), ("bright", 160)):
        (tmp_path / "noise" / name).mkdir(parents=True)
        for number in range(12):
            draw = torch.Generator().manual_seed(number + base)
            pixels = torch.randint(0, 80, (40, 40, 3), generator=draw) + base
            Image.fromarray(pixels.to(torch.uint8).numpy()).save(tmp_path / "noise" / name / f"{number}.png")
    return tmp_path / "noise"


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_pictures_and_a_cached_network_of_timm_give_a_model_and_a_report(name, tl, folder, tmp_path):
    backbones.save_timm(tmp_path / "net", name)
    tag = "r160_in1k"
    backbones.in_cache(tmp_path / "hub", f"timm/{name}.{tag}", tmp_path / "net")
    code, out, _ = tl("finetune", "noise", "--model", f"timm/{name}", "--steps", "2")
    assert code == 0
    assert f"Network: timm/{name}.{tag} at 160 pixels with weights 'pretrained': you chose it." in out
    licence = f"The weights of timm/{name}.{tag} are said to be under the licence apache-2.0"
    assert licence in out
    page = Page((tmp_path / "noise-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert licence in page.text
    assert f"timm/{name}.{tag} with the weights 'pretrained'" in page.text
    for file in (tmp_path / "hub").rglob("*.safetensors"):
        file.unlink()
    code, out, _ = tl("predict", "noise-finetuned", folder / "dark")
    assert code == 0
    assert len(out.splitlines()) == 12


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("kind", ["bert", "roberta", "distilbert", "electra", "deberta-v2"])
def test_texts_and_an_encoder_of_a_folder_give_a_model_and_a_report(kind, tl, tmp_path):
    backbones.save_encoder(tmp_path / "net", kind)
    write(tmp_path / "mine.csv", rows())
    code, out, _ = tl("finetune", "mine.csv", *COLUMNS, "--model", "./net", "--steps", "2")
    assert code == 0
    assert "Network: ./net at 32 tokens with weights 'pretrained'" in out
    assert "No licence is named for the weights of ./net" in out
    assert "English" not in out
    code, out, _ = tl("predict", "mine-finetuned", "a good film", "a bad film")
    assert code == 0
    assert len(out.splitlines()) == 2


@pytest.mark.full
def test_a_new_process_without_hub_and_folder_gives_the_same_answers(tl, tmp_path):
    backbones.save_encoder(tmp_path / "net", "roberta")
    backbones.in_cache(tmp_path / "hub", REPO, tmp_path / "net", "---\nlicense: mit\n---")
    write(tmp_path / "mine.csv", rows())
    code, out, _ = tl("finetune", "mine.csv", *COLUMNS, "--model", REPO, "--steps", "2")
    assert code == 0
    assert f"weights of {REPO} are said to be under the licence mit" in out
    model = models.load(tmp_path / "mine-finetuned")
    with torch.no_grad():
        here = models.logits(model, model.preprocess(["a good film", "a bad film"]))
    code = (
        "import sys, torch; from tl_course import models; model = models.load(sys.argv[1]);"
        "torch.save(models.logits(model, model.preprocess(['a good film', 'a bad film'])).detach(), 'there.pt')"
    )
    (tmp_path / "hub").rename(tmp_path / "gone")
    environment = {**os.environ, "HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", code, "mine-finetuned"], check=True, env=environment, timeout=300)
    torch.testing.assert_close(torch.load(tmp_path / "there.pt"), here, rtol=0, atol=1e-5)


@pytest.mark.daily(4)
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--model", "timm/convnext_nanoo"), "timm has no network 'convnext_nanoo' (near it: timm/convnext_nano"),
        (("--model", "convnext_nano"), "did you"),
        (("--model", "timm/test_resnet"), "timm/test_resnet.r160_in1k (2 MB) is not in the Hugging Face cache"),
        (("--model", "nobody/net"), "nobody/net is not in the Hugging Face cache"),
        (("--model", "./nowhere"), "there is no folder nowhere"),
        (("--model", "timm/test_vit_relpos", "--weights", "none", "--size", "128"), "--size 128 does not fit"),
        (
            ("--model", "timm/test_resnet", "--weights", "none", "--size", "8"),
            "--size 8 leaves timm/test_resnet",
        ),
        (("--model", "timm/test_resnet", "--weights", "imagenet"), "has no weights 'imagenet'"),
        (("--model", "./net"), "./net is a network for texts; choose one for images"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_before_training(options, told, tl, folder, tmp_path):
    backbones.save_encoder(tmp_path / "net")
    code, out, err = tl("finetune", "noise", *options)
    assert code == 2
    assert (told if told != "did you" else "(near it: timm/convnext_nano)") in err
    assert "Traceback" not in err
    assert err.count("\n") == 1
    assert "Linear probe" not in out
    assert not (tmp_path / "noise-finetuned").exists()


@pytest.mark.daily(1)
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ("--model", "timm/test_resnet", "--weights", "none"),
            "timm/test_resnet is a network for images; choose",
        ),
        (("--model", "./net", "--size", "39"), "--size 39 is more than ./net reads; give at most 38 tokens."),
        (("--model", "./gpt"), "./gpt is a language model that reads from left to right (gpt2)"),
        (("--model", "./silent"), "./silent has no tokenizer here"),
    ],
)
def test_the_same_for_texts(options, told, tl, tmp_path):
    backbones.save_encoder(tmp_path / "net", "roberta")
    backbones.save_encoder(tmp_path / "gpt")
    backbones.change(tmp_path / "gpt" / "config.json", model_type="gpt2", architectures=["GPT2LMHeadModel"])
    backbones.save_encoder(tmp_path / "silent")
    for file in (tmp_path / "silent").glob("tokenizer*"):
        file.unlink()
    write(tmp_path / "mine.csv", rows())
    code, _, err = tl("finetune", "mine.csv", *COLUMNS, *options)
    assert code == 2
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "mine-finetuned").exists()


def test_random_weights_say_that_nothing_is_transferred(tl, folder):
    plan, network = planning.plan_images(40, 24, model="timm/test_mambaout")
    assert plan.weights is None
    assert plan.licence == ""
    assert network.spec.name == plan.title == "timm/test_mambaout"


@pytest.mark.full
def test_a_large_network_looks_at_smaller_pictures_where_it_can(tl):
    sizes = {
        name: planning.plan_images(500, 1_000, model=f"timm/{name}", weights="none")[0].size
        for name in ("mobilenetv3_small_050", "vit_tiny_patch16_224")
    }
    assert sizes == {"mobilenetv3_small_050": 160, "vit_tiny_patch16_224": 224}
    assert planning.plan_images(500, 9, model="timm/mobilenetv3_small_050", weights="none", size=96)[0].size == 96


def test_a_short_network_is_given_short_texts_unasked(tl, tmp_path):
    backbones.save_encoder(tmp_path / "net", "roberta")
    _, network = planning.plan_texts(model="./net")
    assert planning.longest(network) == 38
    assert planning.shortened(planning.plan_texts(model="./net")[0], network, 38).size == 38


def test_another_script_is_no_fault_of_a_network_that_may_know_it():
    written = [f"хорошо {n}" for n in range(9)]
    look = models.create("gru_small").preprocess
    (known, _), (other, _) = (language_warnings(written, look, written, english) for english in (True, False))
    assert any("are English" in sentence for sentence in known)
    assert len(other) == 1
    assert "look at the network's card" in other[0] or "does not know" in other[0]
    assert "English" not in other[0]
