"""Matrices, dense or sparse, checked and put on top of each other; and which one is the target."""

import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

Matrix = Any  # a NumPy array or a SciPy sparse matrix, n×d


def target_of(estimator: BaseEstimator, X: Matrix, y: Any, target: Matrix | None) -> Matrix:
    """Return the target's inputs: `target`, or a matrix in the place of `y` (``fit(source, target)``), or X itself.

    scikit-learn's own tools call ``fit(X, y)`` with labels y and know of no target. Then the source is its own target,
    which a warning says, as it is rarely meant.
    """
    if target is not None:
        return target
    if scipy.sparse.issparse(y) or np.ndim(y) == 2:
        return y
    warnings.warn(
        f"{type(estimator).__name__} was given no target and takes X for it, so that no example counts more than "
        "another but by chance: give the target's inputs as target=.",
        stacklevel=3,
    )
    return X


def two_domains(
    estimator: BaseEstimator, source: Matrix, target: Matrix, what: str = "target"
) -> tuple[Matrix, Matrix]:
    """Check both matrices, note the width in the estimator, and refuse a target of another width (ValueError)."""
    source = validate_data(estimator, source, accept_sparse="csr", dtype=np.float64)
    target = check_array(target, accept_sparse="csr", dtype=np.float64, input_name=what)
    if target.shape[1] != source.shape[1]:
        raise ValueError(
            f"The first matrix has {source.shape[1]} features and the {what} {target.shape[1]}: "
            f"{type(estimator).__name__} compares domains with the same features."
        )
    return source, target


def stacked(first: Matrix, second: Matrix) -> Matrix:
    """One matrix on top of the other; sparse if one of them is."""
    if scipy.sparse.issparse(first) or scipy.sparse.issparse(second):
        return scipy.sparse.vstack([first, second], format="csr")
    return np.concatenate([first, second])


class TakesSparse(BaseEstimator):
    """An estimator that says in its tags that it takes sparse matrices."""

    def __sklearn_tags__(self):
        """What scikit-learn's tools need to know."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
