"""A temperature is the one that the likelihood, and the prior on it, ask for."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from labelled import SEEDS

from tl_course import metrics


def drawn(seed, count, *, by, classes=4):
    """Logits that are ``by`` times too large for the labels that were drawn from them."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(count, classes))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(1)
    return labels, by * logits


def likelihood(labels, logits, temperature):
    return F.cross_entropy(torch.from_numpy(logits) / temperature, torch.from_numpy(labels)).item()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("by", [0.5, 1.0, 3.0])
def test_on_many_examples_it_is_the_maximum_of_the_likelihood(seed, by):
    labels, logits = drawn(seed, 4_000, by=by)
    found = metrics.fit_temperature(labels, logits, spread=None)
    assert found == pytest.approx(by, rel=0.15)
    scale = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)  # torch's own minimiser finds the same place
    optimiser = torch.optim.LBFGS([scale], max_iter=100, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = F.cross_entropy(torch.from_numpy(logits) / scale.exp(), torch.from_numpy(labels))
        loss.backward()
        return loss

    optimiser.step(closure)
    assert found == pytest.approx(scale.exp().item(), rel=1e-3)
    assert metrics.fit_temperature(labels, logits) == pytest.approx(found, rel=0.02)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_handful_of_examples_moves_it_little(seed):
    """All right, or all wrong: the likelihood alone would run to the end of what is allowed."""
    labels, logits = drawn(seed, 4, by=1.0)
    right, wrong = logits.argmax(1), logits.argmin(1)
    assert metrics.fit_temperature(right, logits, spread=None) < 0.21
    assert metrics.fit_temperature(wrong, logits, spread=None) > 4.9
    assert 0.4 < metrics.fit_temperature(right, logits) < 1 < metrics.fit_temperature(wrong, logits) < 4
    spread = 0.5
    cost = [
        4 * likelihood(labels, logits, math.exp(log)) + log**2 / (2 * spread**2) for log in np.linspace(-1.6, 1.6, 3201)
    ]
    best = math.exp(np.linspace(-1.6, 1.6, 3201)[int(np.argmin(cost))])
    assert metrics.fit_temperature(labels, logits) == pytest.approx(best, rel=2e-3)


@pytest.mark.parametrize(
    ("labels", "logits", "settings", "message"),
    [
        ([0], [[float("nan"), 0.0]], {}, "not finite"),
        ([2], [[1.0, 0.0]], {}, "about 2 classes, and a label is 2"),
        ([0, 1], [[1.0, 0.0]], {}, "2 labels do not fit 1 predictions"),
        ([], torch.empty(0, 2), {}, "no examples|class numbers"),
        ([0], [[1.0, 0.0]], {"spread": 0}, "spread=0: give a number above 0"),
    ],
)
def test_what_cannot_be_fitted(labels, logits, settings, message):
    with pytest.raises(ValueError, match=message):
        metrics.fit_temperature(labels, logits, **settings)
