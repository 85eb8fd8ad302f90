"""DELTA and the importance of channels, as pure functions and in the loop."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from loss_inputs import SEEDS, draw, image_batch, net_batch, small_net

from tl_course import losses, models


@pytest.mark.parametrize("seed", SEEDS)
def test_delta_is_its_formula(seed):
    now = [draw(seed, 4, 3, 5, 5).requires_grad_(), draw(seed + 1, 4, 6).requires_grad_()]
    source = [draw(seed + 2, 4, 3, 5, 5).requires_grad_(), draw(seed + 3, 4, 6).requires_grad_()]
    weights = [draw(seed + 4, 3).abs(), draw(seed + 5, 6).abs()]
    expected = sum(
        w[j] * (a[i, j] - b[i, j]).norm() ** 2 / 4
        for a, b, w in zip(now, source, weights, strict=True)
        for i in range(4)
        for j in range(len(w))
    )
    found = losses.delta(now, source, weights)
    torch.testing.assert_close(found, expected)
    found.backward()
    assert all(a.grad is not None for a in now)
    assert all(b.grad is None for b in source)
    ones = [torch.ones(3), torch.ones(6)]
    torch.testing.assert_close(losses.delta(now, source), losses.delta(now, source, ones))
    assert losses.delta(now, now, weights) == 0
    doubled = ([torch.cat([a, a]) for a in side] for side in (now, source))
    torch.testing.assert_close(losses.delta(*doubled, weights), found)  # a mean, not a sum, over the batch


def test_delta_in_half_precision_is_summed_in_full():
    now, source = torch.full((1, 1, 200, 200), 1.0), torch.zeros(1, 1, 200, 200)
    assert losses.delta([now.bfloat16()], [source.bfloat16()]) == 40_000


def test_delta_in_the_loop():
    model = models.create("resnet_small", num_classes=10).eval()
    start, batch = copy.deepcopy(model), image_batch()
    loss = losses.DELTA(model, ["layer2", "layer4"], weight=0.5)
    terms = loss(model, batch)
    assert terms["delta"] == 0
    assert terms["cross_entropy"] == losses.cross_entropy(model, batch)["cross_entropy"]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.05)

    def maps(model):
        hidden = model.relu(model.bn1(model.conv1(batch.inputs)))
        second = model.layer2(model.layer1(hidden))
        return second, model.layer4(model.layer3(second))

    expected = sum((a - b).square().sum() / len(batch.labels) for a, b in zip(maps(model), maps(start), strict=True))
    found = loss(model, batch)["delta"]
    torch.testing.assert_close(found, 0.5 * expected, rtol=1e-4, atol=0)
    found.backward()
    assert all(parameter.grad is None for parameter in loss.source.parameters())
    assert model.layer1[0].conv1.weight.grad.abs().sum() > 0
    assert not any(module._forward_hooks for net in (model, loss.source) for module in net.modules())
    with pytest.raises(RuntimeError, match=r"size|shape|dimension|channels"):
        loss(model, SimpleNamespace(inputs=torch.zeros(2, 5, 32, 32), labels=batch.labels[:2]))
    assert not any(module._forward_hooks for module in model.modules())


def test_delta_with_channel_importance():
    model, batch = small_net().eval(), net_batch()
    weights = losses.channel_importance(model, [batch, net_batch(1)], ["0", "2"])
    assert [len(w) for w in weights.values()] == [5, 5]
    loss = losses.DELTA(model, ["0", "2"], weight=1.0, channel_weights=weights)
    with torch.no_grad():
        model[0].weight.add_(0.1)
    assert losses.DELTA(model, ["0", "2"], channel_weights=weights)(model, batch)["delta"] == 0
    shift = 0.1 * batch.inputs.sum(1)
    first = (weights["0"].sum() * shift.square()).mean()
    assert loss(model, batch)["delta"] > first * 0.999


@pytest.mark.parametrize("seed", SEEDS)
def test_channel_importance_is_the_softmax_of_the_loss_without_a_channel(seed):
    model = small_net(seed).train()
    model[3].eval()
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    batches = [net_batch(seed, n=8), net_batch(seed + 9, n=3)]
    found = losses.channel_importance(model, batches, ["1"])["1"]
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    model.eval()
    inputs, labels = torch.cat([b.inputs for b in batches]), torch.cat([b.labels for b in batches])
    with torch.no_grad():
        normed = model[1](model[0](inputs))
        whole = F.cross_entropy(model[4](normed.relu()), labels)
        without = [F.cross_entropy(model[4]((normed * (torch.arange(5) != j)).relu()), labels) for j in range(5)]
    expected = torch.stack([loss - whole for loss in without]).softmax(0)
    torch.testing.assert_close(found, expected)


def test_delta_refuses_what_does_not_fit():
    net, ones = small_net(), torch.ones
    with pytest.raises(ValueError, match="no module 'layer9'"):
        losses.DELTA(net, ["layer9"])
    with pytest.raises(ValueError, match="at least one layer"):
        losses.DELTA(net, [])
    with pytest.raises(ValueError, match="no channel weights for the layer '2'"):
        losses.DELTA(net, ["0", "2"], channel_weights={"0": ones(5)})
    with pytest.raises(ValueError, match="cannot be compared"):
        losses.delta([ones(2, 3)], [ones(2, 4)])
    with pytest.raises(ValueError, match="cannot be compared"):
        losses.delta([ones(3)], [ones(3)])  # one number for each example has no channels
    with pytest.raises(ValueError, match="same layers on every side"):
        losses.delta([ones(2, 3)], [])
    with pytest.raises(ValueError, match=r"shape \(4,\) do not fit a layer of 3"):
        losses.delta([ones(2, 3)], [ones(2, 3)], [ones(4)])
    with pytest.raises(ValueError, match="no batches"):
        losses.channel_importance(net, [], ["0"])
    risk = losses.TransferRisk([net_batch()], 0.5)
    with pytest.raises(ValueError, match="came 2 times"):
        losses.DELTA(net, ["0"], base=risk)(net, net_batch())
    inside = losses.TransferRisk([net_batch()], 0.5, target_loss=losses.DELTA(net, ["0"]))
    assert list(inside(net, net_batch())) == ["source", "target"]
