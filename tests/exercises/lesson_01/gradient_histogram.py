"""Answers to ``gradient_histogram`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
import torch


def _by_loop(patch, bins):
    found = [0.0] * bins
    for y in range(1, patch.shape[0] - 1):
        for x in range(1, patch.shape[1] - 1):
            across = float(patch[y, x + 1] - patch[y, x - 1])
            down = float(patch[y + 1, x] - patch[y - 1, x])
            degrees = math.degrees(math.atan2(down, across)) % 180
            found[min(int(degrees * bins / 180), bins - 1)] += math.sqrt(across**2 + down**2)
    return found


def _with_numpy(sign=1, turn=np.pi, weighted=True, share=False, fold=False, swap=False):
    def answer(patch, bins):
        down, across = (2 * part[1:-1, 1:-1] for part in np.gradient(patch.numpy()))
        down, across = (across, down) if swap else (down, across)
        angle = np.abs(np.arctan2(down, across)) if fold else np.arctan2(down, across) % turn
        weights = np.hypot(across, down) if weighted else None
        found = np.histogram(angle, bins=bins, range=(0, turn), weights=weights)[0]
        return found / found.sum() if share else sign * found

    return answer


RIGHT = [_by_loop, _with_numpy()]

WRONG = {
    "pixels counted": _with_numpy(weighted=False),
    "full turn": _with_numpy(turn=2 * np.pi),
    "mirrored": _with_numpy(fold=True),
    "axes swapped": _with_numpy(swap=True),
    "shares": _with_numpy(share=True),
    "halved": _with_numpy(sign=0.5),
}

NO_ANSWERS = [lambda patch, bins: torch.zeros(bins)]
"""Wrong answers that have no name: they must not pass."""
