"""A saved model is data: no folder can make the package run its code, ask whether to, or fetch a kernel."""

import builtins
import json
import os
import subprocess
import sys

import pytest
import tasks

from tl_course import assets, models
from tl_course.data.preprocess import load_tokenizer


@pytest.fixture
def saved(tmp_path):
    model = tasks.tiny_bert()
    model.spec = models.ModelSpec("bert", None, 16, 2, ("no", "yes"))
    return models.save(model, tmp_path / "m")


@pytest.fixture(autouse=True)
def _asked_nothing(monkeypatch):
    monkeypatch.setattr(builtins, "input", lambda prompt="": pytest.fail(f"asked: {prompt}"))


def change(file, **values):
    file.write_text(json.dumps((json.loads(file.read_text()) if file.exists() else {}) | values))


def plant(folder, marker, base):
    (folder / "evil.py").write_text(
        f"open({str(marker)!r}, 'w').write('ran')\nfrom transformers import {base}\nclass Y({base}): pass\n"
    )


TOKENIZER_MAPS = [
    ["evil.Y", "evil.Y"],
    {"AutoTokenizer": ["evil.Y", None]},
    {"AutoTokenizer": [None, "somebody/else--evil.Y"]},
]


@pytest.mark.parametrize("known", ["Y", "BertTokenizer"])
@pytest.mark.parametrize("auto_map", TOKENIZER_MAPS)
def test_code_beside_a_tokenizer_is_refused_in_one_sentence(saved, tmp_path, auto_map, known):
    plant(saved / "tokenizer", tmp_path / "ran", "BertTokenizer")
    change(saved / "tokenizer" / "tokenizer_config.json", tokenizer_class=known, auto_map=auto_map)
    with pytest.raises(ValueError, match=r"tokenizer_config\.json names code to run \(auto_map\)") as caught:
        models.load(saved)
    assert str(caught.value).count(". ") == 0
    assert not (tmp_path / "ran").exists()


def test_code_beside_a_tokenizer_that_only_its_config_names_is_refused(saved, tmp_path):
    plant(saved / "tokenizer", tmp_path / "ran", "BertConfig")
    change(saved / "tokenizer" / "config.json", model_type="mine", auto_map={"AutoConfig": "evil.Y"})
    with pytest.raises(ValueError, match=r"config\.json names code to run"):
        load_tokenizer(saved / "tokenizer")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null"])
def test_damaged_settings_of_a_tokenizer_are_named(saved, text):
    (saved / "tokenizer" / "tokenizer_config.json").write_text(text)
    with pytest.raises(ValueError, match=r"tokenizer_config\.json is damaged"):
        models.load(saved)


def config_with(saved, **values):
    card = json.loads((saved / "model.json").read_text())
    change(saved / "model.json", config=card["config"] | values)


def test_code_named_in_the_settings_of_a_network_is_not_run(saved, tmp_path):
    plant(saved, tmp_path / "ran", "BertForSequenceClassification")
    config_with(saved, auto_map={"AutoModelForSequenceClassification": f"{saved}--evil.Y"}, _name_or_path=str(saved))
    model = models.load(saved)
    assert type(model).__module__.startswith("transformers.")
    assert not (tmp_path / "ran").exists()


@pytest.mark.daily(4)
@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
@pytest.mark.parametrize(
    "attention",
    ["kernels-community/flash-attn", "somebody/else:attention", "flash_attention_2", "paged|sdpa", {"": "a/b"}, 1],
)
def test_attention_that_is_not_pytorchs_is_refused(saved, key, attention):
    config_with(saved, **{key: attention})
    with pytest.raises(ValueError, match=r"these settings ask for the attention .* allowed are eager and sdpa"):
        models.load(saved)


@pytest.mark.parametrize("attention", ["eager", "sdpa", None])
def test_attention_of_pytorch_is_taken(saved, attention):
    config_with(saved, attn_implementation=attention)
    assert models.load(saved).config._attn_implementation == (attention or "sdpa")


@pytest.mark.parametrize("model_type", ["distilbert", "llama", "no_such_type", None, ["bert"]])
def test_settings_of_another_architecture_are_refused(saved, model_type):
    config_with(saved, model_type=model_type)
    with pytest.raises(ValueError, match="bert has the architecture bert, and these settings are for"):
        models.load(saved)


@pytest.mark.parametrize(
    "damage",
    [
        {"config": None},
        {"config": [1]},
        {"spec": {"name": "bert", "weights": None, "feature_dim": 16, "num_classes": "2"}},
        {"spec": {"name": "bert", "weights": None, "feature_dim": 16, "num_classes": True}},
        {"preprocess": {"kind": "text", "max_length": "16"}},
        {"preprocess": []},
    ],
)
def test_a_damaged_card_is_refused(saved, damage):
    change(saved / "model.json", **damage)
    with pytest.raises(ValueError, match=r"damaged|not possible|has the architecture"):
        models.load(saved)


@pytest.mark.parametrize("names", [["no"], ["no", "yes", "perhaps"], [], ["no", 1], "no "])
def test_class_names_that_do_not_fit_the_outputs_are_refused(saved, names):
    spec = json.loads((saved / "model.json").read_text())["spec"]
    change(saved / "model.json", spec=spec | {"class_names": names})
    with pytest.raises(ValueError, match=r"model\.json is damaged \(\d class names for 2 outputs\)"):
        models.load(saved)


def test_inputs_and_networks_too_large_for_any_memory_are_refused_before_they_take_it(saved, tmp_path):
    """Without these checks each would ask for terabytes."""
    pictures = models.save(models.create("resnet_small", num_classes=2), tmp_path / "pictures")
    card = json.loads((pictures / "model.json").read_text())
    for wrong in ({"size": 1_000_000}, {"crop": 1e-7}):
        change(pictures / "model.json", preprocess=card["preprocess"] | wrong)
        with pytest.raises(ValueError, match=r"asks for inputs of [\d,]+ pixels of a side, and 8,192 are the most"):
            models.load(pictures)
    change(pictures / "model.json", preprocess=card["preprocess"], spec=card["spec"] | {"num_classes": 10**10})
    with pytest.raises(models.TensorsDoNotFitError, match=r"fc\.weight \(2×288 instead of 10000000000×288\)"):
        models.load(pictures)
    card = json.loads((saved / "model.json").read_text())
    change(saved / "model.json", preprocess=card["preprocess"] | {"max_length": 1_000_000})
    with pytest.raises(ValueError, match="asks for inputs of 1,000,000 tokens, and 512 are the most"):
        models.load(saved)
    change(saved / "model.json", preprocess=card["preprocess"], config=card["config"] | {"vocab_size": 10**12})
    with pytest.raises(models.TensorsDoNotFitError, match="instead of 1000000000000×16"):
        models.load(saved)


def test_a_fetched_model_with_code_of_its_own_is_refused(tmp_path, monkeypatch):
    plant(tmp_path, tmp_path / "ran", "BertConfig")
    change(tmp_path / "config.json", model_type="mine", auto_map={"AutoConfig": "evil.Y"})
    monkeypatch.setattr(assets, "get", lambda name: tmp_path)
    for weights in (None, "pretrained"):
        with pytest.raises(ValueError, match=r"config\.json names code to run"):
            models.create("bert", weights=weights)
    assert not (tmp_path / "ran").exists()


@pytest.mark.full
def test_an_eager_yes_on_the_terminal_changes_nothing(saved, tmp_path):
    plant(saved / "tokenizer", tmp_path / "ran", "BertTokenizer")
    change(saved / "tokenizer" / "tokenizer_config.json", tokenizer_class="Y", auto_map=TOKENIZER_MAPS[0])
    code = f"from tl_course import models; models.load({str(saved)!r})"
    done = subprocess.run(
        [sys.executable, "-c", code], input="y\n" * 9, capture_output=True, text=True, env={**os.environ}, timeout=300
    )
    assert done.returncode == 1
    assert "names code to run" in done.stderr.splitlines()[-1]
    assert "[y/N]" not in done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()
