"""Answers to ``resume`` as learners write them: right ones in other ways, wrong ones by name."""

import copy
import io

import torch


def _through_a_file(model, optimizer, make):
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": 3}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    model, optimizer = make()
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return model, optimizer


def _by_deepcopy(model, optimizer, make):
    return copy.deepcopy((model, optimizer))


def _weight_by_weight(model, optimizer, make):
    new, fresh = make()
    new.load_state_dict(model.state_dict())
    for mine, theirs in zip(new.parameters(), model.parameters(), strict=True):
        fresh.state[mine]["momentum_buffer"] = optimizer.state[theirs]["momentum_buffer"].clone()
    fresh.param_groups[0]["lr"] = optimizer.param_groups[0]["lr"]
    return new, fresh


def _weights_only(model, optimizer, make):
    new, fresh = make()
    new.load_state_dict(model.state_dict())
    return new, fresh


def _with_rate(model, optimizer, make):
    new, fresh = _weights_only(model, optimizer, make)
    for group, old in zip(fresh.param_groups, optimizer.param_groups, strict=True):
        group["lr"] = old["lr"]
    return new, fresh


def _optimizer_only(model, optimizer, make):
    new, fresh = make()
    fresh.load_state_dict(optimizer.state_dict())
    return new, fresh


def _parameters_only(model, optimizer, make):
    new, fresh = _optimizer_only(model, optimizer, make)
    with torch.no_grad():
        for mine, theirs in zip(new.parameters(), model.parameters(), strict=True):
            mine.copy_(theirs)
    return new, fresh


def _new_with_old(model, optimizer, make):
    new, _ = make()
    new.load_state_dict(model.state_dict())
    return new, optimizer


RIGHT = [_through_a_file, _by_deepcopy, _weight_by_weight]

WRONG = {
    "old optimiser": _new_with_old,
    "same objects": lambda model, optimizer, make: [model, optimizer],
    "statistics lost": _parameters_only,
    "optimiser lost": _weights_only,
    "momentum lost": _with_rate,
    "weights lost": _optimizer_only,
    "started anew": lambda model, optimizer, make: list(make()),
}
