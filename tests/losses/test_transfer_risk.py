"""Learning from source and target together, as a pure function and in the loop."""

import math

import pytest
import torch
import torch.nn.functional as F
from loss_inputs import SEEDS, draw, gradient_of, image_batch, net_batch, small_net
from torch import nn

from tl_course import losses, models


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 1.0])
def test_transfer_risk_weighs_the_source_by_alpha(seed, alpha):
    weights = draw(seed, 6).requires_grad_()
    source, target = draw(seed + 10, 20, 6), draw(seed + 20, 30, 6)
    source_loss, target_loss = (source @ weights).square().mean(), (target @ weights).square().mean()
    risk = losses.transfer_risk(source_loss, target_loss, alpha)
    torch.testing.assert_close(risk, alpha * source_loss + (1 - alpha) * target_loss, rtol=1e-14, atol=0)
    expected = alpha * gradient_of(source_loss, weights) + (1 - alpha) * gradient_of(target_loss, weights)
    risk = losses.transfer_risk(lambda: (source @ weights).square().mean(), (target @ weights).square().mean(), alpha)
    torch.testing.assert_close(gradient_of(risk, weights), expected, rtol=1e-12, atol=0)


@pytest.mark.parametrize("alpha", [0, 1])
def test_transfer_risk_at_the_ends_is_exactly_one_term(alpha):
    wanted, other = torch.tensor(0.3, requires_grad=True), torch.tensor(math.nan, requires_grad=True)
    pair = (wanted, other) if alpha == 1 else (other, wanted)
    risk = losses.transfer_risk(*pair, alpha)
    assert risk is wanted
    risk.backward()
    assert (wanted.grad, other.grad) == (torch.tensor(1.0), None)

    def forbidden():
        raise AssertionError("the other term was computed")

    pair = (lambda: wanted, forbidden) if alpha == 1 else (forbidden, lambda: wanted)
    assert losses.transfer_risk(*pair, alpha) is wanted


@pytest.mark.parametrize("alpha", [-0.1, 1.1, math.nan])
def test_transfer_risk_refuses_other_weights(alpha):
    with pytest.raises(ValueError, match="alpha="):
        losses.transfer_risk(torch.tensor(1.0), torch.tensor(1.0), alpha)
    with pytest.raises(ValueError, match="alpha="):
        losses.TransferRisk([image_batch()], alpha)


class _Source(list):
    """Batches as the loop's: a new order in each pass, told by `epoch`."""

    epoch = 0

    def __iter__(self):
        batches = list(super().__iter__())
        epoch, self.epoch = self.epoch, self.epoch + 1
        return iter(batches[epoch % len(batches) :] + batches[: epoch % len(batches)])


def test_loop_transfer_risk_is_the_pure_one_and_draws_the_source_over_again():
    model, target = small_net().eval(), net_batch()
    source = [net_batch(seed, n=5) for seed in range(1, 4)]
    loss = losses.TransferRisk(source, 0.3)
    for step in range(7):
        terms = loss(model, target)
        assert list(terms) == ["source", "target"]
        each = [losses.cross_entropy(model, batch)["cross_entropy"] for batch in (source[step % 3], target)]
        torch.testing.assert_close(sum(terms.values()), losses.transfer_risk(*each, 0.3))


@pytest.mark.parametrize("done", [0, 2, 3, 5])
def test_loop_transfer_risk_resumes_where_it_was(done):
    def terms(loss, steps):
        return [loss(model, target)["source"].item() for _ in range(steps)]

    model, target = small_net().eval(), net_batch()
    batches = [net_batch(seed, n=5) for seed in range(1, 4)]
    whole = losses.TransferRisk(_Source(batches), 0.3)
    expected = terms(whole, 9)
    first = losses.TransferRisk(_Source(batches), 0.3)
    assert terms(first, done) == expected[:done]
    second = losses.TransferRisk(_Source(batches), 0.3)
    second.load_state_dict(first.state_dict())
    assert terms(second, 9 - done) == expected[done:]


@pytest.mark.parametrize("alpha", [0, 1])
def test_loop_transfer_risk_leaves_the_other_side_alone(alpha):
    def forbidden(model, batch):
        raise AssertionError("the other term was computed")

    sides = {"target_loss" if alpha == 1 else "source_loss": forbidden}
    terms = losses.TransferRisk([net_batch(1)], alpha, **sides)(small_net().eval(), net_batch(2))
    expected = losses.cross_entropy(small_net().eval(), net_batch(1 if alpha == 1 else 2))["cross_entropy"]
    assert terms == {"source" if alpha == 1 else "target": expected}


def test_loop_transfer_risk_with_two_heads():
    model = models.create("resnet_small", num_classes=10)
    model.source_head = nn.Linear(models.head_of(model)[1].in_features, 26)

    def source_loss(model, batch):
        return {"letters": F.cross_entropy(model.source_head(model.embed(batch.inputs)), batch.labels)}

    loss = losses.TransferRisk([image_batch(classes=26)], 0.5, source_loss=source_loss)
    sum(loss(model, image_batch(1)).values()).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_transfer_risk_refuses_an_empty_source():
    with pytest.raises(ValueError, match="no batches"):
        losses.TransferRisk([], 0.5)
