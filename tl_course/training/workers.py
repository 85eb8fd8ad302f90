"""One process, or one of several that train together.

``accelerate launch --multi_gpu --num_processes N script.py`` starts one for each GPU; on CPUs, where accelerate's
launcher needs MPI, ``torchrun --nproc-per-node N script.py`` does.

How several share the work: each holds all raw examples and a whole copy of the model on its own device. All draw the
same batch (same seed) and prepare all of it; each then computes loss and gradients for its own rows. The gradients are
averaged, weighted by the number of rows, so that a step equals the step of one process with the same ``batch_size``,
for any number of processes: a BERT without dropout, or a frozen one, ends where it does in one process (to 1e-5
over 60 steps, tested). Two things make the runs alike, not equal. BatchNorm in training normalises each part by itself
(its running statistics are averaged whenever the run is logged). And with dropout each process draws masks for its own
rows, from ``seed`` plus its number, since all of them drawing the same would drop the same units in every part; this is
how a BERT drifts from one process, where AdamW makes a small difference of gradients a large one of weights.

The model is not wrapped: a loss sees the plain model, may run it several times, and layers may be unfrozen on the way.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tl_course import environment

if TYPE_CHECKING:
    from tl_course.data import Batch


@dataclass(frozen=True)
class Workers:
    """This process among those that train together.

    Parameters
    ----------
    device : torch.device
    rank, count : int
        Number of this process, from 0, and how many there are.

    Examples
    --------
    >>> workers = Workers(torch.device("cpu"))
    >>> workers.main, workers.mean(torch.ones(2))
    (True, tensor([1., 1.]))
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @classmethod
    def join(cls) -> Workers:
        """Find out whether a launcher started several processes, and meet them; a single one has none to meet."""
        device = environment.current().device
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            return cls(device)
        from accelerate import PartialState

        state = PartialState(cpu=device.type == "cpu")
        return cls(state.device, state.process_index, state.num_processes)

    @property
    def main(self) -> bool:
        """Whether this is the process that writes files and shows a progress bar."""
        return self.rank == 0

    def part(self, batch: Batch) -> tuple[Batch, float]:
        """Return this process's rows of a batch, and what its mean loss counts for in the mean over processes.

        A process for which there is no row computes on the first one, and counts for nothing.
        """
        if self.count == 1:
            return batch, 1.0
        size = len(batch.labels)
        weight = len(range(size)[self.rank :: self.count]) * self.count / size
        rows = slice(self.rank, None, self.count) if weight else slice(1)
        inputs = batch.inputs
        mine = inputs[rows] if isinstance(inputs, Tensor) else {name: value[rows] for name, value in inputs.items()}
        return dataclasses.replace(batch, inputs=mine, labels=batch.labels[rows], index=batch.index[rows]), weight

    def mean(self, tensor: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.count == 1:
            return tensor
        from accelerate.utils import reduce

        return reduce(tensor, "mean")

    def average_gradients(self, optimizer: torch.optim.Optimizer, weight: float) -> None:
        """Put the weighted mean over the processes in place of each gradient."""
        if self.count == 1:
            return
        parameters = (parameter for group in optimizer.param_groups for parameter in group["params"])
        self._average([parameter.grad for parameter in parameters if parameter.grad is not None], weight)

    def average_buffers(self, model: nn.Module) -> None:
        """Put the mean over the processes in place of each running statistic."""
        if self.count > 1:
            self._average([buffer for buffer in model.buffers() if buffer.is_floating_point()], 1.0)

    def same_start(self, modules: Iterable[nn.Module]) -> None:
        """Give every process the weights of the first."""
        if self.count == 1:
            return
        from accelerate.utils import broadcast

        for module in modules:
            for tensor in (*module.parameters(), *module.buffers()):
                broadcast(tensor.data)

    def gather(self, value: Any) -> list[Any]:
        """Return the objects of all processes, in their order."""
        if self.count == 1:
            return [value]
        from accelerate.utils import gather_object

        return gather_object([value])

    def _average(self, tensors: list[Tensor], weight: float) -> None:
        if tensors:  # one message for all of them
            averaged = self.mean(torch.cat([tensor.reshape(-1) for tensor in tensors]) * weight)
            for tensor, mean in zip(tensors, averaged.split([t.numel() for t in tensors]), strict=True):
                tensor.copy_(mean.view_as(tensor))
