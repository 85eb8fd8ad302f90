"""Lesson 09: its own functions and cells, held against the package, scikit-learn and its records on fresh inputs."""

import ast
import random

import pytest
import torch
from draws import seeds
from sklearn.metrics import precision_recall_fscore_support
from transformers import BertConfig, BertTokenizer, DistilBertConfig

import tl_course as tl
from authoring import sources
from authoring.records.common import load
from tl_course import environment, models, records
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


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("kind", ["bert", pytest.param("distilbert", marks=pytest.mark.full)])
@pytest.mark.parametrize("seed", SEEDS)
def test_vectors_are_those_of_the_verb_in_the_order_of_the_texts(cells, seed, kind):
    draw = random.Random(seed)
    texts = [" ".join(draw.choices(PLAIN, k=draw.randint(1, 30))) for _ in range(150)]
    model = bert(seed, kind)
    read = function(cells, "read", bert=model, env=environment.setup(device="cpu", quiet=True))
    found = function(cells, "vectors", bert=model, read=read)(texts)
    with torch.no_grad():
        for way, pooling in (("mean", "mean"), ("pooler", "cls")):
            verb = models.embed(model, model.preprocess(texts), pooling=pooling)
            torch.testing.assert_close(found[way], verb, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_attention_formula_is_what_any_bert_computes(cells, seed, kind):
    sources_ = [source for source in cells if "output_attentions" in source or "looks = (q" in source]
    model = bert(seed, kind)
    with seeded(seed):
        for parameter in model.parameters():
            parameter.data.add_(0.3 * torch.randn_like(parameter))  # at 0.02 all attention would be even
    names = {"bert": model, "tokenizer": model.preprocess.tokenizer, "torch": torch, "nn": torch.nn, "tl": tl}
    names["env"] = environment.setup(device="cpu", quiet=True)
    exec("\n".join(["import copy, math", *sources_]), names)
    it, film = names["it"], names["film"]
    assert names["attention"][:, :, it, film].max() == names["attention"][names["layer"], names["head"], it, film]
    assert names["looks"].std() > 0.01
    torch.testing.assert_close(names["looks"].sum(dim=1), torch.ones(len(names["tokens"])))


def scores(seed, count=60):
    """Probabilities with ties, and what is true."""
    random_ = generator(seed)
    likely = torch.randint(0, 21, (count,), generator=random_) / 20
    return likely, torch.rand(count, generator=random_) < 0.2 + 0.6 * likely


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.95])
@pytest.mark.parametrize("seed", SEEDS)
def test_precision_and_recall_at_a_threshold(cells, seed, threshold):
    likely, positive = scores(seed)
    precision, recall, counts = function(cells, "at", likely=likely, positive=positive)(threshold)
    expected = precision_recall_fscore_support(positive, likely >= threshold, average="binary", zero_division=0)
    assert (precision, recall) == pytest.approx(expected[:2])
    assert sum(counts) == len(likely)
    assert counts[2] + counts[3] == positive.sum()


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
    (source,) = (source for source in cells if "settings |=" in source)
    given = {
        keyword.value: value.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Dict)
        for keyword, value in zip(node.keys, node.values, strict=True)
        if isinstance(value, ast.Constant)
    }
    assert "env.steps(60)" in source
    assert recipe.STEPS[100] == 60  # of 100 labels a class
    assert (given["schedule"], given["warmup"]) == ("linear", 0.1)
    assert any(f'settings = {{"batch_size": {recipe.BATCH}, ' in source for source in cells)
    assert recipe.RATE == 1e-4
    assert any("fit(bert, task, lr=1e-4, **settings)" in source for source in cells)
