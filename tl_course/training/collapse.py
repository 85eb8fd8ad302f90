"""What makes the result of a run not worth reading: one answer for all, a class never answered, a loss that grew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

# A cross-entropy above so many times that of guessing, or a loss above so many times its beginning, has grown.
ABOVE_GUESSING, ABOVE_BEGINNING = 2.0, 3.0
NAMED = 5


def collapsed_answers(labels: Tensor, answered: Sequence[int], class_names: Sequence[str], part: str) -> list[str]:
    """Say where a model gives one answer for every example, or never gives a class that is there.

    Parameters
    ----------
    labels : Tensor
        int64 N, of the examples that were answered.
    answered : sequence of int
        For each output of the model how many of them it answered.
    class_names : sequence of str
    part : str
        What the sentences call the examples, for example "validation".

    Examples
    --------
    >>> labels = torch.tensor([0, 0, 1, 2])
    >>> collapsed_answers(labels, [4, 0, 0], ("a", "b", "c"), "test")[0]
    "Every one of the 4 test examples is called 'a': nothing was learned that tells the classes apart. Most often the
    learning rate is too high, or training too short."
    >>> collapsed_answers(labels, [2, 2, 0], ("a", "b", "c"), "test")
    ["Never answered on test: 'c' (1 example)."]
    >>> collapsed_answers(labels, [2, 1, 1], ("a", "b", "c"), "test")
    []
    """
    counts = torch.bincount(labels.cpu(), minlength=len(class_names)).tolist()
    there = [number for number, count in enumerate(counts) if count]
    given = [number for number, count in enumerate(answered) if count]
    if len(there) > 1 and len(given) == 1:
        name = repr(class_names[given[0]]) if given[0] < len(class_names) else f"output {given[0]}"
        return [
            f"Every one of the {sum(counts):,} {part} examples is called {name}: nothing was learned that tells the "
            "classes apart. Most often the learning rate is too high, or training too short."
        ]
    never = [number for number in there if number not in given]
    if not never or not given:
        return []
    named = [f"{class_names[number]!r} ({counts[number]:,} example{'s' * (counts[number] > 1)})" for number in never]
    more = f" and {len(named) - NAMED:,} more classes" if len(named) > NAMED else ""
    return [f"Never answered on {part}: {', '.join(named[:NAMED])}{more}."]


def grown_loss(history: Sequence[Mapping[str, Any]], num_classes: int) -> list[str]:
    """Say where the training loss ended above its beginning, or above what guessing gives.

    Parameters
    ----------
    history : list of dict
        Of a run.
    num_classes : int

    Examples
    --------
    >>> grown_loss([{"train_loss": 0.7, "cross_entropy": 0.7}, {"train_loss": 95.0, "cross_entropy": 95.0}], 2)
    ['The training loss ended at 95, and guessing has 0.693: the learning rate is too high. Try a tenth of it.']
    >>> grown_loss([{"train_loss": 0.7, "cross_entropy": 0.7}, {"train_loss": 0.3, "cross_entropy": 0.3}], 2)
    []
    """
    if len(history) < 2:  # a short run has only begun
        return []
    first, last = history[0], history[-1]
    guessing = math.log(max(num_classes, 2))
    value, beginning = last.get("cross_entropy"), first["train_loss"]
    if value is not None and value > ABOVE_GUESSING * guessing:
        said = f"ended at {value:.3g}, and guessing has {guessing:.3g}"
    elif 0 < ABOVE_BEGINNING * beginning < last["train_loss"]:
        said = f"grew from {beginning:.3g} to {last['train_loss']:.3g}"
    else:
        return []
    return [f"The training loss {said}: the learning rate is too high. Try a tenth of it."]


class Answers:
    """What a run answered at its evaluations, for the warnings at its end; kept in checkpoints.

    Parameters
    ----------
    task : Task

    Examples
    --------
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.eye(2), torch.tensor([0, 1]))
    >>> answers = Answers(Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up"))
    >>> answers.saw(5, [2, 0])
    >>> answers.saw(9, [1, 1])
    >>> len(answers.warnings([], 5)), answers.warnings([], None)
    (1, [])
    """

    def __init__(self, task):
        self.task = task
        self._seen: dict[int, list[int]] = {}

    def saw(self, step: int, answered: Sequence[int]) -> None:
        """Take note of an evaluation after a step."""
        self._seen[step] = list(answered)

    def warnings(self, history: Sequence[Mapping[str, Any]], best_step: int | None) -> list[str]:
        """Return the sentences for the weights that are kept: of the best step, or else of the last evaluation."""
        step = best_step if best_step is not None else max(self._seen, default=None)
        found = grown_loss(history, self.task.num_classes)
        if step in self._seen:
            labels = self.task.validation.labels
            found += collapsed_answers(labels, self._seen[step], self.task.class_names, "validation")
        return found

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"seen": self._seen}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._seen = dict(state["seen"])
