"""Learning from source and target together: the weighted sum of their losses."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from torch import Tensor, nn

from tl_course.losses._options import share
from tl_course.losses._precision import full
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import Loss, check_inside, total

if TYPE_CHECKING:
    from tl_course.data import Batch

Lazy = Tensor | Callable[[], Tensor]


def transfer_risk(source_loss: Lazy, target_loss: Lazy, alpha: float) -> Tensor:
    """α·L_source + (1−α)·L_target, where α is the weight of the *source*.

    Parameters
    ----------
    source_loss, target_loss : scalar Tensor, or a callable that returns one
        Each a mean over its own examples. At α = 0 and α = 1 the other one is left out altogether: a callable is not
        called, and a tensor stays out of the graph, so that even NaN in it does no harm.
    alpha : float
        0 learns from the target alone, 1 from the source alone.

    Returns
    -------
    Tensor
        A scalar; at α = 0 and α = 1 exactly the one loss. Half precision is added up in float32.

    Raises
    ------
    ValueError
        If α is not in [0, 1].

    Notes
    -----
    Ben-David et al., "A theory of learning from different domains", Machine Learning 79 (2010), whose α weighs the
    target instead. The two losses can teach each other only through weights that they share.

    Examples
    --------
    >>> import torch
    >>> transfer_risk(torch.tensor(1.0), torch.tensor(3.0), 0.25)
    tensor(2.5000)
    >>> transfer_risk(lambda: torch.tensor(float("nan")), lambda: torch.tensor(3.0), 0)
    tensor(3.)
    """
    alpha = share("alpha", alpha, "the target alone", "the source alone")
    if alpha == 0:
        return _value(target_loss)
    if alpha == 1:
        return _value(source_loss)
    return alpha * _value(source_loss) + (1 - alpha) * _value(target_loss)


def _value(loss: Lazy) -> Tensor:
    return full(loss() if callable(loss) else loss)


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
        alpha = share("alpha", alpha, "the target alone", "the source alone")
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
