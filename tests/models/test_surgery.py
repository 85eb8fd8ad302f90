"""Layers kept, re-initialised and shuffled: what was to stay stays to the last bit, and the report tells the rest."""

import copy

import pytest
import torch
from draws import seeds
from torch import nn

from tl_course import models

NAMES = ["resnet_small", "vgg_small"]


def state(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def changed(before, model):
    return {name for name, tensor in model.state_dict().items() if not torch.equal(before[name], tensor)}


def in_groups(model, names):
    """Names of all tensors of some groups."""
    inside = {
        id(part)
        for name, parts in models.layer_groups(model)
        if name in names
        for one in parts
        for part in one.modules()
    }
    return {
        f"{path}.{name}"
        for path, module in model.named_modules()
        if id(module) in inside
        for name in (*module._parameters, *module._buffers)
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", seeds(2))
def test_what_is_kept_stays_and_the_rest_is_the_donors(name, seed):
    model, donor = (models.create(name, num_classes=5, seed=one) for one in (seed, seed + 50))
    groups = [group for group, _ in models.layer_groups(model)]
    for keep in range(len(groups)):
        patient, before, given = copy.deepcopy(model), state(model), state(donor)
        report = models.reinitialise(patient, keep=keep, donor=donor)
        assert (report.kept, report.changed) == (tuple(groups[:keep]), tuple(groups[keep:]))
        touched = in_groups(patient, groups[keep:])
        assert set(report.tensors) & set(before) == touched & set(before)
        assert changed(before, patient) <= touched
        assert all(torch.equal(patient.state_dict()[one], given[one]) for one in touched & set(given))
        assert changed(given, donor) == set()


def test_nothing_kept_is_the_donor_itself():
    model, donor = (
        models.create("resnet_small", weights="letters"),
        models.create("resnet_small", num_classes=37, seed=3),
    )
    models.reinitialise(model, keep=0, donor=donor)
    assert changed(state(donor), model) == set()


@pytest.mark.parametrize("convolutions", [True, False])
@pytest.mark.parametrize("seed", seeds(2))
def test_a_shuffle_keeps_every_number_and_moves_most(seed, convolutions):
    model = models.create("resnet_small", weights="letters")
    before = state(model)
    report = models.shuffle_weights(model, keep=2, convolutions=convolutions, seed=seed)
    moved = changed(before, model)
    assert report.kept == ("stem", "layer1", "fc")
    assert moved <= set(report.tensors) <= in_groups(model, report.changed)
    for name in report.tensors:
        old, new = before[name], model.state_dict()[name]
        assert torch.equal(old.flatten().sort()[0], new.flatten().sort()[0])
        assert old.unique().numel() == 1 or not torch.equal(old, new)
    normalisation = {one for one in moved if before[one].dim() == 1}
    assert bool(normalisation) != convolutions
    again = models.create("resnet_small", weights="letters")
    models.shuffle_weights(again, keep=2, convolutions=convolutions, seed=seed)
    assert changed(state(model), again) == set()


def test_a_compiled_network_is_operated_inside_its_wrapper():
    model, donor = (models.create("resnet_small", num_classes=3, seed=one) for one in (0, 1))
    models.reinitialise(nn.DataParallel(model), keep=5, donor=donor)
    assert torch.equal(model.fc.weight, donor.fc.weight)


@pytest.mark.parametrize("keep", [-1, 6])
def test_groups_that_are_not_there_are_refused_and_nothing_changes(keep):
    model, donor = (models.create("resnet_small", num_classes=3, seed=one) for one in (0, 1))
    before = state(model)
    with pytest.raises(ValueError, match="5 groups before its head"):
        models.reinitialise(model, keep=keep, donor=donor)
    with pytest.raises(ValueError, match="5 groups before its head"):
        models.shuffle_weights(model, keep=keep)
    with pytest.raises(ValueError, match="as many classes"):
        models.reinitialise(model, keep=0, donor=models.create("resnet_small", num_classes=4))
    assert changed(before, model) == set()
