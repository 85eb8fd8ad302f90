"""Answers to ``labels_to`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch


def _by_interp(budgets, means, threshold):
    if max(means) < threshold:
        return float("inf")
    last = next(i for i, mean in enumerate(means) if mean >= threshold)
    if last == 0:
        return budgets[0]
    ends = slice(last - 1, last + 1)
    return np.exp(np.interp(threshold, means[ends], np.log(budgets[ends])))


def _by_log10(budgets, means, threshold):
    answer = float("inf")
    for i in reversed(range(len(budgets))):
        if means[i] >= threshold:
            if i == 0:
                answer = budgets[0]
            elif means[i - 1] < threshold:
                slope = (means[i] - means[i - 1]) / (math.log10(budgets[i]) - math.log10(budgets[i - 1]))
                answer = 10 ** (math.log10(budgets[i - 1]) + (threshold - means[i - 1]) / slope)
    return torch.tensor(answer, dtype=torch.float64)


def _first_enough(budgets, means, threshold):
    return next((n for n, mean in zip(budgets, means, strict=True) if mean >= threshold), float("inf"))


def _one_before(budgets, means, threshold):
    enough = _first_enough(budgets, means, threshold)
    return enough if enough in (float("inf"), budgets[0]) else budgets[budgets.index(enough) - 1]


def _linear(budgets, means, threshold):
    last = next((i for i, mean in enumerate(means) if mean >= threshold), None)
    if last is None:
        return float("inf")
    if last == 0:
        return budgets[0]
    low, high, before, after = *budgets[last - 1 : last + 1], *means[last - 1 : last + 1]
    return low + (high - low) * (threshold - before) / (after - before)


def _never_is_last(budgets, means, threshold):
    return min(_by_interp(budgets, means, threshold), budgets[-1])


def _from_the_right(budgets, means, threshold):
    if max(means) < threshold:
        return float("inf")
    for i in reversed(range(1, len(budgets))):
        if means[i - 1] < threshold <= means[i]:
            share = (threshold - means[i - 1]) / (means[i] - means[i - 1])
            return math.exp(math.log(budgets[i - 1]) * (1 - share) + math.log(budgets[i]) * share)
    return budgets[0]


RIGHT = [_by_interp, _by_log10]

WRONG = {
    "straight on labels": _linear,
    "next budget": _first_enough,
    "budget before": _one_before,
    "last budget if never": _never_is_last,
    "last crossing": _from_the_right,
}

NO_ANSWERS = [lambda budgets, means, threshold: budgets[0]]
"""Wrong answers that have no name: they must not pass."""
