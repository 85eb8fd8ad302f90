"""The history of a run: an entry now and then, and on the bar what it says."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch
from tqdm.auto import tqdm

from tl_course.training.log_steps import LogSteps
from tl_course.training.run import Run


class History:
    """Writes the entries of a run's history.

    Parameters
    ----------
    run : Run
        Its ``history`` and ``seconds`` are written, from what they are now.
    when : LogSteps
    optimizer : torch.optim.Optimizer
        Is asked for the rate.
    bar : tqdm
        Shows the last entry.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> run = Run(None, SimpleNamespace(validation=[0]), 8, None, steps=5)
    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    >>> history = History(run, LogSteps(5, 5, 5, 5), optimizer, tqdm(disable=True))
    >>> history.add({"cross_entropy": 0.5})
    >>> history.lacks_evaluation
    True
    >>> history.evaluated(0.75)
    >>> history.lacks_evaluation, run.metrics
    (False, {'train_loss': 0.5, 'validation_accuracy': 0.75})
    """

    def __init__(self, run: Run, when: LogSteps, optimizer: torch.optim.Optimizer, bar: tqdm):
        self.run, self.when, self.optimizer, self.bar = run, when, optimizer, bar
        self._began = time.perf_counter() - run.seconds

    def add(self, means: Mapping[str, float]) -> None:
        """Append an entry: the mean losses since the last one, not yet evaluated."""
        run = self.run
        entry = {"step": run.steps, "epoch": run.steps / self.when.epoch, "train_loss": sum(means.values()), **means}
        if len(run.task.validation):
            entry["validation_accuracy"] = None
        run.history.append(entry | {"lr": max(group["lr"] for group in self.optimizer.param_groups)})
        self._tell()

    @property
    def lacks_evaluation(self) -> bool:
        """Whether an evaluation is due at the last entry and was not yet done."""
        last = self.run.history[-1] if self.run.history else {}
        due = last.get("step") == self.run.steps and self.when.evaluate(self.run.steps)
        return due and last.get("validation_accuracy", 0.0) is None

    def evaluated(self, accuracy: float, **others: float) -> None:
        """Write the validation accuracy, and other scores by name, into the last entry."""
        scores = {"accuracy": accuracy} | others
        self.run.history[-1] |= {f"validation_{name}": value for name, value in scores.items()}
        self._tell()

    @property
    def elapsed(self) -> float:
        """Seconds since the start, of all parts of a resumed run."""
        return time.perf_counter() - self._began

    def stop_clock(self) -> None:
        """Take down how long the run took."""
        self.run.seconds = self.elapsed

    def _tell(self) -> None:
        self.stop_clock()
        self.run.history[-1]["seconds"] = self.run.seconds
        shown = {name: f"{value:.3f}" for name, value in self.run.metrics.items()}
        self.bar.set_postfix(shown, refresh=False)
