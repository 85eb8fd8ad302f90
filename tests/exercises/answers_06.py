"""Answers to the questions of lesson 06 as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tl_course import metrics

# --- interval ---------------------------------------------------------------------------------------------------------


def _by_package(right, n):
    found = metrics.wilson(right, n)
    return found.low, found.high


def _by_roots(right, n):
    """The two p at which the measured share is z standard deviations away."""
    z, p = 1.96, right / n
    a, b, c = 1 + z**2 / n, -(2 * p + z**2 / n), p**2
    root = math.sqrt(max(b**2 - 4 * a * c, 0))
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]


def _normal(right, n):
    p = torch.tensor(right / n, dtype=torch.float64)
    half = 1.96 * (p * (1 - p) / n).sqrt()
    return torch.stack([p - half, p + half])


def _wilson_with(right, n, z=1.96, divided=True, around_p=False):
    p = right / n
    by = 1 + z**2 / n if divided else 1.0
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / by
    centre = p if around_p else (p + z**2 / (2 * n)) / by
    return centre - half, centre + half


# --- recall_by_class --------------------------------------------------------------------------------------------------


def _row_by_row(matrix):
    rows = []
    for k, row in enumerate(matrix):
        total = int(row.sum())
        rows.append(float(row[k]) / total if total else math.nan)
    return rows


def _zero_where_unknown(matrix):
    return matrix.diagonal() / matrix.sum(dim=1).clamp(min=1)


# --- calibration ------------------------------------------------------------------------------------------------------


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


# --- temperature ------------------------------------------------------------------------------------------------------


def _by_loop(held_logits, held_labels, test_logits, test_labels, candidates):
    best, smallest = None, math.inf
    for t in candidates:
        loss = F.nll_loss(F.log_softmax(held_logits / t, dim=1), held_labels)
        if loss < smallest:
            best, smallest = t, loss
    return torch.softmax(test_logits / best, dim=1)


def _by_stack(held_logits, held_labels, test_logits, test_labels, candidates):
    losses = torch.stack([F.cross_entropy(held_logits.div(t), held_labels) for t in candidates])
    exp = (test_logits / candidates[losses.argmin()]).exp()
    return exp / exp.sum(dim=1, keepdim=True)


def _by_test(held_logits, held_labels, test_logits, test_labels, candidates):
    return _by_loop(test_logits, test_labels, test_logits, test_labels, candidates)


def _inverted(held_logits, held_labels, test_logits, test_labels, candidates):
    t = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels))
    return torch.softmax(t * test_logits, dim=1)


def _by_accuracy(held_logits, held_labels, test_logits, test_labels, candidates):
    t = max(candidates, key=lambda t: ((held_logits / t).argmax(1) == held_labels).float().mean())
    return torch.softmax(test_logits / t, dim=1)


def _late(held_logits, held_labels, test_logits, test_labels, candidates):
    t = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels))
    return torch.softmax(test_logits, dim=1) / t


def _as_they_were(held_logits, held_labels, test_logits, test_labels, candidates):
    return F.softmax(test_logits, dim=-1)


def _down_the_columns(held_logits, held_labels, test_logits, test_labels, candidates):
    t = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels))
    return torch.softmax(test_logits / t, 0)


# --- paired -----------------------------------------------------------------------------------------------------------


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


# --- choose_fairly ----------------------------------------------------------------------------------------------------


def _by_sorting(validation, test):
    order = sorted(range(len(test)), key=lambda epoch: (-validation[epoch], epoch))
    return order[0], test[order[0]].item()


def _in_a_loop(validation, test):
    best = 0
    for epoch in range(1, len(validation)):
        if validation[epoch] > validation[best]:
            best = epoch
    return torch.stack([torch.tensor(float(best), dtype=test.dtype), test[best]])


def _ties_by_last(validation, test):
    best = 0
    for epoch in range(len(validation)):
        if validation[epoch] >= validation[best]:
            best = epoch
    return [best, test[best].item()]


RIGHT = {
    "interval": [_by_package, _by_roots, _wilson_with],
    "recall_by_class": [_row_by_row, lambda m: m.diag().double() / m.double().sum(1), lambda m: (m / m.sum(1)).diag()],
    "calibration": [_by_bin_numbers, _by_numpy, _closed_below],
    "temperature": [_by_loop, _by_stack],
    "paired": [_by_scipy, _by_verb, _with()],
    "flatters": ["b, d and e", {"E", "D", "B"}, ["DEB"]],
    "choose_fairly": [_by_sorting, _in_a_loop],
}

WRONG = {
    "interval": {
        "textbook": _normal,
        "textbook, cut off": lambda right, n: _normal(right, n).clamp(0, 1),
        "around p": lambda right, n: _wilson_with(right, n, around_p=True),
        "not divided": lambda right, n: _wilson_with(right, n, divided=False),
        "another z": lambda right, n: _wilson_with(right, n, z=2.576),
    },
    "recall_by_class": {
        "precision": lambda m: m.diag() / m.sum(0),
        "share of all": lambda m: m.diag().double() / m.sum(),
        "nan hidden": _zero_where_unknown,
        "one number": lambda m: (m.trace() / m.sum()).item(),
        "counts": lambda m: m.diag().tolist(),
    },
    "calibration": {
        "bins alike": lambda c, r, bins: np.mean(np.abs(_gaps_of_bins(c, r, bins))),
        "divided by all bins": lambda c, r, bins: np.abs(_gaps_of_bins(c, r, bins)).sum() / bins,
        "gaps cancel": _signed,
        "worst bin": lambda c, r, bins: max(map(abs, _gaps_of_bins(c, r, bins))),
        "the surest lost": _open_above,
        "not binned": lambda c, r, bins: torch.abs(c - r).mean(),
        "squared": _squares,
    },
    "temperature": {
        "chosen on the test": _by_test,
        "multiplied": _inverted,
        "chosen by accuracy": _by_accuracy,
        "probabilities divided": _late,
        "no temperature": _as_they_were,
        "over the pictures": _down_the_columns,
    },
    "paired": {
        "swapped": _swapped,
        "both wrong, differently": _different_answers,
        "all right answers": _right_answers,
        "one side": _with(double=lambda a, b: False),
        "A's side only": _with(first=lambda a, b: a),
        "above one": _with(most=lambda a, b: math.inf),
        "larger than": _with(first=lambda a, b: max(a, b) + 1),
    },
    "flatters": {
        "validation suspected": "ABDE",
        "a mean suspected": {"B", "D", "E", "F"},
        "looking forgotten": "B D",
        "best seed forgotten": ["B", "E"],
        "epoch forgotten": "DE",
    },
    "choose_fairly": {
        "chosen by the test": lambda v, t: (t.argmax().item(), t.max().item()),
        "validation reported": lambda v, t: (v.argmax().item(), v.max().item()),
        "best of both": lambda v, t: (v.argmax().item(), max(t.tolist())),
        "last epoch": lambda v, t: (len(v) - 1, t[-1].item()),
        "last of equals": _ties_by_last,
        "counted from one": lambda v, t: (v.argmax().item() + 1, t[v.argmax()].item()),
    },
}

NO_ANSWERS = {
    "interval": [lambda right, n: right / n, lambda right, n: [0.0, 1.0]],
    "calibration": [lambda c, r, bins: 0.0],
    "paired": [lambda labels, a, b: [0, 0, 1.0]],
    "choose_fairly": [lambda v, t: t.mean().item()],
}
"""Wrong answers that have no name: they must not pass."""
