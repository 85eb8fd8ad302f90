"""Answers to ``weighed_gap`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch


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


RIGHT = [_by_intervals, _by_searching, _strictly_below]

WRONG = {
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
}

NO_ANSWERS = [lambda z_s, w, z_t: 1.0, lambda z_s, w, z_t: [0.5]]
"""Wrong answers that have no name: they must not pass."""
