"""Batches of a target task without its labels, beside those of the source."""

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy
import torch
from torch import Tensor, nn

from tl_course.plain_numbers import whole_number

if TYPE_CHECKING:
    from tl_course.data import Batch, Batches, Task

# Source and target drawn in one order would meet example by example: where the target is made from the source's
# pictures (MNIST-M from MNIST), or both are sorted alike, that would tell classes.
APART = 1


class Unlabelled:
    """Inputs of a target's training split, one full batch a step, without end. The labels are dropped here.

    Parameters
    ----------
    task : Task
    batch_size : int
        At least 1; all examples where there are fewer.
    seed : int
        Of order and augmentation; another order than ``fit`` draws from the same seed.

    Raises
    ------
    ValueError
        If the split is empty or the batch size is below 1.
    """

    def __init__(self, task: "Task", *, batch_size: int, seed: int):
        batch_size, seed = whole_number("batch_size", batch_size), whole_number("seed", seed)
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size} is not a number of target examples; give at least 1.")
        count = len(task.train)
        if not count:
            raise ValueError(f"The train split of {task.title} is empty: give a target with training examples.")
        hidden = dataclasses.replace(task.train, labels=torch.zeros(count, dtype=torch.int64))
        self.task = dataclasses.replace(task, train=hidden, validation=hidden.subset([]), test=hidden.subset([]))
        self.batch_size, self.drawn = min(batch_size, count), 0
        self._seed = int(numpy.random.SeedSequence([seed % 2**63, APART]).generate_state(1)[0])
        self._batches: Batches | None = None
        self._stream: Iterator[Batch] | None = None

    def draw(self, model: nn.Module, device: torch.device) -> Tensor | dict[str, Tensor]:
        """The next inputs, as the model wants them."""
        from tl_course import data

        if self._batches is None:
            self._batches = data.batches(self.task, model, batch_size=self.batch_size, seed=self._seed, device=device)
        if self._stream is None:
            self._stream = self._endless()
        inputs = next(self._stream).inputs
        self.drawn += 1
        return inputs

    def go_to(self, drawn: int) -> None:
        """Go on after so many batches."""
        self.drawn, self._stream = drawn, None

    def _endless(self) -> "Iterator[Batch]":
        skip = self.drawn % self._a_pass
        self._batches.epoch = self.drawn // self._a_pass
        while True:
            full = (batch for batch in self._batches if len(batch) == self.batch_size)
            for place, batch in enumerate(full):
                if place >= skip:
                    yield batch
            skip = 0

    @property
    def _a_pass(self) -> int:
        return len(self.task.train) // self.batch_size
