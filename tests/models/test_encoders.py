"""Encoders of texts by name: features are transformers' own; heads, groups, lengths; saved and loaded as data."""

import builtins
import json

import backbones
import pytest
import tasks
import torch
from draws import seeds

from tl_course import data, models, training
from tl_course.models.arithmetic import count_macs
from tl_course.models.encoders import ENCODERS, build, most_tokens
from tl_course.models.tensors import TensorsDoNotFitError

COMMON = ("bert", "roberta", "distilbert", "electra", "deberta-v2", "mpnet")
TEXTS = ["a good film it was", "dull", "not bad not good"]


@pytest.fixture(autouse=True)
def _asked_nothing(monkeypatch):
    monkeypatch.setattr(builtins, "input", lambda prompt="": pytest.fail(f"asked: {prompt}"))


def test_every_architecture_has_its_test():
    assert set(backbones.ENCODERS) == set(ENCODERS)


@pytest.mark.usual(12)
@pytest.mark.daily(3)
@pytest.mark.parametrize("kind", sorted(ENCODERS))
@pytest.mark.parametrize("seed", seeds(2))
def test_features_are_the_mean_of_transformers_own_states(kind, seed, tmp_path):
    theirs = backbones.save_encoder(tmp_path / "net", kind, seed)
    ours = models.create(str(tmp_path / "net"), weights="pretrained", num_classes=3, seed=seed)
    inputs = ours.preprocess(TEXTS)
    with torch.no_grad():
        states = theirs(**inputs).last_hidden_state
        means = torch.stack([states[n, : int(row.sum())].mean(0) for n, row in enumerate(inputs["attention_mask"])])
        for pooling in ("mean", "cls"):
            torch.testing.assert_close(models.embed(ours, inputs, pooling=pooling), means, rtol=1e-4, atol=1e-5)
        head = models.head_of(ours)[1]
        torch.testing.assert_close(models.logits(ours, inputs), head(means), rtol=1e-4, atol=1e-5)
        alone = models.logits(ours, ours.preprocess(TEXTS[1:2]))
        torch.testing.assert_close(alone[0], models.logits(ours, inputs)[1], rtol=1e-4, atol=1e-4)
    assert ours.spec.feature_dim == 16


@pytest.mark.usual(8)
@pytest.mark.daily(3)
@pytest.mark.parametrize("kind", sorted(ENCODERS))
def test_a_saved_encoder_answers_the_same_without_the_files_it_came_from(kind, tmp_path):
    backbones.save_encoder(tmp_path / "net", kind)
    model = models.create(str(tmp_path / "net"), weights="pretrained")
    models.save(model, tmp_path / "saved", class_names=["no", "yes"])
    for file in (tmp_path / "net").iterdir():
        file.unlink()
    again = models.load(tmp_path / "saved")
    with torch.no_grad():
        before, after = (models.logits(each, each.preprocess(TEXTS)) for each in (model, again))
    torch.testing.assert_close(after, before, rtol=0, atol=1e-5)
    assert again.spec.name == "./net"
    assert str(tmp_path) not in (tmp_path / "saved" / "model.json").read_text()


@pytest.mark.daily(2)
@pytest.mark.parametrize("auto", ["AutoModelForMaskedLM", "AutoModelForSequenceClassification"])
@pytest.mark.parametrize("kind", COMMON)
def test_heads_of_another_training_are_left_aside(kind, auto, tmp_path):
    theirs = backbones.save_encoder(tmp_path / "net", kind, 1, auto)
    ours = models.create(str(tmp_path / "net"), weights="pretrained")
    tasks.assert_same(
        {n: t for n, t in ours.backbone.state_dict().items() if "pooler" not in n},
        {n: t for n, t in theirs.base_model.state_dict().items() if "pooler" not in n},
    )


@pytest.mark.daily(3)
@pytest.mark.parametrize("kind", sorted(ENCODERS))
def test_each_parameter_is_in_one_group_learns_and_can_be_frozen(kind):
    torch.manual_seed(0)
    model = build(backbones.settings(kind), 2)
    names = [name for name, _ in models.layer_groups(model)]
    layers = ["layer.0"] if kind == "albert" else ["layer.0", "layer.1"]  # an ALBERT's layers share their numbers
    assert names in (["embeddings", *layers, "classifier"], ["embeddings", *layers, "pooler", "classifier"])
    groups = training.parameter_groups(model, lr=1e-3, layer_decay=0.5)
    assert sum(p.numel() for group in groups for p in group["params"]) == models.count_parameters(model).total
    model.preprocess = data.TextPreprocess(backbones.tokenizer(), 16)
    models.logits(model.eval(), model.preprocess(TEXTS)).square().sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []
    report = models.freeze(model, until="layer.0")
    training.fit(model, tasks.texts(), steps=1, lr=0.1, batch_size=4, optimizer="sgd", progress=False)
    assert report.check(model)


@pytest.mark.daily(3)
@pytest.mark.parametrize("kind", sorted(set(ENCODERS) - {"deberta-v2", "modernbert"}))
def test_the_greatest_length_is_what_the_network_reads_and_no_more(kind):
    model = build(backbones.settings(kind), 2)
    most = most_tokens(model)
    assert most in (38, 39, 40)
    assert count_macs(model, most) > count_macs(model, most - 1)
    with pytest.raises(ValueError, match=r".+"):
        count_macs(model, most + 1)


def test_random_weights_need_no_file_of_weights(tmp_path):
    backbones.save_encoder(tmp_path / "net")
    (tmp_path / "net" / "model.safetensors").unlink()
    first, other = (models.create(str(tmp_path / "net"), seed=seed) for seed in (0, 1))
    assert first.spec.weights is None
    assert not torch.equal(first.classifier.weight, other.classifier.weight)
    tasks.assert_same(first, models.create(str(tmp_path / "net"), seed=0))
    with pytest.raises(ValueError, match=r"\./net has no model\.safetensors"):
        models.create(str(tmp_path / "net"), weights="pretrained")


def test_weights_in_several_files_are_read(tmp_path):
    theirs = backbones.save_encoder(tmp_path / "net")
    theirs.save_pretrained(tmp_path / "parts", max_shard_size="4KB")
    backbones.tokenizer().save_pretrained(tmp_path / "parts")
    assert len(list((tmp_path / "parts").glob("*.safetensors"))) > 1
    ours, whole = (models.create(str(tmp_path / name), weights="pretrained") for name in ("parts", "net"))
    tasks.assert_same(ours, whole)
    next((tmp_path / "parts").glob("*-00002-*.safetensors")).unlink()
    with pytest.raises(ValueError, match=r"has no model-00002-of-\d+\.safetensors"):
        models.create(str(tmp_path / "parts"), weights="pretrained")


def test_an_older_vocabulary_makes_a_tokenizer(tmp_path):
    backbones.save_encoder(tmp_path / "net")
    for file in (tmp_path / "net").glob("tokenizer*"):
        file.unlink()
    (tmp_path / "net" / "vocab.txt").write_text("\n".join(backbones.WORDS))
    model = models.create(str(tmp_path / "net"), weights="pretrained")
    assert model.preprocess(["Good film"])["input_ids"].tolist() == [[2, 5, 8, 3]]


# --- what cannot be taken -------------------------------------------------------------------------------------------


@pytest.mark.daily(6)
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "reads from left to right"),
        ({"model_type": "llama", "architectures": ["LlamaForCausalLM"]}, r"left to right \(llama\); take an encoder"),
        ({"model_type": "t5", "is_encoder_decoder": True}, r"a network that writes texts \(t5\)"),
        ({"model_type": "detr", "architectures": ["DetrForObjectDetection"]}, "finds objects in images"),
        (
            {"model_type": "vit", "architectures": ["ViTForImageClassification"]},
            r"for images .*network of timm",
        ),
        ({"is_decoder": True}, "a network that writes texts"),
        ({"model_type": None}, r"no encoder of texts that is known here \(None\)"),
        ({"model_type": ["bert"]}, "no encoder of texts"),
        ({"auto_map": {"AutoModel": "evil.Model"}}, "names code to run"),
        ({"quantization_config": {"load_in_8bit": True}}, "are quantised and cannot be trained"),
        ({"attn_implementation": "kernels-community/flash-attn"}, "ask for the attention"),
        ({"_attn_implementation": "a/b:c"}, "ask for the attention"),
        ({"hidden_act": "no_such"}, "no_such|not possible"),
        ({"num_hidden_layers": 3}, "do not fit its settings: missing: "),
        ({"num_hidden_layers": 1}, "do not fit its settings: unexpected: "),
        ({"hidden_size": 32}, "do not fit|fewer"),
        ({"vocab_size": 10**12}, "are for .* numbers, and its weights are fewer"),
        ({"vocab_size": 9}, "do not fit its settings|has 14 tokens and the network knows 9"),
        ({"vocab_size": "many"}, "not possible"),
    ],
)
def test_what_is_no_encoder_or_asks_for_code_is_refused_in_a_sentence(values, told, tmp_path):
    backbones.save_encoder(tmp_path / "net")
    backbones.change(tmp_path / "net" / "config.json", **values)
    with pytest.raises((ValueError, TensorsDoNotFitError), match=told) as caught:
        models.create(str(tmp_path / "net"), weights="pretrained")
    assert "\n" not in str(caught.value)


def test_folders_that_lack_something_are_refused(tmp_path):
    backbones.save_encoder(tmp_path / "net")
    net = tmp_path / "net"
    (net / "model.safetensors").rename(net / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"only as pytorch_model\.bin, and reading such a file may run code"):
        models.create(str(net), weights="pretrained")
    (net / "pytorch_model.bin").rename(net / "model.safetensors")
    (net / "adapter_config.json").write_text("{}")
    with pytest.raises(ValueError, match="holds an adapter"):
        models.create(str(net), weights="pretrained")
    (net / "adapter_config.json").unlink()
    (net / "model.safetensors").write_bytes((net / "model.safetensors").read_bytes()[:-9])
    with pytest.raises(ValueError, match=r"weights of \./net (cannot be read|are damaged)"):
        models.create(str(net), weights="pretrained")
    for file in net.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(ValueError, match=r"\./net has no tokenizer here"):
        models.create(str(net))
    (net / "config.json").write_text("{")
    with pytest.raises(ValueError, match=r"config\.json is damaged"):
        models.create(str(net))
    (net / "config.json").unlink()
    with pytest.raises(ValueError, match=r"has no config\.json"):
        models.create(str(net))


def test_a_greatest_length_that_is_no_number_is_told(tmp_path):
    backbones.save_encoder(tmp_path / "net")
    backbones.change(tmp_path / "net" / "tokenizer_config.json", model_max_length="many")
    with pytest.raises(ValueError, match=r"tokenizer of \./net (names no number|cannot be read)"):
        models.create(str(tmp_path / "net"))


def test_a_list_of_parts_leads_to_no_other_folder(tmp_path):
    backbones.save_encoder(tmp_path / "net")
    (tmp_path / "net" / "model.safetensors").rename(tmp_path / "outside.safetensors")
    index = {"weight_map": {"embeddings.word_embeddings.weight": "../outside.safetensors"}}
    (tmp_path / "net" / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises((ValueError, TensorsDoNotFitError), match=r"index\.json is damaged|fewer"):
        models.create(str(tmp_path / "net"), weights="pretrained")


@pytest.fixture
def saved(tmp_path):
    backbones.save_encoder(tmp_path / "net", "roberta")
    return models.save(models.create(str(tmp_path / "net"), weights="pretrained"), tmp_path / "m")


@pytest.mark.daily(2)
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"model_type": "llama"}, "settings are for llama"),
        ({"model_type": None}, "settings are for None"),
        ({"attn_implementation": "a/b"}, "ask for the attention"),
        ({"_attn_implementation": "paged|sdpa"}, "ask for the attention"),
        ({"vocab_size": 10**12}, "of another shape"),
        ({"num_hidden_layers": 7}, "missing: backbone"),
    ],
)
def test_a_saved_encoder_is_data(saved, values, told):
    card = json.loads((saved / "model.json").read_text())
    backbones.change(saved / "model.json", config=card["config"] | values)
    with pytest.raises((ValueError, TensorsDoNotFitError), match=told):
        models.load(saved)


def test_code_beside_a_saved_encoder_is_not_run(saved, tmp_path):
    (saved / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    card = json.loads((saved / "model.json").read_text())
    code = {"auto_map": {"AutoModel": f"{saved}--evil.Y"}, "_name_or_path": str(saved)}
    backbones.change(saved / "model.json", config=card["config"] | code)
    assert type(models.load(saved).backbone).__module__.startswith("transformers.")
    assert not (tmp_path / "ran").exists()


def test_a_saved_encoder_asks_for_no_more_tokens_than_it_has_positions(saved):
    card = json.loads((saved / "model.json").read_text())
    backbones.change(saved / "model.json", preprocess=card["preprocess"] | {"max_length": 39})
    with pytest.raises(ValueError, match="asks for inputs of 39 tokens, and 38 are the most"):
        models.load(saved)
