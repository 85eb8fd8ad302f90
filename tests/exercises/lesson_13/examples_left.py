"""Answers to ``examples_left`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

from tl_course.adaptation import effective_sample_size


def _by_variance(weights):
    mean = weights.mean()
    return len(weights) / (1 + ((weights - mean) ** 2).mean() / mean**2)


def _loop_over(weights):
    total, squares = 0.0, 0.0
    for w in weights.tolist():
        total, squares = total + w, squares + w * w
    return total * total / squares


RIGHT = [_by_variance, _loop_over, lambda w: effective_sample_size(w.numpy())]

WRONG = {
    "only for a sum of one": lambda w: (w * w).sum().reciprocal(),
    "sum not squared": lambda w: sum(w) / sum(w * w),
    "share": lambda w: effective_sample_size(w.numpy()) / len(w),
    "upside down": lambda w: (w / w.sum()).square().sum(),
    "counted": lambda w: int(torch.count_nonzero(w)),
    "by the heaviest": lambda w: 1 / (w / w.sum()).max(),
}

NO_ANSWERS = [lambda w: len(w), lambda w: (w > w.mean()).sum()]
"""Wrong answers that have no name: they must not pass."""
