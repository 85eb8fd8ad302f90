"""Answers to ``weighed_loss`` as learners write them: right ones in other ways, wrong ones by name."""

import torch.nn.functional as F


def _by_argument(theta, x, y, weights):
    return F.binary_cross_entropy_with_logits(x @ theta, y, weight=weights / weights.mean())


def _by_sums(theta, x, y, weights):
    each = F.softplus(x @ theta) - y * (x @ theta)
    return (weights * each).sum() / weights.sum()


def _by_dot(theta, x, y, weights):
    shares = weights / weights.sum()
    return shares @ F.binary_cross_entropy_with_logits(x @ theta, y, reduction="none")


def _argument(reduction, scaled):
    return lambda theta, x, y, w: F.binary_cross_entropy_with_logits(
        x @ theta, y, weight=scaled(w), reduction=reduction
    )


def _mean_first(theta, x, y, weights):
    return (weights / weights.mean() * F.binary_cross_entropy_with_logits(x @ theta, y)).mean()


RIGHT = [_by_argument, _by_sums, _by_dot]

WRONG = {
    "divided twice": _argument("mean", lambda w: w / w.sum()),
    "raw": _argument("mean", lambda w: w),
    "raw sum": _argument("sum", lambda w: w),
    "not averaged": _argument("sum", lambda w: w / w.mean()),
    "no weights": _mean_first,
    "largest is one": _argument("mean", lambda w: w / w.max()),
    "cut from the graph": lambda *given: _by_sums(*given).item(),
}

NO_ANSWERS = [lambda theta, x, y, w: 0.0, lambda *given: -_by_sums(*given)]
"""Wrong answers that have no name: they must not pass."""
