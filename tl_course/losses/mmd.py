"""Adapting to a target without its labels: the maximum mean discrepancy."""

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from tl_course.losses._precision import in_full_precision
from tl_course.losses._samples import check_samples
from tl_course.losses.adaptation import Adaptation
from tl_course.losses.kernels import WIDE, Kernel, check_kernel, linear_kernel, median_bandwidth, polynomial_kernel

if TYPE_CHECKING:
    from tl_course.data import Task


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
    check_samples(source, target, "MMD²")
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


class MMD(Adaptation):
    """Adds weight·MMD²: the features of both domains get the same distribution, as far as a kernel sees it.

    Parameters
    ----------
    model, target, weight, layer, batch_norm, batch_size, seed, base
        See `Adaptation`, which says what becomes of BatchNorm.
    kernel, bandwidth, unbiased
        See `mmd2`. The unbiased estimate may be negative.

    Raises
    ------
    ValueError
        As `Adaptation`, and if there is no such kernel; when called with a source batch of one example.

    Notes
    -----
    Long et al., "Learning transferable features with deep adaptation networks", ICML 2015, in its form with one layer
    and one kernel. The term is called ``mmd``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.randn(6, 8), torch.tensor([0, 1] * 3))
    >>> target = Task("t", "Target", "features", ("a", "b"), part, part, part, "made up")
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> list(MMD(model, target, kernel="laplacian")(model, batch))
    ['cross_entropy', 'mmd']
    """

    term = "mmd"

    def __init__(
        self,
        model: nn.Module,
        target: "Task",
        *,
        kernel: str | Kernel = "gaussian",
        bandwidth: float | None = None,
        unbiased: bool = True,
        **options: Any,
    ):
        super().__init__(model, target, **options)
        check_kernel(kernel, bandwidth)
        self.kernel, self.bandwidth, self.unbiased = kernel, bandwidth, unbiased

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features."""
        return mmd2(source, target, self.kernel, bandwidth=self.bandwidth, unbiased=self.unbiased)
