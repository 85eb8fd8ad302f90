"""Losses are watched without waiting for them, and a run that breaks goes back to its last good state.

Reading a loss (``loss.item()``) makes the processor wait until the device has computed it. So a step only keeps the
tensor; all of them are read together every so many steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tl_course.training.workers import Workers

# A loss that grew this much before it broke points to the learning rate.
GREW = 3.0


class NonFiniteError(FloatingPointError):
    """A loss or a weight became NaN or infinite; the model is back in its last good state.

    Attributes
    ----------
    step : int
        The first step (1 is the run's first) whose loss, or after which a weight, was not finite.
    terms : tuple of str
        Names of the terms that were not finite; empty when only weights were not.
    """

    def __init__(self, message: str, step: int, terms: tuple[str, ...] = ()):
        super().__init__(message)
        self.step, self.terms = step, terms


class Snapshot:
    """A copy of tensors, on their device, to which they can go back.

    Parameters
    ----------
    tensors : iterable of Tensor

    Examples
    --------
    >>> weight = torch.zeros(2)
    >>> snapshot = Snapshot([weight])
    >>> snapshot.take()
    >>> _ = weight.add_(1)
    >>> snapshot.restore()
    >>> weight
    tensor([0., 0.])
    """

    def __init__(self, tensors: Iterable[Tensor]):
        self.tensors = [tensor.detach() for tensor in tensors]
        self.copies: list[Tensor] = []

    def take(self) -> None:
        """Remember how things are now."""
        if [_form(copy) for copy in self.copies] == [_form(tensor) for tensor in self.tensors]:
            for copy, tensor in zip(self.copies, self.tensors, strict=True):  # in place: two sets of copies are many
                copy.copy_(tensor)
        else:
            self.copies = [tensor.clone() for tensor in self.tensors]

    def restore(self) -> None:
        """Put back what was remembered; nothing if nothing was."""
        for tensor, copy in zip(self.tensors, self.copies, strict=False):
            tensor.copy_(copy)


def _form(tensor: Tensor) -> tuple:
    return tensor.shape, tensor.dtype, tensor.device


class FiniteCheck:
    """Keeps the losses of the steps and reads them together.

    Parameters and what normalisation layers keep must be finite before training, and stay so. A buffer may hold an
    infinity on purpose (an attention mask holds −inf, an observer's smallest value begins at inf): one that does so
    before training may do so later. NaN is refused everywhere.

    Parameters
    ----------
    model : nn.Module
    movable : list of Tensor
        What training changes; goes back to the last good state when something breaks.
    batch_at : callable of int to Batch
        Makes the batch of a step again, to look into it.
    rate_at : callable of int to float
        The learning rate of a step, for the message.
    workers : Workers

    Attributes
    ----------
    good_step : int
        The step after which everything was last found good; 0 before the first.

    Raises
    ------
    ValueError
        When weights are not finite before training.

    Examples
    --------
    >>> layer = nn.Linear(2, 1)
    >>> check = FiniteCheck(layer, list(layer.parameters()), None, lambda step: 0.1, Workers(torch.device("cpu")))
    >>> for loss in (0.5, 0.25):
    ...     check.note(("cross_entropy",), torch.tensor([loss]), 1.0)
    >>> check.inspect(steps=2)
    {'cross_entropy': 0.375}
    """

    def __init__(
        self,
        model: nn.Module,
        movable: list[Tensor],
        batch_at: Callable[[int], object],
        rate_at: Callable[[int], float],
        workers: Workers,
    ):
        unfinished = _check_before(model)
        self.batch_at, self.rate_at, self.workers = batch_at, rate_at, workers
        self.good, self.good_step = Snapshot(movable), 0
        floating = [tensor for tensor in self.good.tensors if tensor.is_floating_point()]
        self.finite = [tensor for tensor in floating if tensor.data_ptr() not in unfinished]
        self.without_nan = [tensor for tensor in floating if tensor.data_ptr() in unfinished]
        self.good.take()
        self.names: tuple[str, ...] = ()
        self.rows: list[Tensor] = []
        self.shares: list[float] = []
        self.before = math.inf  # the mean loss of the last good interval

    def begin(self, steps: int) -> None:
        """Take the present state, after so many steps, for a good one."""
        self.good.take()
        self.good_step = steps

    def go_back(self) -> int:
        """Put everything back where it was last found good, and return after which step that was."""
        self.good.restore()
        self.rows, self.shares = [], []
        return self.good_step

    def note(self, names: tuple[str, ...], values: Tensor, share: float) -> None:
        """Keep the terms of a step's loss as they lie on the device."""
        if names != self.names:
            if self.names:
                raise ValueError(
                    f"the loss named its terms {', '.join(self.names)} and now {', '.join(names)}; give the same terms "
                    "in every step, 0 where one does not apply."
                )
            self.names = names
        self.rows.append(values.detach())
        self.shares.append(share)

    def inspect(self, steps: int) -> dict[str, float]:
        """Read what was kept since the last time; return the mean of each term.

        Parameters
        ----------
        steps : int
            How many steps have been done.

        Raises
        ------
        NonFiniteError
            When a loss or a weight is not finite; the model is then back where it was at the last inspection.
        """
        rows = torch.stack(self.rows).float()
        if self.workers.count > 1:
            rows = self.workers.mean(rows * torch.tensor(self.shares, device=rows.device).unsqueeze(1))
        # the one place where the processor waits for the device
        *losses, whole = torch.cat([rows.flatten(), self._whole().to(rows).view(1)]).tolist()
        width = len(self.names)
        table = [losses[start : start + width] for start in range(0, len(losses), width)]
        first = steps - len(table) + 1
        self.rows, self.shares = [], []
        for number, row in enumerate(table):
            if not all(map(math.isfinite, row)):
                self._stop(first + number, row, [sum(r) for r in table[:number]])
        if not whole:
            self._stop(steps, None, [sum(r) for r in table])
        means = [math.fsum(column) / len(table) for column in zip(*table, strict=True)]
        self.before = sum(means)
        self.begin(steps)
        return dict(zip(self.names, means, strict=True))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the losses since the last look, for the mean of their interval."""
        rows = [row.cpu() for row in self.rows]
        return {"names": list(self.names), "rows": rows, "shares": self.shares, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self.names, self.shares, self.before = tuple(state["names"]), list(state["shares"]), state["before"]
        self.rows = [row.to(self.workers.device) for row in state["rows"]]

    def _whole(self) -> Tensor:
        """Whether everything is as it should be, on the device."""
        # The largest number, not the root of a sum of squares, which overflows where every number is finite.
        largest = nn.utils.get_total_norm(self.finite, math.inf)
        for tensor in self.without_nan:
            largest = torch.where(tensor.isnan().any(), math.nan, largest)
        return largest.isfinite()

    def _stop(self, step: int, row: list[float] | None, earlier: list[float]) -> None:
        last_good = self.go_back()
        terms = tuple(n for n, value in zip(self.names, row or [], strict=False) if not math.isfinite(value))
        what = (
            f"the loss {' and '.join(terms)} is not finite in step {step}"
            if terms
            else (f"every loss is finite up to step {step}, and a weight is not after it")
        )
        raise NonFiniteError(
            f"{what}; likely cause: {self._cause(step, terms, earlier)} The model is back where it was after step "
            f"{last_good}.",
            step,
            terms,
        )

    def _cause(self, step: int, terms: tuple[str, ...], earlier: list[float]) -> str:
        batch = self.batch_at(step - 1)
        bad = _bad_examples(batch)
        if bad:
            return f"the inputs of {bad} of the training split hold NaN or infinity; clean or leave them out."
        began = min([self.before, *earlier[:1]])
        highest = max(earlier, default=0.0)
        rate = self.rate_at(step - 1)
        if highest > GREW * began:
            return (
                f"the learning rate {rate:.3g} is too high (the loss had grown from {began:.3g} to "
                f"{highest:.3g}); try a tenth of it."
            )
        if not terms:
            return "a gradient that is not finite, as a square root or a norm has at 0; add a small constant inside it."
        if step == 1:
            return f"{terms[0]} itself, which breaks on the first batch: look for a logarithm or a quotient of 0."
        return (
            f"{terms[0]} took a logarithm or a quotient of 0, or one step at the learning rate {rate:.3g} "
            "went too far; look into that loss, or try a tenth of the rate."
        )


def _check_before(model: nn.Module) -> set[int]:
    """Refuse weights that are broken before training; return where the buffers lie that hold infinities on purpose."""
    normalising = [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._NormBase)]
    statistics = {buffer.data_ptr() for part in normalising for buffer in part.buffers()}
    unfinished = set()
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if tensor.isfinite().all():
            continue
        if isinstance(tensor, nn.Parameter) or tensor.data_ptr() in statistics:
            raise ValueError(f"{name} holds NaN or infinity before training; load or create the model again.")
        if tensor.isnan().any():
            raise ValueError(f"{name} holds NaN before training; load or create the model again.")
        unfinished.add(tensor.data_ptr())
    return unfinished


def _bad_examples(batch: object) -> str:
    inputs = batch.inputs
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        return ""
    bad = batch.index[~inputs.flatten(1).isfinite().all(dim=1)].tolist()
    more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
    return f"example{'s' * (len(bad) > 1)} {', '.join(map(str, bad[:3]))}{more}" if bad else ""
