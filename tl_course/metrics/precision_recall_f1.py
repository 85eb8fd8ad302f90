"""Precision, recall and F1 of each class, and their averages."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tl_course.metrics.confusion import confusion


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


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return np.divide(numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0)
