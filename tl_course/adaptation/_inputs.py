"""Matrices, dense or sparse, checked and put on top of each other."""

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

Matrix = Any  # a NumPy array or a SciPy sparse matrix, n×d


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
