"""Answers to ``head_only`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _all_parameters_late(model, new_head, rate):
    for weight in model.parameters():
        weight.requires_grad = False
    model.classifier = new_head
    return torch.optim.SGD(model.parameters(), lr=rate)


def _only_given(model, new_head, rate):
    model.classifier = new_head
    return torch.optim.SGD([new_head.weight, new_head.bias], lr=rate)


def _added_later(model, new_head, rate):
    optimizer = torch.optim.SGD(model.classifier.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    optimizer.add_param_group({"params": new_head.parameters()})
    return optimizer


def _given_to_repair(model, new_head, rate):
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    return optimizer


def _early_without_freezing(model, new_head, rate):
    optimizer = torch.optim.SGD(model.classifier.parameters(), lr=rate)
    model.classifier = new_head
    return optimizer


def _frozen_last(model, new_head, rate):
    model.classifier = new_head
    for weight in model.parameters():
        weight.requires_grad = False
    return torch.optim.SGD(model.parameters(), lr=rate)


def _head_left_in(model, new_head, rate):
    model.bert.requires_grad_(False)
    return torch.optim.SGD([*model.classifier.parameters(), *new_head.parameters()], lr=rate)


def _whole_model(model, new_head, rate):
    model.classifier = new_head
    return torch.optim.SGD([{"params": model.bert.parameters(), "lr": rate / 10}, *_group(new_head)], lr=rate)


def _group(module):
    return [{"params": module.parameters()}]


def _body_alone(model, new_head, rate):
    model.classifier = new_head
    new_head.requires_grad_(False)
    return torch.optim.SGD(model.parameters(), lr=rate)


RIGHT = [_all_parameters_late, _only_given, _added_later]

WRONG = {
    "optimiser too early": _given_to_repair,
    "new head frozen": _frozen_last,
    "old head": _head_left_in,
    "body learns": _whole_model,
    "body instead of head": _body_alone,
}

NO_ANSWERS = [
    lambda model, new_head, rate: torch.optim.AdamW(new_head.parameters(), lr=rate),
    _early_without_freezing,
]
"""Wrong answers that have no name: they must not pass."""
