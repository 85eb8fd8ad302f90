"""Answers to ``spring`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np


def _as_an_average(curvature, target, source, lam):
    share = lam / (curvature + lam)
    return target + share * (source - target)


def _in_numpy(curvature, target, source, lam):
    h, t, s = (part.numpy() for part in (curvature, target, source))
    return np.divide(h * t + lam * s, h + lam)


RIGHT = [_as_an_average, _in_numpy]

WRONG = {
    "swapped": lambda h, t, s, lam: (lam * t + h * s) / (lam + h),
    "curvature forgotten": lambda h, t, s, lam: t + lam / (1 + lam) * (s - t),
    "not divided": lambda h, t, s, lam: h * t + lam * s,
    "weight decay": lambda h, t, s, lam: t / (1 + lam / h),
    "twice lambda": lambda h, t, s, lam: (h / 2 * t + lam * s) / (h / 2 + lam),
}

NO_ANSWERS = [lambda h, t, s, lam: math.nan, lambda h, t, s, lam: (t + s) / 2]
"""Wrong answers that have no name: they must not pass."""
