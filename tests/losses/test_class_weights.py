"""Class weights: what they balance, and that they agree with scikit-learn and PyTorch where these mean the same."""

from types import SimpleNamespace

import numpy
import pytest
import tasks
import torch
import torch.nn.functional as F
from draws import seeds
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from tl_course import losses
from tl_course.training import fit
from tl_course.training.workers import Workers

SEEDS = seeds(4)


def unbalanced(seed: int, count: int = 60, classes: int = 3) -> torch.Tensor:
    """Labels in which each class stands, the first one most often."""
    draw = torch.Generator().manual_seed(seed)
    shares = torch.tensor([6.0, 2.0, 1.0])[:classes]
    return torch.cat([torch.arange(classes), torch.multinomial(shares, count - classes, True, generator=draw)])


def batch_of(labels: torch.Tensor, seed: int = 0) -> SimpleNamespace:
    draw = torch.Generator().manual_seed(seed + 100)
    return SimpleNamespace(inputs=torch.randn(len(labels), 8, generator=draw), labels=labels)


@pytest.mark.parametrize("seed", SEEDS)
def test_weights_are_scikit_learns_balanced_ones(seed):
    labels = unbalanced(seed)
    expected = compute_class_weight("balanced", classes=numpy.arange(3), y=labels.numpy())
    torch.testing.assert_close(losses.class_weights(labels), torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("seed", SEEDS)
def test_each_class_weighs_the_same_and_an_average_example_one(seed):
    labels = unbalanced(seed)
    weights = losses.class_weights(labels)
    totals = weights * labels.bincount()
    torch.testing.assert_close(totals, torch.full((3,), len(labels) / 3))
    torch.testing.assert_close(weights[labels].mean(), torch.tensor(1.0))


@pytest.mark.parametrize("seed", SEEDS)
def test_over_all_examples_the_loss_is_the_mean_of_the_classes_means(seed):
    labels = unbalanced(seed)
    batch, model = batch_of(labels, seed), tasks.linear(seed)
    loss = losses.ClassWeighted(labels)(model, batch)["cross_entropy"]
    each = F.cross_entropy(model(batch.inputs), labels, reduction="none")
    torch.testing.assert_close(loss, torch.stack([each[labels == number].mean() for number in range(3)]).mean())
    weighted = F.cross_entropy(model(batch.inputs), labels, weight=losses.class_weights(labels))
    torch.testing.assert_close(loss, weighted)


@pytest.mark.parametrize("seed", SEEDS)
def test_classes_of_one_size_give_plain_cross_entropy(seed):
    labels = torch.arange(30) % 3
    part, model = batch_of(labels[torch.randint(30, (7,))], seed), tasks.linear(seed)
    ours, plain = (loss(model, part)["cross_entropy"] for loss in (losses.ClassWeighted(labels), losses.cross_entropy))
    torch.testing.assert_close(ours, plain)


def test_a_batch_of_one_class_keeps_its_weight_where_pytorchs_mean_loses_it():
    labels = torch.tensor([0] * 9 + [1])
    rare, model = batch_of(torch.tensor([1, 1])), nn.Linear(8, 2)
    plain = losses.cross_entropy(model, rare)["cross_entropy"]
    torch.testing.assert_close(losses.ClassWeighted(labels)(model, rare)["cross_entropy"], 5 * plain)
    cancelled = F.cross_entropy(model(rare.inputs), rare.labels, weight=losses.class_weights(labels))
    torch.testing.assert_close(cancelled, plain)


@pytest.mark.parametrize("count", [2, 3])
def test_the_parts_of_several_processes_average_to_the_whole(count):
    from tl_course.data import Batch

    labels, model = unbalanced(0, count=7), tasks.linear()
    inputs = batch_of(labels).inputs
    loss, batch = losses.ClassWeighted(labels), Batch(inputs, labels, torch.arange(7))
    parts = [Workers(torch.device("cpu"), rank, count).part(batch) for rank in range(count)]
    mean = sum(loss(model, part)["cross_entropy"] * share for part, share in parts) / count
    torch.testing.assert_close(mean, loss(model, batch)["cross_entropy"])


def test_it_is_a_base_for_other_losses_and_trains_in_fit():
    task = tasks.points()
    loss = losses.ClassWeighted(task.train.labels, task.num_classes)
    combined = losses.L2SP(tasks.linear(5), alpha=0.1, beta=0.0, base=loss)
    run = fit(tasks.linear(), task, loss=combined, steps=5, weight_decay=0.0, progress=False)
    assert {"cross_entropy", "l2_sp"} <= run.history[-1].keys()


def test_a_head_may_have_more_outputs_than_there_are_weights():
    labels = torch.tensor([0, 0, 1])
    assert losses.ClassWeighted(labels)(tasks.linear(), batch_of(labels))["cross_entropy"].isfinite()


def test_what_cannot_be_weighted_is_refused():
    with pytest.raises(ValueError, match=r"no example of class 1, .*draw more"):
        losses.class_weights(torch.tensor([0, 2]))
    with pytest.raises(ValueError, match=r"no example of class 2, 3"):
        losses.class_weights(torch.tensor([0, 1]), num_classes=4)
    with pytest.raises(ValueError, match=r"no example of class any"):
        losses.class_weights(torch.tensor([], dtype=torch.int64))
    with pytest.raises(ValueError, match=r"Label 4 is not one of 3 classes"):
        losses.class_weights(torch.tensor([0, 4]), num_classes=3)
    with pytest.raises(ValueError, match=r"3 outputs and there are weights for 4.*replace_head\(model, 4\)"):
        losses.ClassWeighted(torch.arange(4))(tasks.linear(), batch_of(torch.arange(3)))
