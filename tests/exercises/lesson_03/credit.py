"""Answers to ``credit`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _means_first(random, control, imagenet):
    means = torch.stack([random, control, imagenet]).mean(dim=1)
    return means.diff()


def _by_sums(random, control, imagenet):
    n = len(random)
    return (sum(control) - sum(random)) / n, (sum(imagenet) - sum(control)) / n


RIGHT = [_means_first, _by_sums]

WRONG = {
    "all to the teacher": lambda r, c, i: [c.mean() - r.mean(), i.mean() - r.mean()],
    "swapped": lambda r, c, i: [i.mean() - c.mean(), c.mean() - r.mean()],
    "not from random weights": lambda r, c, i: [c.mean(), i.mean() - c.mean()],
    "signs": lambda r, c, i: [r.mean() - c.mean(), c.mean() - i.mean()],
    "ratios": lambda r, c, i: [part / (i.mean() - r.mean()) for part in (c.mean() - r.mean(), i.mean() - c.mean())],
}

NO_ANSWERS = [lambda random, control, imagenet: [0.0, 0.0]]
"""Wrong answers that have no name: they must not pass."""
