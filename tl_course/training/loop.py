"""The training loop: one function for every model, task and loss of the course."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import losses
from tl_course.data import Task
from tl_course.data.enough_memory import enough_memory
from tl_course.losses.loss import Loss
from tl_course.training.optim import modules_of
from tl_course.training.randomness import own_randomness
from tl_course.training.ready_run import ReadyRun, plain_settings
from tl_course.training.run import Run, autocast
from tl_course.training.unfreezing import UnfreezeAt


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
    monitor: str | None = None,
    seconds: float | None = None,
    augment: Sequence[str] | None = None,
    checkpoint: str | Path | None = None,
    log_every: int | None = None,
    evaluate_every: int | None = None,
    seed: int = 0,
    progress: bool | tqdm = True,
) -> Run:
    """Train what is trainable in a model, in place, and return a :class:`Run`.

    The loop knows no particular loss, model or kind of task. It does what the line of PyTorch in the source says, and
    beside the steps: it looks at the losses now and then (no step waits for the device), evaluates, writes the history,
    stops early, saves.

    Parameters
    ----------
    model : nn.Module
        A model of ``tl.models.create``, or any module that gives N×C logits. Freeze before what should stay as it is,
        with ``tl.models.freeze``: everything else is put in train mode. It is moved to the device of
        :mod:`tl_course.environment`, for images in channels-last order, and is in eval mode afterwards. To train
        it compiled, call ``model.compile()`` before: it changes no name and no weight, and costs its time at the first
        steps (``torch.compile(model)`` is trained as well, under the names of the model inside).
    task : Task
        Images, texts or features. Only ``task.train`` is learned from and only ``task.validation`` looked at.
    loss : callable
        ``loss(model, batch) -> dict of str to scalar Tensor``: named terms, which are summed and logged; see
        :mod:`tl_course.losses`. A loss that is an ``nn.Module`` trains its own parameters as well. It must be a mean
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
        Stop after so many evaluations without a better score on validation, and put the best weights back; of equal
        scores the first is the best.
    monitor : {"accuracy", "macro_f1"}, optional
        With ``patience``: the score, accuracy unless given. Macro F1 is in the history, too.
    seconds : float, optional
        Stop after the step in which so much time has passed, that of evaluations and of all parts of a resumed run
        included; the schedule remains that of all steps. A run that is resumed may be given another limit.
    augment : tuple of str, optional
        Of ("flip", "crop"); what the task says if left out.
    checkpoint : path, optional
        A file to save the run in whenever it is logged. If it is there already the run goes on from it, and the result
        is that of an uninterrupted run (in fp32 on one machine: to the last bit).
    log_every, evaluate_every : int, optional
        Steps between two entries of the history, and between two evaluations. By default there are about 20 entries,
        and evaluations as often but not more than once an epoch.
    seed : int
        Of order, augmentation and dropout. Random numbers outside of the run are not touched.
    progress : bool or tqdm
        Show a bar while training; a bar of yours goes on with each step and is left open.

    Returns
    -------
    Run

    Raises
    ------
    ValueError
        When an argument is impossible, nothing is trainable, or the head has fewer outputs than the task has classes.
    NonFiniteError
        When a loss or a weight became NaN or infinite. It names the step and the likely cause; the model is back where
        it was when it was last found good.
    torch.OutOfMemoryError
        When the memory does not suffice, with what to turn.
    CheckpointError
        When ``checkpoint`` is a file of another run, or damaged.
    KeyboardInterrupt
        On Ctrl-C, or the stop button of a notebook, when the present step is done (a second one does not wait). The
        model is where it was after the last whole step with finite loss and weights (with ``patience``: it has the best
        weights); history and checkpoint are written. The run so far is ``run`` of the exception, and what
        ``tl.training.interrupted_run()`` returns. Of several processes each goes back to the last entry.

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
    ready = ReadyRun(plain_settings(locals()))
    run, workers, optimizer, interrupts = ready.run, ready.workers, ready.optimizer, ready.interrupts
    knobs = "give fit a smaller batch_size, or take smaller pictures or texts, or a smaller profile (TL_PROFILE)"
    step_fits = enough_memory(f"training with a batch_size of {batch_size}", knobs)
    with step_fits, interrupts, own_randomness(ready.seed, workers.device), training_mode(model, loss):
        ready.resume()
        with ready.showing, interrupts.kept_in_order(ready.finite, ready.saved, ready.close):
            for step, batch in ready.steps_left():
                ready.begin_step(step)  # with the learning rate of the schedule, and what is unfrozen now
                mine, share = workers.part(batch)  # all of it, unless several processes train together
                optimizer.zero_grad()  # first, so that old gradients do not lie beside what the forward pass keeps
                with autocast(workers.device):
                    terms = checked(loss(model, mine))
                    values = torch.stack(list(terms.values()))
                values.sum().backward()
                workers.average_gradients(optimizer, share)
                ready.finite.note(tuple(terms), values, share)
                with interrupts.whole_update(step + 1):
                    optimizer.step()
                ready.bar.update()
                if ready.out_of_time() or ready.when.log(run.steps):
                    ready.look()  # the first time since the last entry that anything is read
                if ready.ended:
                    break
    return run


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
