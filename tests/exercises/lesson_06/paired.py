"""Answers to ``paired`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch

from tl_course import metrics


def _by_scipy(labels, said_a, said_b):
    from scipy.stats import binomtest

    a, b = (said_a == labels).numpy(), (said_b == labels).numpy()
    wins = int((a > b).sum()), int((b > a).sum())
    p = binomtest(wins[0], sum(wins)).pvalue if sum(wins) else 1.0
    return [*wins, float(p)]


def _by_verb(labels, said_a, said_b):
    found = metrics.compare(labels, said_a, said_b)
    a, b = (said_a == labels).long(), (said_b == labels).long()
    return torch.tensor([(a * (1 - b)).sum(), (b * (1 - a)).sum(), found.p_value], dtype=torch.float64)


def _p(a, b, first=None, double=True, most=1.0):
    first = max(a, b) if first is None else first
    tail = sum(math.comb(a + b, k) for k in range(first, a + b + 1)) * 0.5 ** (a + b)
    return min(most, (1 + double) * tail)


def _counts(labels, said_a, said_b):
    pairs = list(zip((said_a == labels).tolist(), (said_b == labels).tolist(), strict=True))
    return pairs.count((True, False)), pairs.count((False, True))


def _with(**changes):
    def answer(labels, said_a, said_b):
        a, b = _counts(labels, said_a, said_b)
        return [a, b, _p(a, b, **{name: of(a, b) for name, of in changes.items()})]

    return answer


def _swapped(labels, said_a, said_b):
    b, a = _counts(labels, said_a, said_b)
    return [a, b, _p(a, b)]


def _different_answers(labels, said_a, said_b):
    apart = said_a != said_b
    a = int((said_a[apart] == labels[apart]).sum())
    return [a, int(apart.sum()) - a, _p(a, int(apart.sum()) - a)]


def _right_answers(labels, said_a, said_b):
    a, b = ((said == labels).sum().item() for said in (said_a, said_b))
    return [a, b, _p(a, b)]


RIGHT = [_by_scipy, _by_verb, _with()]

WRONG = {
    "swapped": _swapped,
    "both wrong, differently": _different_answers,
    "all right answers": _right_answers,
    "one side": _with(double=lambda a, b: False),
    "A's side only": _with(first=lambda a, b: a),
    "above one": _with(most=lambda a, b: math.inf),
    "larger than": _with(first=lambda a, b: max(a, b) + 1),
}

NO_ANSWERS = [lambda labels, a, b: [0, 0, 1.0]]
"""Wrong answers that have no name: they must not pass."""
