"""Answers to ``proxy_distance`` as learners write them: right ones in other ways, wrong ones by name."""

import torch
from sklearn.metrics import balanced_accuracy_score


def _distance_by_loop(wrong, domain):
    errors = []
    for name in (0, 1):
        mine = [bool(w) for w, d in zip(wrong, domain, strict=True) if d == name]
        errors.append(sum(mine) / len(mine))
    return 2 - 2 * sum(errors)


def _distance_by_sklearn(wrong, domain):
    said = torch.where(wrong, 1 - domain, domain)
    return 2 * (2 * balanced_accuracy_score(domain, said) - 1)


RIGHT = [_distance_by_loop, _distance_by_sklearn]

WRONG = {
    "larger domain rules": lambda wrong, domain: 2 - 4 * wrong.float().mean(),
    "not doubled": lambda wrong, domain: _distance_by_loop(wrong, domain) / 2,
    "one half is far": lambda wrong, domain: 1 + _distance_by_loop(wrong, domain) / 2,
    "upside down": lambda wrong, domain: -_distance_by_loop(wrong, domain),
    "cut off at zero": lambda wrong, domain: max(0.0, _distance_by_loop(wrong, domain)),
}

NO_ANSWERS = [lambda wrong, domain: wrong.float().mean()]
"""Wrong answers that have no name: they must not pass."""
