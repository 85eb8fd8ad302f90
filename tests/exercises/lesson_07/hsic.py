"""Answers to ``hsic`` as learners write them: right ones in other ways, wrong ones by name."""

import itertools

import torch


def _terms(K, L):
    n = len(K)
    first = (K * L).sum()
    second = K.sum() * L.sum() / ((n - 1) * (n - 2))
    third = 2 * (K @ L).sum() / (n - 2)
    return (first + second - third) / (n * (n - 3))


def _fill(K, L):
    return _terms(K.clone().fill_diagonal_(0), L.clone().fill_diagonal_(0)).item()


def _mask(K, L):
    away = 1 - torch.eye(len(K), dtype=K.dtype)
    return _terms(K * away, L * away)


def _by_definition(K, L):
    """The mean over all quadruples of different examples, which the formula sums up."""
    n, total, count = len(K), 0.0, 0
    rows_k, rows_l = K.tolist(), L.tolist()
    for i, j, q, r in itertools.permutations(range(n), 4):
        total += rows_k[i][j] * (rows_l[i][j] + rows_l[q][r] - 2 * rows_l[i][q])
        count += 1
    return total / count


def _rows(K, L):
    return _terms(K - torch.diag(K), L - torch.diag(L))


def _centred(K, L):
    n = len(K)
    H = torch.eye(n, dtype=K.dtype) - 1 / n
    return torch.trace(K @ H @ L @ H) / (n - 1) ** 2


def _centred_without(K, L):
    return _centred(K.clone().fill_diagonal_(0), L.clone().fill_diagonal_(0))


def _first(K, L):
    n = len(K)
    away = ~torch.eye(n, dtype=torch.bool)
    return (K[away] * L[away]).sum() / (n * (n - 3))


RIGHT = [_fill, _mask, _by_definition]

WRONG = {
    "a diagonal subtracted as a row": _rows,
    "biased, called unbiased": _centred,
    "centred without diagonals": _centred_without,
    "diagonals left in": _terms,
    "first term alone": _first,
}

NO_ANSWERS = [lambda K, L: torch.zeros(()), lambda K, L: _mask(K, L) / len(K)]
"""Wrong answers that have no name: they must not pass."""
