"""How sure a model may be: one temperature from validation, judged on the test, and what "unsure" would cost."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from tl_course import metrics
from tl_course.recipes.prepared import counted

# What stands in the place of a class where no class is probable enough.
UNSURE = "unsure"
# Thresholds of which the report tells what they would do.
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
# On fewer validation examples a temperature is not much more than a guess.
FEW_TO_FIT = 50


@dataclass(frozen=True)
class Confidence:
    """The temperature of a model, and how well it is calibrated without and with it.

    Attributes
    ----------
    temperature : float
    fitted_on : int
        Validation examples that it was fitted on.
    before, after : Calibration
        On the test.
    """

    temperature: float
    fitted_on: int
    before: metrics.Calibration
    after: metrics.Calibration

    @property
    def sentences(self) -> list[str]:
        """What a reader should know of it."""
        told = [
            f"The temperature is {self.temperature:.2f}, fitted on {counted(self.fitted_on, 'validation example')}; "
            f"dividing by it changes no answer, only how sure it is. The calibration error on the test is "
            f"{self.after.error:.1%} with it and {self.before.error:.1%} without."
        ]
        if self.fitted_on < FEW_TO_FIT:
            told.append(
                f"So few examples say little about a temperature; it was drawn towards 1, and never leaves "
                f"{1 / metrics.MOST_TEMPERATURE:g} to {metrics.MOST_TEMPERATURE:g}."
            )
        elif not 1 / metrics.MOST_TEMPERATURE * 1.001 < self.temperature < metrics.MOST_TEMPERATURE * 0.999:
            told.append("The temperature stands at the end of what is allowed, so doubt how sure the answers are.")
        return told


def fit_confidence(validation: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> Confidence:
    """Fit a temperature on validation and look at what it does on the test.

    Parameters
    ----------
    validation, test : (labels, logits)
        int64 N and float32 N×C.

    Examples
    --------
    >>> labels, logits = torch.tensor([0, 0, 0, 1] * 50), torch.tensor([[5.0, 0.0]] * 200)
    >>> found = fit_confidence((labels, logits), (labels, logits))
    >>> found.temperature > 4, found.before.error > 0.2 > 0.1 > found.after.error
    (True, True)
    """
    temperature = metrics.fit_temperature(*validation)
    labels, logits = test
    before, after = (metrics.calibration_error(labels, probabilities(logits, each)) for each in (1.0, temperature))
    return Confidence(temperature, len(validation[0]), before, after)


def probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Return the probabilities, float32 N×C, that logits of a model and its temperature stand for.

    >>> probabilities(torch.tensor([[2.0, 0.0]]), 2.0)
    tensor([[0.7311, 0.2689]])
    """
    return (logits.float() / temperature).softmax(1)


@dataclass(frozen=True)
class Answered:
    """What a threshold does on the test.

    Attributes
    ----------
    threshold : float
        Answers of a lower probability are given up as unsure.
    count : int
        Examples that are answered.
    right : Interval or None
        Share of these that are right; None where none is answered.
    """

    threshold: float
    count: int
    right: metrics.Interval | None


def answered(labels: Tensor, table: Tensor, thresholds: tuple[float, ...] = THRESHOLDS) -> list[Answered]:
    """Say for some thresholds how many of N examples are answered, and how many of those rightly.

    Parameters
    ----------
    labels : Tensor
        int64 N.
    table : Tensor
        Probabilities, float32 N×C.
    thresholds : tuple of float

    Examples
    --------
    >>> [low, high] = answered(torch.tensor([0, 0]), torch.tensor([[0.9, 0.1], [0.4, 0.6]]), (0.5, 0.8))
    >>> low.count, low.right.value, high.count, high.right.value
    (2, 0.5, 1, 1.0)
    """
    found = []
    for threshold in thresholds:
        kept = is_sure(table, threshold)
        right = metrics.accuracy(labels[kept], table[kept]) if kept.any() else None
        found.append(Answered(threshold, int(kept.sum()), right))
    return found


def is_sure(table: Tensor, threshold: float) -> Tensor:
    """Return for each row of probabilities whether the largest reaches a threshold.

    >>> is_sure(torch.tensor([[0.6, 0.4], [0.5, 0.5]]), 0.6)
    tensor([ True, False])
    """
    return table.max(1).values >= torch.tensor(threshold, dtype=table.dtype)
