"""Answers to ``unseen_digit`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch.nn.functional as F


def _other_columns(logits, unseen):
    return logits[:, [c for c in range(logits.shape[1]) if c != unseen]]


def _by_bisection(logits, unseen, count):
    low, high = -1e4, 1e4
    for _ in range(200):
        middle = (low + high) / 2
        raised = logits.clone()
        raised[:, unseen] += middle
        called = int((raised.argmax(dim=1) == unseen).sum())
        if called == count:
            return middle
        low, high = (middle, high) if called < count else (low, middle)
    return middle


def _exactly_at_rank(logits, unseen, count):
    gaps = _other_columns(logits, unseen).max(dim=1).values - logits[:, unseen]
    return gaps.kthvalue(count).values


def _by_numpy(logits, unseen, count):
    table = logits.numpy()
    gaps = np.sort(np.delete(table, unseen, axis=1).max(axis=1) - table[:, unseen])
    return gaps[count - 1] + 0.01 * (gaps[count] - gaps[count - 1])


def _rank(logits, unseen, rank):
    gaps = (_other_columns(logits, unseen).max(dim=1).values - logits[:, unseen]).sort().values
    return gaps[rank]


def _from_the_other_end(logits, unseen, count):
    gaps = (_other_columns(logits, unseen).max(dim=1).values - logits[:, unseen]).sort(descending=True).values
    return (gaps[count - 1] + gaps[count]) / 2


def _against_the_mean(logits, unseen, count):
    gaps = (_other_columns(logits, unseen).mean(dim=1) - logits[:, unseen]).sort().values
    return (gaps[count - 1] + gaps[count]) / 2


def _own_logit_too(logits, unseen, count):
    gaps = (logits.max(dim=1).values - logits[:, unseen]).sort().values
    return (gaps[count - 1] + gaps[count]) / 2


def _log_of_shares(logits, unseen, count):
    present = F.softmax(logits, dim=1)[:, unseen].mean().item()
    return math.log(count / len(logits) / present)


RIGHT = [_by_bisection, _exactly_at_rank, _by_numpy]

WRONG = {
    "minus": lambda z, unseen, count: -_by_numpy(z, unseen, count),
    "enough for all": lambda z, unseen, count: _rank(z, unseen, -1),
    "wrong end": _from_the_other_end,
    "mean gap": lambda z, unseen, count: (_other_columns(z, unseen).max(1).values - z[:, unseen]).mean(),
    "mean of the others": _against_the_mean,
    "own among the others": _own_logit_too,
    "one too many": _rank,
    "ratio of shares": _log_of_shares,
}

NO_ANSWERS = [lambda z, u, c: 0.0, lambda z, u, c: math.inf, lambda z, u, c: z[:, u], lambda z, u, c: "much"]
"""Wrong answers that have no name: they must not pass."""
