"""Kernel mean matching: weights by which the source's mean becomes the target's, in a kernel's feature space."""

import warnings
from typing import Self

import numpy as np
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from tl_course.adaptation._inputs import Matrix, TakesSparse, stacked, target_of, two_domains
from tl_course.plain_numbers import real_number, whole_number

SETTLED = 1e-7  # of a squared distance between means, whose kernel is at most 1
LOOK = 100


class KernelMeanMatching(TakesSparse):
    """Weights w of the source that minimise ‖(1/n_s)·Σ w_i·φ(x_i) − (1/n_t)·Σ φ(x′_j)‖², 0 ≤ w ≤ B, |mean(w) − 1| ≤ ε.

    φ is the feature space of a Gaussian kernel. No density is estimated on the way, and none divided by another.

    Parameters
    ----------
    bandwidth : float, optional
        σ of k(x, x′) = exp(−‖x − x′‖²/(2σ²)); the median distance between different examples if not given.
    limit : float
        B ≥ 1, the largest weight. The paper's 1000 hardly limits; a small one keeps examples in play.
    tolerance : float, optional
        ε > 0, how far the mean weight may be from 1; (√n_s − 1)/√n_s, as in the paper, if not given.
    iterations : int
        At most so many steps of the solver, which ends earlier when a hundred of them lower the squared distance by
        less than 1e-7; a warning if they were not enough.

    Attributes
    ----------
    weights_ : array of n_s
        Within the bounds, also if the solver was stopped early: each of its steps ends with a projection onto them.
    n_iter_ : int
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if the widths differ or a setting is impossible.

    Notes
    -----
    Huang et al., "Correcting sample selection bias by unlabeled data", NIPS 2007. With K_ij = k(x_i, x_j) and
    κ_i = (n_s/n_t)·Σ_j k(x_i, x′_j) it is the quadratic program min ½wᵀKw − κᵀw under those bounds, solved here by
    accelerated projected gradients (Beck and Teboulle, 2009). Memory grows with n_s². Weights exist for the examples
    in ``fit`` only.

    Examples
    --------
    >>> import numpy as np
    >>> source, target = np.linspace(-2, 2, 60)[:, None], np.linspace(0, 2, 40)[:, None]
    >>> weights = KernelMeanMatching(limit=5.0).fit(source, target).weights_
    >>> bool(weights[source[:, 0] < -1].mean() < 0.1 < 1 < weights[source[:, 0] > 0].mean())
    True
    """

    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        limit: float = 1000.0,
        tolerance: float | None = None,
        iterations: int = 20_000,
    ):
        self.bandwidth = bandwidth
        self.limit = limit
        self.tolerance = tolerance
        self.iterations = iterations

    def fit(self, X: Matrix, y: Matrix | np.ndarray | None = None, *, target: Matrix | None = None) -> Self:
        """Weigh the source X, n_s×d, by the target, n_t×d (dense or sparse); y as for `DensityRatio`."""
        bandwidth, limit, tolerance, iterations = self._settings()
        X, target = two_domains(self, X, target_of(self, X, y, target))
        count = X.shape[0]
        tolerance = 1 - 1 / np.sqrt(count) if tolerance is None else tolerance
        width = _median_distance(stacked(X, target)) if bandwidth is None else bandwidth
        gamma = 1 / (2 * width**2)
        kernel = rbf_kernel(X, gamma=gamma)
        pull = rbf_kernel(X, target, gamma=gamma).sum(axis=1) * count / target.shape[0]
        self.weights_, self.n_iter_ = _solve(kernel, pull, limit, tolerance, iterations)
        return self

    def _settings(self) -> tuple[float | None, float, float | None, int]:
        """Bandwidth, limit, tolerance and iterations as plain numbers, each possible."""
        bandwidth, limit = real_number("bandwidth", self.bandwidth), real_number("limit", self.limit)
        tolerance = real_number("tolerance", self.tolerance)
        iterations = whole_number("iterations", self.iterations, least=1)
        if limit is None or limit < 1:
            raise ValueError(f"limit={self.limit}: weights with a mean of about 1 need a limit of 1 or more.")
        if tolerance is not None and tolerance < 0:
            raise ValueError(f"tolerance={tolerance}: the mean weight may be 0 or more away from 1.")
        if bandwidth is not None and bandwidth <= 0:
            raise ValueError(f"bandwidth={self.bandwidth} must be above 0, or None for the median distance.")
        return bandwidth, limit, tolerance, iterations


def _median_distance(both: Matrix) -> float:
    distances = euclidean_distances(both)[np.triu_indices(both.shape[0], k=1)]
    distances = distances[distances > 0]
    return float(np.median(distances)) if len(distances) else 1.0


def _solve(
    kernel: np.ndarray, pull: np.ndarray, limit: float, tolerance: float, iterations: int
) -> tuple[np.ndarray, int]:
    """Minimise ½wᵀKw − κᵀw within the bounds: accelerated, and started again whenever the momentum points uphill."""
    step = 1 / kernel.sum(axis=1).max()  # the largest row sum of a matrix without negatives bounds its eigenvalues
    weights = ahead = _projected(np.ones(len(pull)), limit, tolerance)
    momentum, before = 1.0, np.inf
    for done in range(1, iterations + 1):
        new = _projected(ahead - step * (kernel @ ahead - pull), limit, tolerance)
        if done % LOOK == 0:
            now = new @ (kernel @ new - 2 * pull) / len(new) ** 2
            if before - now <= SETTLED:
                return new, done
            before = now
        momentum = 1.0 if (ahead - new) @ (new - weights) > 0 else momentum
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / following * (new - weights)
        weights, momentum = new, following
    warnings.warn(
        f"Kernel mean matching did not settle in {iterations} steps: raise iterations, or the bandwidth.",
        ConvergenceWarning,
        stacklevel=3,
    )
    return weights, iterations


def _projected(values: np.ndarray, limit: float, tolerance: float) -> np.ndarray:
    """The nearest point with 0 ≤ w ≤ B and |mean(w) − 1| ≤ ε: the values, shifted by one number for all, and cut."""
    cut = values.clip(0, limit)
    mean = cut.mean().clip(max(1 - tolerance, 0), min(1 + tolerance, limit))
    if mean == cut.mean():
        return cut
    shift = brentq(
        lambda s: (values - s).clip(0, limit).mean() - mean, values.min() - limit, values.max(), xtol=1e-14, rtol=1e-14
    )
    return (values - shift).clip(0, limit)
