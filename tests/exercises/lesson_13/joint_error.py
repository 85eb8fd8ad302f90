"""Answers to ``joint_error`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch


def _model_by_model(said_s, y_s, said_t, y_t):
    best = math.inf
    for one, other in zip(said_s, said_t, strict=True):
        best = min(best, float((one != y_s).float().mean() + (other != y_t).float().mean()))
    return best


def _through_accuracy(said_s, y_s, said_t, y_t):
    right = [(said == y).sum(dim=1) / len(y) for said, y in ((said_s, y_s), (said_t, y_t))]
    return 2 - sum(right).max()


def _two(said_s, y_s, said_t, y_t):
    return [((said - y) ** 2).double().mean(-1) for said, y in ((said_s, y_s), (said_t, y_t))]


def _of_the_best(by):
    def answer(*given):
        s, t = _two(*given)
        best = int(torch.argmin((s, t)[by]))
        return s[best] + t[best]

    return answer


def _in_one_heap(said_s, y_s, said_t, y_t):
    return (torch.cat([said_s, said_t], 1) != torch.cat([y_s, y_t])).float().mean(1).min()


def _by_the_heap(said_s, y_s, said_t, y_t):
    best = ((said_s != y_s).sum(1) + (said_t != y_t).sum(1)).argmin()
    return (said_s[best] != y_s).float().mean() + (said_t[best] != y_t).float().mean()


RIGHT = [_model_by_model, _through_accuracy]

WRONG = {
    "two models": lambda *given: sum(part.min() for part in _two(*given)),
    "the source's best": _of_the_best(0),
    "the target's best": _of_the_best(1),
    "pooled": _in_one_heap,
    "chosen by the pool": _by_the_heap,
    "mean of both": lambda *given: torch.stack(_two(*given)).mean(dim=0).min(),
    "number of the model": lambda *given: int(sum(_two(*given)).argmin()),
    "mistakes counted": lambda s, y_s, t, y_t: min(
        int((a != y_s).sum() + (b != y_t).sum()) for a, b in zip(s, t, strict=True)
    ),
}

NO_ANSWERS = [lambda *given: torch.stack(_two(*given)).sum(dim=0), lambda *given: sum(_two(*given)).mean()]
"""Wrong answers that have no name: they must not pass."""
