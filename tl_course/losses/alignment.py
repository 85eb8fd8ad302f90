"""Two samples made alike, as pure functions: CORAL, and the maximum mean discrepancy with its kernels."""

from collections.abc import Callable

import torch
from torch import Tensor

from tl_course.losses._precision import in_full_precision

Kernel = Callable[[Tensor, Tensor], Tensor]


@in_full_precision
def coral(source: Tensor, target: Tensor) -> Tensor:
    """‖C_s − C_t‖²_F / (4d²): how far two samples' covariances are from each other.

    Parameters
    ----------
    source : Tensor, n×d
    target : Tensor, m×d
        Features of the two domains; n and m ≥ 2 may differ. Gradients flow to both.

    Returns
    -------
    Tensor
        A scalar: 0 exactly where the covariances (with n − 1) are equal. It does not see the means, and is multiplied
        by c⁴ when both samples are multiplied by c.

    Raises
    ------
    ValueError
        If the widths differ, or a sample has fewer than two rows: one row has no covariance.

    Notes
    -----
    Sun and Saenko, "Deep CORAL", ECCV 2016 workshops. The division by 4d² makes it small: weights of 1 to 100 are
    usual. Some published code adds the distance of the means, or leaves out the 4.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> coral(x, x + 7), coral(x, 2 * x)
    (tensor(0.), tensor(0.5000))
    """
    _check_samples(source, target, "CORAL")
    gap = _covariance(source) - _covariance(target)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(dim=0)
    return centred.T @ centred / (len(x) - 1)


def _check_samples(source: Tensor, target: Tensor, who: str) -> None:
    if source.ndim != 2 or target.ndim != 2 or source.shape[1] != target.shape[1]:
        raise ValueError(
            f"{who} compares features n×d and m×d of one width, not {tuple(source.shape)} and {tuple(target.shape)}."
        )
    if min(len(source), len(target)) < 2:
        raise ValueError(
            f"{who} needs at least two examples of each domain and has {len(source)} and {len(target)}: choose a "
            "batch_size that leaves no single one over."
        )


def gaussian_kernel(x: Tensor, y: Tensor, bandwidth: float | Tensor) -> Tensor:
    """k(x, y) = exp(−‖x − y‖₂²/(2σ²)), of every row with every row.

    Parameters
    ----------
    x, y : Tensor, n×d and m×d
    bandwidth : float or scalar Tensor
        σ > 0, in the unit of the features. The exponent has the *squared* distance.

    Returns
    -------
    Tensor
        n×m.

    Notes
    -----
    It is characteristic: MMD² with it is 0 only for equal distributions (Gretton et al. 2012).

    Examples
    --------
    >>> import torch
    >>> gaussian_kernel(torch.zeros(1, 2), torch.tensor([[0.0, 0.0], [3.0, 4.0]]), bandwidth=5.0)
    tensor([[1.0000, 0.6065]])
    """
    distances = torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
    return torch.exp(-distances.square() / (2 * bandwidth**2))


def laplacian_kernel(x: Tensor, y: Tensor, bandwidth: float | Tensor) -> Tensor:
    """k(x, y) = exp(−‖x − y‖₁/σ), of every row with every row: longer tails than the Gaussian, also characteristic.

    Parameters
    ----------
    x, y : Tensor, n×d and m×d
    bandwidth : float or scalar Tensor
        σ > 0, in the unit of the features summed over d.

    Returns
    -------
    Tensor
        n×m, as scikit-learn's ``laplacian_kernel`` with γ = 1/σ.

    Examples
    --------
    >>> import torch
    >>> laplacian_kernel(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]), bandwidth=7.0)
    tensor([[0.3679]])
    """
    return torch.exp(-torch.cdist(x, y, p=1.0) / bandwidth)


def linear_kernel(x: Tensor, y: Tensor) -> Tensor:
    """k(x, y) = ⟨x, y⟩, of every row with every row: MMD² is then the squared distance of the means, and sees no more.

    Parameters
    ----------
    x, y : Tensor, n×d and m×d

    Returns
    -------
    Tensor
        n×m.

    Examples
    --------
    >>> import torch
    >>> linear_kernel(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[11.]])
    """
    return x @ y.T


def polynomial_kernel(x: Tensor, y: Tensor, degree: int = 2) -> Tensor:
    """k(x, y) = (⟨x, y⟩/d + 1)^degree, of every row with every row: compares moments up to that degree.

    Parameters
    ----------
    x, y : Tensor, n×d and m×d
    degree : int
        At least 1.

    Returns
    -------
    Tensor
        n×m, as scikit-learn's ``polynomial_kernel``.

    Examples
    --------
    >>> import torch
    >>> polynomial_kernel(torch.tensor([[1.0, 1.0]]), torch.tensor([[2.0, 0.0]]))
    tensor([[4.]])
    """
    return (x @ y.T / x.shape[1] + 1) ** degree


def median_bandwidth(x: Tensor, y: Tensor, p: float = 2.0) -> Tensor:
    """The median of the distances that are not zero, between all rows of both samples: the usual guess at σ.

    Parameters
    ----------
    x, y : Tensor, n×d and m×d
    p : float
        2 for Euclidean distances (Gaussian kernel), 1 for sums of differences (Laplacian).

    Returns
    -------
    Tensor
        A scalar without gradient: training must not lower a discrepancy by widening its own kernel. 1 where all rows
        are equal. Of an even number of distances the lower middle one, as ``torch.median``.

    Notes
    -----
    Gretton et al. (2012), section 8. Zeros are left out: with the N distances of rows to themselves, and with features
    that a ReLU switched off, the median could be 0.

    Examples
    --------
    >>> import torch
    >>> median_bandwidth(torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [5.0]]))
    tensor(4.)
    """
    pooled = torch.cat([x, y]).detach()
    distances = torch.cdist(pooled, pooled, p=p, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.where(distances > 0, torch.nan).nanmedian().nan_to_num(1.0)


@in_full_precision
def mmd2(
    source: Tensor,
    target: Tensor,
    kernel: str | Kernel = "gaussian",
    *,
    bandwidth: float | Tensor | None = None,
    unbiased: bool = True,
) -> Tensor:
    """MMD² = E k(x, x′) + E k(y, y′) − 2·E k(x, y): how far two samples' distributions are apart, seen by a kernel.

    Parameters
    ----------
    source : Tensor, n×d
    target : Tensor, m×d
        Features of the two domains; n and m ≥ 2 may differ. Gradients flow to both.
    kernel : {"gaussian", "laplacian", "linear", "polynomial"} or callable
        A callable ``kernel(x, y) -> n×m``.
    bandwidth : float, optional
        σ of the Gaussian and the Laplacian kernel; `median_bandwidth` of these two samples if not given.
    unbiased : bool
        True leaves out each example's kernel with itself and divides by n(n − 1): zero *on average* for equal
        distributions, and so often negative. False takes the mean of all, n²: never negative, and about
        (2/n)·(1 − E k) for two samples of n from one distribution and a kernel with k(x, x) = 1.

    Returns
    -------
    Tensor
        A scalar.

    Raises
    ------
    ValueError
        If the widths differ, a sample has fewer than two rows, the kernel is unknown, or σ is not above 0.

    Notes
    -----
    Gretton et al., "A kernel two-sample test", JMLR 13 (2012), equations 3 and 5. A training loss from small batches
    sees mostly the estimator's noise: compare its value with that of two batches of one domain.

    Examples
    --------
    >>> import torch
    >>> x, y = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])
    >>> mmd2(x, y, "linear", unbiased=False), mmd2(x, y, "linear")  # the means are 4 apart
    (tensor(16.), tensor(14.))
    """
    _check_samples(source, target, "MMD²")
    k = _kernel(kernel, bandwidth, source, target)
    within = [_mean_within(k(x, x), unbiased) for x in (source, target)]
    return within[0] + within[1] - 2 * k(source, target).mean()


def _mean_within(values: Tensor, unbiased: bool) -> Tensor:
    if not unbiased:
        return values.mean()
    return (values.sum() - values.diagonal().sum()) / (len(values) * (len(values) - 1))


def _kernel(kernel: str | Kernel, bandwidth: float | Tensor | None, source: Tensor, target: Tensor) -> Kernel:
    if callable(kernel):
        return kernel
    check_kernel(kernel, bandwidth)
    if kernel in WIDE:
        function, p = WIDE[kernel]
        width = median_bandwidth(source, target, p) if bandwidth is None else bandwidth
        return lambda x, y: function(x, y, width)
    return linear_kernel if kernel == "linear" else polynomial_kernel


WIDE = {"gaussian": (gaussian_kernel, 2.0), "laplacian": (laplacian_kernel, 1.0)}


def check_kernel(kernel: str | Kernel, bandwidth: float | Tensor | None) -> None:
    """Refuse an unknown kernel, or a bandwidth that is none (ValueError).

    Examples
    --------
    >>> check_kernel("cubic", None)
    Traceback (most recent call last):
    ValueError: There is no kernel 'cubic': choose gaussian, laplacian, linear or polynomial, or give a function.
    """
    if not callable(kernel) and kernel not in (*WIDE, "linear", "polynomial"):
        raise ValueError(
            f"There is no kernel {kernel!r}: choose gaussian, laplacian, linear or polynomial, or give a function."
        )
    if isinstance(bandwidth, int | float) and not bandwidth > 0:
        raise ValueError(f"bandwidth={bandwidth} must be above 0, or None for the median of the distances.")
