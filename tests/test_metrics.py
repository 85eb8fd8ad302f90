"""Scores agree with scikit-learn and SciPy, intervals with published examples, and bad input is refused by name."""

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from tl_course import metrics

SEEDS = range(5)


def _classification(seed, n=200, classes=5):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    noisy = rng.random(n) < 0.4
    return labels, np.where(noisy, rng.integers(classes, size=n), labels)


# --- intervals and accuracy


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 10), (10, 10), (1, 3), (37, 50), (9981, 10_000)])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_wilson_is_scipys(successes, n, confidence):
    expected = stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    found = metrics.wilson(successes, n, confidence=confidence)
    np.testing.assert_allclose((found.low, found.high), expected, atol=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert (found.value, found.n, found.confidence) == (successes / n, n, confidence)


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_is_scikit_learns_whatever_holds_the_numbers(seed):
    labels, predictions = _classification(seed)
    expected = metrics.accuracy(labels, predictions)
    assert expected.value == pytest.approx(sk.accuracy_score(labels, predictions))
    scores = torch.nn.functional.one_hot(torch.tensor(predictions), 5) * 3.0 - 1.0
    assert metrics.accuracy(torch.tensor(labels), scores) == expected
    assert metrics.accuracy(torch.tensor(labels), scores.bfloat16().requires_grad_()) == expected
    assert metrics.accuracy(labels.tolist(), predictions.tolist()) == expected


def test_an_interval_prints_and_converts():
    interval = metrics.wilson(3, 4)
    assert str(interval) == "0.750 [0.301, 0.954], n=4"
    assert f"{interval:.0%}" == "75% [30%, 95%], n=4"
    assert float(interval) == 0.75
    with pytest.raises(AttributeError):
        interval.value = 1.0


def test_a_class_ruled_out_by_minus_infinity_is_a_score():
    assert metrics.accuracy([1], torch.tensor([[-torch.inf, 0.0]])).value == 1


# --- precision, recall, F1, confusion


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("classes", [2, 5])
def test_class_report_is_scikit_learns(seed, classes):
    labels, predictions = _classification(seed, classes=classes)
    report = metrics.precision_recall_f1(labels, predictions)
    expected = sk.precision_recall_fscore_support(labels, predictions)
    for found, score in zip((report.precision, report.recall, report.f1, report.support), expected, strict=True):
        np.testing.assert_allclose(found, score, atol=1e-12)
    for name in ("macro", "weighted"):
        average = getattr(report, name)
        expected = sk.precision_recall_fscore_support(labels, predictions, average=name)[:3]
        np.testing.assert_allclose((average.precision, average.recall, average.f1), expected, atol=1e-12)
    np.testing.assert_array_equal(metrics.confusion(labels, predictions), sk.confusion_matrix(labels, predictions))


@pytest.mark.parametrize("seed", SEEDS)
def test_absent_classes_do_not_change_the_averages(seed):
    labels, predictions = _classification(seed, classes=3)
    predictions[predictions == 1] = 4  # 1 never predicted, 3 absent, 4 predicted and never true
    report = metrics.precision_recall_f1(labels, predictions, num_classes=7)
    for name in ("macro", "weighted"):
        average = getattr(report, name)
        expected = sk.precision_recall_fscore_support(labels, predictions, average=name, zero_division=0)[:3]
        np.testing.assert_allclose((average.precision, average.recall, average.f1), expected, atol=1e-12)
    assert report.precision[1] == report.recall[4] == report.f1[3] == 0
    expected = sk.confusion_matrix(labels, predictions, labels=range(7))
    np.testing.assert_array_equal(metrics.confusion(labels, predictions, num_classes=7), expected)


def test_confusion_takes_its_size_from_the_scores():
    assert metrics.confusion([0, 1], torch.eye(4)[:2]).shape == (4, 4)


def test_report_prints_the_names():
    text = str(metrics.precision_recall_f1([0, 1], [0, 0], class_names=["a", "letter b"]))
    assert text.splitlines()[2].split() == ["letter", "b", "0.000", "0.000", "0.000", "1"]


# --- calibration


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


# --- paired comparisons


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
    labels, a = _classification(seed)
    _, b = _classification(seed + 100)
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
    labels, a = _classification(seed)
    _, b = _classification(seed + 100)
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


@pytest.mark.parametrize("seed", range(2))
def test_pairing_narrows_the_interval_and_keeps_its_coverage(seed):
    rng = np.random.default_rng(seed)
    p = np.array([0.7, 0.12, 0.06, 0.12])
    truth, covered, narrower, trials = p[1] - p[2], 0, 0, 400
    for counts in rng.multinomial(200, p, size=trials):
        interval = metrics._newcombe_paired(*(int(count) for count in counts), 0.95)
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


# --- errors


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
