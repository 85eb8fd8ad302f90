"""A run whose result is not worth reading says so: one answer for all, a class never answered, a loss that grew."""

import pytest
import tasks
import torch
from draws import seeds
from torch import nn

from tl_course import data
from tl_course.training import fit
from tl_course.training.collapse import Answers, collapsed_answers, grown_loss

QUIET = {"progress": False}


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_rate_that_blows_the_loss_up_is_told(seed, optimizer):
    """fit(lr=30) ended without a word."""
    torch.manual_seed(seed)
    task = tasks.points(seed)
    # With labels at random no rate, however high, happens to end where every point is right.
    task.train.labels[:] = torch.arange(len(task.train)) % 3
    run = fit(nn.Linear(8, 3), task, steps=40, lr=300, optimizer=optimizer, seed=seed, **QUIET)
    assert "the learning rate is too high. Try a tenth of it." in run.warnings[0]
    assert f"\nWarning: {run.warnings[0]}" in str(run)


@pytest.mark.parametrize("seed", seeds(3))
def test_one_answer_for_every_example_is_told_and_a_run_that_learned_says_nothing(seed):
    task, model = tasks.points(seed), nn.Linear(8, 3)
    run = fit(model, task, steps=60, lr=0.05, seed=seed, **QUIET)
    assert run.warnings == []
    assert "Warning" not in str(run)
    nn.init.zeros_(model.weight)
    model.weight.requires_grad_(False)  # only the bias is left, which is the same for all
    run = fit(model, task, steps=20, lr=0.05, seed=seed, **QUIET)
    [sentence] = run.warnings
    said = task.class_names[int(run.predictions("validation")[0])]
    assert sentence.startswith(f"Every one of the {len(task.validation)} validation examples is called {said!r}: ")


@pytest.mark.parametrize("seed", seeds(3))
def test_a_class_that_is_never_answered_is_told_with_its_number(seed):
    """120, 55 and 25 examples, and nothing that tells the last class from the first."""
    labels = torch.tensor([0] * 120 + [1] * 55 + [2] * 25)
    draw = torch.Generator().manual_seed(seed)
    inputs = nn.functional.one_hot(labels % 2, 2) * 3.0 + torch.randn(200, 2, generator=draw)
    part = data.Split(inputs, labels)
    task = data.Task("toy", "Toy", "features", ("a", "b", "c"), part, part, part, "made up")
    run = fit(nn.Linear(2, 3), task, steps=80, lr=0.05, seed=seed, **QUIET)
    assert run.warnings == ["Never answered on validation: 'c' (25 examples)."]


def test_early_stopping_is_told_of_the_weights_that_were_kept():
    labels = torch.tensor([0, 1])
    part = data.Split(torch.eye(2), labels)
    answers = Answers(data.Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up"))
    answers.saw(5, [1, 1])
    answers.saw(10, [2, 0])
    assert answers.warnings([], best_step=5) == []
    assert "is called 'a'" in answers.warnings([], best_step=None)[0]


def test_a_run_taken_up_when_it_was_over_still_warns(tmp_path):
    options = {"steps": 20, "lr": 300, "checkpoint": tmp_path / "run.pt", **QUIET}
    first = fit(nn.Linear(8, 3), tasks.points(0), **options)
    again = fit(nn.Linear(8, 3), tasks.points(0), **options)
    assert first.warnings
    assert again.warnings == first.warnings


def test_a_checkpoint_of_before_these_warnings_can_be_taken_up(tmp_path):
    options = {"steps": 20, "lr": 0.05, "checkpoint": tmp_path / "run.pt", **QUIET}
    fit(nn.Linear(8, 3), tasks.points(0), **options)
    state = torch.load(tmp_path / "run.pt", weights_only=True)
    del state["answers"]
    torch.save(state, tmp_path / "run.pt")
    assert fit(nn.Linear(8, 3), tasks.points(0), **options).warnings == []


@pytest.mark.parametrize(
    ("labels", "answered", "said"),
    [
        ([0, 0], [2, 0], 0),  # one class is all there is
        ([0, 1], [0, 0], 0),  # nothing was answered
        ([0, 1], [0, 0, 0, 2], 1),  # an output beyond the classes
        ([0, 1, 1], [3, 0], 1),
    ],
)
def test_what_is_no_collapse_is_not_called_one(labels, answered, said):
    assert len(collapsed_answers(torch.tensor(labels), answered, ("a", "b"), "test")) == said


def test_many_classes_that_are_never_answered_are_counted():
    names = tuple("abcdefghij")
    [sentence] = collapsed_answers(torch.arange(10), [5, 5] + [0] * 8, names, "test")
    assert sentence.endswith("'g' (1 example) and 3 more classes.")


@pytest.mark.parametrize(
    ("losses", "grown"),
    [
        ([{"train_loss": 1.0}, {"train_loss": 2.9}], False),
        ([{"train_loss": 1.0}, {"train_loss": 3.1}], True),
        ([{"train_loss": -1.0}, {"train_loss": -0.5}], False),
        ([{"train_loss": 50.0, "cross_entropy": 50.0}, {"train_loss": 9.0, "cross_entropy": 9.0}], True),
        ([{"train_loss": 0.7, "cross_entropy": 0.7, "l2_sp": 0}, {"train_loss": 1.9, "cross_entropy": 0.2}], False),
        ([{"train_loss": 50.0, "cross_entropy": 50.0}], False),  # one entry is a beginning
        ([], False),
    ],
)
def test_a_loss_has_grown_when_it_is_above_guessing_or_well_above_its_beginning(losses, grown):
    assert bool(grown_loss(losses, 2)) == grown
