"""Answers to ``domain_odds`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch


def _by_logs(chance, n_source, n_target):
    return torch.exp(torch.logit(chance) + math.log(n_source) - math.log(n_target))


def _by_densities(chance, n_source, n_target):
    target, source = chance / n_target, (1 - chance) / n_source
    return (target / source).tolist()


RIGHT = [_by_logs, _by_densities, lambda c, s, t: s / t / (1 / c - 1)]

WRONG = {
    "sizes forgotten": lambda c, s, t: 1 / (1 / c - 1),
    "sizes upside down": lambda c, s, t: torch.logit(c).exp() * t / s,
    "chance for odds": lambda c, s, t: c * s / t,
    "odds upside down": lambda c, s, t: s / t * (1 / c - 1),
    "the other way": lambda c, s, t: 1 / _by_logs(c, s, t),
    "mean of one": lambda c, s, t: _by_logs(c, s, t) / _by_logs(c, s, t).mean(),
    "sum of one": lambda c, s, t: torch.softmax(torch.logit(c), dim=0),
}
