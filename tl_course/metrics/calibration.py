"""Calibration: does 80 % sure mean right 8 times in 10?"""

from dataclasses import dataclass, field

import numpy as np

from tl_course.metrics._class_numbers import labels_and_predictions
from tl_course.metrics.arrays import array
from tl_course.plain_numbers import whole_number


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
    bins = whole_number("bins", bins)
    if bins < 1:
        raise ValueError(f"bins={bins}: a calibration error needs at least one bin.")
    table = np.asarray(array(probabilities), dtype=float)
    if table.ndim != 2 or (table < 0).any() or not np.allclose(table.sum(1), 1, atol=1e-2):
        raise ValueError(
            "The calibration error needs an N×C table of probabilities (no negatives, rows that sum to 1): "
            "turn logits into probabilities with logits.softmax(-1)."
        )
    labels, predictions = labels_and_predictions(labels, table)
    edges = np.linspace(0, 1, bins + 1)
    sure, right = table.max(1), labels == predictions
    which = np.searchsorted(edges[1:-1], sure, side="left")
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):
        bin_confidence = np.bincount(which, sure, minlength=bins) / count
        bin_accuracy = np.bincount(which, right, minlength=bins) / count
    error = float(np.nansum(count * np.abs(bin_accuracy - bin_confidence)) / len(labels))
    return Calibration(error, edges, count, bin_confidence, bin_accuracy)
