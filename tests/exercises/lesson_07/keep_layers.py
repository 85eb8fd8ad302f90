"""Answers to ``keep_layers`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch


def _by_load(model, donor, keep):
    for name, child in donor.named_children():
        if name not in keep:
            getattr(model, name).load_state_dict(child.state_dict())


def _one_dictionary(model, donor, keep):
    mine, theirs = model.state_dict(), donor.state_dict()
    model.load_state_dict({name: (mine if name.split(".")[0] in keep else theirs)[name] for name in mine})


def _copies_put_in(model, donor, keep):
    for name, child in donor.named_children():
        if name not in keep:
            setattr(model, name, copy.deepcopy(child))


def _parameters(model, donor, keep):
    with torch.no_grad():
        for (name, mine), theirs in zip(model.named_parameters(), donor.parameters(), strict=True):
            if name.split(".")[0] not in keep:
                mine.copy_(theirs)


def _turned_round(model, donor, keep):
    for name in keep:
        getattr(model, name).load_state_dict(getattr(donor, name).state_dict())


def _backbone_only(model, donor, keep):
    for name in ("conv1", "bn1", "layer1", "layer2"):
        if name not in keep:
            getattr(model, name).load_state_dict(getattr(donor, name).state_dict())


def _donors_modules(model, donor, keep):
    for name, child in list(donor.named_children()):
        if name not in keep:
            setattr(model, name, child)


RIGHT = [_by_load, _one_dictionary, _copies_put_in]

WRONG = {
    "only parameters": _parameters,
    "the other way round": _turned_round,
    "head forgotten": _backbone_only,
    "layers shared": _donors_modules,
    "nothing replaced": lambda model, donor, keep: None,
}

NO_ANSWERS = [lambda model, donor, keep: model.load_state_dict(donor.state_dict())]
"""Wrong answers that have no name: they must not pass."""
