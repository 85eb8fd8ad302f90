"""What holds for every loss, and for several that are added up."""

import copy

import pytest
import torch
from loss_inputs import image_batch, net_batch, small_net
from torch import nn

from tl_course import losses, models


def test_regularisers_add_up():
    model, batch = small_net().eval(), net_batch()
    whole = losses.BSS(base=losses.DELTA(model, ["0"], base=losses.L2SP(model)))(model, batch)
    assert list(whole) == ["cross_entropy", "l2_sp", "delta", "bss"]
    assert whole["bss"] == losses.BSS()(model, batch)["bss"]
    assert all(term.ndim == 0 for term in whole.values())


def _all(model):
    teacher = copy.deepcopy(model).eval()
    return {
        "risk": losses.TransferRisk([image_batch(7)], 0.5),
        "l2_sp": losses.L2SP(model),
        "delta": losses.DELTA(model, ["layer4"]),
        "bss": losses.BSS(),
        "distillation": losses.Distillation(teacher),
    }


@pytest.mark.usual(1)
@pytest.mark.integration
@pytest.mark.parametrize("name", ["risk", "l2_sp", "delta", "bss", "distillation"])
def test_every_loss_trains_under_autocast_with_finite_gradients(name):
    model = models.create("resnet_small", num_classes=10)
    loss, before = _all(model)[name], torch.random.get_rng_state()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        terms = loss(model, image_batch())
    assert all(term.ndim == 0 and term.isfinite() for term in terms.values())
    sum(terms.values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_public_name_is_documented_with_an_example():
    for name in losses.__all__:
        documentation = getattr(losses, name).__doc__
        assert "Examples" in documentation, name
        assert "Parameters" in documentation, name


@pytest.mark.parametrize(
    "around",
    [
        lambda inner: losses.L2SP(nn.Linear(8, 2), base=inner),
        lambda inner: losses.BSS(base=inner),
        lambda inner: losses.TransferRisk([net_batch()], 0.5, target_loss=inner),
        lambda inner: losses.TransferRisk([net_batch()], 0.5, source_loss=inner),
    ],
)
def test_a_loss_with_something_to_learn_may_not_hide_inside_another(around):
    inner = losses.RelationalDistillation(nn.Linear(8, 2).eval())
    with pytest.raises(ValueError, match=r"RelationalDistillation inside \w+ would never be trained .* put it outside"):
        around(inner)
