"""Batch spectral shrinkage, as a pure function and in the loop."""

import math
from types import SimpleNamespace

import pytest
import torch
from loss_inputs import SEEDS, draw, gradient_of, image_batch, net_batch, small_bert, small_net, text_batch

from tl_course import losses, models


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(8, 5), (5, 8), (6, 6)])
def test_bss_is_the_smallest_singular_values_squared(seed, shape):
    features = draw(seed, *shape).requires_grad_()
    k = 3
    values = torch.linalg.eigvalsh(features.mT @ features if shape[0] >= shape[1] else features @ features.mT)
    found = losses.bss(features, k)
    torch.testing.assert_close(found, values[:k].sum())
    assert torch.autograd.gradcheck(lambda f: losses.bss(f, k), features)
    everything = losses.bss(features, min(shape))
    torch.testing.assert_close(everything, features.square().sum())
    torch.testing.assert_close(gradient_of(everything, features), 2 * features)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("k", [1, 2, 4])
def test_bss_with_equal_singular_values(seed, k):
    turn, _ = torch.linalg.qr(draw(seed, 6, 4))
    other, _ = torch.linalg.qr(draw(seed + 1, 4, 4))
    for spectrum in ([2, 2, 2, 2], [3, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]):
        features = (turn * torch.tensor(spectrum, dtype=torch.float64) @ other).requires_grad_()
        found = losses.bss(features, k)
        expected = float(sum(value**2 for value in spectrum[-k:]))
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=1e-12)
        gradient = gradient_of(found, features)
        assert gradient.isfinite().all()
        assert (gradient * features).sum().item() == pytest.approx(2 * expected, abs=1e-9)  # degree 2: Euler


def test_bss_of_features_that_are_not_finite_is_nan_and_no_error():
    for bad in (math.nan, math.inf):
        features = torch.ones(4, 3).index_fill(0, torch.tensor([1]), bad).requires_grad_()
        assert losses.bss(features).isnan()


def test_bss_takes_half_precision():
    assert losses.bss(torch.diag(torch.tensor([2.0, 1.0])).bfloat16()) == 1


@pytest.mark.parametrize(("shape", "k"), [((4, 3), 4), ((3, 4), 4), ((4, 3), 0), ((4, 3, 2), 1), ((0, 3), 1)])
def test_bss_refuses_what_has_no_such_values(shape, k):
    with pytest.raises(ValueError, match=f"k={k} smallest"):
        losses.bss(torch.zeros(shape), k)


@pytest.mark.parametrize("name", ["vgg_small", "resnet_small"])
def test_bss_in_the_loop_takes_what_goes_into_the_head(name):
    model, batch = models.create(name, num_classes=10).eval(), image_batch()
    terms = losses.BSS(weight=0.5, k=2)(model, batch)
    torch.testing.assert_close(terms["bss"], 0.5 * losses.bss(models.embed(model, batch.inputs), 2))
    assert terms["cross_entropy"] == losses.cross_entropy(model, batch)["cross_entropy"]
    terms["bss"].backward()
    assert models.head_of(model)[1].weight.grad is None
    assert not any(module._forward_pre_hooks for module in model.modules())
    last = SimpleNamespace(inputs=batch.inputs[:1], labels=batch.labels[:1])  # a short last batch is no error
    expected = 0.5 * models.embed(model, last.inputs).square().sum()
    torch.testing.assert_close(losses.BSS(weight=0.5, k=2)(model, last)["bss"], expected)


def test_bss_in_the_loop_on_texts():
    terms = losses.BSS()(small_bert().eval(), text_batch())
    assert terms["bss"].isfinite()


def test_bss_refuses_no_values():
    with pytest.raises(ValueError, match="k=0"):
        losses.BSS(k=0)
    with pytest.raises(ValueError, match="smallest singular values"):
        losses.BSS(k=6)(small_net(), net_batch())
