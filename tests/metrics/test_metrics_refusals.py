"""Bad input is refused by name."""

import numpy as np
import pytest
import torch

from tl_course import metrics


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.wilson(3, 0), "3 successes in 0 trials"),
        (lambda: metrics.wilson(1, 2, confidence=95), "confidence=95"),
        (lambda: metrics.paired_difference([1, 2], [1, 3], confidence=1.0), "confidence=1.0"),
        (lambda: metrics.accuracy([], []), "class numbers|no examples"),
        (lambda: metrics.accuracy(torch.zeros(0).long(), torch.zeros(0, 3)), "no examples"),
        (lambda: metrics.accuracy([0, 1], [0]), "2 labels do not fit 1 predictions"),
        (lambda: metrics.accuracy([0], torch.tensor([[torch.nan, 1.0]])), "NaN"),
        (lambda: metrics.accuracy([0.5], [0]), "labels must be class numbers"),
        (lambda: metrics.accuracy([0], [0.7]), "predictions must be class numbers"),
        (lambda: metrics.accuracy([-1], [0]), "labels must be class numbers"),
        (lambda: metrics.accuracy([[0], [1]], [0, 1]), "labels have shape"),
        (lambda: metrics.confusion([0, 3], [0, 1], num_classes=3), "Class number 3 does not fit into 3 classes"),
        (lambda: metrics.precision_recall_f1([0, 2], [0, 1], class_names=["a", "b"]), "does not fit into 2"),
        (
            lambda: metrics.precision_recall_f1([0, 1], [0, 1], num_classes=3, class_names=["a", "b"]),
            "2 class names do not fit 3 classes",
        ),
        (lambda: metrics.calibration_error([0], [[2.0, -1.0]]), "softmax"),
        (lambda: metrics.calibration_error([0], [[2.0, 1.0]]), "softmax"),
        (lambda: metrics.calibration_error([0], [1]), "N×C table"),
        (lambda: metrics.calibration_error([0], [[0.5, 0.5]], bins=0), "bins=0"),
        (lambda: metrics.compare([0, 1], [0, 1], [0]), "2 labels do not fit 1"),
        (lambda: metrics.paired_difference([0.5], [0.4]), "at least two seeds"),
        (lambda: metrics.paired_difference([0.5, 0.6], [0.4]), "cannot be paired"),
        (lambda: metrics.paired_difference([0.5, np.nan], [0.4, 0.3]), "NaN"),
    ],
)
def test_bad_input_is_refused_by_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
