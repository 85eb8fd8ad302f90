"""The maximum mean discrepancy as a pure function, and its kernels."""

import numpy as np
import pytest
import torch
from loss_inputs import SEEDS, draw

from tl_course import losses


def reference_mmd2(x, y, kernel, unbiased):
    """Sum by sum, after Gretton et al."""

    def within(z):
        pairs = [(i, j) for i in range(len(z)) for j in range(len(z)) if not (unbiased and i == j)]
        return np.mean([kernel(z[i], z[j]) for i, j in pairs])

    return within(x) + within(y) - 2 * np.mean([kernel(a, b) for a in x for b in y])


KERNELS = {
    "gaussian": lambda a, b: np.exp(-np.sum((a - b) ** 2) / (2 * 1.7**2)),
    "laplacian": lambda a, b: np.exp(-np.abs(a - b).sum() / 1.7),
    "linear": lambda a, b: a @ b,
    "polynomial": lambda a, b: (a @ b / len(a) + 1) ** 2,
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd2_is_its_formula(seed, name, unbiased):
    x, y = draw(seed, 6, 3), draw(seed + 10, 8, 3) + 0.5
    value = losses.mmd2(x, y, name, bandwidth=1.7, unbiased=unbiased)
    assert value.item() == pytest.approx(reference_mmd2(x.numpy(), y.numpy(), KERNELS[name], unbiased), abs=1e-12)
    inputs = (x.requires_grad_(), y.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: losses.mmd2(a, b, name, bandwidth=1.7, unbiased=unbiased), inputs)


@pytest.mark.parametrize("seed", SEEDS)
def test_kernels_are_scikit_learns(seed):
    from sklearn.metrics import pairwise

    x, y = draw(seed, 6, 3), draw(seed + 10, 8, 3)
    expected = {
        losses.gaussian_kernel(x, y, 1.3): pairwise.rbf_kernel(x, y, gamma=1 / (2 * 1.3**2)),
        losses.laplacian_kernel(x, y, 1.3): pairwise.laplacian_kernel(x, y, gamma=1 / 1.3),
        losses.linear_kernel(x, y): pairwise.linear_kernel(x, y),
        losses.polynomial_kernel(x, y, 3): pairwise.polynomial_kernel(x, y, degree=3),
    }
    for own, theirs in expected.items():
        np.testing.assert_allclose(own, theirs, rtol=1e-10)


@pytest.mark.integration
@pytest.mark.parametrize("kernel", KERNELS)
def test_mmd2_on_equal_distributions(kernel):
    """Unbiased: about 0 on average, and often negative. Biased: never negative, about (2/n)(1 − E k)."""
    n, wide = 12, {"bandwidth": 2.0} if kernel in ("gaussian", "laplacian") else {}
    pairs = [(draw(seed, n, 3), draw(seed + 10_000, n, 3)) for seed in range(400)]
    unbiased = torch.stack([losses.mmd2(x, y, kernel, **wide) for x, y in pairs])
    biased = torch.stack([losses.mmd2(x, y, kernel, unbiased=False, **wide) for x, y in pairs])
    error = unbiased.std() / len(pairs) ** 0.5
    assert unbiased.mean().abs() < 4 * error
    assert (unbiased < 0).double().mean() > 0.25
    assert (biased > -1e-12).all()
    if wide:
        function = getattr(losses, f"{kernel}_kernel")
        between = torch.stack([function(x, y, 2.0).mean() for x, y in pairs]).mean()
        expected = 2 / n * (1 - between)
        assert (biased.mean() - expected).abs() < 4 * error


@pytest.mark.parametrize("seed", SEEDS)
def test_what_kernels_see(seed):
    x = draw(seed, 40, 2)
    centred = x - x.mean(0)
    wider = 3 * centred
    assert losses.mmd2(centred, wider, "linear", unbiased=False).abs() < 1e-12  # equal means: nothing to see
    assert losses.mmd2(centred, wider, "gaussian", unbiased=False) > 0.01
    assert losses.mmd2(centred, wider, "polynomial", unbiased=False) > 0.01
    torch.testing.assert_close(
        losses.mmd2(x, x + 2, "linear", unbiased=False), torch.tensor(8.0, dtype=torch.float64), rtol=1e-9, atol=0
    )
    assert losses.mmd2(x, x.flip(0), unbiased=False).abs() < 1e-12


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kernel", "p"), [("gaussian", 2), ("laplacian", 1)])
def test_the_bandwidth_is_the_median_distance_and_has_no_gradient(seed, kernel, p):
    x, y = draw(seed, 7, 3), draw(seed + 10, 6, 3)
    x[2] = x[4]
    x[5] = x[4]
    pooled = torch.cat([x, y])
    distances = [(a - b).abs().pow(p).sum() ** (1 / p) for i, a in enumerate(pooled) for b in pooled[:i]]
    median = torch.tensor([d for d in distances if d > 0]).median()
    width = losses.median_bandwidth(x, y, p)
    torch.testing.assert_close(width, median.double())
    assert losses.median_bandwidth(x[2:3], x[4:6], p) == 1.0, "where all points are one, any width will do"
    inputs = (x.requires_grad_(), y.requires_grad_())
    assert not losses.median_bandwidth(*inputs, p).requires_grad
    own = torch.autograd.grad(losses.mmd2(*inputs, kernel), inputs)
    fixed = torch.autograd.grad(losses.mmd2(*inputs, kernel, bandwidth=width.item()), inputs)
    for a, b in zip(own, fixed, strict=True):
        torch.testing.assert_close(a, b)
        assert a.isfinite().all()
    assert losses.mmd2(torch.ones(3, 2), torch.ones(4, 2), kernel) == 0  # no distance above 0


def test_mmd2_refusals():
    x = torch.zeros(3, 2)
    with pytest.raises(ValueError, match="no kernel 'cubic'"):
        losses.mmd2(x, x, "cubic")
    with pytest.raises(ValueError, match="bandwidth=0"):
        losses.mmd2(x, x, bandwidth=0)
    with pytest.raises(ValueError, match="at least two"):
        losses.mmd2(x[:1], x)
    assert losses.mmd2(x, x + 1, lambda a, b: a @ b.T, unbiased=False) == 2
