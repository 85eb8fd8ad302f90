"""Early stopping: training ends when the score on validation no longer rises, and the best weights come back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor

from tl_course import metrics
from tl_course.plain_numbers import whole_number
from tl_course.training.finite_check import Snapshot

MONITORS = ("accuracy", "macro_f1")


class EarlyStopping:
    """Remembers the best weights and says when to stop.

    Parameters
    ----------
    patience : int or None
        Evaluations without a better score after which training stops; None never stops and remembers nothing.
    movable : iterable of Tensor
        What training changes.
    validation : optional
        The batches that will be evaluated; None if there are none.
    monitor : {"accuracy", "macro_f1"}, optional
        The score, accuracy unless given.

    Raises
    ------
    ValueError
        When patience is below 1, there is nothing to evaluate, or the score is unknown.

    Examples
    --------
    >>> import torch
    >>> weight = torch.zeros(1)
    >>> stopping = EarlyStopping(2, [weight], validation=[...])
    >>> for step, accuracy in enumerate([0.5, 0.8, 0.7, 0.8]):
    ...     stopping.saw(step, accuracy)
    ...     _ = weight.add_(1)
    >>> stopping.stopped, stopping.best_step
    (True, 1)
    >>> stopping.restore_best()
    >>> weight
    tensor([1.])
    """

    def __init__(self, patience: int | None, movable: Iterable[Tensor], validation: object, monitor: str | None = None):
        patience = whole_number("patience", patience)
        if patience is not None and patience < 1:
            raise ValueError(f"patience={patience} is too few evaluations; give at least 1, or None to train on.")
        if patience is not None and validation is None:
            raise ValueError(
                "early stopping looks at validation accuracy, and this task has no validation examples; load it with "
                "validation=0.2, or leave patience out."
            )
        if monitor is not None and monitor not in MONITORS:
            raise ValueError(f"monitor={monitor!r} is no score that fit knows; give one of {', '.join(MONITORS)}.")
        self.patience, self.monitor = patience, monitor or MONITORS[0]
        self.best_step: int | None = None
        self._best_score, self._since = -1.0, 0
        self._snapshot = Snapshot(movable)

    @property
    def stopped(self) -> bool:
        """Whether it is time to stop."""
        return self.patience is not None and self._since >= self.patience

    def scores(self, labels: Tensor, answers: Tensor) -> dict[str, float]:
        """Return the accuracy of some answers, with the score that decides where that is another.

        >>> import torch
        >>> stopping = EarlyStopping(None, [], None, "macro_f1")
        >>> stopping.scores(torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 0, 0]))
        {'accuracy': 0.75, 'macro_f1': 0.42...}
        """
        found = {"accuracy": int((labels == answers).sum()) / len(labels)}
        if self.monitor == "macro_f1":
            found["macro_f1"] = metrics.precision_recall_f1(labels, answers).macro.f1
        return found

    def saw(self, step: int, score: float | None) -> None:
        """Take note of an evaluation (None: there was none)."""
        if self.patience is None or score is None:
            return
        self._since += 1
        if score > self._best_score:
            self.best_step, self._best_score, self._since = step, score, 0
            self._snapshot.take()

    def restore_best(self) -> None:
        """Go back to the best weights, if any were seen."""
        self._snapshot.restore()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {
            "best_step": self.best_step,
            "best_accuracy": self._best_score,
            "since": self._since,
            "best": self._snapshot.copies,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self.best_step, self._best_score, self._since = state["best_step"], state["best_accuracy"], state["since"]
        self._snapshot.copies = state["best"]
