"""What several questions of lesson 07 share: HSIC of two Gram matrices."""

from __future__ import annotations

from torch import Tensor


def gram(features: Tensor) -> Tensor:
    """N×N inner products of N×D features."""
    return features @ features.T


def hsic(k: Tensor, m: Tensor) -> Tensor:
    """The unbiased estimator of Song and others (2012)."""
    n = len(k)
    k, m = k - k.diag().diag(), m - m.diag().diag()
    cross = k.sum(dim=0) @ m.sum(dim=0)
    return ((k * m).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * cross / (n - 2)) / (n * (n - 3))
