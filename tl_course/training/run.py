"""What a run of training leaves: its history, what it cost, and the trained model's answers."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tl_course import data, environment, metrics, models
from tl_course.data.task import Task
from tl_course.training.workers import Workers

# What of an entry of the history says how a run stands.
SHOWN = ("train_loss", "validation_accuracy", "validation_macro_f1")


@dataclass(eq=False)
class Run:
    """What :func:`tl_course.training.fit` returns, and :func:`tl_course.training.interrupted_run` after Ctrl-C.

    Attributes
    ----------
    model : nn.Module
        The trained model, in eval mode: the very object that was given to ``fit``.
    task : Task
    batch_size : int
    parameters : Parameters
        ``total`` and ``trainable`` numbers, at the end of the run.
    history : list of dict
        One entry for each logged interval: ``step`` (steps done) and ``epoch`` (passes done, with fraction);
        ``train_loss`` and each named term of it, means over the interval; ``validation_accuracy`` (None where it was
        not measured; no such key without a validation split), with ``validation_macro_f1`` where that
        decides; ``lr`` of the last group, the head's; ``seconds`` since the start.
    steps : int
        Steps done.
    seconds : float
        Wall-clock time of training with its evaluations, in all parts of a resumed run.
    interrupted : bool
        True when Ctrl-C ended it.
    best_step : int or None
        With early stopping: after which step the weights were those that ``model`` has now.
    warnings : list of str
        What speaks against the result, by the last evaluation on validation and the losses: one answer for every
        example, a class that is never answered, a loss that grew. ``print(run)`` shows them, too.

    Examples
    --------
    >>> run = Run(nn.Linear(2, 2), None, 8, models.count_parameters(nn.Linear(2, 2)))
    >>> run.history.append({"step": 5, "train_loss": 0.5, "validation_accuracy": 0.8})
    >>> run.metrics
    {'train_loss': 0.5, 'validation_accuracy': 0.8}
    """

    model: nn.Module = field(repr=False)
    task: Task = field(repr=False)
    batch_size: int
    parameters: models.structure.Parameters
    history: list[dict[str, Any]] = field(default_factory=list, repr=False)
    steps: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    best_step: int | None = None
    warnings: list[str] = field(default_factory=list, repr=False)

    @property
    def metrics(self) -> dict[str, float]:
        """The last ``train_loss``, and the scores on validation of the weights that were kept."""
        found = {}
        for entry in self.history:
            if self.best_step is not None and entry["step"] > self.best_step:
                break
            found |= {name: entry[name] for name in SHOWN if entry.get(name) is not None}
        return found

    def logits(self, split: str = "test") -> Tensor:
        """Return the model's logits for a split, float32 N×C on the CPU, in the order of the split.

        Raises
        ------
        ValueError
            When the split is empty or has another name than "train", "validation" and "test".
        """
        options = {"batch_size": self.batch_size, "shuffle": False, "augment": (), "buckets": True}
        loader = data.batches(self.task, self.model, split, **options)
        with in_eval(self.model), autocast(loader.device):
            return data.per_example(loader, self._answer, said="answers").cpu()

    def _answer(self, batch: data.Batch) -> Tensor:
        return models.logits(self.model, batch.inputs).float()

    def predictions(self, split: str = "test") -> Tensor:
        """Return the predicted classes of a split, int64 N on the CPU, in the order of the split."""
        return self.logits(split).argmax(dim=1)

    def evaluate(self, split: str = "test") -> metrics.Interval:
        """Return the accuracy on a split, with its Wilson interval.

        Nothing is chosen by the test split; looking at it again and again and choosing by it is your doing. The value
        of an interrupted run is an :class:`InterruptedValue`, which lies in no band of recorded runs.
        """
        found = metrics.accuracy(getattr(self.task, split).labels, self.predictions(split))
        return dataclasses.replace(found, value=InterruptedValue(found.value)) if self.interrupted else found

    def __str__(self) -> str:
        name = getattr(getattr(self.model, "spec", None), "name", type(self.model).__name__)
        values = "".join(f", {key.replace('_', ' ')} {value:.3f}" for key, value in self.metrics.items())
        total, trainable = self.parameters
        ended = " (interrupted)" if self.interrupted else ""
        return (
            f"{name} on {self.task.title}: {self.steps} steps in {self.seconds:.1f} s{ended}, {trainable:,} of "
            f"{total:,} parameters trained{values}" + "".join(f"\nWarning: {sentence}" for sentence in self.warnings)
        )

    __repr__ = __str__


class InterruptedValue(float):
    """A result of an interrupted run: a number like any other, but no band of recorded, whole runs holds it.

    The mark is lost in arithmetic: ``1 - value`` is a plain number.

    >>> InterruptedValue(0.5) == 0.5, InterruptedValue(0.5).interrupted
    (True, True)
    """

    interrupted = True


@contextlib.contextmanager
def in_eval(model: nn.Module) -> Iterator[None]:
    """Run a model in eval and without gradients inside the block; afterwards each module is in the mode it had.

    >>> model = nn.Dropout()
    >>> with in_eval(model):
    ...     model.training, torch.is_grad_enabled()
    (False, False)
    >>> model.training
    True
    """
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def autocast(device: torch.device) -> torch.autocast:
    """Return the context in which a model runs in the precision of this process, see :mod:`tl_course.environment`.

    >>> _ = environment.setup(precision="fp32", device="cpu", quiet=True)
    >>> with autocast(torch.device("cpu")):
    ...     nn.Linear(2, 2)(torch.zeros(1, 2)).dtype
    torch.float32
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=environment.current().precision == "bf16")


def validation_answers(model: nn.Module, loader: data.Batches, count: int, workers: Workers) -> Tensor:
    """Return the classes that a model answers for a split of so many examples, int64 N on the CPU, in its order.

    Several processes share the work.

    >>> from tl_course.data.task import Split
    >>> part = Split(torch.eye(2), torch.tensor([0, 1]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> model = nn.Linear(2, 2, bias=False)
    >>> model.weight.data = torch.eye(2)
    >>> validation_answers(model, data.batches(task, model, "validation"), 2, Workers(torch.device("cpu")))
    tensor([0, 1])
    """
    found = torch.zeros(count, device=loader.device)
    with in_eval(model), autocast(loader.device):
        for batch in loader:
            mine, weight = workers.part(batch)
            said = models.logits(model, mine.inputs).argmax(dim=1)
            if weight:  # a process without a row was given one to keep it busy
                found[mine.index] = said.float()
    return (workers.mean(found) * workers.count).round().to(torch.int64).cpu()
