"""Grad-CAM: the formula by hand, frozen networks, and nothing left behind."""

import copy

import pytest
import torch
from draws import seeds
from torch import nn

from tl_course import models


class Places(nn.Module):
    """A linear head over the mean of two maps: its Grad-CAM can be written down."""

    def __init__(self, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.maps = nn.Conv2d(3, 2, 1)
        self.after = nn.ReLU(inplace=True)
        self.head = nn.Linear(2, 4)

    def forward(self, x):
        return self.head(self.after(self.maps(x)).mean(dim=(2, 3)))


@pytest.mark.parametrize("seed", seeds(3))
def test_it_is_the_weighted_sum_of_the_maps(seed):
    model, x = Places(seed), torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    classes = torch.arange(5) % 4
    with torch.no_grad():
        maps = model.maps(x)
        share = (maps > 0).float().mean(dim=(2, 3)) / 36  # of the mean through the ReLU
        expected = ((model.head.weight[classes] * share)[:, :, None, None] * maps).sum(dim=1).relu()
    assert torch.allclose(models.grad_cam(model, x, "maps", classes), expected, atol=1e-6)


def test_a_frozen_backbone_gives_the_same_maps_and_keeps_no_trace():
    model = models.create("resnet_small", weights="imagenet_distilled").train()
    x = torch.rand(3, 3, 32, 32)
    expected = models.grad_cam(model, x, "layer3")
    assert expected.shape == (3, 8, 8)
    assert (expected >= 0).all()
    assert expected.max() > 0
    frozen = copy.deepcopy(model)
    report = models.freeze(frozen)
    modes = [module.training for module in model.modules()]
    for one in (model, frozen):
        with torch.no_grad():
            assert torch.equal(models.grad_cam(one, x, "layer3"), expected)
        assert all(parameter.grad is None for parameter in one.parameters())
    assert [module.training for module in model.modules()] == modes
    assert report.check(frozen)
    assert not model.layer3._forward_hooks


def test_the_way_it_is_often_written_dies_on_a_frozen_backbone():
    """captum's pull request 226 and MONAI's issue 3035, written small."""
    model, kept = models.create("resnet_small", weights="imagenet_distilled"), []
    models.freeze(model, except_head=True)
    model.layer3.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    logits = model(torch.rand(2, 3, 32, 32))
    with pytest.raises(RuntimeError, match="does not require grad"):
        torch.autograd.grad(logits[:, 0].sum(), kept[0])
    assert models.grad_cam(model, torch.rand(2, 3, 32, 32), "layer3").max() > 0


def test_layers_that_cannot_be_explained_are_refused():
    model, x = Places(), torch.rand(2, 3, 4, 4)
    with pytest.raises(ValueError, match=r"no layer 'maps2'.*maps, after, head"):
        models.grad_cam(model, x, "maps2")
    with pytest.raises(ValueError, match="has no places"):
        models.grad_cam(model, x, "head")
    model.unused = nn.Conv2d(3, 3, 1)
    with pytest.raises(ValueError, match="used 0 times"):
        models.grad_cam(model, x, "unused")
    assert not any(module._forward_hooks for module in model.modules())
