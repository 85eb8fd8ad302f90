"""Batches of texts: buckets of similar length, a maximum length that is chosen, and documents that stay together."""

import dataclasses
import sys

import pytest
import tasks
import torch
from draws import seeds
from torch import nn

from tl_course import data, models
from tl_course.data.lengths import LONGEST, STRETCH, bucketed, token_counts
from tl_course.data.task import SPLITS, Dataset, Split, Task
from tl_course.training import fit
from tl_course.training.ready_run import stream

SEEDS = seeds(3)
DOMAINS = ["products", "editorials"]


def lengths_of(seed: int, count: int) -> torch.Tensor:
    """Lengths as those of sentences: most are short, a few long."""
    draw = torch.Generator().manual_seed(seed)
    return (3 + 20 * torch.rand(count, generator=draw) ** -0.5).long().clamp(max=120)


def order(lengths: torch.Tensor, batch_size: int, seed: int) -> torch.Tensor:
    return bucketed(lengths, batch_size, torch.Generator().manual_seed(seed))


def padding(lengths: torch.Tensor, order: torch.Tensor, batch_size: int) -> float:
    """Tokens that are computed for each token that is there."""
    return sum(len(batch) * int(lengths[batch].max()) for batch in order.split(batch_size)) / int(lengths.sum())


def long_texts(seed: int = 0, count: int = 90) -> Task:
    """Texts of up to 120 words in two classes, three of them to a document."""
    draw = torch.Generator().manual_seed(seed)

    def split(shift: int) -> Split:
        lengths = lengths_of(seed + shift, count).tolist()
        words = [torch.randint(0, 4, (length,), generator=draw).tolist() for length in lengths]
        texts = [" ".join(("good", "bad", "a", "film")[word] for word in chosen) for chosen in words]
        return Split(texts, torch.arange(count) % 2, torch.arange(count) // 3)

    return Task("long", "Long", "text", ("no", "yes"), split(0), split(1), split(2), "made up")


def reader(seed: int = 0, max_length: int = 128) -> nn.Module:
    model = tasks.tiny_bert(seed)
    model.preprocess = dataclasses.replace(model.preprocess, max_length=max_length)
    model.embed = lambda inputs, **options: models.embed(model, inputs, **options)
    return model


# --- buckets ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("count", "batch_size"), [(500, 16), (512, 16), (17, 16), (16, 16), (3, 16), (1, 1), (40, 7)])
def test_each_text_stands_in_a_bucketed_order_once(seed, count, batch_size):
    found = order(lengths_of(seed, count), batch_size, seed)
    assert sorted(found.tolist()) == list(range(count))


@pytest.mark.parametrize("seed", SEEDS)
def test_texts_of_one_batch_are_of_similar_length(seed):
    lengths = lengths_of(seed, 500)
    batches = order(lengths, 16, seed).split(16)[:-1]
    shortest, longest = (torch.stack([find(lengths[batch]) for batch in batches]) for find in (torch.min, torch.max))
    # No text of a batch is longer than the texts of a longer batch by more than the random stretch.
    rank = torch.stack([lengths[batch].float().mean() for batch in batches]).argsort()
    assert (longest[rank][:-1] <= shortest[rank][1:] * (1 + STRETCH) ** 2).all()
    shuffled = torch.randperm(500, generator=torch.Generator().manual_seed(seed))
    assert padding(lengths, order(lengths, 16, seed), 16) - 1 < (padding(lengths, shuffled, 16) - 1) / 2


@pytest.mark.parametrize("seed", SEEDS)
def test_batches_come_in_random_order_with_changing_company(seed):
    lengths = lengths_of(seed, 480)
    one, other = (order(lengths, 16, s) for s in (seed, seed + 1))
    means = torch.stack([lengths[batch].float().mean() for batch in one.split(16)])
    assert not torch.equal(means, means.sort().values)
    together = [{frozenset(batch.tolist()) for batch in found.split(16)} for found in (one, other)]
    assert len(together[0] & together[1]) < len(together[0]) / 4
    assert torch.equal(one, order(lengths, 16, seed))


def test_no_text_is_always_in_the_smaller_last_batch():
    lengths = torch.arange(3, 36)
    last = [set(order(lengths, 8, seed)[32:].tolist()) for seed in range(60)]
    assert len(set.union(*last)) > 20
    assert not set.intersection(*last)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("batch_size", [8, 16])
def test_an_epoch_of_texts_has_each_once_with_its_tokens_and_label(seed, batch_size):
    task, model = long_texts(seed), reader()
    loader = data.batches(task, model, batch_size=batch_size, seed=seed)
    epochs = [list(loader) for _ in range(3)]
    for batches in epochs:
        assert len(batches) == len(loader)
        assert sorted(torch.cat([batch.index for batch in batches]).tolist()) == list(range(len(task.train)))
        for batch in batches:
            expected = model.preprocess([task.train.inputs[i] for i in batch.index])
            assert all(torch.equal(batch.inputs[name], expected[name]) for name in expected)
            assert torch.equal(batch.labels, task.train.labels[batch.index])
    orders = [torch.cat([batch.index for batch in batches]).tolist() for batches in epochs]
    assert orders[0] != orders[1] != orders[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_training_on_buckets_can_be_taken_up_anywhere(seed):
    task, model = long_texts(seed), reader()

    def order_from(step: int, count: int) -> list:
        train = stream(data.batches(task, model, batch_size=16, seed=seed), step)
        return [next(train).index.tolist() for _ in range(count)]

    whole = order_from(0, 14)
    assert all(whole[step:] == order_from(step, 14 - step) for step in (1, 6, 7, 13))


def test_buckets_pad_less_than_shuffled_batches_of_the_same_texts():
    task, model = long_texts(), reader()

    def tokens(**options) -> int:
        loader = data.batches(task, model, batch_size=8, **options)
        return sum(batch.inputs["input_ids"].numel() for batch in loader)

    real = int(data.lengths.token_counts(task.train.inputs, model.preprocess).clamp(max=128).sum())
    assert real < tokens() < 1.35 * real < tokens(buckets=False)
    assert tokens(shuffle=False, buckets=True) < tokens()


def test_batches_that_are_not_shuffled_keep_the_order_unless_buckets_are_asked_for():
    task, model = long_texts(), reader()
    for split in ("validation", "test"):
        plain = torch.cat([batch.index for batch in data.batches(task, model, split, batch_size=8)])
        assert plain.tolist() == list(range(90))
        counts = token_counts(getattr(task, split).inputs, model.preprocess)
        index = torch.cat([batch.index for batch in data.batches(task, model, split, batch_size=8, buckets=True)])
        assert sorted(index.tolist()) == list(range(90))
        assert torch.equal(counts[index], counts.sort().values)


@pytest.mark.parametrize("make", [lambda: (tasks.images(), tasks.resnet()), lambda: (tasks.points(), tasks.linear())])
@pytest.mark.parametrize("shuffle", [True, False])
def test_buckets_change_nothing_for_images_and_features(make, shuffle):
    task, model = make()
    with_buckets, without = (
        torch.cat([b.index for b in data.batches(task, model, batch_size=8, shuffle=shuffle, buckets=buckets)])
        for buckets in (True, False)
    )
    assert torch.equal(with_buckets, without)


# --- results in the order of the split --------------------------------------------------------------------------------


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_answers_in_the_order_of_the_split(seed):
    task, model = long_texts(seed), reader(seed)
    run = fit(model, task, steps=2, batch_size=8, lr=1e-3, progress=False)
    for split in SPLITS:
        texts = getattr(task, split).inputs
        with torch.no_grad():
            expected = torch.cat([models.logits(model, model.preprocess([text])) for text in texts])
        torch.testing.assert_close(run.logits(split), expected, rtol=1e-4, atol=1e-5)
    right = run.predictions("validation") == task.validation.labels
    assert run.history[-1]["validation_accuracy"] == pytest.approx(right.double().mean().item())


@pytest.mark.daily(1)
@pytest.mark.parametrize("pooling", [None, "mean", "cls"])
def test_features_of_texts_stand_in_the_order_of_the_split(pooling):
    task, model = long_texts(), reader()
    result = data.features(model, task, batch_size=8, pooling=pooling)
    with torch.no_grad():
        inputs = [model.preprocess([text]) for text in task.test.inputs]
        expected = torch.cat([models.embed(model, one, pooling=pooling or "mean") for one in inputs])
    torch.testing.assert_close(result.test.inputs, expected, rtol=1e-4, atol=1e-5)
    assert torch.equal(result.test.labels, task.test.labels)
    assert torch.equal(result.test.groups, task.test.groups)


@pytest.mark.parametrize("seed", SEEDS)
def test_per_example_puts_rows_back_whatever_their_order(seed):
    task = tasks.points(seed)
    loader = data.batches(task, tasks.linear(), batch_size=7, shuffle=True, seed=seed)
    assert torch.equal(data.per_example(loader, lambda batch: batch.inputs), task.train.inputs)
    assert torch.equal(data.per_example(loader, lambda batch: batch.labels), task.train.labels)


@pytest.mark.parametrize("said", ["", "features"])
def test_a_pass_with_a_name_shows_how_far_it_is_and_only_where_it_takes_long(monkeypatch, said):
    asked = []
    monkeypatch.setattr(
        sys.modules["tl_course.data.batches"], "tqdm", lambda loader, **options: asked.append(options) or loader
    )
    loader = data.batches(tasks.points(0), tasks.linear(), batch_size=7)
    data.per_example(loader, lambda batch: batch.labels, said=said)
    assert asked == [{"desc": said, "unit": "batch", "delay": 2, "leave": False, "disable": not said}]


# --- the maximum length -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("keep", [0.5, 0.9, 0.99, 1.0])
def test_the_chosen_length_is_the_smallest_that_keeps_enough(seed, keep):
    task, model = long_texts(seed), reader()
    choice = data.choose_max_length(task, model, keep)
    counts = torch.tensor([len(text.split()) + 2 for text in task.train.inputs])
    assert choice.max_length % 8 == 0
    assert choice.cut == (counts > choice.max_length).sum()
    assert (counts <= choice.max_length).double().mean() >= keep
    assert (counts <= choice.max_length - 8).double().mean() < keep
    assert (choice.count, choice.longest) == (90, int(counts.max()))
    assert choice.preprocess.max_length == choice.max_length
    assert choice.preprocess.tokenizer is model.preprocess.tokenizer
    assert model.preprocess.max_length == 128  # until the reader puts the choice into force


def test_the_choice_says_how_many_texts_it_cuts():
    task, model = long_texts(), reader()
    counts = token_counts(task.train.inputs, model.preprocess)
    choice = data.choose_max_length(task, model, keep=0.9)
    assert str(choice) == (
        f"max_length={choice.max_length}: {choice.cut} of 90 training texts are cut ({choice.cut / 90:.1%}); "
        f"the longest has {counts.max()} tokens"
    )
    assert " 0 of 90 training texts are cut (0.0%)" in str(data.choose_max_length(task, model, keep=1.0))


def test_only_training_texts_are_looked_at():
    task, model = long_texts(), reader()
    short = dataclasses.replace(task, test=Split(["good " * 200], torch.tensor([0])), validation=task.train.subset([]))
    assert data.choose_max_length(short, model).max_length == data.choose_max_length(task, model).max_length


def test_a_length_is_never_beyond_what_the_model_has_positions_for(capfd):
    task, model = long_texts(), reader()
    endless = dataclasses.replace(task, train=Split(["good " * 2000, "bad"], torch.tensor([1, 0])))
    choice = data.choose_max_length(endless, model)
    assert (choice.max_length, choice.cut, choice.longest) == (LONGEST, 1, 2002)
    model.config.max_position_embeddings = 64
    assert data.choose_max_length(endless, model).max_length == 64
    model.preprocess = choice.preprocess
    assert model.preprocess(endless.train.inputs)["input_ids"].shape == (2, LONGEST)
    assert capfd.readouterr().err == ""


def test_a_length_cannot_be_chosen_for_everything():
    with pytest.raises(ValueError, match="a task of images"):
        data.choose_max_length(tasks.images(), reader())
    with pytest.raises(ValueError, match="Linear may not read texts"):
        data.choose_max_length(long_texts(), tasks.linear())
    for keep in (0, 1.5, -1):
        with pytest.raises(ValueError, match=f"keep={keep}"):
            data.choose_max_length(long_texts(), reader(), keep)


# --- documents ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(6))
@pytest.mark.parametrize("budget", [None, 1, 5, 40])
def test_no_document_stands_on_two_sides(seed, budget):
    draw = torch.Generator().manual_seed(seed)
    groups = torch.randint(0, 70, (400,), generator=draw)
    labels = torch.randint(0, 2, (400,), generator=draw)
    pool = Split([str(number) for number in range(400)], labels, groups)
    task = Dataset("toy", "Toy", "text", ("a", "b"), pool, "made up").draw(train_per_class=budget, seed=seed)
    sides = [set(getattr(task, part).groups.tolist()) for part in SPLITS]
    assert sum(map(len, sides)) == len(set.union(*sides))
    for part in SPLITS:  # and the groups are those of the texts
        split = getattr(task, part)
        assert torch.equal(split.groups, groups[[int(text) for text in split.inputs]])


@pytest.mark.usual(1)
@pytest.mark.assets
@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("three_class", [False, True])
def test_no_review_and_no_editorial_stands_on_two_sides(domain, three_class):
    published = {one.text: one.document for one in reversed(data.sentiment.ratings(domain))}
    tests = []
    for seed in range(5):
        for budget in (None, 5, 100):
            task = data.load("sentiment", domain=domain, three_class=three_class, train_per_class=budget, seed=seed)
            sides = [{published[text] for text in getattr(task, part).inputs} for part in SPLITS]
            assert sum(map(len, sides)) == len(set.union(*sides))
            tests.append(task.test.inputs)
    assert all(test == tests[0] for test in tests)


@pytest.mark.assets
def test_the_chosen_length_of_the_films_leaves_nearly_all_whole():
    model = models.create("minilm")
    choice = data.choose_max_length(data.load("sentiment", domain="movies"), model)
    assert 0 < choice.cut <= 0.01 * choice.count
    assert choice.max_length < model.preprocess.max_length
