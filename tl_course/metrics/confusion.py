"""The confusion matrix."""

import numpy as np

from tl_course.metrics._class_numbers import labels_and_predictions
from tl_course.metrics.arrays import array
from tl_course.plain_numbers import whole_number


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
    if num_classes is not None:
        num_classes = whole_number("num_classes", num_classes)
    elif np.ndim(array(predictions)) == 2:
        num_classes = np.shape(array(predictions))[1]
    labels, predictions = labels_and_predictions(labels, predictions)
    largest = int(max(labels.max(), predictions.max()))
    num_classes = largest + 1 if num_classes is None else num_classes
    if largest >= num_classes:
        raise ValueError(f"Class number {largest} does not fit into {num_classes} classes (0 to {num_classes - 1}).")
    counts = np.bincount(labels * num_classes + predictions, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes)
