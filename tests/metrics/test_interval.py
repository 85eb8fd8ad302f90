"""Intervals agree with SciPy."""

import numpy as np
import pytest
from scipy import stats

from tl_course import metrics


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 10), (10, 10), (1, 3), (37, 50), (9981, 10_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_wilson_is_scipys(successes, n, confidence):
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    found = metrics.wilson(successes, n, confidence=confidence)
    np.testing.assert_allclose((found.low, found.high), expected, atol=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert (found.value, found.n, found.confidence) == (successes / n, n, confidence)


def test_an_interval_prints_and_converts():
    interval = metrics.wilson(3, 4)
    assert str(interval) == "0.750 [0.301, 0.954], n=4"
    assert f"{interval:.0%}" == "75% [30%, 95%], n=4"
    assert float(interval) == 0.75
    with pytest.raises(AttributeError):
        interval.value = 1.0
