"""Domain-adversarial training: reversal, schedule, domain loss, and the discriminator."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import tasks
import torch
import torch.nn.functional as F
from loss_inputs import QUIET, SEEDS, draw, point_net
from tasks import state

from tl_course import losses
from tl_course.data import Split
from tl_course.training import fit


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0, 2.5])
def test_reversal_is_the_identity_forward_and_exactly_minus_lambda_backward(seed, strength):
    x, weights = draw(seed, 4, 3).requires_grad_(), draw(seed + 10, 4, 3)
    reversed_ = losses.reverse_gradient(x, strength)
    assert torch.equal(reversed_, x)
    plain = torch.autograd.grad((x.sin() * weights).sum(), x)[0]
    turned = torch.autograd.grad((losses.reverse_gradient(x, strength).sin() * weights).sum(), x)[0]
    assert torch.equal(turned, -strength * plain)


def test_lambda_is_captured_in_the_forward_pass():
    class Changing:
        strength = 0.5

    model, x = Changing(), torch.ones(2, requires_grad=True)
    value = losses.reverse_gradient(x, model.strength).sum()
    model.strength = 9.0
    value.backward()
    assert x.grad.tolist() == [-0.5, -0.5]
    with pytest.raises(ValueError, match="must not be negative"):
        losses.reverse_gradient(x, -0.1)


def test_the_schedule():
    steps = [losses.reversal_strength(p / 20) for p in range(21)]
    assert steps[0] == 0
    assert steps == sorted(steps)
    assert steps[-1] < 1
    for p in range(21):
        assert steps[p] == pytest.approx(math.tanh(5 * p / 20))  # another form of the same formula
    with pytest.raises(ValueError, match=r"progress=1\.5"):
        losses.reversal_strength(1.5)


@pytest.mark.parametrize("seed", SEEDS)
def test_domain_loss_is_binary_cross_entropy_with_the_target_as_label_1(seed):
    source, target = draw(seed, 6, 1), draw(seed + 10, 6, 1)
    both, labels = torch.cat([source, target]), torch.cat([torch.zeros(6, 1), torch.ones(6, 1)]).double()
    expected = F.binary_cross_entropy_with_logits(both, labels)
    torch.testing.assert_close(losses.domain_loss(source, target), expected)
    torch.testing.assert_close(losses.domain_loss(source.repeat(3, 1), target), expected)  # each domain counts a half
    with pytest.raises(ValueError, match="0 target examples"):
        losses.domain_loss(source, target[:0])


SHORT = {"steps": 12, "batch_size": 10, "lr": 0.01, "log_every": 2, **QUIET}


def test_dann_turns_the_features_gradient_by_exactly_minus_lambda():
    model, target = point_net(3, dtype=torch.float64), tasks.points(2)
    target = dataclasses.replace(target, train=Split(target.train.inputs.double(), target.train.labels))
    batch = SimpleNamespace(inputs=draw(0, 7, 8), labels=torch.arange(7) % 3)

    def gradients(strength, turn):
        loss = losses.DomainAdversarial(model, target, strength=strength, batch_norm="separate", seed=4).double()
        if not turn:
            loss.compare = lambda s, t: losses.domain_loss(loss.discriminator(s), loss.discriminator(t))
        return torch.autograd.grad(loss(model, batch)["domain"], [*model[0].parameters(), *loss.parameters()])

    plain, turned = gradients(1.0, False), gradients(0.3, True)
    for own, theirs in zip(turned[:2], plain[:2], strict=True):
        torch.testing.assert_close(own, -0.3 * theirs)
    for own, theirs in zip(turned[2:], plain[2:], strict=True):  # the discriminator learns at rate 1
        torch.testing.assert_close(own, theirs)


def test_the_discriminator_is_trained_and_its_terms_are_in_the_history():
    model, source, target = point_net(3), tasks.points(1), tasks.points(2)
    loss = losses.DomainAdversarial(model, target, strength=0.1, hidden=5)
    before = state(loss.discriminator)
    run = fit(model, source, loss=loss, **SHORT)
    assert {"cross_entropy", "domain"} <= run.history[-1].keys()
    assert not torch.equal(before["0.weight"], loss.discriminator[0].weight)
