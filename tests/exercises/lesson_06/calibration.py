"""Answers to ``calibration`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch


def _by_bin_numbers(confidence, right, bins):
    number = (confidence * bins).ceil().long() - 1
    gaps = torch.zeros(bins, dtype=torch.float64).index_add(0, number, right.double() - confidence)
    return gaps.abs().sum() / len(right)


def _by_numpy(confidence, right, bins):
    sure, good = confidence.numpy(), right.numpy().astype(float)
    places = np.digitize(sure, np.linspace(0, 1, bins + 1), right=True)
    return sum(abs(good[places == b].sum() - sure[places == b].sum()) for b in set(places)) / len(sure)


def _closed_below(confidence, right, bins):
    number = (confidence * bins).floor().long().clamp(max=bins - 1)
    error = 0.0
    for k in number.unique():
        inside = number == k
        error += inside.sum() * (right[inside].double().mean() - confidence[inside].mean()).abs()
    return error / len(number)


def _open_above(confidence, right, bins):
    error = 0.0
    for k in range(bins):
        inside = (confidence >= k / bins) & (confidence < (k + 1) / bins)
        if inside.any():
            error += abs(right[inside].double().mean() - confidence[inside].mean()) * inside.sum() / len(right)
    return error


def _gaps_of_bins(confidence, right, bins):
    number = (confidence * bins).ceil().long() - 1
    return [
        (right[number == k].double().mean() - confidence[number == k].mean()).item()
        for k in range(bins)
        if (number == k).any()
    ]


def _signed(confidence, right, bins):
    number = (confidence * bins).ceil().long() - 1
    return sum(
        (right[number == k].double() - confidence[number == k]).sum() / len(right) for k in sorted(set(number.tolist()))
    )


def _squares(confidence, right, bins):
    number = (confidence * bins).ceil().long() - 1
    total = 0.0
    for k in set(number.tolist()):
        inside = number == k
        total += inside.double().mean() * (right[inside].double().mean() - confidence[inside].mean()) ** 2
    return total


RIGHT = [_by_bin_numbers, _by_numpy, _closed_below]

WRONG = {
    "bins alike": lambda c, r, bins: np.mean(np.abs(_gaps_of_bins(c, r, bins))),
    "divided by all bins": lambda c, r, bins: np.abs(_gaps_of_bins(c, r, bins)).sum() / bins,
    "gaps cancel": _signed,
    "worst bin": lambda c, r, bins: max(map(abs, _gaps_of_bins(c, r, bins))),
    "the surest lost": _open_above,
    "not binned": lambda c, r, bins: torch.abs(c - r).mean(),
    "squared": _squares,
}

NO_ANSWERS = [lambda c, r, bins: 0.0]
"""Wrong answers that have no name: they must not pass."""
