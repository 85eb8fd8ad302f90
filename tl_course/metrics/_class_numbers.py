"""Labels and predictions, from lists, arrays or tensors, as arrays of class numbers."""

import numpy as np

from tl_course.metrics.arrays import array


def labels_and_predictions(labels, predictions) -> tuple[np.ndarray, np.ndarray]:
    """N labels and N predictions as class numbers; what does not fit is refused (ValueError)."""
    labels, predictions = class_numbers(labels, "labels"), array(predictions)
    if predictions.ndim == 2:
        if not (predictions < np.inf).all():  # also false for NaN; −inf is a class that is ruled out
            raise ValueError(
                "The scores hold NaN or infinity, so no class can be chosen: if training diverged, lower the rate."
            )
        predictions = predictions.argmax(1)
    predictions = class_numbers(predictions, "predictions")
    if len(labels) != len(predictions):
        raise ValueError(f"{len(labels)} labels do not fit {len(predictions)} predictions: score the same examples.")
    if len(labels) == 0:
        raise ValueError("There are no examples to score: the split is empty; give at least one.")
    return labels, predictions


def class_numbers(values, what: str) -> np.ndarray:
    """Integers from 0 up, one an example; else a sentence that says what `what` is (ValueError)."""
    values = array(values)
    if values.ndim != 1:
        raise ValueError(f"The {what} have shape {values.shape}: give one class number an example.")
    if len(values) and (not np.issubdtype(values.dtype, np.integer) or values.min() < 0):
        raise ValueError(
            f"The {what} must be class numbers, integers from 0 up; found {values.dtype} {values.min()!s}."
        )
    return values.astype(np.int64)
