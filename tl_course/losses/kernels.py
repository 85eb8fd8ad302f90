"""Kernels: how alike two examples are, of every row of one sample with every row of another."""

from collections.abc import Callable

import torch
from torch import Tensor

from tl_course.losses._precision import in_full_precision
from tl_course.plain_numbers import real_number, whole_number

Kernel = Callable[[Tensor, Tensor], Tensor]


@in_full_precision
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
    return torch.exp(-distances.square() / (2 * _width(bandwidth) ** 2))


@in_full_precision
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
    return torch.exp(-torch.cdist(x, y, p=1.0) / _width(bandwidth))


@in_full_precision
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


@in_full_precision
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
    return (x @ y.T / x.shape[1] + 1) ** whole_number("degree", degree, least=1)


@in_full_precision
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
    distances = torch.cdist(pooled, pooled, p=real_number("p", p), compute_mode="donot_use_mm_for_euclid_dist")
    return distances.where(distances > 0, torch.nan).nanmedian().nan_to_num(1.0)


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
    if bandwidth is not None and not isinstance(bandwidth, Tensor) and not real_number("bandwidth", bandwidth) > 0:
        raise ValueError(f"bandwidth={bandwidth} must be above 0, or None for the median of the distances.")


def _width(bandwidth: float | Tensor) -> float | Tensor:
    return bandwidth if isinstance(bandwidth, Tensor) else real_number("bandwidth", bandwidth)
