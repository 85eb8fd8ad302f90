"""LEEP, NCE, H-score and LogME: their limits, what they must not depend on, and the evidence maximised directly."""

import numpy as np
import pytest
import torch
from draws import seeds
from scipy import stats
from scipy.optimize import minimize
from sklearn.metrics import mutual_info_score

from tl_course import metrics

SEEDS = seeds(5)


def target(seed, n=200, classes=4, source=7, told=0.6):
    """Labels, and a source class for each example that follows the label in part."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    z = np.where(rng.random(n) < told, labels + 2, rng.integers(source, size=n))
    return labels, z


def clouds(seed, n=200, width=10, classes=4, apart=1.0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(classes, size=n)
    return apart * rng.normal(size=(classes, width))[labels] + rng.normal(size=(n, width)), labels


def entropy(labels):
    return stats.entropy(np.bincount(labels))


# --- LEEP and NCE ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_leep_of_one_hot_answers_is_nce_and_nce_is_information_less_entropy(seed):
    labels, z = target(seed)
    found = metrics.nce(z, labels)
    assert metrics.leep(np.eye(9)[z], labels) == pytest.approx(found, abs=1e-12)
    assert found == pytest.approx(mutual_info_score(labels, z) - entropy(labels), abs=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_leep_of_a_head_that_says_nothing_is_minus_the_entropy(seed):
    labels, _ = target(seed)
    assert metrics.leep(np.full((len(labels), 5), 0.2), labels) == pytest.approx(-entropy(labels), abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_source_class_that_is_never_used_changes_nothing(seed):
    labels, z = target(seed)
    theta = 0.9 * np.eye(7)[z % 7] + 0.1 / 7
    wider = np.hstack([theta, np.zeros((len(theta), 3))])
    assert metrics.leep(wider, labels) == pytest.approx(metrics.leep(theta, labels), abs=1e-12)
    assert np.isfinite(metrics.leep(wider, labels))


@pytest.mark.parametrize("seed", SEEDS)
def test_leep_rises_with_what_the_head_tells(seed):
    labels, z = target(seed, told=0.0)
    _, better = target(seed, told=0.9)
    assert metrics.nce(better, labels) > metrics.nce(z, labels)


@pytest.mark.parametrize("seed", SEEDS)
def test_source_and_target_swapped_ask_another_question(seed):
    """The numbers of published tables came out only so (LogME, issue 14)."""
    labels, z = target(seed)
    assert abs(metrics.nce(labels, z) - metrics.nce(z, labels)) > 0.05
    merged = labels // 2  # a coarser target is told no worse; swapped, the score falls
    assert metrics.nce(z, merged) >= metrics.nce(z, labels)
    assert metrics.nce(merged, z) <= metrics.nce(labels, z)


def test_logits_in_the_place_of_probabilities_are_refused():
    labels, z = target(0)
    logits = 3 * np.eye(9)[z] - 1
    with pytest.raises(ValueError, match="softmax"):
        metrics.leep(logits, labels)
    assert metrics.leep(torch.tensor(logits).softmax(1), labels) < 0


# --- H-score --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_h_score_does_not_depend_on_an_invertible_map_and_has_its_bounds(seed):
    x, labels = clouds(seed)
    rng = np.random.default_rng(seed + 1)
    mapped = x @ rng.normal(size=(10, 10)) + 3
    assert metrics.h_score(mapped, labels) == pytest.approx(metrics.h_score(x, labels), rel=1e-8)
    assert 0 <= metrics.h_score(x, labels) <= 3
    told = np.eye(4)[labels][:, :3] + 1e-4 * rng.normal(size=(len(x), 3))
    assert metrics.h_score(told, labels) == pytest.approx(3, abs=1e-3)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_h_score_is_the_sum_of_the_canonical_correlations_squared(seed):
    x, labels = clouds(seed)
    y = np.eye(4)[labels][:, 1:]
    qx, qy = (np.linalg.qr(one - one.mean(0))[0] for one in (x, y))
    assert metrics.h_score(x, labels) == pytest.approx((np.linalg.svd(qx.T @ qy)[1] ** 2).sum(), abs=1e-10)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_fewer_examples_than_features_only_shrinkage_tells_noise_from_signal(seed):
    rng = np.random.default_rng(seed)
    noise, labels = rng.normal(size=(60, 200)), rng.integers(4, size=60)
    with pytest.raises(ValueError, match="shrinkage=True"):
        metrics.h_score(noise, labels)
    centred = noise - noise.mean(0)
    means = np.array([centred[labels == c].mean(0) for c in range(4)])[labels]
    plain = np.trace(np.linalg.pinv(centred.T @ centred) @ (means.T @ means))
    assert plain == pytest.approx(3, abs=1e-6)  # C − 1: as if the classes were told without a fault
    assert metrics.h_score(noise, labels, shrinkage=True) < 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_shrunk_it_does_not_depend_on_a_rotation_and_a_scale(seed):
    x, labels = clouds(seed, n=80, width=120)
    turned = 0.3 * x @ stats.ortho_group.rvs(120, random_state=seed)
    found = metrics.h_score(x, labels, shrinkage=True)
    assert metrics.h_score(turned, labels, shrinkage=True) == pytest.approx(found, rel=1e-6)


# --- LogME ----------------------------------------------------------------------------------------------------------


def direct(x, labels):
    """The Gaussian evidence itself, maximised over α and β from several starts, as a mean over classes."""
    n, found = len(x), []
    kernel = x @ x.T
    for label in np.unique(labels):
        y = (labels == label).astype(float)

        def negative(logs, y=y):
            variance = np.exp(logs[0]) * np.eye(n) + np.exp(logs[1]) * kernel
            _, determinant = np.linalg.slogdet(variance)
            return 0.5 * (n * np.log(2 * np.pi) + determinant + y @ np.linalg.solve(variance, y)) / n

        starts = [(-2.0, -4.0), (-4.0, -6.0), (-1.0, -8.0)]
        best = min(minimize(negative, start, method="Nelder-Mead").fun for start in starts)
        found.append(-best)
    return np.mean(found)


@pytest.mark.parametrize(("n", "width"), [(60, 8), (30, 70)])
@pytest.mark.parametrize("seed", seeds(3))
def test_log_me_is_the_largest_evidence_for_few_and_for_many_features(seed, n, width):
    x, labels = clouds(seed, n=n, width=width, classes=3, apart=0.7)
    assert metrics.log_me(x, labels) == pytest.approx(direct(x, labels), abs=2e-3)


def without_the_zeros(x, labels):
    """What forgets the D − N eigenvalues that are zero: the mistake of published code for D > N (written small)."""
    s = np.linalg.svd(x, compute_uv=False) ** 2
    alpha = beta = 1.0
    n, width = x.shape
    evidence = []
    for label in np.unique(labels):
        y = (labels == label).astype(float)
        for _ in range(11):
            a = alpha * np.eye(width) + beta * x.T @ x
            m = beta * np.linalg.solve(a, x.T @ y)
            gamma = (beta * s / (alpha + beta * s)).sum()
            alpha, beta = gamma / (m @ m), (n - gamma) / ((y - x @ m) ** 2).sum()
        fit = beta * ((y - x @ m) ** 2).sum() + alpha * m @ m + np.log(alpha + beta * s).sum()
        evidence.append((width * np.log(alpha) + n * np.log(beta / (2 * np.pi)) - fit) / (2 * n))
    return np.mean(evidence)


def test_the_published_mistake_is_right_for_many_examples_and_wrong_for_many_features():
    x, labels = clouds(0, n=60, width=8, classes=3, apart=0.7)
    assert without_the_zeros(x, labels) == pytest.approx(metrics.log_me(x, labels), abs=2e-3)
    x, labels = clouds(0, n=30, width=70, classes=3, apart=0.7)
    assert abs(without_the_zeros(x, labels) - metrics.log_me(x, labels)) > 0.05, "the zeros were counted"


@pytest.mark.parametrize("seed", SEEDS)
def test_log_me_does_not_depend_on_a_rotation_or_a_scale_and_prefers_signal(seed):
    x, labels = clouds(seed)
    turned = 40 * x @ stats.ortho_group.rvs(10, random_state=seed)
    assert metrics.log_me(turned, labels) == pytest.approx(metrics.log_me(x, labels), abs=1e-6)
    noise = np.random.default_rng(seed + 9).normal(size=x.shape)
    assert metrics.log_me(x, labels) > metrics.log_me(noise, labels)


def test_log_me_of_labels_without_a_residue_is_finite():
    labels = np.array([0, 1] * 20)
    assert np.isfinite(metrics.log_me(np.eye(2)[labels], labels))
    assert np.isfinite(metrics.log_me(np.zeros((40, 3)), labels))


# --- ranking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_ranking_agrees_with_itself_and_not_with_its_reverse(seed):
    rng = np.random.default_rng(seed)
    accuracies = rng.random(9)
    up = metrics.rank_agreement(np.exp(accuracies), accuracies, draws=200)
    down = metrics.rank_agreement(-accuracies, accuracies, draws=200)
    assert (up.value, up.low, up.n) == (pytest.approx(1), pytest.approx(1), 9)
    assert down.value == pytest.approx(-1)
    scores = rng.random(9)
    found = metrics.rank_agreement(scores, accuracies, draws=300, seed=1)
    assert found.value == pytest.approx(stats.weightedtau(scores, accuracies).statistic)
    assert found.low <= found.value <= found.high
    assert found == metrics.rank_agreement(scores, accuracies, draws=300, seed=1)
    wide = metrics.rank_agreement(scores, accuracies, draws=300, seed=1, confidence=0.5)
    assert found.low <= wide.low <= wide.high <= found.high


def test_pairs_near_the_top_count_for_more():
    accuracies = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
    top_wrong = [0.1, 0.2, 0.3, 0.4, 0.6, 0.5]
    bottom_wrong = [0.2, 0.1, 0.3, 0.4, 0.5, 0.6]
    assert (
        metrics.rank_agreement(bottom_wrong, accuracies, draws=50).value
        > metrics.rank_agreement(top_wrong, accuracies, draws=50).value
    )


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [metrics.h_score, metrics.log_me])
def test_what_fits_no_label_is_refused(score):
    x, labels = clouds(0)
    with pytest.raises(ValueError, match="199 labels do not fit 200 rows"):
        score(x, labels[:-1])
    with pytest.raises(ValueError, match="NaN or infinity"):
        score(np.where(x > 2, np.inf, x), labels)
    with pytest.raises(ValueError, match="a row for each example"):
        score(x[:, 0], labels)


def test_rankings_that_rank_nothing_are_refused():
    with pytest.raises(ValueError, match="too few"):
        metrics.rank_agreement([1, 2], [1, 2])
    with pytest.raises(ValueError, match="nothing is ranked"):
        metrics.rank_agreement([1, 1, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="leave that source out"):
        metrics.rank_agreement([1, 2, np.nan], [1, 2, 3])
    with pytest.raises(ValueError, match="one score and one accuracy"):
        metrics.rank_agreement([1, 2, 3], [1, 2])
    with pytest.raises(ValueError, match="no examples"):
        metrics.nce(np.array([], dtype=int), np.array([], dtype=int))
