"""Paired comparisons: two models on the same examples, two methods on the same seeds."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tl_course.metrics._class_numbers import labels_and_predictions
from tl_course.metrics.arrays import array
from tl_course.metrics.interval import Interval, normal_quantile, wilson
from tl_course.plain_numbers import real_number


@dataclass(frozen=True)
class Comparison:
    """Two models on the same examples.

    Attributes
    ----------
    difference : Interval
        Accuracy of A minus accuracy of B, with a paired interval.
    p_value : float
        McNemar's exact test of equal accuracies (two-sided).
    both, only_a, only_b, neither : int
        How many examples both models, A alone, B alone and neither got right.
    """

    difference: Interval
    p_value: float
    both: int
    only_a: int
    only_b: int
    neither: int

    def __str__(self) -> str:
        return (
            f"A − B = {self.difference:+.3f}; A alone right {self.only_a}, B alone right {self.only_b}, "
            f"McNemar p = {self.p_value:.2g}"
        )


def compare(labels, a, b, *, confidence: float = 0.95) -> Comparison:
    """Compare two models on the same examples; only the examples on which they disagree say which is better.

    Parameters
    ----------
    labels : N class numbers
    a, b : the models' predictions, each N class numbers or an N×C table of scores, in the order of the labels
    confidence : float
        Level of the interval of the difference.

    Raises
    ------
    ValueError
        If there are no examples or the lengths differ.

    Notes
    -----
    McNemar's test (1947) in its exact form: a sign test on the examples that one model alone got right. The interval is
    Newcombe's (1998, Statistics in Medicine 17, 2635–2650) method 10: Wilson's intervals of both accuracies, joined
    with the correlation of the two models' successes. Like McNemar's test it speaks of these two trained models, not of
    the methods that made them; for those see `paired_difference`.

    Examples
    --------
    >>> labels = [0] * 100
    >>> a = [0] * 90 + [1] * 10
    >>> b = [0] * 80 + [1] * 20
    >>> print(compare(labels, a, b))
    A − B = +0.100 [+0.039, +0.170], n=100; A alone right 10, B alone right 0, McNemar p = 0.002
    """
    from scipy.stats import binomtest

    confidence = real_number("confidence", confidence)
    truth, a = labels_and_predictions(labels, a)
    _, b = labels_and_predictions(labels, b)
    right_a, right_b = a == truth, b == truth
    both, neither = int((right_a & right_b).sum()), int((~right_a & ~right_b).sum())
    only_a, only_b = int((right_a & ~right_b).sum()), int((~right_a & right_b).sum())
    disagree = only_a + only_b
    p_value = float(binomtest(only_a, disagree, 0.5).pvalue) if disagree else 1.0
    difference = _newcombe_paired(both, only_a, only_b, neither, confidence)
    return Comparison(difference, p_value, both, only_a, only_b, neither)


def paired_difference(a: Sequence[float], b: Sequence[float], *, confidence: float = 0.95) -> Interval:
    """Mean of a − b over seeds, with Student's t interval: run both methods with the same seeds and pair them.

    Parameters
    ----------
    a, b : sequences of n numbers
        The score of each method for seed 1 … n, in the same order.
    confidence : float
        Level of the interval.

    Returns
    -------
    Interval
        mean(a − b) ± t·s/√n with n − 1 degrees of freedom, in the unit of the scores; `n` counts seeds.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than two seeds, or a score is not finite.

    Examples
    --------
    >>> print(paired_difference([0.81, 0.84, 0.80], [0.78, 0.80, 0.78]))
    0.030 [0.005, 0.055], n=3
    """
    from scipy.stats import t

    confidence = real_number("confidence", confidence)
    normal_quantile(confidence)  # refuses what is no level
    a, b = (np.asarray(array(scores), dtype=float) for scores in (a, b))
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"Scores of shapes {a.shape} and {b.shape} cannot be paired: give one score a seed.")
    if len(a) < 2:
        raise ValueError(f"{len(a)} seed(s) say nothing about the spread: run both methods with at least two seeds.")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("A score is NaN or infinite: leave out the seed of that failed run, for both methods.")
    differences = a - b
    half = t.ppf(0.5 + confidence / 2, len(a) - 1) * differences.std(ddof=1) / math.sqrt(len(a))
    mean = differences.mean()
    return Interval(float(mean), float(mean - half), float(mean + half), len(a), confidence)


def _newcombe_paired(both: int, only_a: int, only_b: int, neither: int, confidence: float) -> Interval:
    n = both + only_a + only_b + neither
    a = wilson(both + only_a, n, confidence=confidence)
    b = wilson(both + only_b, n, confidence=confidence)
    covariance = both * neither - only_a * only_b
    if covariance > 0:
        covariance = max(covariance - n / 2, 0)  # Newcombe's continuity correction
    margins = math.prod([both + only_a, only_b + neither, both + only_b, only_a + neither])
    phi = covariance / math.sqrt(margins) if margins else 0.0

    def joined(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * phi * x * y + y * y, 0.0))

    value = (only_a - only_b) / n
    low = value - joined(a.value - a.low, b.high - b.value)
    high = value + joined(a.high - a.value, b.value - b.low)
    return Interval(value, max(low, -1.0), min(high, 1.0), n, confidence)
