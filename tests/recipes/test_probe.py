"""The probe of one's own data: features are brought to one spread, and none is blown up."""

import dataclasses

import pytest
import tasks
import torch
from draws import seeds
from torch import nn

from tl_course import losses
from tl_course.data import Split
from tl_course.recipes import recipe


@pytest.mark.parametrize("seed", seeds(3))
def test_a_spread_is_the_deviation_and_never_much_below_the_usual_one(seed):
    features = torch.randn(40, 6, generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(recipe.spread(features), features.std(0, correction=0))
    features[:, 0] = 0.0
    features[:, 1] = 0.0
    features[3, 1] = 1e-3  # silent in all examples but one
    found = recipe.spread(features)
    usual = features.std(0, correction=0)
    torch.testing.assert_close(found[2:], usual[2:])
    assert (found[:2] == found[:2].max()).all()
    assert found[0] == pytest.approx(recipe.LEAST_SPREAD * usual.square().mean().sqrt().item())


def test_where_nothing_varies_nothing_is_divided_by_zero():
    assert (recipe.spread(torch.ones(5, 3)) > 0).all()


def test_a_feature_that_spoke_once_does_not_outvote_the_others(monkeypatch):
    """The folded head: an example in which such a feature speaks up is still judged by the other features."""
    task = tasks.points(train=60, noise=0.3)

    def with_a_silent_one(split, value):
        inputs = split.inputs.clone()
        inputs[:, 0] = 0.0
        inputs[0, 0] = value
        return Split(inputs, split.labels)

    loud = torch.cat([torch.ones(len(task.test), 1), task.test.inputs[:, 1:]], dim=1)
    rare = dataclasses.replace(
        task,
        train=with_a_silent_one(task.train, 1e-4),
        validation=with_a_silent_one(task.validation, 0.0),
        test=Split(loud, task.test.labels),
    )
    monkeypatch.setattr(recipe, "embedded", lambda model, task: task)
    model = nn.Linear(8, 3)
    recipe._probe(model, rare, losses.cross_entropy, seed=0)
    assert model.weight[:, 0].abs().max() < model.weight[:, 1:].abs().max()
