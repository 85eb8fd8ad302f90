"""A batch that several processes share out among themselves, for losses that need to see all of it.

``fit`` in several processes gives each its own rows of a batch, and takes the mean of their gradients, weighted by the
numbers of rows. That is right for a loss that is a mean over examples. A covariance, a kernel, singular values and
distances within a batch are not such means: their mean over parts is not the value of the whole.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, distributed

from tl_course.losses._precision import full

if TYPE_CHECKING:
    from tl_course.data import Batch


def of_whole_batch(features: Tensor, batch: "Batch") -> Tensor:
    """The features of all rows of a batch, of which this process has computed its own.

    Parameters
    ----------
    features : Tensor, n×d
        Of this process's rows.
    batch : Batch
        This process's part. Its ``index`` tells a row that was only lent, so that no process goes without, and a batch
        that each process has as a whole (`TransferRisk`'s source).

    Returns
    -------
    Tensor, N×d
        In one process the very same. In several the same rows in each, in the order of the processes. A gradient flows
        to the own ones, multiplied by N/n, as ``fit`` weighs each process by n/N: the weighted mean of the gradients is
        that of one process. Without gradients (an evaluation, which one process may do alone) nothing is gathered.
    """
    if not _shared() or not torch.is_grad_enabled():
        return features
    rank, marks = distributed.get_rank(), _marks(features, batch)
    if len(set(marks)) == 1:  # each has the same rows
        return features
    sizes = [0 if (size, first) in marks[:place] else size for place, (size, first) in enumerate(marks)]
    parts = _gathered(full(features), max(size for size, _ in marks))
    if sizes[rank]:
        parts[rank] = _Weighed.apply(full(features), sum(sizes) / sizes[rank])
    return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])


def share_of_tokens(mask: Tensor, batch: "Batch") -> Tensor | float:
    """What this process's mean over tokens counts for, beside what ``fit`` weighs it by: 1 in one process.

    Parameters
    ----------
    mask : Tensor
        True, or not 0, where a token of this process's rows counts.
    batch : Batch
        This process's part.

    Returns
    -------
    Tensor or float
        (its tokens/all tokens)·(all rows/its rows).
    """
    if not _shared() or not torch.is_grad_enabled():
        return 1.0
    marks = _marks(mask, batch)
    if len(set(marks)) == 1:
        return 1.0
    sizes = [0 if mark in marks[:place] else mark[0] for place, mark in enumerate(marks)]
    tokens = (mask != 0).sum()
    counts = [torch.zeros_like(tokens) for _ in marks]
    distributed.all_gather(counts, tokens)
    own, rank = sizes[distributed.get_rank()], distributed.get_rank()
    everywhere = torch.stack([count * (size > 0) for count, size in zip(counts, sizes, strict=True)]).sum()
    return counts[rank] / everywhere.clamp(min=1) * (sum(sizes) / own if own else 0.0)


def _shared() -> bool:
    return distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1


def _marks(rows: Tensor, batch: "Batch") -> list[tuple[int, int]]:
    """How many rows each process has, and the number of its first example, by which parts that are the same show."""
    index = getattr(batch, "index", None)
    first = -1 - distributed.get_rank() if index is None else int(index[0])
    own = torch.tensor([len(rows), first], device=rows.device)
    marks = [torch.zeros_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(marks, own)
    return [tuple(mark.tolist()) for mark in marks]


def _gathered(features: Tensor, size: int) -> list[Tensor]:
    """What each process has, filled up with zeros to that many rows, without gradients."""
    own = features.new_zeros(size, *features.shape[1:])
    own[: len(features)] = features.detach()
    parts = [torch.empty_like(own) for _ in range(distributed.get_world_size())]
    distributed.all_gather(parts, own)
    return parts


class _Weighed(torch.autograd.Function):
    """Forward the identity, backward a factor."""

    @staticmethod
    def forward(ctx, features: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.factor * gradient, None
