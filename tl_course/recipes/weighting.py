"""What an example of each class weighs in training."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course import data, models
from tl_course.data.task import Task

# Classes this uneven (largest to smallest) are weighted, and judged by macro F1.
UNEVEN = 3.0


def unevenness(task: Task) -> float:
    """Return how many times as many training examples the largest class has as the smallest."""
    counts = torch.bincount(task.train.labels, minlength=task.num_classes)
    return (counts.max() / counts.min()).item()


def class_weighting(task: Task, choice: str = "auto") -> tuple[bool, Tensor, str]:
    """Return whether each class weighs the same, the weight of an example of each, and a sentence on it.

    >>> from tl_course.data import Split
    >>> part = Split(torch.zeros(8, 2), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1]))
    >>> class_weighting(Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up"))
    (True, tensor([0.6667, 2.0000]), "Class weights: an example of 'b' weighs 3 times as much as one of 'a', and macro
    F1 decides.")
    """
    counts = torch.bincount(task.train.labels, minlength=task.num_classes)
    ratio = unevenness(task)
    balanced = {"auto": ratio >= UNEVEN, "balanced": True, "none": False}[choice]
    if not balanced:
        said = "Class weights: none; every example weighs the same, and accuracy decides"
        return False, torch.ones(task.num_classes), f"{said}."
    rare, common = task.class_names[int(counts.argmin())], task.class_names[int(counts.argmax())]
    said = f"Class weights: an example of {rare!r} weighs {ratio:.3g} times as much as one of {common!r}"
    return True, len(task.train) / (task.num_classes * counts), f"{said}, and macro F1 decides."


def weighted(weights: Tensor) -> Callable:
    """Make cross-entropy for the loop in which class c counts ``weights[c]`` times; a mean over the batch.

    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(inputs=torch.zeros(3, 8), labels=torch.tensor([0, 0, 1]))
    >>> round(weighted(torch.tensor([0.75, 1.5]))(nn.Linear(8, 2, bias=False), batch)["cross_entropy"].item(), 4)
    0.6931
    """

    def loss(model: nn.Module, batch: data.Batch) -> dict[str, Tensor]:
        logits = models.logits(model, batch.inputs)
        return {"cross_entropy": F.cross_entropy(logits, batch.labels, weights.to(logits))}

    return loss
