"""Save a run in the middle and go on later, to the last bit as if it had never stopped."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from tl_course import models
from tl_course.training import randomness
from tl_course.training.run import Run
from tl_course.training.workers import Workers

FORMAT = 1
# What a run may be resumed with another value of.
BESIDE = ("checkpoint", "progress", "seconds")


class CheckpointError(ValueError):
    """A checkpoint is damaged or belongs to another run."""


class Checkpoint:
    """A file that holds all that a run needs to go on.

    It holds the whole model, the optimiser, what the loss keeps, early stopping with the best weights, the history, and
    the states of the random generators. The order of the data needs no saving: it follows from seed and step. The file
    is written under another name and renamed, so that it is always whole.

    Parameters
    ----------
    path : path or None
        None saves nothing.
    settings : dict
        What makes this run this run, as plain values; see :func:`settings_of`.
    run : Run
    parts : dict
        Objects with ``state_dict`` and ``load_state_dict``, by name.
    workers : Workers

    Examples
    --------
    >>> Checkpoint(None, {}, None, {}, Workers(torch.device("cpu"))).read() is None
    True
    """

    def __init__(
        self,
        path: str | Path | None,
        settings: Mapping[str, Any],
        run: Run,
        parts: Mapping[str, Any],
        workers: Workers,
    ):
        self.path = None if path is None else Path(path)
        self.settings, self.run, self.workers = dict(settings), run, workers
        self.parts = {name: part for name, part in parts.items() if hasattr(part, "state_dict")}
        if self.path is not None and self.path.is_dir():
            raise CheckpointError(f"{self.path} is a folder; give the name of a file in it.")

    def read(self) -> dict[str, Any] | None:
        """Return what the file holds, or None when there is none.

        Raises
        ------
        CheckpointError
            When the file is damaged or belongs to another run; the message says what differs.
        """
        if self.path is None or not self.path.exists():
            return None
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            theirs, kind = state["settings"], state["format"]
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"{self.path} is not a whole checkpoint ({type(error).__name__}); delete it to start over."
            ) from error
        ours = self.settings
        differ = [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
        if differ or kind != FORMAT:
            name = differ[0] if differ else "format"
            old, new = (theirs.get(name), ours.get(name)) if differ else (kind, FORMAT)
            raise CheckpointError(
                f"{self.path} belongs to another run: its {name} is {old} and this run's is {new}; give another path, "
                "or delete the file to start over."
            )
        return state

    def resume(self, later: Mapping[int, Sequence[str]], unfreeze: Callable[[Sequence[str]], None]) -> None:
        """Put the run where it was when it was saved; if it was not saved, leave it where it is.

        Parameters
        ----------
        later : dict of int to list of str
            What is unfrozen at which step; done again up to the step that was saved, for the optimiser's groups.
        unfreeze : callable
            Does it.

        Raises
        ------
        CheckpointError
            As :meth:`read`.
        """
        state = self.read()
        if state is None:
            return
        for step, names in later.items():
            if step < state["step"]:
                unfreeze(names)
        for name, part in self.parts.items():
            if name in state or name not in ("finite", "answers"):  # older files hold neither
                part.load_state_dict(state[name])
        self.run.history[:] = state["history"]
        self.run.steps, self.run.seconds = state["step"], state["seconds"]
        randomness.set_state(state["random"][self.workers.rank], self.workers.device)

    def save(self) -> None:
        """Write the file, if one was asked for; every process has to call it."""
        if self.path is None:
            return
        random = self.workers.gather(randomness.get_state(self.workers.device))
        if not self.workers.main:
            return
        state = {"format": FORMAT, "settings": self.settings, "random": random, "history": self.run.history}
        state |= {"step": self.run.steps, "seconds": self.run.seconds}
        state |= {name: part.state_dict() for name, part in self.parts.items()}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f"{self.path.name}.{os.getpid()}.part")
        try:
            torch.save(state, scratch)
            scratch.replace(self.path)
        finally:
            scratch.unlink(missing_ok=True)


def settings_of(given: Mapping[str, Any], workers: Workers) -> dict[str, Any]:
    """Describe a run in plain values, so that a checkpoint of another one is noticed.

    Parameters
    ----------
    given : dict
        The arguments of ``fit``.
    workers : Workers

    Examples
    --------
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.zeros(2, 4), torch.tensor([0, 1]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> given = {"model": torch.nn.Linear(4, 2), "task": task, "loss": print, "lr": 0.1, "progress": True}
    >>> found = settings_of(given, Workers(torch.device("cpu")))
    >>> found["model"], found["loss"], found["lr"], "progress" in found
    ('Linear with 10 numbers, 10 of them trainable at first', 'print', 0.1, False)
    """
    model, task, loss = given["model"], given["task"], given["loss"]
    spec = getattr(model, "spec", None)
    name = f"{spec.name} ({spec.weights} weights)" if spec else type(model).__name__
    total, trainable = models.count_parameters(model)
    labels = hashlib.sha256(task.train.labels.cpu().numpy().tobytes()).hexdigest()[:8]
    settings = {
        "task": f"{task.title}, {len(task.train)} train and {len(task.validation)} validation examples ({labels})",
        "model": f"{name} with {total:,} numbers, {trainable:,} of them trainable at first",
        "loss": getattr(loss, "__qualname__", type(loss).__qualname__),
        "processes": workers.count,
    }
    others = {key: value for key, value in given.items() if key not in (*settings, *BESIDE)}
    return settings | {key: _written(value) for key, value in others.items()}


def _written(value: Any) -> Any:
    """Return a setting as a plain value, which ``torch.load(weights_only=True)`` reads."""
    if value is None or type(value) in (bool, int, float):
        return value
    return str(value) if isinstance(value, str) else repr(value)
