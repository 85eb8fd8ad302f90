"""Answers to ``interval`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch

from tl_course import metrics


def _by_package(right, n):
    found = metrics.wilson(right, n)
    return found.low, found.high


def _by_roots(right, n):
    """The two p at which the measured share is z standard deviations away."""
    z, p = 1.96, right / n
    a, b, c = 1 + z**2 / n, -(2 * p + z**2 / n), p**2
    root = math.sqrt(max(b**2 - 4 * a * c, 0))
    return [(-b - root) / (2 * a), (-b + root) / (2 * a)]


def _normal(right, n):
    p = torch.tensor(right / n, dtype=torch.float64)
    half = 1.96 * (p * (1 - p) / n).sqrt()
    return torch.stack([p - half, p + half])


def _wilson_with(right, n, z=1.96, divided=True, around_p=False):
    p = right / n
    by = 1 + z**2 / n if divided else 1.0
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / by
    centre = p if around_p else (p + z**2 / (2 * n)) / by
    return centre - half, centre + half


RIGHT = [_by_package, _by_roots, _wilson_with]

WRONG = {
    "textbook": _normal,
    "textbook, cut off": lambda right, n: _normal(right, n).clamp(0, 1),
    "around p": lambda right, n: _wilson_with(right, n, around_p=True),
    "not divided": lambda right, n: _wilson_with(right, n, divided=False),
    "another z": lambda right, n: _wilson_with(right, n, z=2.576),
}

NO_ANSWERS = [lambda right, n: right / n, lambda right, n: [0.0, 1.0]]
"""Wrong answers that have no name: they must not pass."""
