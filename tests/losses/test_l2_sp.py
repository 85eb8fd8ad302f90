"""L2-SP, as a pure function and in the loop."""

import copy

import pytest
import torch
from loss_inputs import SEEDS, draw, image_batch, net_batch, small_net
from torch import nn

from tl_course import losses, models


@pytest.mark.parametrize("seed", SEEDS)
def test_l2_sp_and_its_gradient(seed):
    shared = [draw(seed, 3, 4).requires_grad_(), draw(seed + 1, 5).requires_grad_()]
    source = [draw(seed + 2, 3, 4), draw(seed + 3, 5)]
    new = [draw(seed + 4, 2, 2).requires_grad_()]
    penalty = losses.l2_sp(shared, source, new, alpha=0.3, beta=0.02)
    distance = sum((w - s).pow(2).sum() for w, s in zip(shared, source, strict=True))
    torch.testing.assert_close(penalty, 0.15 * distance + 0.01 * new[0].pow(2).sum())
    *grads, grad_new = torch.autograd.grad(penalty, [*shared, *new])
    for grad, w, s in zip(grads, shared, source, strict=True):
        torch.testing.assert_close(grad, 0.3 * (w - s))
    torch.testing.assert_close(grad_new, 0.02 * new[0])
    assert losses.l2_sp(source, source, alpha=0.3, beta=0.02) == 0


@pytest.mark.parametrize("make", [small_net, lambda: models.create("resnet_small", num_classes=3)])
def test_l2_sp_moves_away_from_zero_even_when_the_source_is_the_model(make):
    model = make()
    batch = net_batch() if isinstance(model, nn.Sequential) else image_batch(classes=3)
    loss = losses.L2SP(model, alpha=0.1, beta=0.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    terms = loss(model, batch)
    assert terms["l2_sp"] == 0
    sum(terms.values()).backward()
    optimizer.step()
    assert loss(model, batch)["l2_sp"] > 0


@pytest.mark.parametrize("seed", SEEDS)
def test_l2_sp_in_the_loop_sorts_shared_from_new(seed):
    model = small_net(seed)
    start = copy.deepcopy(model)
    loss = losses.L2SP(model, alpha=0.3, beta=0.02)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    _, found = loss(model, net_batch()).values()
    found.backward()
    for (name, parameter), origin in zip(model.named_parameters(), start.parameters(), strict=True):
        expected = 0.02 * parameter if name.startswith("4.") else 0.3 * (parameter - origin)
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("classes", [3, 8])
def test_l2_sp_with_a_replaced_head(classes):
    model = models.create("resnet_small", num_classes=3)
    loss = losses.L2SP(model, alpha=0.1, beta=0.5)
    models.replace_head(model, classes, seed=1)
    head = models.head_of(model)[1]
    expected = 0.25 * sum(parameter.square().sum() for parameter in head.parameters())
    torch.testing.assert_close(loss(model, image_batch(classes=3))["l2_sp"], expected)


def test_l2_sp_ties_a_kept_head_and_frees_named_modules():
    model = small_net()
    batch = net_batch()
    tied = losses.L2SP(model, alpha=0.1, beta=7.0, new=())
    assert tied(model, batch)["l2_sp"] == 0
    named = losses.L2SP(model, alpha=0.1, beta=2.0, new=("1",))(model, batch)["l2_sp"]
    torch.testing.assert_close(named, sum(parameter.square().sum() for parameter in model[1].parameters()))
    with pytest.raises(ValueError, match="no module 'fc'"):
        losses.L2SP(model, new=("fc",))(model, batch)


def test_l2_sp_takes_weights_by_name_and_leaves_frozen_ones_out():
    model = small_net()
    loss = losses.L2SP({name: value + 1 for name, value in model.state_dict().items()}, alpha=2.0, beta=0.0)
    count = sum(parameter.numel() for name, parameter in model.named_parameters() if not name.startswith("4."))
    assert loss(model, net_batch())["l2_sp"].item() == pytest.approx(count)
    model[0].requires_grad_(False)
    assert loss(model, net_batch())["l2_sp"].item() == pytest.approx(count - 7 * 5 - 5)


@pytest.mark.integration
def test_l2_sp_sees_through_wrappers():
    model = small_net()
    wrapped = torch.compile(model, backend="eager")
    for source, trained in ((wrapped, model), (model, wrapped)):
        assert losses.L2SP(source, beta=0.0)(trained, net_batch())["l2_sp"] == 0


def test_l2_sp_refuses_strangers():
    with pytest.raises(ValueError, match="no weight of the source in ResNet"):
        losses.L2SP(small_net())(models.create("resnet_small"), image_batch())
    with pytest.raises(ValueError, match="pairs of equal shapes"):
        losses.l2_sp([torch.zeros(2)], [torch.zeros(3)], alpha=1, beta=1)
    with pytest.raises(ValueError, match="pairs of equal shapes"):
        losses.l2_sp([torch.zeros(2)], [], alpha=1, beta=1)
    with pytest.raises(ValueError, match="no weights at all"):
        losses.l2_sp([], [], alpha=1, beta=1)
