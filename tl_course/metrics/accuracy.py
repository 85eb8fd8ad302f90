"""The share of right predictions, with its interval."""

from tl_course.metrics._class_numbers import labels_and_predictions
from tl_course.metrics.interval import Interval, wilson


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
    labels, predictions = labels_and_predictions(labels, predictions)
    return wilson(int((labels == predictions).sum()), len(labels), confidence=confidence)
