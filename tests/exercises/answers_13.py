"""Answers to the questions of lesson 13 as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch
import torch.nn.functional as F

from tl_course.adaptation import effective_sample_size

# --- examples_left ----------------------------------------------------------------------------------------------------


def _by_variance(weights):
    mean = weights.mean()
    return len(weights) / (1 + ((weights - mean) ** 2).mean() / mean**2)


def _loop_over(weights):
    total, squares = 0.0, 0.0
    for w in weights.tolist():
        total, squares = total + w, squares + w * w
    return total * total / squares


# --- domain_odds ------------------------------------------------------------------------------------------------------


def _by_logs(chance, n_source, n_target):
    return torch.exp(torch.logit(chance) + math.log(n_source) - math.log(n_target))


def _by_densities(chance, n_source, n_target):
    target, source = chance / n_target, (1 - chance) / n_source
    return (target / source).tolist()


# --- weighed_loss -----------------------------------------------------------------------------------------------------


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


# --- worth_of_aim -----------------------------------------------------------------------------------------------------


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


# --- boosting_round ---------------------------------------------------------------------------------------------------


def _by_where(w_s, wrong_s, w_t, wrong_t, rounds):
    error = w_t[wrong_t].sum() / w_t.sum()
    if error >= 0.5:
        return w_s, w_t
    beta = 1 / (1 + (2 * np.log(len(w_s)) / rounds) ** 0.5)
    return torch.where(wrong_s, w_s * beta, w_s), torch.where(wrong_t, w_t * (1 - error) / error, w_t)


def _on_copies(w_s, wrong_s, w_t, wrong_t, rounds, end=0.5, up=True, down=True):
    w_s, w_t = w_s.clone(), w_t.clone()
    shares = w_t / w_t.sum()
    error = shares[wrong_t].sum().item()
    if error < end:
        beta = 1 / (1 + math.sqrt(2 * math.log(w_s.numel()) / rounds))
        w_s[wrong_s] *= beta if down else 1 / beta
        beta_t = max(error / (1 - error), 1e-10)
        w_t[wrong_t] *= 1 / beta_t if up else beta_t
    return [w_s, w_t]


def _round_with(error, beta=None, keep=None):
    """A round with its ε, its β or its exponent in other hands."""

    def answer(w_s, wrong_s, w_t, wrong_t, rounds):
        e = float(error(w_s, wrong_s, w_t, wrong_t))
        if e >= 0.5:
            return [w_s, w_t]
        b = beta(len(w_s), len(w_t), rounds) if beta else 1 / (1 + math.sqrt(2 * math.log(len(w_s)) / rounds))
        b_t = max(e / (1 - e), 1e-10)
        s, t = (wrong_s, wrong_t) if keep is None else (~wrong_s, ~wrong_t)
        return [w_s * torch.where(s, b, 1.0), w_t * torch.where(t, 1 / b_t, 1.0)]

    return answer


def _share(w_s, wrong_s, w_t, wrong_t):
    return w_t[wrong_t].sum() / w_t.sum()


def _all_together(w_s, wrong_s, w_t, wrong_t):
    w, wrong = torch.cat([w_s, w_t]), torch.cat([wrong_s, wrong_t])
    return w[wrong].sum() / w.sum()


def _rescaled(w_s, wrong_s, w_t, wrong_t, rounds):
    both = torch.cat(_on_copies(w_s, wrong_s, w_t, wrong_t, rounds))
    both = both * len(both) / both.sum()
    return [both[: len(w_s)], both[len(w_s) :]]


def _source_beta_for_both(w_s, wrong_s, w_t, wrong_t, rounds):
    if _share(w_s, wrong_s, w_t, wrong_t) >= 0.5:
        return [w_s, w_t]
    beta = 1 / (1 + math.sqrt(2 * math.log(len(w_s)) / rounds))
    return [torch.where(wrong_s, w_s * beta, w_s), torch.where(wrong_t, w_t / beta, w_t)]


# --- weighed_gap ------------------------------------------------------------------------------------------------------


def _by_intervals(z_s, w, z_t):
    """Every interval (low, high] between two cuts, one after the other."""
    w = w / w.sum()
    cuts = [-math.inf, *sorted({*z_s.tolist(), *z_t.tolist()})]
    largest = 0.0
    for i, low in enumerate(cuts):
        for high in cuts[i + 1 :]:
            source = w[(z_s > low) & (z_s <= high)].sum()
            target = ((z_t > low) & (z_t <= high)).double().mean()
            largest = max(largest, abs(float(source - target)))
    return largest


def _by_searching(z_s, w, z_t):
    places = np.unique(np.concatenate([z_s, z_t]))
    order = np.argsort(z_s.numpy())
    sums = np.concatenate([[0], np.cumsum(w.numpy()[order])]) / w.numpy().sum()
    below_s = sums[np.searchsorted(z_s.numpy()[order], places, side="right")]
    below_t = np.searchsorted(np.sort(z_t.numpy()), places, side="right") / len(z_t)
    gap = np.concatenate([[0], below_s - below_t])
    return np.ptp(gap)


def _strictly_below(z_s, w, z_t):
    cuts = torch.cat([z_s, z_t, torch.tensor([math.inf])])
    gap = (w * (z_s < cuts[:, None])).sum(1) / w.sum() - (z_t < cuts[:, None]).sum(1) / len(z_t)
    return gap.amax() - gap.amin()


def _at_cuts(z_s, w, z_t, cuts):
    gap = torch.stack([w[z_s <= c].sum() / w.sum() - (z_t <= c).double().mean() for c in cuts] + [torch.tensor(0.0)])
    return gap.max() - gap.min()


def _largest_at_a_cut(z_s, w, z_t):
    w = w / w.sum()
    return max(abs(w[z_s <= c].sum() - (z_t <= c).double().mean()) for c in torch.cat([z_s, z_t]))


def _by_intervals_of(z_s, w, z_t):
    """As `_by_intervals`, with weights as they are: no shares."""
    cuts = [-math.inf, *sorted({*z_s.tolist(), *z_t.tolist()})]
    pairs = [(low, high) for i, low in enumerate(cuts) for high in cuts[i + 1 :]]
    found = [
        w[(z_s > low) & (z_s <= high)].sum() - ((z_t > low) & (z_t <= high)).double().mean() for low, high in pairs
    ]
    return max(map(abs, found))


def _target_first(z_s, w, z_t):
    points = [(z, -1 / len(z_t)) for z in z_t.tolist()]
    points += [(z, share) for z, share in zip(z_s.tolist(), (w / w.sum()).tolist(), strict=True)]
    height, heights = 0.0, [0.0]
    for _, step in sorted(points):
        height += step
        heights.append(height)
    return max(heights) - min(heights)


# --- joint_error ------------------------------------------------------------------------------------------------------


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


RIGHT = {
    "examples_left": [_by_variance, _loop_over, lambda w: effective_sample_size(w.numpy())],
    "domain_odds": [_by_logs, _by_densities, lambda c, s, t: s / t / (1 / c - 1)],
    "weighed_loss": [_by_argument, _by_sums, _by_dot],
    "when_it_pays": ["C and E", {"E", "C"}, ["c", "e"]],
    "worth_of_aim": [_in_a_tensor, _in_numpy, _normalised_first],
    "boosting_round": [_by_where, _on_copies],
    "weighed_gap": [_by_intervals, _by_searching, _strictly_below],
    "joint_error": [_model_by_model, _through_accuracy],
}

WRONG = {
    "examples_left": {
        "only for a sum of one": lambda w: (w * w).sum().reciprocal(),
        "sum not squared": lambda w: sum(w) / sum(w * w),
        "share": lambda w: effective_sample_size(w.numpy()) / len(w),
        "upside down": lambda w: (w / w.sum()).square().sum(),
        "counted": lambda w: int(torch.count_nonzero(w)),
        "by the heaviest": lambda w: 1 / (w / w.sum()).max(),
    },
    "domain_odds": {
        "sizes forgotten": lambda c, s, t: 1 / (1 / c - 1),
        "sizes upside down": lambda c, s, t: torch.logit(c).exp() * t / s,
        "chance for odds": lambda c, s, t: c * s / t,
        "odds upside down": lambda c, s, t: s / t * (1 / c - 1),
        "the other way": lambda c, s, t: 1 / _by_logs(c, s, t),
        "mean of one": lambda c, s, t: _by_logs(c, s, t) / _by_logs(c, s, t).mean(),
        "sum of one": lambda c, s, t: torch.softmax(torch.logit(c), dim=0),
    },
    "weighed_loss": {
        "divided twice": _argument("mean", lambda w: w / w.sum()),
        "raw": _argument("mean", lambda w: w),
        "raw sum": _argument("sum", lambda w: w),
        "not averaged": _argument("sum", lambda w: w / w.mean()),
        "no weights": _mean_first,
        "largest is one": _argument("mean", lambda w: w / w.max()),
        "cut from the graph": lambda *given: _by_sums(*given).item(),
    },
    "when_it_pays": {
        "straight rule": "ACE",
        "another rule": ["B", "C"],
        "by lot": "C, D, E",
        "told apart": "CEF",
        "curve forgotten": "E",
        "mean forgotten": {"C"},
    },
    "worth_of_aim": {
        "against no weights": lambda run, w, o: run(torch.full_like(w, 0.5)) - run(w),
        "sign": lambda run, w, o: run(w) - _means(run, w, o),
        "first lot": _first_of,
        "luckiest lot": lambda run, w, o: min(run(w[one]) - run(w) for one in o),
        "lots averaged first": lambda run, w, o: run(sum(w[one] for one in o)) - run(w),
        "aim not in it": lambda run, w, o: _means(run, w, o) - run([1.0] * len(w)),
        "ratio": lambda run, w, o: run(w) / _means(run, w, o),
    },
    "boosting_round": {
        "source grows": lambda *given: _on_copies(*given, down=False),
        "target shrinks": lambda *given: _on_copies(*given, up=False),
        "both turned": lambda *given: _on_copies(*given, up=False, down=False),
        "right ones change": _round_with(_share, keep="right"),
        "error over both": _round_with(_all_together),
        "error on the source": _round_with(lambda w_s, wrong_s, w_t, wrong_t: w_s[wrong_s].sum() / w_s.sum()),
        "mistakes counted": _round_with(lambda w_s, wrong_s, w_t, wrong_t: wrong_t.sum() / len(wrong_t)),
        "error not divided": _round_with(lambda w_s, wrong_s, w_t, wrong_t: w_t[wrong_t].sum()),
        "no end": lambda *given: _on_copies(*given, end=0.5 + 1e-9),
        "rounds forgotten": _round_with(_share, beta=lambda s, t, n: 1 / (1 + math.sqrt(2 * math.log(s)))),
        "target in beta": _round_with(_share, beta=lambda s, t, n: 1 / (1 + math.sqrt(2 * math.log(s + t) / n))),
        "rescaled": _rescaled,
        "one beta": _source_beta_for_both,
    },
    "weighed_gap": {
        "one threshold": _largest_at_a_cut,
        "weights forgotten": lambda z_s, w, z_t: _by_intervals(z_s, torch.ones_like(w), z_t),
        "total forgotten": _by_intervals_of,
        "divided by the number": lambda z_s, w, z_t: _by_intervals_of(z_s, w / len(w), z_t),
        "doubled": lambda z_s, w, z_t: 2 * _by_intervals(z_s, w, z_t),
        "halved": lambda z_s, w, z_t: 0.5 * _by_searching(z_s, w, z_t),
        "means": lambda z_s, w, z_t: abs(np.average(z_s, weights=w) - float(z_t.mean())),
        "cuts at the source only": lambda z_s, w, z_t: _at_cuts(z_s, w, z_t, z_s),
        "cuts at the target only": lambda z_s, w, z_t: _at_cuts(z_s, w, z_t, z_t),
        "ties one by one": _target_first,
    },
    "joint_error": {
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
    },
}

NO_ANSWERS = {
    "examples_left": [lambda w: len(w), lambda w: (w > w.mean()).sum()],
    "weighed_loss": [lambda theta, x, y, w: 0.0, lambda *given: -_by_sums(*given)],
    "when_it_pays": ["", "ABCDEF"],
    "worth_of_aim": [lambda run, w, o: 0.0, lambda run, w, o: run(w)],
    "boosting_round": [lambda w_s, a, w_t, b, n: [w_s, w_t], lambda w_s, a, w_t, b, n: torch.cat([w_s, w_t])],
    "weighed_gap": [lambda z_s, w, z_t: 1.0, lambda z_s, w, z_t: [0.5]],
    "joint_error": [lambda *given: torch.stack(_two(*given)).sum(dim=0), lambda *given: sum(_two(*given)).mean()],
}
"""Wrong answers that have no name: they must not pass."""
