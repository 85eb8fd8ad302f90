"""CORAL as a pure function."""

import numpy as np
import pytest
import torch
from loss_inputs import SEEDS, draw
from sklearn import config_context

from tl_course import losses


@pytest.mark.parametrize("seed", SEEDS)
def test_coral_is_the_distance_of_numpys_covariances(seed):
    source, target = draw(seed, 20, 5), 2 * draw(seed + 10, 31, 5) @ draw(seed + 20, 5, 5)
    gap = np.cov(source.numpy(), rowvar=False) - np.cov(target.numpy(), rowvar=False)
    assert losses.coral(source, target).item() == pytest.approx((gap**2).sum() / (4 * 5**2), rel=1e-12)


@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS)
def test_coral_is_that_of_skada(seed):
    with config_context():  # skada changes scikit-learn's settings when it is imported
        import skada.deep.losses as skada

    source, target = draw(seed, 16, 6), 3 * draw(seed + 10, 23, 6) + draw(seed + 20, 6)
    torch.testing.assert_close(losses.coral(source, target), skada.deepcoral_loss(source, target), rtol=1e-10, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_coral_sees_covariances_and_nothing_else(seed):
    source, target = draw(seed, 12, 4), draw(seed + 10, 15, 4)
    value = losses.coral(source, target)
    assert value > 0
    torch.testing.assert_close(losses.coral(source + draw(1, 4), target - 5), value)
    torch.testing.assert_close(losses.coral(3 * source, 3 * target), 3**4 * value)
    assert losses.coral(source, source.flip(0) + 2) < 1e-25
    # another sample with the very same covariance: whitened, and given that of the source
    whitened = target - target.mean(0)
    whitened = whitened @ torch.linalg.inv(torch.linalg.cholesky(whitened.T @ whitened / 14)).T
    alike = whitened @ torch.linalg.cholesky(torch.cov(source.T)).T
    assert losses.coral(source, alike) < 1e-25
    assert torch.autograd.gradcheck(losses.coral, (source.requires_grad_(), target.requires_grad_()))


def test_coral_refuses_a_batch_of_one_and_other_widths():
    with pytest.raises(ValueError, match="at least two examples of each domain and has 1 and 4"):
        losses.coral(torch.zeros(1, 3), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="one width"):
        losses.coral(torch.zeros(4, 3), torch.zeros(4, 2))
