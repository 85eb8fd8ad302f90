"""Fine-tuning that does not cling to the source: batch spectral shrinkage."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tl_course.losses._features import caught, only
from tl_course.losses._precision import full
from tl_course.losses._processes import of_whole_batch
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import Loss, check_inside
from tl_course.plain_numbers import real_number, whole_number

if TYPE_CHECKING:
    from tl_course.data import Batch


def bss(features: Tensor, k: int = 1) -> Tensor:
    """Σ_{i≤k} σ²_{−i}: the squares of the k smallest singular values of a batch's features, to be shrunk.

    Directions in which the features hardly spread are where the source's knowledge fits the target least.

    Parameters
    ----------
    features : Tensor, N×D
        One row for each example of the batch. Half precision is computed in float32.
    k : int
        How many singular values, 1 ≤ k ≤ min(N, D).

    Returns
    -------
    Tensor
        A scalar. Its gradient is finite also where singular values are equal or zero, as it needs the values alone.
        Features that are not finite give NaN, as any other loss does, and no error of the decomposition.

    Raises
    ------
    ValueError
        If the features are no matrix or k does not fit it.

    Notes
    -----
    Chen et al., "Catastrophic forgetting meets negative transfer: Batch spectral shrinkage for safe transfer learning",
    NeurIPS 2019, with k = 1 and strength 0.001. On a GPU the decomposition waits for the device.

    Examples
    --------
    >>> import torch
    >>> bss(torch.diag(torch.tensor([3.0, 2.0, 1.0])), k=2)
    tensor(5.)
    """
    k = whole_number("k", k)
    if features.ndim != 2 or not 1 <= k <= min(features.shape):
        raise ValueError(
            f"k={k} smallest singular values of features of shape {tuple(features.shape)}: "
            "BSS needs an N×D matrix and 1 ≤ k ≤ min(N, D)."
        )
    features = full(features)
    finite = features.isfinite()
    values = torch.linalg.svdvals(features.where(finite, 0))  # largest first
    return values[-k:].square().sum().where(finite.all(), torch.nan)


class BSS:
    """Adds weight·Σ_{i≤k} σ²_{−i} of the features that go into the head: suppresses what transfers least.

    The features are caught in the base loss's forward pass. With a frozen backbone they cannot move, and the term does
    nothing. A last batch of fewer than k examples uses all its singular values.

    Parameters
    ----------
    weight : float
        Strength; the paper's is 0.001.
    k : int
        How many of the smallest singular values, at least 1.
    base : loss for the loop
        The loss to which the term is added, for example `L2SP`, or `DELTA`.

    Raises
    ------
    ValueError
        If k < 1, or (when called) the model has no head, k exceeds the features' width, or the head runs twice.

    Notes
    -----
    See `bss`; the term is called ``bss``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(6, 8), labels=torch.tensor([0, 1, 0, 1, 0, 1]))
    >>> sorted(BSS(k=2)(model, batch))
    ['bss', 'cross_entropy']
    """

    def __init__(self, *, weight: float = 0.001, k: int = 1, base: Loss = cross_entropy):
        self.k = whole_number("k", k)
        if self.k < 1:
            raise ValueError(f"k={k}: BSS shrinks at least one singular value.")
        self.weight, self.base = real_number("weight", weight), check_inside(base, self)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        with caught(model, [None]) as found:
            terms = self.base(model, batch)
        features = of_whole_batch(only(found, None, "BSS"), batch)
        return {**terms, "bss": self.weight * bss(features, min(self.k, len(features)))}
