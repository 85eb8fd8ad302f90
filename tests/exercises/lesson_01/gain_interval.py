"""Answers to ``gain_interval`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
from scipy import stats


def _by_scipy(transfer, scratch):
    found = stats.ttest_rel(transfer.numpy(), scratch.numpy()).confidence_interval(0.95)
    return found.low, found.high


def _by_hand(transfer, scratch):
    gains = [float(a - b) for a, b in zip(transfer, scratch, strict=True)]
    n, mean = len(gains), sum(gains) / len(gains)
    s = math.sqrt(sum((gain - mean) ** 2 for gain in gains) / (n - 1))
    half = stats.t.isf(0.025, n - 1) * s / math.sqrt(n)
    return np.array([mean - half, mean + half])


def _numpy_interval(ddof=1, root=True, quantile=None):
    def answer(transfer, scratch):
        gains = (transfer - scratch).numpy()
        t = quantile or stats.t.ppf(0.975, len(gains) - 1)
        half = t * gains.std(ddof=ddof) / (math.sqrt(len(gains)) if root else 1)
        return [gains.mean() - half, gains.mean() + half]

    return answer


def _two_lists(transfer, scratch):
    n = len(transfer)
    half = stats.t.ppf(0.975, n - 1) * math.sqrt(transfer.var() / n + scratch.var() / n)
    mean = float(transfer.mean() - scratch.mean())
    return [mean - half, mean + half]


RIGHT = [_by_scipy, _by_hand]

WRONG = {
    "not paired": _two_lists,
    "other sign": lambda transfer, scratch: _by_hand(scratch, transfer),
    "divided by n": _numpy_interval(ddof=0),
    "spread of one run": _numpy_interval(root=False),
    "normal quantile": _numpy_interval(quantile=1.96),
}

NO_ANSWERS = [lambda transfer, scratch: (transfer - scratch).mean()]
"""Wrong answers that have no name: they must not pass."""
