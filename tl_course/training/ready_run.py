"""What a run needs beside its steps, made of the arguments of ``fit``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm

from tl_course import environment, models
from tl_course.data import Batch, Batches, Task, batches
from tl_course.plain_numbers import real_number, whole_number
from tl_course.training.checkpoint import Checkpoint, settings_of
from tl_course.training.collapse import Answers
from tl_course.training.finite_check import FiniteCheck
from tl_course.training.history import History
from tl_course.training.interrupting import Interrupts, StepStart
from tl_course.training.log_steps import LogSteps
from tl_course.training.optim import admit, make_optimizer, modules_of, parameter_groups, set_rates
from tl_course.training.run import Run, validation_answers
from tl_course.training.schedules import make_schedule
from tl_course.training.stopping import EarlyStopping
from tl_course.training.unfreezing import plain_steps, plan_unfreezing
from tl_course.training.workers import Workers

WHOLE = ("steps", "epochs", "batch_size", "patience", "log_every", "evaluate_every", "seed")
REAL = ("lr", "head_lr", "layer_decay", "weight_decay", "warmup", "seconds")
WRAPPERS = ("DataParallel", "DistributedDataParallel", "FullyShardedDataParallel")


class ReadyRun:
    """A run before its first step: model and loss in their place, batches, optimiser, and what watches over the run.

    Parameters
    ----------
    given : dict
        The arguments of ``fit``, from :func:`plain_settings`.

    Raises
    ------
    ValueError
        As ``fit``.

    Examples
    --------
    >>> import inspect
    >>> from tl_course import training
    >>> from tl_course.data import Split
    >>> part = Split(torch.eye(2), torch.tensor([0, 1]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> given = inspect.signature(training.fit).bind(nn.Linear(2, 2), task, steps=2, progress=False)
    >>> given.apply_defaults()
    >>> ready = ReadyRun(given.arguments)
    >>> ready.resume()
    >>> [(step, len(batch)) for step, batch in ready.steps_left()], ready.when.log(2)
    ([(0, 2), (1, 2)], True)
    """

    def __init__(self, given: Mapping[str, Any]):
        model, task, loss = given["model"], given["task"], given["loss"]
        refuse_wrappers(model)
        self.workers, self.model, self.bare = Workers.join(), model, without_compile(model)
        place(self.bare, task, loss, self.workers)
        size, device = given["batch_size"], self.workers.device
        options = {"batch_size": size, "augment": given["augment"], "seed": given["seed"], "device": device}
        self.train = batches(task, self.bare, "train", **options)
        self.held = batches(task, self.bare, "validation", batch_size=size, buckets=True) if task.validation else None
        lengths = {name: given[name] for name in ("steps", "epochs", "log_every", "evaluate_every")}
        self.when = LogSteps.of(len(self.train), **lengths)
        self.factor = make_schedule(given["schedule"], self.when.steps, given["warmup"])
        self.later, movable = plan_unfreezing(self.bare, loss, given["unfreeze"], self.when.steps)
        rates = {name: given[name] for name in ("lr", "head_lr", "layer_decay")}
        self._groups = partial(parameter_groups, self.bare, loss, **rates)
        self.optimizer = make_optimizer(given["optimizer"], self._groups(), given["weight_decay"])

        self.run = Run(model, task, size, models.count_parameters(self.bare))
        self._peak, self._limit = given["lr"], time_limit(given["seconds"])
        self.finite = FiniteCheck(self.bare, movable, self._batch_at, self._rate_at, self.workers)
        self.stopping = EarlyStopping(given["patience"], movable, self.held, given["monitor"])
        self.answers = Answers(task)
        parts = {"model": self.bare, "loss": loss, "optimizer": self.optimizer, "stopping": self.stopping}
        settings = settings_of(given | {"model": self.bare}, self.workers)
        watched = {"finite": self.finite, "answers": self.answers}
        self.saved = Checkpoint(given["checkpoint"], settings, self.run, parts | watched, self.workers)
        start = StepStart(modules_of(self.bare, loss), device, random=given["checkpoint"] is not None)
        self.interrupts = Interrupts(self.run, start, alone=self.workers.count == 1)
        self.seed = given["seed"] + self.workers.rank  # of dropout: several processes each draw their own masks
        self.bar = tqdm(disable=True)
        self._shown = given["progress"] if self.workers.main else False

    def _batch_at(self, step: int) -> Batch:
        return next(stream(self.train, step))

    def _rate_at(self, step: int) -> float:
        return self._peak * self.factor(step)

    def resume(self) -> None:
        """Begin where the checkpoint ends, if there is one."""
        self.saved.resume(self.later, self.unfreeze)
        self.finite.begin(self.run.steps)
        if isinstance(self._shown, bool):
            bar = tqdm(total=self.when.steps, initial=self.run.steps, leave=False, disable=not self._shown)
            self.bar = self.showing = bar
        else:
            self.bar, self.showing = self._shown, contextlib.nullcontext()
            self.bar.update(self.run.steps)
        self.history = History(self.run, self.when, self.optimizer, self.bar)

    def steps_left(self) -> Iterator[tuple[int, Batch]]:
        """Yield the number of each step that is left, from 0, and its batch."""
        if self.history.lacks_evaluation:  # Ctrl-C came into it
            self.evaluate_and_save()
        left = range(self.run.steps, self.run.steps if self.stopping.stopped else self.when.steps)
        yield from zip(left, stream(self.train, self.run.steps), strict=False)

    def begin_step(self, step: int) -> None:
        """Unfreeze what is due and set the rates, unless Ctrl-C was pressed meanwhile."""
        names = self.later.get(step)
        self.interrupts.begin_step(undoable=names is None and "loss" not in self.saved.parts)
        if names:
            self.unfreeze(names)
        set_rates(self.optimizer, self.factor(step))

    def unfreeze(self, names: Sequence[str]) -> None:
        """Let parts of the model learn from now on."""
        models.unfreeze(self.bare, parts=names)
        admit(self.optimizer, self._groups())
        self.model.train()

    def out_of_time(self) -> bool:
        """Whether the time is over; the last step that was done is then the run's last."""
        if self._limit is None or self.ended:
            return False
        over = torch.tensor(float(self.history.elapsed >= self._limit), device=self.workers.device)
        if not self.workers.mean(over):  # where one of several processes is late, all stop
            return False
        self.when = self.history.when = replace(self.when, steps=self.run.steps)
        return True

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.stopping.stopped or self.run.steps >= self.when.steps

    def look(self) -> None:
        """Read the losses since the last look, write an entry of the history, evaluate where it is due, and save."""
        self.workers.average_buffers(self.bare)
        self.history.add(self.finite.inspect(self.run.steps))
        self.evaluate_and_save()

    def evaluate_and_save(self) -> None:
        """Complete the last entry of the history."""
        if self.history.lacks_evaluation:
            with self.interrupts.at_once():
                labels = self.run.task.validation.labels.cpu()
                said = validation_answers(self.model, self.held, len(labels), self.workers)
            self.answers.saw(self.run.steps, said.bincount(minlength=self.run.task.num_classes).tolist())
            scores = self.stopping.scores(labels, said)
            self.history.evaluated(**scores)
            self.stopping.saw(self.run.steps, scores[self.stopping.monitor])
        self.saved.save()

    def close(self, means: Mapping[str, float] | None) -> None:
        """End the run; with the mean losses of steps that have no entry, write one."""
        if means:
            self.history.add(means)
        self.history.stop_clock()
        self.stopping.restore_best()
        self.run.best_step, self.run.parameters = self.stopping.best_step, models.count_parameters(self.bare)
        self.run.warnings = self.answers.warnings(self.run.history, self.run.best_step)


def plain_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of ``fit`` with every number as Python's own.

    Raises
    ------
    ValueError
        When a truth value, a text or anything else stands where a number belongs.

    Examples
    --------
    >>> import numpy as np
    >>> plain_settings({"lr": np.float64(0.25), "steps": np.int64(5), "unfreeze": None})
    {'lr': 0.25, 'steps': 5, 'unfreeze': None}
    """
    plain = dict(given)
    plain |= {name: whole_number(name, given[name]) for name in WHOLE if name in given}
    plain |= {name: real_number(name, given[name]) for name in REAL if name in given}
    if plain.get("unfreeze") is not None:
        plain["unfreeze"] = plain_steps(plain["unfreeze"])
    return plain


def time_limit(seconds: float | None) -> float | None:
    """Return a limit in seconds, or say what is allowed.

    >>> time_limit(0)
    Traceback (most recent call last):
    ValueError: seconds=0 leaves no time to train; give a number above 0, or None for no limit.
    """
    if seconds is not None and not seconds > 0:
        raise ValueError(f"seconds={seconds} leaves no time to train; give a number above 0, or None for no limit.")
    return seconds


def without_compile(model: nn.Module) -> nn.Module:
    """Return the model inside ``torch.compile(model)``, whose weights have their own names; any other as it is.

    >>> layer = nn.Linear(2, 2)
    >>> without_compile(layer) is layer  # and so is without_compile(torch.compile(layer))
    True
    """
    return getattr(model, "_orig_mod", model)


def refuse_wrappers(model: nn.Module) -> None:
    """Refuse a model whose weights are not its own, or not yet there.

    >>> refuse_wrappers(nn.DataParallel(nn.Linear(2, 2)))
    Traceback (most recent call last):
    ValueError: fit shares the work of several processes itself, and this model is wrapped in DataParallel; give it
    the model inside, model.module.
    """
    bare = without_compile(model)
    kind = type(bare)
    if kind.__module__.startswith("torch.") and kind.__name__ in WRAPPERS:
        raise ValueError(
            f"fit shares the work of several processes itself, and this model is wrapped in {kind.__name__}; give it "
            "the model inside, model.module."
        )
    for name, tensor in (*bare.named_parameters(), *bare.named_buffers()):
        if nn.parameter.is_lazy(tensor):
            raise ValueError(f"{name} has no size yet; call the model once on a batch before you train it.")
        if tensor.is_meta:
            raise ValueError(f"{name} is on the meta device and holds no numbers; load its weights first.")


def place(model: nn.Module, task: Task, loss: object, workers: Workers) -> None:
    """Put model and loss on the device, with the same weights in every process; refuse a head that is too small.

    >>> from tl_course.data import Split
    >>> part = Split(torch.eye(2), torch.tensor([0, 1]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> place(nn.Linear(2, 1), task, None, Workers(torch.device("cpu")))
    Traceback (most recent call last):
    ValueError: the head has 1 output and Toy has 2 classes; give it a new one with
    tl.models.replace_head(model, 2).
    """
    outputs = task.num_classes
    with contextlib.suppress(ValueError):  # a model without a head: its loss knows what to do
        outputs = models.head_of(model)[1].out_features
    if outputs < task.num_classes:
        raise ValueError(
            f"the head has {outputs} output{'s' * (outputs != 1)} and {task.title} has {task.num_classes} classes; "
            f"give it a new one with tl.models.replace_head(model, {task.num_classes})."
        )
    largest = int(task.train.labels.max()) if len(task.train) else 0
    if largest >= outputs:
        raise ValueError(
            f"{task.title} has the label {largest} to train on, and {outputs} outputs stand for the labels 0 to "
            f"{outputs - 1}; number the classes from 0, without gaps."
        )
    modules = modules_of(model, loss)
    for module in modules:
        module.to(workers.device)
    workers.same_start(modules)
    # On CPUs faster in either precision at 32 pixels (benchmarks/memory_format.py); on GPUs what bf16's kernels want.
    if task.kind == "image" and (workers.device.type == "cpu" or environment.current().precision == "bf16"):
        model.to(memory_format=torch.channels_last)


def stream(train: Batches, step: int) -> Iterator[Batch]:
    """Yield the batches from a step on, epoch after epoch, without end.

    >>> from tl_course.data import Split
    >>> part = Split(torch.eye(5), torch.tensor([0, 1, 0, 1, 0]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> train = batches(task, nn.Linear(5, 2), batch_size=2)
    >>> whole = [batch.index.tolist() for batch in islice(stream(train, 0), 8)]
    >>> whole[5:] == [batch.index.tolist() for batch in islice(stream(train, 5), 3)]
    True
    """
    while True:
        train.epoch, skip = divmod(step, len(train))
        for batch in islice(train, skip, None):
            yield batch
            step += 1
