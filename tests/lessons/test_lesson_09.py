"""Lesson 09: its own functions and cells, held against the package, scikit-learn and its records on fresh inputs."""

import ast
import random
import re

import pytest
import torch
from draws import seeds
from sklearn.metrics import precision_recall_fscore_support
from transformers import BertConfig, BertTokenizer, DistilBertConfig

import tl_course as tl
from authoring import sources
from authoring.records.common import load
from tl_course import models, records
from tl_course.data import TextPreprocess
from tl_course.environment import generator
from tl_course.models.heads import seeded
from tl_course.models.zoo import architecture, equip

SEEDS = seeds(3)
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PLAIN = ("the", "film", "was", "so", "long", "that", "it", "bored", "me", ".", "a", "good", "bad", "plot")
WORDS = (*SPECIAL, *PLAIN)


@pytest.fixture(scope="module")
def cells():
    (path,) = (sources.ROOT / "authoring" / "lessons").glob("09_*.py")
    return [cell.source for cell in sources.read(path).cells if cell.cell_type == "code"]


def function(cells, name, **names):
    """A function of the lesson, which sees these names."""
    (source,) = (source for source in cells if f"def {name}(" in source)
    body = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    names["torch"] = torch
    exec(compile(ast.Module(body, type_ignores=[]), name, "exec"), names)
    return names[name]


KINDS = ("bert", "distilbert")
"""The two architectures that the profiles have."""


def bert(seed, kind="bert"):
    """As wide as MiniLM and four layers deep, with random weights and nineteen words."""
    sizes = {"hidden_size": 384, "num_hidden_layers": 4, "intermediate_size": 64}
    config = BertConfig(**sizes) if kind == "bert" else DistilBertConfig(dim=384, n_layers=4, hidden_dim=64)
    config.vocab_size = len(WORDS)
    with seeded(seed):
        model = architecture(kind, 2, config.to_dict())
    tokenizer = BertTokenizer(vocab={word: number for number, word in enumerate(WORDS)})
    return equip(model, kind, None, TextPreprocess(tokenizer))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_mean_by_hand_is_that_of_the_verb(cells, seed, kind):
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(PLAIN, k=draw.randint(1, 30))) for _ in range(12)]
    model = bert(seed, kind)
    inputs = model.preprocess(texts)
    found = function(cells, "mean_of_tokens", bert=model)(inputs)
    with torch.no_grad():
        verb = models.embed(model, inputs, pooling="mean")
    torch.testing.assert_close(found, verb, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_attention_formula_is_what_any_bert_computes(cells, seed, kind):
    wanted = ("heads = reader", "output_attentions", "looks_at = (q")
    sources_ = [source for source in cells if any(part in source for part in wanted)]
    # the network is given, so that it need not be the published one
    sources_ = [re.sub(r"(?m)^(reader|title) = .*", "title = 'toy'", source) for source in sources_]
    model = bert(seed, kind)
    with seeded(seed):
        for parameter in model.parameters():
            parameter.data.add_(0.3 * torch.randn_like(parameter))  # at 0.02 all attention would be even
    names = {"reader": model, "torch": torch, "nn": torch.nn, "tl": tl}
    exec("\n".join(sources_), names)
    it, film = names["it"], names["film"]
    assert names["attention"][:, :, it, film].max() == names["attention"][names["layer"], names["place"], it, film]
    assert names["looks_at"].std() > 0.01
    torch.testing.assert_close(names["looks_at"].sum(dim=1), torch.ones(len(names["tokens"])))


def scores(seed, count=60):
    """Probabilities with ties, and what is true."""
    random_ = generator(seed)
    likely = torch.randint(0, 21, (count,), generator=random_) / 20
    return likely, torch.rand(count, generator=random_) < 0.2 + 0.6 * likely


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("seed", SEEDS)
def test_precision_and_recall_at_a_threshold(cells, seed, threshold):
    likely, positive = scores(seed)
    found = function(cells, "at", likely=likely, positive=positive)(threshold)
    expected = precision_recall_fscore_support(positive, likely >= threshold, average="binary", zero_division=0)
    assert found == pytest.approx(expected[:2])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_higher_threshold_never_raises_recall_and_may_lower_precision(cells, seed):
    likely, positive = scores(seed)
    at = function(cells, "at", likely=likely, positive=positive)
    recalls = [at(step / 20)[1] for step in range(1, 20)]
    assert recalls == sorted(recalls, reverse=True)
    lost = function(cells, "at", likely=torch.tensor([0.6, 0.9]), positive=torch.tensor([True, False]))
    assert lost(0.7)[0] < lost(0.5)[0]


def test_the_two_losses_are_equal_by_macro_f1_and_neither_by_weighted_f1_nor_by_that_of_neutral():
    scores = records.read("09_class_weights").select(profile="mini")
    plain, weighted = (
        {setting: scores.select(method=method, setting=setting).mean for setting in scores.settings}
        for method in ("plain", "weighted")
    )
    assert abs(plain["macro_f1"] - weighted["macro_f1"]) < 0.01
    assert plain["weighted_f1"] - weighted["weighted_f1"] > 0.02
    assert plain["neutral_recall"] == 0, "so its F1 is 0"
    assert weighted["neutral_precision"] * weighted["neutral_recall"] > 0


def test_calling_everything_positive_has_an_f1_of_two_thirds():
    for share, expected in ((0.5, 2 / 3), (0.95, 0.974)):
        truth = torch.arange(1000) < 1000 * share
        f1 = precision_recall_fscore_support(truth, torch.ones(1000), average="binary")[2]
        assert f1 == pytest.approx(expected, abs=1e-3)


def test_the_live_run_is_the_recipe_of_the_record(cells):
    recipe = load("09_label_budget")
    (live,) = (source for source in cells if "tuned = tl.training.fit" in source)
    assert recipe.STEPS[100] == 60  # of 100 labels a class
    assert recipe.RATE == 1e-4
    assert "steps = env.steps(60)" in live
    assert f'"batch_size": {recipe.BATCH}, "schedule": "linear", "warmup": 0.1' in live
    assert "fit(bert, task, lr=1e-4, seed=0, **settings)" in live


def scores_of(method, setting):
    """Accuracy by seed."""
    return records.read("09_label_budget").select(profile="mini", method=method, setting=setting).values


def test_tfidf_with_2000_labels_is_just_behind_bert_with_200():
    words, tuned = scores_of("tfidf", 2000), scores_of("fine_tune", 200)
    assert all(words[seed] < tuned[seed] for seed in words)
    gap = records.t_interval([tuned[seed] - words[seed] for seed in words])
    assert gap.low < 0 < gap.high


def test_three_seeds_cannot_tell_probe_and_fine_tuning_apart_with_200_labels():
    probe, tuned = scores_of("linear_probe", 200), scores_of("fine_tune", 200)
    gap = records.t_interval([tuned[seed] - probe[seed] for seed in probe])
    assert gap.low < 0 < gap.high


def test_of_four_rates_bert_did_best_at_1e_4_in_every_seed():
    rates = records.read("09_learning_rate").select(profile="mini", method="end_to_end")
    best = rates.select(setting="1e-4").values
    for rate in set(rates.settings) - {"1e-4"}:
        assert all(value < best[seed] - 0.08 for seed, value in rates.select(setting=rate).values.items())


def test_from_scratch_no_rate_lifted_it_from_chance():
    rates = records.read("09_learning_rate").select(profile="mini", method="scratch")
    assert list(rates.settings) == ["2e-5", "1e-4", "1e-3", "1e-2"]
    assert all(abs(rates.select(setting=rate).mean - 0.5) < 0.03 for rate in rates.settings)
    for labels in (200, 2000):
        values = scores_of("scratch", labels).values()
        assert abs(sum(values) / len(values) - 0.5) < 0.03


def test_of_four_rates_the_head_did_best_at_1e_2_in_every_seed():
    rates = records.read("09_learning_rate").select(profile="mini", method="head_on_mean")
    best = rates.select(setting="1e-2").values
    for rate in set(rates.settings) - {"1e-2"}:
        assert all(value < best[seed] for seed, value in rates.select(setting=rate).values.items())
