"""Scores with their uncertainty: accuracy, precision, recall, F1, calibration, and paired comparisons.

Labels and predictions may be tensors on any device, arrays or lists. Where *predictions* are asked for, N class numbers
and an N×C table of scores (logits or probabilities; the largest wins) are both accepted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np
import torch

__all__ = [
    "Average",
    "Calibration",
    "ClassReport",
    "Comparison",
    "Interval",
    "accuracy",
    "calibration_error",
    "compare",
    "confusion",
    "paired_difference",
    "precision_recall_f1",
    "wilson",
]


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval.

    Attributes
    ----------
    value, low, high : float
        The estimate and the ends of its interval, all in the unit of the estimate.
    n : int
        How many observations stand behind it: examples for an accuracy, seeds for a difference over seeds.
    confidence : float
        The level of the interval.

    Examples
    --------
    A format applies to all three numbers, and ``float`` gives the estimate alone:

    >>> score = Interval(0.912, 0.893, 0.928, n=1000)
    >>> print(score)
    0.912 [0.893, 0.928], n=1000
    >>> f"{score:.1%}", float(score)
    ('91.2% [89.3%, 92.8%], n=1000', 0.912)
    """

    value: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __float__(self) -> float:
        return float(self.value)

    def __format__(self, spec: str) -> str:
        value, low, high = (format(number, spec or ".3f") for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}], n={self.n}"

    def __str__(self) -> str:
        return format(self, "")


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 averaged over classes."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class ClassReport:
    """Precision, recall and F1 of each class, and their averages.

    Attributes
    ----------
    precision, recall, f1 : ndarray of float, shape (C,)
        0 where the quotient is 0/0 (a class never predicted has no precision, one that never occurs no recall).
    support, predicted : ndarray of int, shape (C,)
        Examples of each class, and predictions of it.
    class_names : tuple of str
        What ``print`` calls the classes.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray
    predicted: np.ndarray
    class_names: tuple[str, ...] = field(repr=False)

    @property
    def macro(self) -> Average:
        """Every class counts the same. A class that is neither a label nor a prediction is left out."""
        return self._average(((self.support + self.predicted) > 0).astype(float))

    @property
    def weighted(self) -> Average:
        """Every class counts as often as it occurs among the labels, which hides what happens to rare classes."""
        return self._average(self.support)

    def _average(self, weights: np.ndarray) -> Average:
        return Average(
            *(float(np.average(scores, weights=weights)) for scores in (self.precision, self.recall, self.f1))
        )

    def __str__(self) -> str:
        width = max(len("weighted"), *(len(name) for name in self.class_names))
        rows = [*zip(self.class_names, self.precision, self.recall, self.f1, self.support, strict=True)]
        for name, average in (("macro", self.macro), ("weighted", self.weighted)):
            rows.append((name, average.precision, average.recall, average.f1, self.support.sum()))
        head = f"{'':{width}}  precision  recall     f1  support"
        return "\n".join([head, *(f"{n:{width}}  {p:9.3f}  {r:6.3f}  {f:5.3f}  {s:7d}" for n, p, r, f, s in rows)])


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error, and the bins it was made from (what a reliability diagram draws).

    Attributes
    ----------
    error : float
        Σ_b (n_b / N)·|accuracy_b − confidence_b|, between 0 and 1.
    edges : ndarray, shape (bins + 1,)
        Bin b holds the confidences in (edges[b], edges[b+1]].
    count, confidence, accuracy : ndarray, shape (bins,)
        Examples in the bin, their mean confidence and their accuracy (NaN in an empty bin).
    """

    error: float
    edges: np.ndarray = field(repr=False)
    count: np.ndarray = field(repr=False)
    confidence: np.ndarray = field(repr=False)
    accuracy: np.ndarray = field(repr=False)

    def __float__(self) -> float:
        return self.error


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


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion: never outside [0, 1], honest also at 0 and n successes.

    Parameters
    ----------
    successes, n : int
        Successes among n independent trials.
    confidence : float
        Level, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If n < 1, successes is not in 0 … n, or the level is not in (0, 1).

    Notes
    -----
    Wilson (1927): (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).

    Examples
    --------
    >>> print(wilson(10, 10))  # ten of ten right is no proof of perfection
    1.000 [0.722, 1.000], n=10
    """
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is no proportion: it needs 0 ≤ successes ≤ n and n ≥ 1.")
    p, z = successes / n, _normal_quantile(confidence)
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    # At 0 and n successes the end is exact in theory and a rounding error away from it in floating point.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(p, low, high, n, confidence)


def accuracy(labels, predictions, *, confidence: float = 0.95) -> Interval:
    """Share of right predictions, with its Wilson interval.

    The interval says what other test examples would have changed; it says nothing about other seeds or training sets.

    Parameters
    ----------
    labels : N class numbers
    predictions : N class numbers, or an N×C table of scores

    Raises
    ------
    ValueError
        If there are no examples, the lengths differ, or a score is not finite.

    Examples
    --------
    >>> print(accuracy([0, 1, 2, 1], [0, 1, 1, 1]))
    0.750 [0.301, 0.954], n=4
    """
    labels, predictions = _labels_and_predictions(labels, predictions)
    return wilson(int((labels == predictions).sum()), len(labels), confidence=confidence)


def confusion(labels, predictions, *, num_classes: int | None = None) -> np.ndarray:
    """Confusion matrix: row = true class, column = predicted class, entries are counts.

    Parameters
    ----------
    labels : N class numbers
    predictions : N class numbers, or an N×C table of scores
    num_classes : int, optional
        Size of the matrix; from the columns of the scores or the largest class number if not given.

    Returns
    -------
    ndarray of int64, shape (C, C)

    Raises
    ------
    ValueError
        If there are no examples, the lengths differ, or a class number is not in 0 … C−1.

    Examples
    --------
    >>> confusion([0, 1, 1, 2], [0, 1, 2, 2])
    array([[1, 0, 0],
           [0, 1, 1],
           [0, 0, 1]])
    """
    if num_classes is None and np.ndim(_array(predictions)) == 2:
        num_classes = np.shape(_array(predictions))[1]
    labels, predictions = _labels_and_predictions(labels, predictions)
    largest = int(max(labels.max(), predictions.max()))
    num_classes = largest + 1 if num_classes is None else num_classes
    if largest >= num_classes:
        raise ValueError(f"Class number {largest} does not fit into {num_classes} classes (0 to {num_classes - 1}).")
    counts = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)


def precision_recall_f1(
    labels, predictions, *, num_classes: int | None = None, class_names: Sequence[str] | None = None
) -> ClassReport:
    """Precision, recall and F1 of each class, with macro and weighted averages.

    Precision: of the examples called c, the share that are c. Recall: of the examples that are c, the share called c.
    F1: their harmonic mean, 2·TP / (2·TP + FP + FN). A quotient 0/0 counts as 0. The averages are scikit-learn's.

    Parameters
    ----------
    labels : N class numbers
    predictions : N class numbers, or an N×C table of scores
    num_classes : int, optional
        As in `confusion`; the number of class names if those are given.
    class_names : sequence of str, optional
        Names for the printed table.

    Raises
    ------
    ValueError
        As `confusion`, and if the names do not fit the classes.

    Examples
    --------
    >>> report = precision_recall_f1([0, 0, 0, 1], [0, 0, 1, 1], class_names=["cat", "dog"])
    >>> print(report)
              precision  recall     f1  support
    cat           1.000   0.667  0.800        3
    dog           0.500   1.000  0.667        1
    macro         0.750   0.833  0.733        4
    weighted      0.875   0.750  0.767        4
    >>> round(report.macro.f1, 3)
    0.733
    """
    if num_classes is None and class_names is not None:
        num_classes = len(class_names)
    matrix = confusion(labels, predictions, num_classes=num_classes)
    names = tuple(class_names) if class_names is not None else tuple(str(c) for c in range(len(matrix)))
    if len(names) != len(matrix):
        raise ValueError(f"{len(names)} class names do not fit {len(matrix)} classes: give one name for each class.")
    right, support, predicted = np.diag(matrix), matrix.sum(1), matrix.sum(0)
    return ClassReport(
        precision=_ratio(right, predicted),
        recall=_ratio(right, support),
        f1=_ratio(2 * right, support + predicted),
        support=support,
        predicted=predicted,
        class_names=names,
    )


def calibration_error(labels, probabilities, *, bins: int = 15) -> Calibration:
    """Expected calibration error of the winning class: does 80 % sure mean right 8 times in 10?

    The confidence of an example is its largest probability. Bins are equally wide, (0, 1/b], (1/b, 2/b], … (…, 1]; each
    weighs as many examples as it holds. Another number of bins gives another error, and few examples bias it upwards:
    compare only errors made with the same bins on the same examples.

    Parameters
    ----------
    labels : N class numbers
    probabilities : N×C table, rows that sum to 1
    bins : int
        Number of bins, at least 1.

    Raises
    ------
    ValueError
        If the table holds logits (a row that is negative somewhere or does not sum to 1), sizes differ or bins < 1.

    Notes
    -----
    Naeini, Cooper and Hauskrecht (2015); Guo et al. (2017) for the winning class, whose 15 bins are the default.

    Examples
    --------
    Four answers, each 90 % sure, of which three are right:

    >>> result = calibration_error([0, 0, 0, 1], [[0.9, 0.1]] * 4)
    >>> round(result.error, 3), int(result.count.max())
    (0.15, 4)
    """
    if bins < 1:
        raise ValueError(f"bins={bins}: a calibration error needs at least one bin.")
    table = np.asarray(_array(probabilities), dtype=float)
    if table.ndim != 2 or (table < 0).any() or not np.allclose(table.sum(1), 1, atol=1e-2):
        raise ValueError(
            "The calibration error needs an N×C table of probabilities (no negatives, rows that sum to 1): "
            "turn logits into probabilities with logits.softmax(-1)."
        )
    labels, predictions = _labels_and_predictions(labels, table)
    edges = np.linspace(0, 1, bins + 1)
    sure, right = table.max(1), labels == predictions
    which = np.searchsorted(edges[1:-1], sure, side="left")
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        bin_confidence = np.bincount(which, sure, minlength=bins) / count
        bin_accuracy = np.bincount(which, right, minlength=bins) / count
    error = float(np.nansum(count * np.abs(bin_accuracy - bin_confidence)) / len(labels))
    return Calibration(error, edges, count, bin_confidence, bin_accuracy)


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

    truth, a = _labels_and_predictions(labels, a)
    _, b = _labels_and_predictions(labels, b)
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

    _normal_quantile(confidence)
    a, b = (np.asarray(_array(scores), dtype=float) for scores in (a, b))
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


def _normal_quantile(confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: a confidence level lies strictly between 0 and 1, such as 0.95.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)


def _array(values) -> np.ndarray:
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
        return values.numpy()
    return np.asarray(values)


def _labels_and_predictions(labels, predictions) -> tuple[np.ndarray, np.ndarray]:
    labels, predictions = _class_numbers(labels, "labels"), _array(predictions)
    if predictions.ndim == 2:
        if not (predictions < np.inf).all():  # also false for NaN; −inf is a class that is ruled out
            raise ValueError("The scores hold NaN or infinity, so no class can be chosen: has training diverged?")
        predictions = predictions.argmax(1)
    predictions = _class_numbers(predictions, "predictions")
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels do not fit {len(predictions)} predictions: score the same examples.")
    if len(labels) == 0:
        raise ValueError("There are no examples to score: the split is empty.")
    return labels, predictions


def _class_numbers(values, what: str) -> np.ndarray:
    values = _array(values)
    if values.ndim != 1:
        raise ValueError(f"The {what} have shape {values.shape}: give one class number an example.")
    if len(values) and (not np.issubdtype(values.dtype, np.integer) or values.min() < 0):
        raise ValueError(
            f"The {what} must be class numbers, integers from 0 up; found {values.dtype} {values.min()!s}."
        )
    return values.astype(np.int64)
