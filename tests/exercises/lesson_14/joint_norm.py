"""Answers to ``joint_norm`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _joint_split(model, source, target):
    return torch.split(model(torch.vstack((source, target))), [len(source), len(target)])


def _joint_target_first(model, source, target):
    rows = model(torch.cat([target, source], dim=0))
    return [rows[len(target) :], rows[: len(target)]]


def _joint_by_mask(model, source, target):
    is_target = torch.arange(len(source) + len(target)) >= len(source)
    logits = model(torch.cat([source, target]))
    return logits[~is_target], logits[is_target]


def _target_before_source(model, source, target):
    of_target = model(target)
    return model(source), of_target


def _in_eval(model, source, target):
    model.eval()
    logits = model(torch.cat([source, target]))
    model.train()
    return logits[: len(source)], logits[len(source) :]


def _quiet_target(model, source, target):
    model.eval()
    of_target = model(target)
    model.train()
    return model(source), of_target


def _joint_no_grad(model, source, target):
    with torch.no_grad():
        return _joint_split(model, source, target)


def _joint_and_eval(model, source, target):
    parts = _joint_split(model, source, target)
    model.eval()
    return parts


def _cut_by_target(model, source, target):
    logits = model(torch.cat([source, target]))
    return logits[: len(target)], logits[len(target) :]


def _wrong_order(model, source, target):
    logits = model(torch.cat([target, source]))
    return logits[: len(source)], logits[len(source) :]


RIGHT = [_joint_split, _joint_target_first, _joint_by_mask]

WRONG = {
    "two passes": _target_before_source,
    "eval mode": _in_eval,
    "target by the running ones": _quiet_target,
    "answers swapped": lambda model, source, target: _joint_split(model, source, target)[::-1],
    "cut in the wrong place": _cut_by_target,
    "gradient lost": _joint_no_grad,
    "left in eval": _joint_and_eval,
}

NO_ANSWERS = [lambda model, source, target: model(torch.cat([source, target])), _wrong_order]
"""Wrong answers that have no name: they must not pass."""
