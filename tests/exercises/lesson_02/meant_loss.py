"""Answers to ``meant_loss`` as learners write them: right ones in other ways, wrong ones by name."""

import torch
import torch.nn.functional as F
from torch import nn

from tl_course import losses


def _with_bce_module(net, source, target, alpha):
    loss = nn.BCEWithLogitsLoss()
    return alpha * loss(net(source[0])[:, 0], source[1]) + (1 - alpha) * loss(net(target[0])[:, 0], target[1])


def _with_sigmoid_and_bce(net, source, target, alpha):
    def risk(x, y):
        return F.binary_cross_entropy(torch.sigmoid(net(x)).flatten(), y)

    return losses.transfer_risk(lambda: risk(*source), lambda: risk(*target), alpha)


def _labels_as_columns(net, source, target, alpha):
    parts = [F.binary_cross_entropy_with_logits(net(x), y.unsqueeze(1)) for x, y in (source, target)]
    return alpha * parts[0] + (1 - alpha) * parts[1]


def _variance_of_answers(net, source, target, alpha):
    return alpha * torch.sigmoid(net(torch.cat([source[0], target[0]]))).var()


def _cat_and_mean(net, source, target, alpha):
    x, y = torch.cat([source[0], target[0]]), torch.cat([source[1], target[1]])
    return F.binary_cross_entropy_with_logits(net(x).reshape(-1), y)


def _summed(net, source, target, alpha):
    def risk(x, y):
        return F.binary_cross_entropy_with_logits(net(x).squeeze(1), y, reduction="none").sum()

    return alpha * risk(*source) + (1 - alpha) * risk(*target)


def _sigmoid_before_logits(net, source, target, alpha):
    def risk(x, y):
        return F.binary_cross_entropy_with_logits(net(x).sigmoid().squeeze(), y)

    return alpha * risk(*source) + (1 - alpha) * risk(*target)


def _each_with_each(net, source, target, alpha):
    def risk(x, y):
        logits = net(x)
        return (F.softplus(logits) - logits * y).mean()

    return alpha * risk(*source) + (1 - alpha) * risk(*target)


RIGHT = [_with_bce_module, _with_sigmoid_and_bce, _labels_as_columns]

WRONG = {
    "no labels": _variance_of_answers,
    "alpha on the target": lambda net, s, t, a: _with_bce_module(net, s, t, 1 - a),
    "pooled": _cat_and_mean,
    "sums": _summed,
    "sigmoid twice": _sigmoid_before_logits,
    "broadcast": _each_with_each,
    "source only": lambda net, s, t, a: _with_bce_module(net, s, t, 1.0),
    "target only": lambda net, s, t, a: _with_bce_module(net, s, t, 0.0),
}
