"""Answers to the questions of lesson 02 as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from tl_course import losses

# --- sum_or_mean ------------------------------------------------------------------------------------------------------


def _in_two_lines(rate, count):
    factor = 1 / float(count)
    return torch.tensor(rate) * factor


# --- short_batch ------------------------------------------------------------------------------------------------------


def _by_loop(gradients, sizes):
    total = torch.zeros_like(gradients[0])
    for gradient, size in zip(gradients, sizes, strict=True):
        total = total + size * gradient
    return total / int(sizes.sum())


def _last_batch_dropped(gradients, sizes):
    return gradients[:-1].mean(dim=0)


# --- transfer_loss ----------------------------------------------------------------------------------------------------


def _with_a_list_of_terms(s, t, a):
    terms = [weight * loss for weight, loss in ((a, s), (1 - a, t)) if weight > 0]
    return torch.stack(terms).sum()


def _nans_replaced(s, t, a):
    return torch.nan_to_num(a * s, nan=0.0) + torch.nan_to_num((1 - a) * t, nan=0.0)


def _with_item(s, t, a):
    if a in (0, 1):
        return (t, s)[int(a)].item()
    return a * s.item() + (1 - a) * t.item()


def _clamped(s, t, a):
    a = max(a, 1e-3)
    return losses.transfer_risk(s, t, a)


# --- meant_loss -------------------------------------------------------------------------------------------------------


def _with_bce_module(net, source, target, alpha):
    loss = nn.BCEWithLogitsLoss()
    return alpha * loss(net(source[0])[:, 0], source[1]) + (1 - alpha) * loss(net(target[0])[:, 0], target[1])


def _with_sigmoid_and_bce(net, source, target, alpha):
    def risk(x, y):
        return F.binary_cross_entropy(torch.sigmoid(net(x)).flatten(), y)

    return losses.transfer_risk(lambda: risk(*source), lambda: risk(*target), alpha)


def _labels_as_columns(net, source, target, alpha):
    parts = [F.binary_cross_entropy_with_logits(net(x), y.unsqueeze(1)) for x, y in (source, target)]
    return alpha * parts[0] + (1 - alpha) * parts[1]


def _variance_of_answers(net, source, target, alpha):
    return alpha * torch.sigmoid(net(torch.cat([source[0], target[0]]))).var()


def _cat_and_mean(net, source, target, alpha):
    x, y = torch.cat([source[0], target[0]]), torch.cat([source[1], target[1]])
    return F.binary_cross_entropy_with_logits(net(x).reshape(-1), y)


def _summed(net, source, target, alpha):
    def risk(x, y):
        return F.binary_cross_entropy_with_logits(net(x).squeeze(1), y, reduction="none").sum()

    return alpha * risk(*source) + (1 - alpha) * risk(*target)


def _sigmoid_before_logits(net, source, target, alpha):
    def risk(x, y):
        return F.binary_cross_entropy_with_logits(net(x).sigmoid().squeeze(), y)

    return alpha * risk(*source) + (1 - alpha) * risk(*target)


def _each_with_each(net, source, target, alpha):
    def risk(x, y):
        logits = net(x)
        return (F.softplus(logits) - logits * y).mean()

    return alpha * risk(*source) + (1 - alpha) * risk(*target)


# --- l2_sp ------------------------------------------------------------------------------------------------------------


def _by_deepcopy(model, strength):
    import copy

    before = copy.deepcopy(model).requires_grad_(False)

    def penalty():
        total = 0
        for now, then in zip(model.parameters(), before.parameters(), strict=True):
            total = total + ((now - then) ** 2).sum()
        return 0.5 * strength * total

    return penalty


def _by_package(model, strength):
    start = [torch.clone(w).detach() for w in model.parameters()]
    return lambda: losses.l2_sp(model.parameters(), start, alpha=strength, beta=0.0)


def _by_state_dict(model, strength):
    start = {name: w.clone() for name, w in model.state_dict().items()}
    return lambda: strength / 2 * sum(((w - start[n]) ** 2).sum() for n, w in model.named_parameters())


def _state_dict_without_copy(model, strength):
    start = model.state_dict()
    return lambda: strength / 2 * sum(((w - start[n]) ** 2).sum() for n, w in model.named_parameters())


def _no_grad_data(model, strength):
    start = [w.data for w in model.parameters()]
    return lambda: strength / 2 * sum(((w - s) ** 2).sum() for w, s in zip(model.parameters(), start, strict=True))


def _decay(model, strength):
    return lambda: strength / 2 * sum((w**2).sum() for w in model.parameters())


def _without_half(model, strength):
    start = [w.detach().clone() for w in model.parameters()]
    return lambda: strength * sum(((w - s) ** 2).sum() for w, s in zip(model.parameters(), start, strict=True))


def _means(model, strength):
    start = [w.detach().clone() for w in model.parameters()]
    return lambda: strength / 2 * sum(((w - s) ** 2).mean() for w, s in zip(model.parameters(), start, strict=True))


def _norms(model, strength):
    start = [w.detach().clone() for w in model.parameters()]
    return lambda: strength / 2 * sum((w - s).norm() for w, s in zip(model.parameters(), start, strict=True))


def _clone_only(model, strength):
    start = [w.clone() for w in model.parameters()]
    return lambda: strength / 2 * sum(((w - s) ** 2).sum() for w, s in zip(model.parameters(), start, strict=True))


# --- spring -----------------------------------------------------------------------------------------------------------


def _as_an_average(curvature, target, source, lam):
    share = lam / (curvature + lam)
    return target + share * (source - target)


def _in_numpy(curvature, target, source, lam):
    h, t, s = (part.numpy() for part in (curvature, target, source))
    return np.divide(h * t + lam * s, h + lam)


RIGHT = {
    "sum_or_mean": [lambda rate, count: rate * count**-1, _in_two_lines],
    "short_batch": [_by_loop, lambda g, n: (n.double() @ g.double()) / n.sum(), lambda g, n: (g.T * n).sum(1) / sum(n)],
    "reaches_target": [{"B", "C", "D"}, ["D", "c", "b"], "b, c and d", ("B", "CD")],
    "transfer_loss": [losses.transfer_risk, _with_a_list_of_terms],
    "meant_loss": [_with_bce_module, _with_sigmoid_and_bce, _labels_as_columns],
    "l2_sp": [_by_deepcopy, _by_package, _by_state_dict],
    "spring": [_as_an_average, _in_numpy],
}

WRONG = {
    "sum_or_mean": {
        "multiplied": lambda rate, count: count * rate,
        "unchanged": lambda rate, count: torch.tensor(rate),
        "square root": lambda rate, count: rate * count**-0.5,
    },
    "short_batch": {
        "plain mean": lambda g, n: sum(g) / len(g),
        "plain sum": lambda g, n: sum(g),
        "not divided": lambda g, n: n.double() @ g,
        "divided by the number of batches": lambda g, n: (n[:, None] * g).mean(dim=0),
        "wrong axis": lambda g, n: (g * n[:, None]).sum(dim=1) / n.sum(),
    },
    "reaches_target": {
        "sum couples": "ABCD",
        "start forgotten": {"B", "C"},
        "penalty forgotten": "B D",
        "sharing forgotten": ["C", "D"],
    },
    "transfer_loss": {
        "ends not clean": lambda s, t, a: (1 - a) * t + a * s,
        "nan hidden": _nans_replaced,
        "alpha on the target": lambda s, t, a: a * t + (1 - a) * s,
        "no (1 - alpha)": lambda s, t, a: t + s * a,
        "alpha on both": lambda s, t, a: a * s + a * t,
        "cut from the graph": _with_item,
    },
    "meant_loss": {
        "no labels": _variance_of_answers,
        "alpha on the target": lambda net, s, t, a: _with_bce_module(net, s, t, 1 - a),
        "pooled": _cat_and_mean,
        "sums": _summed,
        "sigmoid twice": _sigmoid_before_logits,
        "broadcast": _each_with_each,
        "source only": lambda net, s, t, a: _with_bce_module(net, s, t, 1.0),
        "target only": lambda net, s, t, a: _with_bce_module(net, s, t, 0.0),
    },
    "l2_sp": {
        "no copy": _state_dict_without_copy,
        "pulls to zero": _decay,
        "factor two": _without_half,
        "not squared": _norms,
        "mean instead of sum": _means,
        "clone in the graph": _clone_only,
    },
    "spring": {
        "swapped": lambda h, t, s, lam: (lam * t + h * s) / (lam + h),
        "curvature forgotten": lambda h, t, s, lam: t + lam / (1 + lam) * (s - t),
        "not divided": lambda h, t, s, lam: h * t + lam * s,
        "weight decay": lambda h, t, s, lam: t / (1 + lam / h),
        "twice lambda": lambda h, t, s, lam: (h / 2 * t + lam * s) / (h / 2 + lam),
    },
}

NO_ANSWERS = {
    "transfer_loss": [_clamped, lambda s, t, a: None],
    "spring": [lambda h, t, s, lam: math.nan, lambda h, t, s, lam: (t + s) / 2],
    "l2_sp": [lambda model, strength: 0.0, lambda model, strength: lambda: 0],
}
"""Wrong answers that have no name: they must not pass."""
