"""Lesson 07: HSIC without bias."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from tl_course.exercises.lesson_07._shared import hsic
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import gives


def _matrices(seed: int) -> list[Case]:
    """Gram matrices of independent features, of related ones, and of one with itself."""
    rng = np.random.default_rng(seed)
    cases = []
    for n, width in ((6, 9), (12, 5), (4, 7)):
        a = rng.normal(loc=0.5, size=(n, width))
        b = rng.normal(loc=0.3, size=(n, width)) + (0.7 * a if n == 12 else 0)
        cases.append({"K": a @ a.T, "L": b @ b.T})
    return [*cases, {"K": cases[0]["K"], "L": cases[0]["K"]}]


def _with_diagonals(K: Tensor, L: Tensor) -> Tensor:
    n = len(K)
    cross = K.sum(dim=0) @ L.sum(dim=0)
    return ((K * L).sum() + K.sum() * L.sum() / ((n - 1) * (n - 2)) - 2 * cross / (n - 2)) / (n * (n - 3))


def _biased(K: Tensor, L: Tensor) -> Tensor:
    centred = [one - one.mean(dim=0) - one.mean(dim=1, keepdim=True) + one.mean() for one in (K, L)]
    return (centred[0] * centred[1]).sum() / (len(K) - 1) ** 2


def _as_a_row(K: Tensor, L: Tensor) -> Tensor:
    return _with_diagonals(K - K.diagonal(), L - L.diagonal())


def _as_a_row_by(first: Callable, cross: Callable) -> Callable:
    """The same with two terms written otherwise: the matrices are not symmetric, so that each gives another value."""

    def answer(K: Tensor, L: Tensor) -> Tensor:
        n = len(K)
        k, m = K - K.diagonal(), L - L.diagonal()
        total = first(k, m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 * cross(k, m) / (n - 2)
        return total / (n * (n - 3))

    return answer


_FIRST = (lambda k, m: (k * m).sum(), lambda k, m: (k @ m).trace())
_CROSS = (
    lambda k, m: k.sum(dim=0) @ m.sum(dim=0),
    lambda k, m: k.sum(dim=1) @ m.sum(dim=1),
    lambda k, m: (k @ m).sum(),
)


def _first_term(K: Tensor, L: Tensor) -> Tensor:
    n = len(K)
    k, m = K - K.diag().diag(), L - L.diag().diag()
    return (k * m).sum() / (n * (n - 3))


def _biased_without_diagonals(K: Tensor, L: Tensor) -> Tensor:
    return _biased(K - K.diag().diag(), L - L.diag().diag())


QUESTION = Question(
    slug="hsic",
    lesson="07",
    title="Likeness without bias",
    kind="repair",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Try it on features that have nothing in common: over many draws the mean must be zero. And print "
        "`K - K.diagonal()` for a matrix of ones: what should it be, and what is it?",
        "`K - torch.diag(K.diagonal())` has zeros on its diagonal, and nothing else changed. Use these two matrices in "
        "*all three* terms of the formula.",
        "With K and L so changed and n = len(K): add `(K * L).sum()` and `K.sum() * L.sum() / ((n - 1) * (n - 2))`, "
        "take away `2 * (K.sum(0) @ L.sum(0)) / (n - 2)`, and divide by `n * (n - 3)`.",
    ),
    inputs=_matrices,
    reference=hsic,
    why=(
        "Each inner product of an example with itself is gone from both matrices, and the two further terms put right "
        "what the means do. Over many draws of independent features the mean is zero, however wide they are. So a "
        "CKA made of it can be read as likeness."
    ),
    wrong=(
        Wrong(
            "a diagonal subtracted as a row",
            "`K - K.diagonal()` takes the diagonal, a row of n numbers, from *every* row. The matrix is no longer "
            "symmetric, and likeness of a thing with itself can come out negative. Subtract a matrix: "
            "`torch.diag(K.diagonal())`.",
            _as_a_row,
            recognise=gives(*(_as_a_row_by(first, cross) for first in _FIRST for cross in _CROSS)),
        ),
        Wrong(
            "biased, called unbiased",
            "This is the biased estimator: both matrices centred, then the sum of products over (n − 1)². For few "
            "examples with many features it calls strangers alike.",
            _biased,
        ),
        Wrong(
            "centred without diagonals",
            "The diagonals are gone, and then you centre as the biased estimator does. Two half measures do not make "
            "it unbiased: use the three terms of the formula.",
            _biased_without_diagonals,
        ),
        Wrong(
            "diagonals left in",
            "The three terms are right, but the diagonals are still in. They hold the inner products of each example "
            "with itself, and these make strangers look alike.",
            _with_diagonals,
        ),
        Wrong(
            "first term alone",
            "This is the first term alone. It measures the features' means as well as their likeness; the other two "
            "terms take that out.",
            _first_term,
        ),
    ),
    rtol=1e-6,
    atol=1e-9,
)
