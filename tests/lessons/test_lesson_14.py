"""Lesson 14: its functions against the package, its records' scripts, and its bound by brute force."""

import dataclasses
import math

import numpy as np
import pytest
import tasks
import torch
from draws import seeds
from lesson_code import functions_of

from authoring.records.common import Cell, load
from tl_course import losses
from tl_course.data import Split, Task, batches
from tl_course.training import fit

SEEDS = seeds(4)


@pytest.fixture(scope="module")
def lesson():
    return functions_of("14")


@pytest.fixture(scope="module")
def digits():
    return load("14_digits")


@pytest.fixture(scope="module")
def alignment():
    return load("14_alignment")


def task(seed: int, count: int = 64) -> Task:
    """Points of 64 numbers in ten classes."""
    draw = torch.Generator().manual_seed(seed)

    def split() -> Split:
        labels = torch.arange(count) % 10
        return Split(torch.rand(count, 64, generator=draw) + labels[:, None] / 10, labels)

    return Task("t", "Points", "features", tuple("0123456789"), split(), split(), split(), "made up")


# --- by hand and by verb ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_distances_by_hand_are_the_packages(lesson, seed):
    torch.manual_seed(seed)
    s, t = torch.randn(12, 5, dtype=torch.float64), 1 + 2 * torch.randn(17, 5, dtype=torch.float64)
    torch.testing.assert_close(lesson["coral"](s, t), losses.coral(s, t))
    for unbiased in (True, False):
        by_hand = lesson["mmd2"](s, t, 1.7, unbiased)
        torch.testing.assert_close(by_hand, losses.mmd2(s, t, bandwidth=1.7, unbiased=unbiased))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_a_step_by_hand_is_the_packages(lesson, seed, strength):
    source, target, model = task(seed), task(seed + 50), lesson["network"](seed)
    batch = next(iter(batches(source, model, batch_size=64)))
    verb = losses.DomainAdversarial(model, target, strength=strength, batch_size=64, seed=seed)
    weights = [*model.parameters(), *verb.parameters()]
    gradients = []
    for terms in (verb(model, batch), lesson["dann"](model, verb.discriminator, batch, target.train.inputs, strength)):
        assert list(terms) == ["cross_entropy", "domain"]
        gradients.append(torch.autograd.grad(sum(terms.values()), weights))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dead_discriminator_says_chance_and_never_wakes(lesson, seed):
    lesson["target"] = task(seed + 50)
    model = lesson["network"](seed)
    loss = lesson["dead"](model)
    run = fit(model, task(seed), loss=loss, steps=20, batch_size=32, progress=False)
    assert all(entry["domain"] == pytest.approx(math.log(2), abs=1e-6) for entry in run.history)
    assert all(not weight.any() for weight in loss.discriminator.parameters())


# --- the bound --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_once_aligned_no_head_is_good_in_both_domains(seed):
    """Equal features, other class frequencies: both errors sum to the share of the classes that the target lacks."""
    rng = np.random.default_rng(seed)
    y_s = rng.integers(0, 10, 2000)
    y_t = rng.integers(0, 3, 2000)
    for _ in range(50):  # a head sees the same features in both domains, and so gives the same answers, somehow paired
        said = np.where(rng.random(2000) < rng.random(), y_s, rng.integers(0, 10, 2000))
        for paired in (np.sort(y_t), rng.permutation(y_t)):
            assert (said != y_s).mean() + (said != paired).mean() >= (y_s > 2).mean() - 1e-12


# --- the record of 8×8 digits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits", "mnist"])
def test_lesson_and_record_see_the_same_digits_with_the_same_network(lesson, digits, name):
    ours, theirs = lesson["small"](name), digits.small(name)
    assert ours.kind == "features"
    for part in ("train", "test"):
        assert torch.equal(getattr(ours, part).inputs, getattr(theirs, part).inputs)
        assert getattr(ours, part).inputs.shape[1] == 64
        assert 0 <= getattr(ours, part).inputs.min() < getattr(ours, part).inputs.max() <= 1
    for own, other in zip(lesson["network"](3).parameters(), digits.network(3).parameters(), strict=True):
        assert torch.equal(own, other)


def test_the_target_of_few_classes_differs_in_nothing_else(digits):
    source, target = digits.domains("mnist_few")
    assert source.train.labels.unique().tolist() == list(range(10))
    assert target.train.labels.unique().tolist() == target.test.labels.unique().tolist() == [0, 1, 2]
    rows = {tuple(row) for row in source.train.inputs.tolist()}
    assert not rows & {tuple(row) for row in target.train.inputs.tolist()}
    assert source.num_classes == target.num_classes == 10


def test_a_validator_chooses_by_its_own_marks_and_is_paid_in_target_accuracy(digits, monkeypatch):
    rng = np.random.default_rng(0)
    found = {name: dict(zip(digits.SETTINGS, rng.random(5), strict=True)) for name in digits.DISTINCT}
    hits = {name: rng.random(400) < found[name]["target"] for name in found}
    monkeypatch.setattr(digits, "trained", lambda pair, method, seed: (found[method], 1.0, hits[method]))
    for way, mark in digits.CHOICES.items():
        best = max(found, key=lambda name, mark=mark: found[name][mark])
        assert digits.measure(Cell("mnist", way, "target", 0)) == found[best]["target"]
    assert not {"target_only", "dann 0"} & set(digits.DISTINCT)  # "dann 0" is source_only: no network counts twice


@pytest.mark.parametrize("seed", SEEDS)
def test_the_sieve_is_that_of_the_exercise_and_all_labels_choose_the_best(digits, monkeypatch, seed):
    from tl_course.exercises.lesson_14.choose_blind import QUESTION

    rng = np.random.default_rng(seed)
    truth = dict(zip(digits.DISTINCT, rng.permutation(len(digits.DISTINCT)) / 10, strict=True))
    chances = {name: torch.from_numpy(rng.dirichlet(np.ones(4), size=20)) for name in truth}
    source = {name: 0.8 + 0.1 * rng.random() for name in truth}
    entropies = {name: float((p * p.log()).sum(1).mean()) for name, p in chances.items()}
    values = {name: {"target": truth[name], "source": source[name], "entropy": entropies[name]} for name in truth}
    hits = {name: np.arange(500) < truth[name] * 500 for name in truth}
    monkeypatch.setattr(digits, "trained", lambda pair, method, seed: (values[method], 1.0, hits[method]))
    runs = [{"source_accuracy": source[name], "target_probabilities": chances[name]} for name in truth]
    kept = list(truth)[QUESTION.reference(runs, digits.SLACK)]
    assert digits.measure(Cell("mnist", "by_sieve", "target", 0)) == truth[kept]
    assert digits.measure(Cell("mnist", "by_500_labels", "target", 0)) == pytest.approx(max(truth.values()))
    adapted = [value for name, value in truth.items() if name != "source_only"]
    assert digits.measure(Cell("mnist", "by_lot", "target", 0)) == pytest.approx(np.mean(adapted))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_control_of_label_shift_differs_from_it_in_the_classes_alone(digits, seed):
    _, few = digits.domains("mnist_few")
    control = digits.unshifted(few, seed)
    assert len(control.train) == len(few.train)
    assert control.train.labels.unique().tolist() == list(range(10))
    assert control.test is few.test
    half = {tuple(row) for row in digits.small("mnist").train.inputs[1::2].tolist()}
    assert {tuple(row) for row in control.train.inputs.tolist()} <= half


@pytest.mark.parametrize("seed", SEEDS)
def test_centred_inputs_differ_from_the_others_by_one_picture_of_their_own_domain(lesson, digits, seed):
    for one in (task(seed), task(seed + 50, 30)):
        ours, theirs = lesson["centred"](one), digits.centred(one)
        for part in ("train", "validation", "test"):
            moved = getattr(ours, part)
            assert torch.equal(moved.inputs, getattr(theirs, part).inputs)
            assert torch.equal(moved.labels, getattr(one, part).labels)
            gap = getattr(one, part).inputs - moved.inputs
            torch.testing.assert_close(gap, one.train.inputs.mean(0).expand_as(gap))
        torch.testing.assert_close(ours.train.inputs.mean(0), torch.zeros(64), atol=1e-5, rtol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_few_labels_are_a_draw_from_the_targets_training_split(digits, seed):
    whole = task(seed, 200)
    few = digits.labelled(whole, 50, seed)
    rows = {(tuple(x.tolist()), int(y)) for x, y in zip(whole.train.inputs, whole.train.labels, strict=True)}
    drawn = {(tuple(x.tolist()), int(y)) for x, y in zip(few.train.inputs, few.train.labels, strict=True)}
    assert len(few.train) == len(drawn) == 50
    assert drawn < rows
    assert few.test is whole.test
    other = digits.labelled(whole, 50, seed + 1)
    assert not torch.equal(other.train.inputs, few.train.inputs)


@pytest.mark.daily(2)
@pytest.mark.parametrize(
    "method", ["source_only", "centred mmd", "coral", "mmd", "dann", "dann 3", "separate", "norm", "centred"]
)
def test_training_for_the_record_reads_no_target_label(digits, monkeypatch, method):
    monkeypatch.setattr(digits, "STEPS", 3)
    source, target = task(0, 200), task(1, 200)
    values = []
    for labels in (target.train.labels, torch.full((200,), -1)):
        other = dataclasses.replace(target, train=Split(target.train.inputs, labels))
        monkeypatch.setattr(digits, "domains", lambda pair, other=other: (source, other))
        digits.trained.cache_clear()
        values.append(digits.trained("mnist", method, 0)[0])
    digits.trained.cache_clear()
    assert values[0] == values[1]


# --- the record of MNIST-M --------------------------------------------------------------------------------------------


def test_source_and_target_share_no_digit(alignment):
    import tl_course as tl

    source, target = alignment.domains()
    same_digits = tl.data.load("mnist", pad=2, half=1, validation=0.0)
    assert len(source.train) == len(target.train) == 2000
    assert torch.equal(same_digits.train.labels, target.train.labels)
    rows = {row.numpy().tobytes() for row in source.train.inputs}
    assert not rows & {row.numpy().tobytes() for row in same_digits.train.inputs}


@pytest.mark.parametrize("seed", seeds(2))
def test_own_statistics_are_those_of_the_inputs_and_change_nothing_else(alignment, seed):
    target = tasks.images(seed, train=40)
    model = alignment.network(seed).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    other = alignment.with_statistics(model, target)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        if "running" not in name and "num_batches" not in name:
            assert torch.equal(value, other.state_dict()[name])
    maps = model.conv1(model.preprocess(target.train.inputs))
    torch.testing.assert_close(other.bn1.running_mean, maps.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(other.bn1.running_var, maps.var((0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert not any(module.training for module in other.modules())


def test_answers_are_the_networks(alignment):
    target, model = tasks.images(3), alignment.network(1).eval()
    found = alignment.answers(model, target, "test")
    torch.testing.assert_close(found["logits"], model(model.preprocess(target.test.inputs)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(found["logits"], model.head(found["features"]))
    assert found["alike"].shape == (9, 512)
    with torch.no_grad():
        loss = alignment.loss_of("dann", model, dataclasses.replace(task(0), kind="image", train=ten()), 5, 0)
    assert isinstance(loss, losses.DomainAdversarial)
    assert loss.discriminator[0].in_features == 512


def ten() -> Split:
    """Ten pictures, one of each class."""
    return Split(torch.randint(0, 255, (10, 3, 32, 32), dtype=torch.uint8), torch.arange(10))
