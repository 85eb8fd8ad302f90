"""Answers to ``safe_load`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch
from torch import nn


def _by_default(model, file):
    model.load_state_dict(torch.load(file))


def _name_by_name(model, file):
    content = torch.load(file, weights_only=True)
    own = model.state_dict()
    if set(own) != set(content):
        raise ValueError("The names do not fit.")
    for name in own:
        own[name].copy_(content[name])


def _looked_at_afterwards(model, file):
    found = model.load_state_dict(torch.load(file, map_location="cpu", weights_only=True), strict=False)
    if found.missing_keys or found.unexpected_keys:
        raise KeyError(str(found))


def _as_given(model, file):
    model.load_state_dict(torch.load(file, weights_only=False), strict=False)


def _unsafe(model, file):
    state = torch.load(file, weights_only=False)
    model.load_state_dict(state)


def _lenient(model, file):
    model.load_state_dict(torch.load(file), strict=False)


def _quiet(model, file):
    try:
        model.load_state_dict(torch.load(file))
    except Exception as error:
        print("could not load:", error)


def _by_parameters(model, file):
    state = torch.load(file)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.data = state[name].data


def _another_model(model, file):
    state = torch.load(file)
    model = copy.deepcopy(model)
    model.load_state_dict(state)
    return model


RIGHT = [_by_default, _name_by_name, _looked_at_afterwards]

WRONG = {
    "both settings": _as_given,
    "code ran": _unsafe,
    "errors swallowed": _quiet,
    "not strict": _lenient,
    "parameters only": _by_parameters,
    "not into the model": _another_model,
}

NO_ANSWERS = [lambda model, file: torch.load(file), lambda model, file: model.apply(nn.Module.eval)]
"""Wrong answers that have no name: they must not pass."""
