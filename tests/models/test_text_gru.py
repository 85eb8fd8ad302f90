"""The GRU language model: it cannot look ahead, padding does not reach it, and it stands behind the course's verbs."""

import copy
import math

import pytest
import tasks
import torch
import torch.nn.functional as F
from draws import seeds
from tasks import assert_same, state
from torch import nn

from tl_course import data, losses, models, training
from tl_course.data.task import SPLITS, Split, Task
from tl_course.models.recurrent import VOCABULARY, WIDTH, concat_pooled
from tl_course.models.zoo import WEIGHTS_FOLDER
from tl_course.training import fit

SEEDS = seeds(3)
GROUPS = ["embeddings", "layer1", "layer2", "classifier"]
QUIET = {"progress": False, "batch_size": 8}
TEXTS = ["a good film", "dull", "One of the finest, most moving plays of the year :-)", "it isn't bad; it's #awful!"]


def tokens_of(seed: int, count: int = 6, length: int = 9) -> torch.Tensor:
    return torch.randint(5, VOCABULARY, (count, length), generator=torch.Generator().manual_seed(seed))


def inputs_of(model: nn.Module, texts=tuple(TEXTS)) -> dict[str, torch.Tensor]:
    return model.preprocess(list(texts))


def moved(model: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {name.split(".")[0] for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}


# --- what it computes ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("place", [1, 4, 8])
def test_a_later_token_changes_no_earlier_guess(seed, place):
    model = models.create("gru_small", seed=seed)
    tokens = tokens_of(seed)
    other = tokens.clone()
    other[:, place:] = tokens_of(seed + 50)[:, place:]
    before, after = model.next_token_logits(tokens), model.next_token_logits(other)
    assert before.shape == (6, 9, VOCABULARY)
    assert torch.equal(before[:, :place], after[:, :place])
    assert not torch.isclose(before[:, place], after[:, place]).all(dim=-1).any()


@pytest.mark.parametrize("seed", SEEDS)
def test_padding_changes_no_features_and_no_guess(seed):
    model = models.create("gru_small", seed=seed, num_classes=3)
    together = inputs_of(model)
    for place, text in enumerate(TEXTS):
        alone = inputs_of(model, [text])
        length = alone["input_ids"].shape[1]
        torch.testing.assert_close(model.embed(together)[place], model.embed(alone)[0], rtol=1e-4, atol=1e-6)
        guesses = model.next_token_logits(**together)[place, :length]
        torch.testing.assert_close(guesses, model.next_token_logits(**alone)[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_head_is_given_last_mean_and_maximum(seed):
    draw = torch.Generator().manual_seed(seed)
    states, lengths = torch.randn(5, 7, 4, generator=draw), torch.randint(1, 8, (5,), generator=draw)
    mask = (torch.arange(7) < lengths[:, None]).long()
    one_by_one = [
        torch.cat([row[n - 1], row[:n].mean(0), row[:n].max(0).values]) for row, n in zip(states, lengths, strict=True)
    ]
    torch.testing.assert_close(concat_pooled(states, mask), torch.stack(one_by_one))


def test_features_go_through_the_head_to_the_logits():
    model = models.create("gru_small", num_classes=3)
    inputs = inputs_of(model)
    features = model.embed(inputs)
    assert features.shape == (4, 3 * WIDTH) == (4, model.spec.feature_dim)
    torch.testing.assert_close(models.head_of(model)[1](features), models.logits(model, inputs))
    alone = inputs_of(model, TEXTS[:1])
    assert torch.equal(model(alone["input_ids"]), model(**alone))  # without a mask everything is text


def test_it_runs_in_half_precision_arithmetic():
    model = models.create("gru_small").train()
    with torch.autocast("cpu", torch.bfloat16):
        loss = models.logits(model, inputs_of(model)).float().logsumexp(1).sum()
        loss = loss + model.next_token_logits(**inputs_of(model)).float().logsumexp(2).mean()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


# --- making, keeping ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, "language_model"])
def test_a_seed_decides_what_is_random_and_the_classes_only_the_head(weights):
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    one, same, other, wide = (
        models.create("gru_small", weights=weights, num_classes=classes, seed=seed)
        for seed, classes in ((1, 2), (1, 2), (2, 2), (1, 9))
    )
    assert torch.equal(torch.rand(3), expected)
    assert_same(one, same)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert torch.equal(one.layer1.weight_hh_l0, other.layer1.weight_hh_l0) == (weights is not None)
    body = {name: tensor for name, tensor in state(one).items() if not name.startswith("classifier")}
    assert_same(body, {name: tensor for name, tensor in state(wide).items() if not name.startswith("classifier")})
    assert wide.spec == models.ModelSpec("gru_small", weights, 384, 9)


def test_the_shipped_files_are_small_and_whole():
    path = WEIGHTS_FOLDER / "gru_small-language_model.safetensors"
    assert path.stat().st_size < 4e6
    tensors = models.tensors.read_safetensors(path)
    body = [name for name in models.create("gru_small").state_dict() if not name.startswith("classifier")]
    assert sorted(tensors) == sorted(body)
    pieces = (WEIGHTS_FOLDER / "gru_small-vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    assert len(pieces) == len(set(pieces)) == VOCABULARY
    assert pieces[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def test_every_plain_word_can_be_spelled():
    tokenizer = models.create("gru_small").preprocess.tokenizer
    words = ["zyzzyva", "QWERTY", "naïve", "2026", "don't", "e-mail", "(really?!)", "x" * 30]
    assert tokenizer.unk_token_id not in tokenizer(" ".join(words))["input_ids"]
    assert tokenizer.decode(tokenizer("A good film")["input_ids"], skip_special_tokens=True) == "a good film"


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match=r"gru_small has no weights 'pretrained'; choose None .* or language_model"):
        models.create("gru_small", weights="pretrained")


@pytest.mark.parametrize("weights", [None, "language_model"])
def test_a_saved_gru_answers_and_guesses_the_same(weights, tmp_path):
    model = models.create("gru_small", weights=weights, seed=2)
    models.replace_head(model, 3, seed=5)
    again = models.load(models.save(model, tmp_path / "gru", class_names=["a", "b", "c"]))
    assert_same(again, model)
    assert again.spec.class_names == ("a", "b", "c")
    for text in TEXTS:
        assert torch.equal(inputs_of(again, [text])["input_ids"], inputs_of(model, [text])["input_ids"])
    inputs = inputs_of(model)
    assert torch.equal(models.logits(again, inputs), models.logits(model, inputs))
    assert torch.equal(again.next_token_logits(**inputs), model.next_token_logits(**inputs))


# --- the language model's loss ------------------------------------------------------------------------------------


def batch_of(model: nn.Module, texts=tuple(TEXTS)) -> data.Batch:
    return data.Batch(inputs_of(model, texts), torch.zeros(len(texts), dtype=torch.int64), torch.arange(len(texts)))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_loss_is_that_of_each_token_after_those_before_it(seed):
    model = models.create("gru_small", seed=seed)
    singly = []
    for text in TEXTS:
        ids = inputs_of(model, [text])["input_ids"]
        for place in range(1, ids.shape[1]):
            guess = model.next_token_logits(ids[:, :place])[0, -1]
            singly.append(-F.log_softmax(guess, dim=0)[ids[0, place]])
    loss = losses.next_token(model, batch_of(model))["next_token"]
    torch.testing.assert_close(loss, torch.stack(singly).mean(), rtol=1e-4, atol=1e-5)


def test_labels_play_no_part_and_the_head_learns_nothing():
    model = models.create("gru_small")
    batch = batch_of(model)
    other = data.Batch(batch.inputs, batch.labels + 1, batch.index)
    assert torch.equal(losses.next_token(model, batch)["next_token"], losses.next_token(model, other)["next_token"])
    losses.next_token(model, batch)["next_token"].backward()
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.grad is None} == {"classifier"}


def test_models_that_guess_no_tokens_are_refused():
    with pytest.raises(ValueError, match=r'BertForSequenceClassification does not guess.*create\("gru_small"\)'):
        losses.next_token(tasks.tiny_bert(), None)


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS)
def test_fit_pretrains_on_texts_alone(seed):
    task, model = tasks.texts(seed), models.create("gru_small", seed=seed)
    before = state(model)
    run = fit(model, task, loss=losses.next_token, steps=30, lr=3e-3, log_every=5, weight_decay=0.0, **QUIET)
    assert run.history[-1]["next_token"] < run.history[0]["next_token"] < math.log(VOCABULARY) + 1
    assert moved(model, before) == set(GROUPS[:-1])


# --- behind the verbs ---------------------------------------------------------------------------------------------


def test_groups_go_from_the_embeddings_to_the_head():
    model = models.create("gru_small")
    assert [name for name, _ in models.layer_groups(model)] == GROUPS
    assert training.gradual(model, every=3) == {3: ("layer2",), 6: ("layer1",), 9: ("embeddings",)}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("choice", "learns"),
    [
        ({"except_head": True}, GROUPS[3:]),
        ({"until": "layer1"}, GROUPS[2:]),
        ({"parts": ["embeddings"]}, GROUPS[1:]),
        ({"parts": ["layer2"]}, ["embeddings", "layer1", "classifier"]),
    ],
    ids=str,
)
def test_what_is_frozen_stays_and_all_else_learns(choice, learns, seed):
    model = models.create("gru_small", seed=seed)
    report, before = models.freeze(model, **choice), state(model)
    fit(model, tasks.texts(seed), steps=3, lr=1e-3, **QUIET)
    assert report.check(model)
    assert moved(model, before) == set(learns)


@pytest.mark.parametrize("steps", [1, 3, 5, 7])
def test_gradual_unfreezing_wakes_one_group_after_the_other(steps):
    model = models.create("gru_small", weights="language_model")
    before = state(model)
    later = {step: names for step, names in training.gradual(model, every=2).items() if step < steps}
    models.freeze(model, except_head=True)
    fit(model, tasks.texts(), steps=steps, lr=1e-3, schedule="constant", unfreeze=later, **QUIET)
    assert moved(model, before) == set(GROUPS[3 - (steps - 1) // 2 :])


def test_layers_learn_at_rates_that_fall_towards_the_embeddings():
    groups = training.parameter_groups(models.create("gru_small"), lr=1e-2, layer_decay=1 / 2.6)
    assert [group["name"] for group in groups] == GROUPS
    assert [group["lr"] for group in groups] == pytest.approx([1e-2 / 2.6**k for k in (3, 2, 1, 0)])


@pytest.mark.parametrize("seed", SEEDS)
def test_a_head_on_features_answers_as_the_head_behind_the_frozen_gru(seed):
    task, model = tasks.texts(seed), models.create("gru_small", seed=seed)
    features, head = data.features(model, task, batch_size=5), copy.deepcopy(model.classifier)
    for part in SPLITS:
        inputs = model.preprocess(getattr(task, part).inputs)
        torch.testing.assert_close(head(getattr(features, part).inputs), models.logits(model, inputs))


# --- the shipped language model -----------------------------------------------------------------------------------


@pytest.mark.full
@pytest.mark.assets
def test_no_test_text_was_read_in_pretraining():
    from authoring.weights.gru_sentiment_lm import VARIANTS, corpus

    read = set(corpus())
    assert len(read) > 10_000
    for domain in data.sentiment.FILES:
        published = {}
        for one in data.sentiment.ratings(domain):
            published.setdefault(one.text, one.document)  # a text that stands in two documents is kept in the first
        documents = {published[text] for text in read if text in published}
        for options in VARIANTS:
            test = data.load("sentiment", domain=domain, train_per_class=1, **options).test
            assert read.isdisjoint(test.inputs)
            if test.groups is not None:
                assert documents.isdisjoint(test.groups.tolist())


@pytest.mark.full
@pytest.mark.assets
def test_the_language_model_guesses_unseen_sentences_better_than_frequencies_do():
    from authoring.weights.gru_sentiment_lm import perplexity, unigram_perplexity

    texts = data.load("sentiment", domain="movies", test=300)
    model = models.create("gru_small", weights="language_model")
    assert perplexity(model, texts) < unigram_perplexity(model, texts) / 2


def test_it_prefers_what_it_has_read():
    model = models.create("gru_small", weights="language_model")

    def loss(text: str) -> float:
        return losses.next_token(model, batch_of(model, [text]))["next_token"].item()

    assert loss("this is one of the best films of the year.") < loss("year the of films best the of one is this.")


def test_a_task_without_labels_needs_no_second_class():
    split = Split(TEXTS, torch.zeros(4, dtype=torch.int64))
    task = Task("texts", "Texts", "text", ("any",), split, split.subset([]), split.subset([]), "made up")
    run = fit(models.create("gru_small"), task, loss=losses.next_token, steps=2, **QUIET)
    assert run.steps == 2
