"""Answers to the questions of lesson 01 as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch
from scipy import stats

# --- labels_to --------------------------------------------------------------------------------------------------------


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


# --- gain_interval ----------------------------------------------------------------------------------------------------


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


# --- gradient_histogram -----------------------------------------------------------------------------------------------


def _by_loop(patch, bins):
    found = [0.0] * bins
    for y in range(1, patch.shape[0] - 1):
        for x in range(1, patch.shape[1] - 1):
            across = float(patch[y, x + 1] - patch[y, x - 1])
            down = float(patch[y + 1, x] - patch[y - 1, x])
            degrees = math.degrees(math.atan2(down, across)) % 180
            found[min(int(degrees * bins / 180), bins - 1)] += math.sqrt(across**2 + down**2)
    return found


def _with_numpy(sign=1, turn=np.pi, weighted=True, share=False, fold=False, swap=False):
    def answer(patch, bins):
        down, across = (2 * part[1:-1, 1:-1] for part in np.gradient(patch.numpy()))
        down, across = (across, down) if swap else (down, across)
        angle = np.abs(np.arctan2(down, across)) if fold else np.arctan2(down, across) % turn
        weights = np.hypot(across, down) if weighted else None
        found = np.histogram(angle, bins=bins, range=(0, turn), weights=weights)[0]
        return found / found.sum() if share else sign * found

    return answer


# --- equal_footing ----------------------------------------------------------------------------------------------------


def _two_passes(run, labels, steps, seeds):
    tuned = np.array([run("fine_tune", labels, steps, seed) for seed in seeds])
    return tuned - np.array([run("scratch", labels, steps, seed) for seed in seeds])


def _by_name(run, labels, steps, seeds):
    pairs = ({m: run(method=m, labels=labels, steps=steps, seed=s) for m in ("scratch", "fine_tune")} for s in seeds)
    return torch.tensor([pair["fine_tune"] - pair["scratch"] for pair in pairs], dtype=torch.float64)


def _as_given(run, labels, steps, seeds):
    baseline = run("scratch", labels, steps // 2, seeds[0])
    return [run("fine_tune", labels, steps, seed) - baseline for seed in seeds]


def _with_half_steps(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps // 2, seed) for seed in seeds]


def _with_first_seed(run, labels, steps, seeds):
    baseline = run("scratch", labels, steps, seeds[0])
    return [run("fine_tune", labels, steps, seed) - baseline for seed in seeds]


def _with_best(run, labels, steps, seeds):
    best = np.max([run("fine_tune", labels, steps, seed) for seed in seeds])
    return [best - run("scratch", labels, steps, seed) for seed in seeds]


RIGHT = {
    "only_domain": ["a and e", {"E", "A"}, ["A", "E"]],
    "label_axis": [
        ("Inductive", "Transductive", "Unsupervised", "Semi-supervised"),
        ["inductive ", "transductive", "unsupervised", " semi-supervised"],
    ],
    "labels_to": [_by_interp, _by_log10],
    "equal_footing": [_two_passes, _by_name],
    "gain_interval": [_by_scipy, _by_hand],
    "gradient_histogram": [_by_loop, _with_numpy()],
}

WRONG = {
    "only_domain": {
        "new question": "AB",
        "more of the same": ["C", "E"],
        "both differ": "DE",
        "voices forgotten": "e",
        "light forgotten": {"A"},
    },
    "label_axis": {
        "source without a word": ["inductive", "unsupervised", "unsupervised", "inductive"],
        "inductive and transductive": ["transductive", "inductive", "unsupervised", "semi-supervised"],
        "unlabelled ones unused": ["inductive", "transductive", "unsupervised", "Inductive"],
        "no label anywhere": ["inductive", "transductive", "semi-supervised", "semi-supervised"],
    },
    "labels_to": {
        "straight on labels": _linear,
        "next budget": _first_enough,
        "budget before": _one_before,
        "last budget if never": _never_is_last,
        "last crossing": _from_the_right,
    },
    "equal_footing": {
        "both unfair": _as_given,
        "half the steps": _with_half_steps,
        "one baseline for all": _with_first_seed,
        "best against each": _with_best,
        "other sign": lambda run, labels, steps, seeds: -_two_passes(run, labels, steps, seeds),
    },
    "gain_interval": {
        "not paired": _two_lists,
        "other sign": lambda transfer, scratch: _by_hand(scratch, transfer),
        "divided by n": _numpy_interval(ddof=0),
        "spread of one run": _numpy_interval(root=False),
        "normal quantile": _numpy_interval(quantile=1.96),
    },
    "gradient_histogram": {
        "pixels counted": _with_numpy(weighted=False),
        "full turn": _with_numpy(turn=2 * np.pi),
        "mirrored": _with_numpy(fold=True),
        "axes swapped": _with_numpy(swap=True),
        "shares": _with_numpy(share=True),
        "halved": _with_numpy(sign=0.5),
    },
}

NO_ANSWERS = {
    "labels_to": [lambda budgets, means, threshold: budgets[0]],
    "equal_footing": [
        lambda run, labels, steps, seeds: [0.1] * len(seeds),
        lambda run, labels, steps, seeds: [run("fine-tune", labels, steps, seed) for seed in seeds],
    ],
    "gain_interval": [lambda transfer, scratch: (transfer - scratch).mean()],
    "gradient_histogram": [lambda patch, bins: torch.zeros(bins)],
}
"""Wrong answers that have no name: they must not pass."""
