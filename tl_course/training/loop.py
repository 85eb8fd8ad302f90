"""The training loop: one function for every model, task and loss of the course."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import environment, losses, models
from tl_course.data import Batch, Batches, Task, batches
from tl_course.losses.loss import Loss
from tl_course.training.checkpoint import Checkpoint, settings_of
from tl_course.training.finite_check import FiniteCheck
from tl_course.training.log_steps import LogSteps
from tl_course.training.optim import admit, make_optimizer, modules_of, parameter_groups, set_rates
from tl_course.training.randomness import own_randomness
from tl_course.training.run import Run, autocast, validation_accuracy
from tl_course.training.schedules import make_schedule
from tl_course.training.stopping import EarlyStopping
from tl_course.training.unfreezing import UnfreezeAt, plan_unfreezing
from tl_course.training.workers import Workers


def fit(
    model: nn.Module,
    task: Task,
    *,
    loss: Loss = losses.cross_entropy,
    steps: int | None = None,
    epochs: int | None = None,
    batch_size: int = 128,
    lr: float = 1e-3,
    head_lr: float | None = None,
    layer_decay: float | None = None,
    optimizer: str = "adamw",
    weight_decay: float | None = None,
    schedule: str = "cosine",
    warmup: float | None = None,
    unfreeze: UnfreezeAt | None = None,
    patience: int | None = None,
    augment: Sequence[str] | None = None,
    checkpoint: str | Path | None = None,
    log_every: int | None = None,
    evaluate_every: int | None = None,
    seed: int = 0,
    progress: bool = True,
) -> Run:
    """Train what is trainable in a model, in place, and return a :class:`Run`.

    The loop knows no particular loss, model or kind of task. It does what the line of PyTorch in the source says, and
    beside the steps: it looks at the losses now and then (no step waits for the device), evaluates, writes the history,
    stops early, saves.

    Parameters
    ----------
    model : nn.Module
        A model of ``tl.models.create``, or any module that gives N×C logits. Freeze what is to stay as it is before,
        with ``tl.models.freeze``: everything else is put in train mode. It is moved to the device of
        :mod:`tl_course.environment`, for images in channels-last order, and is in eval mode afterwards. To train
        it compiled, call ``model.compile()`` before: it changes no name and no weight, and costs its time at the first
        steps.
    task : Task
        Images, texts or features. Only ``task.train`` is learned from and only ``task.validation`` looked at.
    loss : callable
        ``loss(model, batch) -> dict of str to scalar Tensor``: named terms, which are summed and logged; see
        :mod:`tl_course.losses`. A loss that is an ``nn.Module`` trains its own parameters as well. It is to be a mean
        over the batch.
    steps, epochs : int, optional
        How long to train, one of them; 300 steps if neither is given.
    batch_size : int
        Examples in a step, of all processes together.
    lr : float
        Peak learning rate. 1e-3 suits AdamW and small networks and heads; a BERT wants 5e-5 to 1e-4.
    head_lr, layer_decay : float, optional
        Another rate for the head; a factor from each group of layers to the one before it; see
        :func:`parameter_groups`.
    optimizer : {"adamw", "sgd"}
        SGD has momentum 0.9. Both are PyTorch's own.
    weight_decay : float, optional
        0.01 for AdamW and 1e-4 for SGD unless given, on everything trainable. Set it to 0 beside L2-SP.
    schedule : {"cosine", "linear", "one_cycle", "constant"}
        How the rate moves; see :func:`make_schedule`.
    warmup : float, optional
        Share of the steps in which the rate rises.
    unfreeze : mapping of int to list of str, optional
        Steps done → names of groups or submodules that are trained from then on; they are frozen until then. See
        :func:`gradual`.
    patience : int, optional
        Stop after so many evaluations without a better validation accuracy, and put the best weights back.
    augment : tuple of str, optional
        Of ("flip", "crop"); what the task says if left out.
    checkpoint : path, optional
        A file to save the run in whenever it is logged. If it is there already the run goes on from it, and the result
        is that of an uninterrupted run (in fp32 on one machine: to the last bit).
    log_every, evaluate_every : int, optional
        Steps between two entries of the history, and between two evaluations. By default there are about 20 entries,
        and evaluations as often but not more than once an epoch.
    seed : int
        Of order, augmentation and dropout. Nobody else's random numbers are touched.
    progress : bool
        Show a bar while training.

    Returns
    -------
    Run
        After Ctrl-C, too, with ``run.interrupted`` set and what was trained until then.

    Raises
    ------
    ValueError
        When an argument is impossible, nothing is trainable, or the head has fewer outputs than the task has classes.
    NonFiniteError
        When a loss or a weight became NaN or infinite. It names the step and the likely cause; the model is back where
        it was when it was last found good.
    CheckpointError
        When ``checkpoint`` is a file of another run, or damaged.

    Examples
    --------
    >>> from tl_course import data, models, training
    >>> task = data.load("digits", train_per_class=20)
    >>> points = data.Task("digits", task.title, "features", task.class_names, source=task.source,
    ...     **{part: data.Split(getattr(task, part).inputs[:, 0].flatten(1).float() / 255, getattr(task, part).labels)
    ...        for part in ("train", "validation", "test")})
    >>> run = training.fit(nn.Linear(64, 10), points, steps=100, lr=0.01, progress=False)
    >>> run.steps, run.parameters.trainable, run.evaluate("test").value > 0.7
    (100, 650, True)
    """
    given = dict(locals())
    workers = Workers.join()
    place(model, task, loss, workers)
    train = batches(task, model, "train", batch_size=batch_size, augment=augment, seed=seed, device=workers.device)
    held = batches(task, model, "validation", batch_size=batch_size, buckets=True) if len(task.validation) else None
    when = LogSteps.of(len(train), steps=steps, epochs=epochs, log_every=log_every, evaluate_every=evaluate_every)
    factor = make_schedule(schedule, when.steps, warmup)
    later, movable = plan_unfreezing(model, loss, unfreeze, when.steps)
    groups = partial(parameter_groups, model, loss, lr=lr, head_lr=head_lr, layer_decay=layer_decay)
    engine = make_optimizer(optimizer, groups(), weight_decay)

    run = Run(model, task, batch_size, models.count_parameters(model))
    finite = FiniteCheck(
        model, movable, lambda step: next(stream(train, step)), lambda step: lr * factor(step), workers
    )
    stopping = EarlyStopping(patience, movable, held)
    kept = {"model": model, "loss": loss, "optimizer": engine, "stopping": stopping}
    saved = Checkpoint(checkpoint, settings_of(given, workers), run, kept, workers)

    def unfreeze_parts(names: Sequence[str]) -> None:
        models.unfreeze(model, parts=names)
        admit(engine, groups())
        model.train()

    with own_randomness(seed + workers.rank, workers.device), training_mode(model, loss):
        saved.resume(later, unfreeze_parts)
        began = time.perf_counter() - run.seconds
        bar = tqdm(total=when.steps, initial=run.steps, leave=False, disable=not (progress and workers.main))
        steps_left = range(run.steps, run.steps if stopping.stopped else when.steps)
        with bar, interruptible(run):
            for step, batch in zip(steps_left, stream(train, run.steps), strict=False):
                if step in later:
                    unfreeze_parts(later[step])
                set_rates(engine, factor(step))
                mine, share = workers.part(batch)  # all of it, unless several processes train together
                with autocast(workers.device):
                    terms = checked(loss(model, mine))
                    values = torch.stack(list(terms.values()))
                engine.zero_grad()
                values.sum().backward()
                workers.average_gradients(engine, share)
                engine.step()
                finite.note(tuple(terms), values, share)
                run.steps = step + 1
                bar.update()
                if when.log(run.steps):
                    workers.average_buffers(model)
                    means = finite.inspect(run.steps)  # the first time since the last entry that anything is read
                    evaluate = held is not None and when.evaluate(run.steps)
                    accuracy = validation_accuracy(model, held, workers) if evaluate else None
                    run.seconds = time.perf_counter() - began
                    write_entry(run, len(train), means, engine, accuracy, bar)
                    stopping.saw(run.steps, accuracy)
                    saved.save()
                    if stopping.stopped:
                        break
        if run.interrupted and finite.rows and workers.count == 1:
            write_entry(run, len(train), finite.inspect(run.steps), engine, None, bar)
        run.seconds = time.perf_counter() - began
    stopping.restore_best()
    run.best_step, run.parameters = stopping.best_step, models.count_parameters(model)
    return run


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
    with contextlib.suppress(ValueError):  # a model without a head is its loss's affair
        outputs = models.head_of(model)[1].out_features
    if outputs < task.num_classes:
        raise ValueError(
            f"the head has {outputs} output{'s' * (outputs != 1)} and {task.title} has {task.num_classes} classes; "
            f"give it a new one with tl.models.replace_head(model, {task.num_classes})."
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


def checked(terms: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Return the terms of a loss, or say what a loss has to return.

    >>> checked(torch.tensor(0.5))
    Traceback (most recent call last):
    TypeError: a loss for fit returns named scalar tensors, such as {"cross_entropy": value}, and this one returned a
    Tensor.
    """
    if not isinstance(terms, Mapping) or not terms:
        raise TypeError(
            'a loss for fit returns named scalar tensors, such as {"cross_entropy": value}, and this one returned '
            f"{'nothing' if isinstance(terms, Mapping) else f'a {type(terms).__name__}'}."
        )
    return terms


def write_entry(
    run: Run,
    epoch: int,
    means: Mapping[str, float],
    engine: torch.optim.Optimizer,
    accuracy: float | None,
    bar: tqdm,
) -> None:
    """Append what was seen since the last entry to a run's history, and show it on the bar."""
    entry = {"step": run.steps, "epoch": run.steps / epoch, "train_loss": sum(means.values()), **means}
    if len(run.task.validation):
        entry["validation_accuracy"] = accuracy
    entry |= {"lr": max(group["lr"] for group in engine.param_groups), "seconds": run.seconds}
    run.history.append(entry)
    shown = {name: f"{value:.3f}" for name, value in run.metrics.items()}
    bar.set_postfix(shown, refresh=False)


@contextlib.contextmanager
def training_mode(model: nn.Module, loss: object) -> Iterator[None]:
    """Put model and loss in train mode inside the block (not what is frozen), and in eval afterwards."""
    try:
        for module in modules_of(model, loss):
            module.train()
        yield
    finally:
        for module in modules_of(model, loss):
            module.eval()


@contextlib.contextmanager
def interruptible(run: Run) -> Iterator[None]:
    """Let Ctrl-C end the block, and the run, without an error."""
    try:
        yield
    except KeyboardInterrupt:
        run.interrupted = True
