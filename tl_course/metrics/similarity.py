"""How alike two representations of the same examples are: linear CKA, by its unbiased estimator.

Centred kernel alignment compares two networks, or two layers, by the inner products of their features. It asks whether
the same examples lie close together in both. Features may have any width, and may be rotated.
"""

import math
from collections.abc import Iterable

import numpy as np

from tl_course.metrics.arrays import array, finite


def cka(a, b, *, unbiased: bool = True) -> float:
    """Linear CKA of two representations of the same examples.

    Parameters
    ----------
    a, b : N×D and N×E numbers
        Features of the same N examples, in one order. The widths may differ.
    unbiased : bool
        By the unbiased estimator of HSIC (the default). The biased one is here to be compared with: for few examples
        and wide features it comes out high for features that have nothing to do with each other.

    Returns
    -------
    float
        1 for features that a rotation and one scale turn into each other. About 0 for independent ones, where the
        unbiased estimator is as often below zero as above. NaN where one of the two does not vary at all.

    Raises
    ------
    ValueError
        If the numbers of examples differ, there are fewer than four, or a feature is not finite.

    Notes
    -----
    Kornblith and others (2019): HSIC(K, L) / √(HSIC(K, K)·HSIC(L, L)), with K = AAᵀ and L = BBᵀ. The estimator of HSIC
    is that of Song and others (2012, Journal of Machine Learning Research 13, 1393–1434), with K̃ and L̃ the same
    matrices with a diagonal of zeros:

        [tr(K̃L̃) + 1ᵀK̃1·1ᵀL̃1/((n−1)(n−2)) − 2/(n−2)·1ᵀK̃L̃1] / (n(n−3))

    Each HSIC is without bias; their ratio nearly so. All is computed in float64.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a, b = rng.normal(size=(64, 512)), rng.normal(size=(64, 512))  # nothing in common
    >>> f"{cka(a, b, unbiased=False):.2f}", abs(cka(a, b)) < 0.05
    ('0.89', True)
    """
    return _ratio(_three_terms(a, b, unbiased))


def cka_in_batches(pairs: Iterable[tuple], *, unbiased: bool = True) -> float:
    """Linear CKA from batches, for more examples than fit into one N×N matrix.

    Parameters
    ----------
    pairs : iterable of (N×D, N×E)
        Features of each batch in both representations; each batch has four examples or more.
    unbiased : bool
        As for :func:`cka`. Of the biased estimator, batches change the value; of the unbiased one, only its noise.

    Returns
    -------
    float
        The ratio of the sums of HSIC over the batches.

    Raises
    ------
    ValueError
        If there is no batch, or one is refused by :func:`cka`.

    Notes
    -----
    Nguyen, Raghu and Kornblith (2021): the three HSIC terms are averaged over batches *before* the ratio is taken.

    Examples
    --------
    >>> a = np.random.default_rng(0).normal(size=(256, 8))
    >>> round(cka_in_batches((half, 3 * half) for half in (a[:128], a[128:])), 6)
    1.0
    """
    terms = [np.array(_three_terms(a, b, unbiased)) * len(array(a)) for a, b in pairs]
    if not terms:
        raise ValueError("There is no batch to compare: give at least one pair of features.")
    return _ratio(np.sum(terms, axis=0))


def _three_terms(a, b, unbiased: bool) -> tuple[float, float, float]:
    """HSIC of both, and of each with itself."""
    a, b = _features(a), _features(b)
    if len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} examples cannot be compared: give features of the same examples.")
    if len(a) < 4:
        raise ValueError(f"{len(a)} examples are too few: the unbiased estimator needs at least four.")
    hsic = _unbiased_hsic if unbiased else _biased_hsic
    # the mean of all features changes no HSIC; without it less is lost to rounding
    k, m = (features @ features.T for features in (a - a.mean(axis=0), b - b.mean(axis=0)))
    return hsic(k, m), hsic(k, k), hsic(m, m)


def _ratio(terms) -> float:
    both, first, second = (float(term) for term in terms)
    return both / math.sqrt(first * second) if min(first, second) > 0 else float("nan")


def _unbiased_hsic(k: np.ndarray, m: np.ndarray) -> float:
    n = len(k)
    k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
    cross = (k.sum(axis=0) * m.sum(axis=0)).sum()
    return ((k * m).sum() + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * cross / (n - 2)) / (n * (n - 3))


def _biased_hsic(k: np.ndarray, m: np.ndarray) -> float:
    """For matrices of centred features, whose rows sum to zero."""
    return (k * m).sum() / (len(k) - 1) ** 2


def _features(values) -> np.ndarray:
    return finite(values, 2, "features", "N×D numbers, one row an example")
