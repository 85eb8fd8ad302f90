"""Answers to ``three_scores`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
from sklearn.metrics import precision_recall_fscore_support


def _scores_by_try(tp, fp, fn):
    def share(above, below):
        try:
            return above / below
        except ZeroDivisionError:
            return 0.0

    precision, recall = share(tp, tp + fp), share(tp, tp + fn)
    return precision, recall, share(2 * precision * recall, precision + recall)


def _scores_by_sklearn(tp, fp, fn):
    if tp == 0:
        return [0, 0, 0]
    truth, said = [1] * (tp + fn) + [0] * fp, [1] * tp + [0] * fn + [1] * fp
    return np.array(precision_recall_fscore_support(truth, said, average="binary")[:3])


def _scores_guarded(precision_of, f1_of):
    def answer(tp, fp, fn):
        precision, recall = precision_of(tp, fp, fn), tp / max(tp + fn, 1)
        return [precision, recall, f1_of(precision, recall)]

    return answer


def _usual_precision(tp, fp, fn):
    return tp / max(tp + fp, 1)


def _scores_swapped(tp, fp, fn):
    return [tp / max(tp + fn, 1), tp / max(tp + fp, 1), 2 * tp / max(2 * tp + fp + fn, 1)]


def _scores_by_counts(tp, fp, fn):
    precision = tp / (tp + fp)
    recall = tp / (tp + fn)
    f1 = tp / (tp + (fp + fn) / 2)
    return [precision, recall, f1]


def _scores_by_formula(tp, fp, fn):
    precision = tp / (tp + fp)
    recall = tp / (tp + fn)
    f1 = 2 * (precision * recall) / (precision + recall)
    return [precision, recall, f1]


def _scores_perfect_if_empty(tp, fp, fn):
    precision = tp / (tp + fp) if tp + fp else 1.0
    recall = tp / (tp + fn) if tp + fn else 1.0
    return [precision, recall, 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0]


RIGHT = [_scores_by_try, _scores_by_sklearn]

WRONG = {
    "swapped": _scores_swapped,
    "nothing over nothing": _scores_by_counts,
    "no precision and no recall": _scores_by_formula,
    "one for nothing": _scores_perfect_if_empty,
    "arithmetic mean": _scores_guarded(_usual_precision, lambda p, r: (p + r) / 2),
    "half of it": _scores_guarded(_usual_precision, lambda p, r: p * r / (p + r) if p + r else 0),
}

NO_ANSWERS = [lambda tp, fp, fn: (tp + fp) / max(tp + fp + fn, 1)]
"""Wrong answers that have no name: they must not pass."""
