"""Answers to ``transfer_loss`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

from tl_course import losses


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


RIGHT = [losses.transfer_risk, _with_a_list_of_terms]

WRONG = {
    "ends not clean": lambda s, t, a: (1 - a) * t + a * s,
    "nan hidden": _nans_replaced,
    "alpha on the target": lambda s, t, a: a * t + (1 - a) * s,
    "no (1 - alpha)": lambda s, t, a: t + s * a,
    "alpha on both": lambda s, t, a: a * s + a * t,
    "cut from the graph": _with_item,
}

NO_ANSWERS = [_clamped, lambda s, t, a: None]
"""Wrong answers that have no name: they must not pass."""
