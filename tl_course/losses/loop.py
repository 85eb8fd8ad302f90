"""Losses for the training loop: ``loss(model, batch)`` returns named scalar terms, which the loop sums and logs.

A batch needs ``inputs`` (a tensor or a dict of tensors) and ``labels``.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._inside import logits, total
from tl_course.losses.functions import check_share

if TYPE_CHECKING:
    from tl_course.data import Batch

Loss = Callable[[nn.Module, "Batch"], dict[str, Tensor]]


def cross_entropy(model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
    """Cross-entropy of the model's logits with the batch's labels, the mean over the batch.

    Parameters
    ----------
    model : nn.Module
        Gives N×C logits for the batch's inputs.
    batch : Batch
        N examples.

    Returns
    -------
    dict
        ``{"cross_entropy": scalar}``

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(inputs=torch.zeros(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> model = torch.nn.Linear(8, 2, bias=False)
    >>> cross_entropy(model, batch)["cross_entropy"].detach()  # undecided between two classes: log 2
    tensor(0.6931)
    """
    return {"cross_entropy": F.cross_entropy(logits(model, batch.inputs), batch.labels)}


def check_inside(loss: Loss, outer: object) -> Loss:
    """The loss, unless it is a module: ``fit`` would neither train nor save what hides inside another loss."""
    if isinstance(loss, nn.Module):
        inner, outside = type(loss).__name__, type(outer).__name__
        raise ValueError(
            f"{inner} inside {outside} would never be trained or saved: put it outside, {inner}(…, base={outside}(…))."
        )
    return loss


class TransferRisk:
    """α·L_source + (1−α)·L_target: each step learns from a batch of the target and one of the source.

    Both losses train the weights that they share; a weight that only one of them uses learns nothing from the other.
    BatchNorm sees the two batches one after the other, source first. At α = 0 no source batch is drawn, at α = 1 the
    target's loss is not computed.

    Parameters
    ----------
    source : Batches, or another sequence of batches
        Source examples, drawn one batch a step and over again when they run out; of any batch size.
    alpha : float
        Weight of the source, in [0, 1].
    source_loss, target_loss : losses for the loop
        Where the source has other classes than the target, give the model a second head and the source its own loss,
        ``lambda model, batch: {"x": F.cross_entropy(model.source_head(model.embed(batch.inputs)), batch.labels)}``.

    Raises
    ------
    ValueError
        If α is not in [0, 1], the source has no batches, or a loss inside has something to learn.

    Notes
    -----
    See `transfer_risk`. Its terms are called ``source`` and ``target``. `state_dict` and `load_state_dict` keep the
    place in the source's batches, for training that is resumed.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> source = [SimpleNamespace(inputs=torch.ones(4, 8), labels=torch.zeros(4, dtype=torch.int64))]
    >>> target = SimpleNamespace(inputs=torch.zeros(4, 8), labels=torch.ones(4, dtype=torch.int64))
    >>> sorted(TransferRisk(source, alpha=0.3)(torch.nn.Linear(8, 2), target))
    ['source', 'target']
    """

    def __init__(
        self,
        source: Sequence["Batch"],
        alpha: float,
        *,
        source_loss: Loss = cross_entropy,
        target_loss: Loss = cross_entropy,
    ):
        check_share("alpha", alpha, "the target alone", "the source alone")
        if len(source) == 0:
            raise ValueError("The source has no batches: give TransferRisk at least one, or train on the target alone.")
        self.source, self.alpha = source, alpha
        self.source_loss, self.target_loss = check_inside(source_loss, self), check_inside(target_loss, self)
        self._drawn = 0
        self._stream = self._endless()

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        terms = {}
        if self.alpha > 0:
            terms["source"] = self.alpha * total(self.source_loss(model, next(self._stream)))
        if self.alpha < 1:
            terms["target"] = (1 - self.alpha) * total(self.target_loss(model, batch))
        return terms

    def state_dict(self) -> dict[str, int]:
        """How many source batches have been drawn."""
        return {"drawn": self._drawn}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on after the batches that were drawn when `state_dict` was called."""
        self._drawn = state["drawn"]
        self._stream = self._endless()

    def _endless(self) -> Iterator["Batch"]:
        while True:
            passes, skip = divmod(self._drawn, len(self.source))
            if hasattr(self.source, "epoch"):
                self.source.epoch = passes
            for batch in islice(self.source, skip, None):
                self._drawn += 1
                yield batch
