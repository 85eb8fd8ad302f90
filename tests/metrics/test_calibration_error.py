"""The calibration error agrees with its formula and with scikit-learn."""

import numpy as np
import pytest
from labelled import SEEDS
from sklearn.calibration import calibration_curve

from tl_course import metrics


def _probabilities(seed, n=400, classes=4):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, classes)) * 2
    table = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return rng.integers(classes, size=n), table


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_is_its_formula(seed, bins):
    labels, table = _probabilities(seed)
    sure, right = table.max(1), table.argmax(1) == labels
    expected = 0.0
    for low, high in zip(np.arange(bins) / bins, (np.arange(bins) + 1) / bins, strict=True):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - sure[inside].mean())
    found = metrics.calibration_error(labels, table, bins=bins)
    assert float(found) == pytest.approx(expected, abs=1e-12)
    assert found.count.sum() == len(labels)
    # scikit-learn's reliability curve of "the winning class is right" has the same bins and drops the empty ones
    accuracy, confidence = calibration_curve(right, sure, n_bins=bins)
    full = found.count > 0
    np.testing.assert_allclose(found.accuracy[full], accuracy)
    np.testing.assert_allclose(found.confidence[full], confidence)


def test_bins_are_closed_on_the_right():
    found = metrics.calibration_error([0, 0], [[0.5, 0.5], [1.0, 0.0]], bins=2)
    assert found.count.tolist() == [1, 1]
    assert found.error == pytest.approx(0.25)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_model_that_draws_from_its_own_probabilities_is_calibrated(seed):
    rng = np.random.default_rng(seed)
    _, table = _probabilities(seed, n=20_000)
    labels = (rng.random((len(table), 1)) > table.cumsum(1)).sum(1).clip(max=3)
    own = metrics.calibration_error(labels, table).error
    overconfident = table**3 / (table**3).sum(1, keepdims=True)
    assert own < 0.02 < 0.1 < metrics.calibration_error(labels, overconfident).error
