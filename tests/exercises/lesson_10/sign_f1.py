"""Answers to ``sign_f1`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
from sklearn.metrics import f1_score


def _by_sklearn(average, truth_of=np.sign, low=-0.05, high=0.05):
    def answer(rating, compound):
        said = np.where(compound >= high, 1, np.where(compound <= low, -1, 0))
        return f1_score(truth_of(rating.numpy()), said, average=average, zero_division=0)

    return answer


def _by_names(rating, compound):
    truth = ["neg" if r < 0 else "pos" if r > 0 else "neu" for r in rating.tolist()]
    said = ["neg" if c <= -0.05 else "pos" if c >= 0.05 else "neu" for c in compound.tolist()]
    total = 0
    for name in ("neg", "neu", "pos"):
        pairs = list(zip(truth, said, strict=True))
        tp = pairs.count((name, name))
        precision = tp / said.count(name) if name in said else 0
        recall = tp / truth.count(name) if name in truth else 0
        if tp:
            total += 2 * precision * recall / (precision + recall) * truth.count(name) / len(truth)
    return total


def _by_what_was_said(rating, compound):
    truth, said = np.sign(rating.numpy()), np.where(compound >= 0.05, 1, np.where(compound <= -0.05, -1, 0))
    each = f1_score(truth, said, average=None, labels=[-1, 0, 1], zero_division=0)
    return sum(f1 * (said == side).mean() for f1, side in zip(each, (-1, 0, 1), strict=True))


def _cut(rating):
    return np.where(rating >= 0.05, 1, np.where(rating <= -0.05, -1, 0))


RIGHT = [_by_sklearn("weighted"), _by_names]

WRONG = {
    "thresholds for the truth": _by_sklearn("weighted", truth_of=_cut),
    "sign for both": _by_sklearn("weighted", low=-1e-9, high=1e-9),
    "thresholds left out": _by_sklearn("weighted", low=-0.0500001, high=0.0500001),
    "macro": _by_sklearn("macro"),
    "weighted by what was said": _by_what_was_said,
    "accuracy": _by_sklearn("micro"),
}

NO_ANSWERS = [lambda rating, compound: 0.5]
"""Wrong answers that have no name: they must not pass."""
