"""Answers to ``worth_of_aim`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch


def _in_a_tensor(run, weights, orders):
    return torch.tensor([run(weights[order]) for order in orders]).mean() - run(weights)


def _in_numpy(run, weights, orders):
    w = weights.numpy()
    return np.mean([run(w[order]) - run(w) for order in orders.numpy()])


def _normalised_first(run, weights, orders):
    w = weights / weights.sum()
    return sum(run(w[order]) for order in orders) / len(orders) - run(w)


def _means(run, weights, orders):
    return sum(run(weights[order]) for order in orders) / len(orders)


def _first_of(run, weights, orders):
    return run(weights[orders[0]]) - run(weights)


RIGHT = [_in_a_tensor, _in_numpy, _normalised_first]

WRONG = {
    "against no weights": lambda run, w, o: run(torch.full_like(w, 0.5)) - run(w),
    "sign": lambda run, w, o: run(w) - _means(run, w, o),
    "first lot": _first_of,
    "luckiest lot": lambda run, w, o: min(run(w[one]) - run(w) for one in o),
    "lots averaged first": lambda run, w, o: run(sum(w[one] for one in o)) - run(w),
    "aim not in it": lambda run, w, o: _means(run, w, o) - run([1.0] * len(w)),
    "ratio": lambda run, w, o: run(w) / _means(run, w, o),
}

NO_ANSWERS = [lambda run, w, o: 0.0, lambda run, w, o: run(w)]
"""Wrong answers that have no name: they must not pass."""
