"""Answers to ``boosting_round`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch


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


RIGHT = [_by_where, _on_copies]

WRONG = {
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
}

NO_ANSWERS = [lambda w_s, a, w_t, b, n: [w_s, w_t], lambda w_s, a, w_t, b, n: torch.cat([w_s, w_t])]
"""Wrong answers that have no name: they must not pass."""
