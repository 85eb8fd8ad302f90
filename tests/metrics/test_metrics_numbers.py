"""Settings of metrics may be numbers of NumPy, or tensors of one number; so may lists of scores hold tensors."""

import numpy as np
import pytest
import torch
from labelled import classification

from tl_course import metrics

WHOLE = [np.int64, np.int32, np.uint8, np.asarray, torch.tensor]
REAL = [np.float64, np.float16, np.float32, np.asarray, torch.tensor]


@pytest.mark.parametrize("kind", WHOLE)
def test_whole_numbers_of_any_kind(kind):
    labels, predictions = classification(0)
    table = np.eye(5)[predictions]
    of_six = {"labels": labels, "predictions": predictions, "num_classes": 6}
    of_kind = of_six | {"num_classes": kind(6)}
    found, expected = (metrics.calibration_error(labels, table, bins=bins) for bins in (kind(4), 4))
    assert found.error == expected.error
    assert metrics.confusion(**of_kind).tolist() == metrics.confusion(**of_six).tolist()
    assert metrics.precision_recall_f1(**of_kind).macro == metrics.precision_recall_f1(**of_six).macro
    assert metrics.wilson(kind(3), kind(7)) == metrics.wilson(3, 7)
    interval = metrics.wilson(kind(3), kind(7))
    assert (type(interval.n), type(interval.value), type(interval.low)) == (int, float, float)


def test_wilson_of_many_trials_does_not_overflow():
    found = metrics.wilson(np.int32(50_000), np.int32(100_000))
    assert found == metrics.wilson(50_000, 100_000)
    assert 0.49 < found.low < 0.5 < found.high < 0.51


@pytest.mark.parametrize("kind", REAL)
def test_a_level_of_any_kind(kind):
    labels, a = classification(0)
    _, b = classification(1)
    level = float(kind(0.75))
    for found, expected in (
        (metrics.wilson(3, 7, confidence=kind(0.75)), metrics.wilson(3, 7, confidence=level)),
        (metrics.accuracy(labels, a, confidence=kind(0.75)), metrics.accuracy(labels, a, confidence=level)),
        (metrics.compare(labels, a, b, confidence=kind(0.75)), metrics.compare(labels, a, b, confidence=level)),
        (
            metrics.paired_difference([0.5, 0.75], [0.25, 0.625], confidence=kind(0.75)),
            metrics.paired_difference([0.5, 0.75], [0.25, 0.625], confidence=level),
        ),
    ):
        assert found == expected
        assert type(getattr(found, "difference", found).confidence) is float


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_lists_of_tensors(dtype):
    a, b = (
        [torch.tensor(score, dtype=dtype).requires_grad_() for score in scores]
        for scores in ([0.5, 0.75, 1], [0.25, 0.5, 0.5])
    )
    assert metrics.paired_difference(a, b) == metrics.paired_difference([0.5, 0.75, 1], [0.25, 0.5, 0.5])
    assert metrics.accuracy([torch.tensor(1), torch.tensor(0)], [1, 1]) == metrics.accuracy([1, 0], [1, 1])
    rows = [torch.tensor([0.25, 0.75], dtype=dtype), torch.tensor([0.5, 0.25], dtype=dtype)]
    assert metrics.accuracy([1, 0], rows).value == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.wilson(1.5, 3), "successes=.* is not possible; give a whole number"),
        (lambda: metrics.wilson(1, 3, confidence="high"), "confidence=.* is not possible; give a finite number"),
        (
            lambda: metrics.calibration_error([0], [[1.0, 0.0]], bins=1.5),
            "bins=.* is not possible; give a whole number",
        ),
        (lambda: metrics.confusion([0], [0], num_classes="two"), "num_classes=.* is not possible; give a whole number"),
    ],
)
def test_what_is_no_such_number_is_refused_by_its_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
