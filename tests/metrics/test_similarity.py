"""CKA by the unbiased estimator: what it must not depend on, what it must say of features that share nothing."""

import itertools

import numpy as np
import pytest
import torch
from draws import seeds
from scipy.stats import ortho_group

from tl_course import metrics


def features(seed, n=48, width=20, other=12, shared=0.0):
    """Two representations; ``shared`` is how much of the second is a linear map of the first."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=(n, width))
    return a, shared * a @ rng.normal(size=(width, other)) + rng.normal(size=(n, other))


def by_definition(a, b):
    """HSIC without bias, as a mean over all quadruples of different examples (Gretton 2005, Song 2012)."""
    k, m = a @ a.T, b @ b.T

    def hsic(k, m):
        n, total, count = len(k), 0.0, 0
        for i, j, q, r in itertools.permutations(range(n), 4):
            total += k[i, j] * (m[i, j] + m[q, r] - 2 * m[i, q])
            count += 1
        return total / count

    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


@pytest.mark.parametrize("seed", seeds(5))
def test_it_is_the_mean_over_quadruples_of_different_examples(seed):
    a, b = features(seed, n=9, width=3, other=2, shared=1.0)
    assert metrics.cka(a, b) == pytest.approx(by_definition(a, b), abs=1e-10)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("seed", seeds(5))
def test_a_rotation_a_scale_and_a_shift_change_nothing(seed, unbiased):
    a, b = features(seed, shared=0.5)
    turned = 3.7 * a @ ortho_group.rvs(a.shape[1], random_state=seed) + np.arange(a.shape[1])
    found = metrics.cka(a, b, unbiased=unbiased)
    assert metrics.cka(turned, b, unbiased=unbiased) == pytest.approx(found, abs=1e-10)
    assert metrics.cka(b, a, unbiased=unbiased) == pytest.approx(found, abs=1e-12)
    assert metrics.cka(turned, a, unbiased=unbiased) == pytest.approx(1, abs=1e-10)
    order = np.random.default_rng(seed).permutation(len(a))
    assert metrics.cka(a[order], b[order], unbiased=unbiased) == pytest.approx(found, abs=1e-10)


@pytest.mark.parametrize("seed", seeds(3))
def test_a_stretch_of_one_feature_does_change_it(seed):
    a, b = features(seed, shared=0.5)
    stretched = a * np.where(np.arange(a.shape[1]) == 0, 10, 1)
    assert abs(metrics.cka(stretched, b) - metrics.cka(a, b)) > 1e-3


@pytest.mark.parametrize("seed", seeds(3))
def test_what_shares_nothing_scores_nothing_on_average_and_the_biased_form_much(seed):
    draws = [features(1000 * seed + one, n=32, width=256, other=256) for one in range(60)]
    unbiased = np.array([metrics.cka(a, b) for a, b in draws])
    assert abs(unbiased.mean()) < 4 * unbiased.std(ddof=1) / np.sqrt(len(unbiased))
    assert (unbiased < 0).any()
    assert np.mean([metrics.cka(a, b, unbiased=False) for a, b in draws[:5]]) > 0.8


@pytest.mark.parametrize("seed", seeds(3))
def test_batches_of_an_unbiased_estimate_agree_with_the_whole(seed):
    a, b = features(seed, n=1024, shared=0.6)
    parts = [(a[at : at + 64], b[at : at + 64]) for at in range(0, 1024, 64)]
    assert metrics.cka_in_batches(parts) == pytest.approx(metrics.cka(a, b), abs=0.03)
    assert metrics.cka_in_batches([(a, b)]) == pytest.approx(metrics.cka(a, b), abs=1e-12)
    wide = np.random.default_rng(seed).normal(size=(2, 256, 512))
    small = [(wide[0, at : at + 16], wide[1, at : at + 16]) for at in range(0, 256, 16)]
    assert abs(metrics.cka_in_batches(small)) < 0.05
    assert metrics.cka_in_batches(small, unbiased=False) > metrics.cka(*wide, unbiased=False) + 0.1


# --- three published mistakes, each written small ------------------------------------------------------------------


def row_subtracted(k, m):
    """``K - torch.diag(K)`` takes the diagonal from every row, and leaves it where it is (cka_pytorch, issue 2)."""
    return metrics.similarity._unbiased_hsic(k - np.diag(k) + np.diag(np.diag(k)), m - np.diag(m) + np.diag(np.diag(m)))


def only_its_name_is_unbiased(k, m):
    """The diagonal set to zero, and then the biased estimator (MONAI, pull request 9129)."""
    n = len(k)
    k, m = (one - np.diag(np.diag(one)) for one in (k, m))
    centre = np.eye(n) - 1 / n
    return (centre @ k @ centre * m).sum() / (n - 1) ** 2


def ratio(hsic, a, b):
    k, m = a @ a.T, b @ b.T
    return hsic(k, m) / np.sqrt(abs(hsic(k, k) * hsic(m, m)))


def test_published_mistakes_fail_the_same_properties():
    draws = [features(one, n=32, width=256, other=256) for one in range(30)]
    for hsic in (row_subtracted, only_its_name_is_unbiased):
        found = np.array([ratio(hsic, a, b) for a, b in draws])
        a, b = draws[0]
        shift = abs(ratio(hsic, a + 5, b) - ratio(hsic, a, b))
        biased = abs(found.mean()) > 4 * found.std(ddof=1) / np.sqrt(len(found))
        assert biased or shift > 1e-3, hsic.__doc__


def test_a_sum_divided_by_layers_is_not_the_mean_over_batches():
    """Published code divided by the number of layers instead of batches (simtorch, pull request 52)."""
    a, _ = features(0, n=256)
    layers, batches = 5, [a[at : at + 64] for at in range(0, 256, 64)]
    wrong = sum(metrics.cka(part, part) for part in batches) / layers
    assert wrong != pytest.approx(1, abs=0.1)
    assert metrics.cka_in_batches((part, part) for part in batches) == pytest.approx(1)


# --- what is refused ------------------------------------------------------------------------------------------------


def test_what_cannot_be_compared_is_refused():
    a, b = features(0)
    with pytest.raises(ValueError, match="48 and 47 examples"):
        metrics.cka(a, b[:-1])
    with pytest.raises(ValueError, match="3 examples are too few"):
        metrics.cka(a[:3], b[:3])
    with pytest.raises(ValueError, match="NaN or infinity"):
        metrics.cka(a, np.where(b > 2, np.nan, b))
    with pytest.raises(ValueError, match="one row an example"):
        metrics.cka(a[:, 0], b)
    with pytest.raises(ValueError, match="no batch"):
        metrics.cka_in_batches([])


def test_features_that_do_not_vary_have_no_similarity():
    a, b = features(0)
    assert np.isnan(metrics.cka(np.ones_like(a), b))


def test_half_precision_and_tensors_are_taken():
    a, b = (torch.tensor(one, dtype=torch.bfloat16) for one in features(0, shared=1.0))
    assert metrics.cka(a, b) == pytest.approx(metrics.cka(a.float().numpy(), b.float().numpy()), abs=1e-12)
