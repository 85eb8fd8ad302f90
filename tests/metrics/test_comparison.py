"""Paired comparisons agree with SciPy and with published tables."""

import numpy as np
import pytest
import torch
from draws import seeds
from labelled import SEEDS, classification
from scipy import stats

from tl_course import metrics
from tl_course.metrics.comparison import _newcombe_paired


def _from_counts(both, only_a, only_b, neither):
    a = [0] * (both + only_a) + [1] * (only_b + neither)
    b = [0] * both + [1] * only_a + [0] * only_b + [1] * neither
    return [0] * len(a), a, b


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((59, 6, 16, 80), -0.1186, -0.0046),  # Cavo et al. 2012 in Fagerland, Lydersen & Laake, chapter 8
        ((1, 1, 7, 12), -0.507, -0.026),  # Bentur et al. 2009, there
        ((36, 12, 2, 0), 0.0569, 0.3404),  # Newcombe 1998
    ],
)
def test_paired_interval_of_published_tables(counts, low, high):
    difference = metrics.compare(*_from_counts(*counts)).difference
    np.testing.assert_allclose((difference.low, difference.high), (low, high), atol=5e-4 if low == -0.507 else 5e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_comparison_counts_and_test(seed):
    labels, a = classification(seed)
    _, b = classification(seed + 100)
    found = metrics.compare(labels, a, b)
    right_a, right_b = a == labels, b == labels
    assert (found.both, found.only_a) == ((right_a & right_b).sum(), (right_a & ~right_b).sum())
    assert found.both + found.only_a + found.only_b + found.neither == len(labels)
    assert found.difference.value == pytest.approx(right_a.mean() - right_b.mean())
    # McNemar's exact test from the binomial distribution itself
    few, disagree = min(found.only_a, found.only_b), found.only_a + found.only_b
    assert found.p_value == pytest.approx(min(1.0, 2 * stats.binom.cdf(few, disagree, 0.5)))


@pytest.mark.parametrize("seed", SEEDS)
def test_swapping_the_models_turns_the_comparison_round(seed):
    labels, a = classification(seed)
    _, b = classification(seed + 100)
    there, back = metrics.compare(labels, a, b), metrics.compare(labels, b, a)
    assert there.p_value == back.p_value
    expected = (-back.difference.value, -back.difference.high, -back.difference.low)
    found = (there.difference.value, there.difference.low, there.difference.high)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_two_models_that_always_agree():
    labels, a, b = _from_counts(30, 0, 0, 10)
    found = metrics.compare(labels, a, b)
    assert found.p_value == 1
    assert found.difference.low <= 0 <= found.difference.high
    assert "McNemar p = 1" in str(found)


@pytest.mark.parametrize("seed", seeds(2))
def test_pairing_narrows_the_interval_and_keeps_its_coverage(seed):
    rng = np.random.default_rng(seed)
    p = np.array([0.7, 0.12, 0.06, 0.12])
    truth, covered, narrower, trials = p[1] - p[2], 0, 0, 400
    for counts in rng.multinomial(200, p, size=trials):
        interval = _newcombe_paired(*(int(count) for count in counts), 0.95)
        covered += interval.low <= truth <= interval.high
        a, b = counts[0] + counts[1], counts[0] + counts[2]
        unpaired = 2 * 1.96 * np.sqrt(a * (200 - a) / 200**3 + b * (200 - b) / 200**3)
        narrower += interval.high - interval.low < unpaired
    assert 0.92 <= covered / trials <= 0.99
    assert narrower / trials > 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_difference_over_seeds_is_scipys_paired_t(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0.8, 0.05, size=(2, 3 + seed))
    expected = stats.ttest_rel(a, b).confidence_interval(0.9)
    found = metrics.paired_difference(a, torch.tensor(b), confidence=0.9)
    np.testing.assert_allclose((found.low, found.high), (expected.low, expected.high), atol=1e-12)
    assert found.value == pytest.approx((a - b).mean())
    assert found.n == 3 + seed
