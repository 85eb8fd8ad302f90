"""Losses in half precision and under autocast are computed in float32."""

import inspect
from types import SimpleNamespace

import numpy as np
import pytest
import tasks
import torch
import torch.nn.functional as F
from loss_inputs import SEEDS, draw
from torch import nn

from tl_course import losses
from tl_course.adaptation import importance_weighted, negative_entropy, source_accuracy

HALF = [torch.bfloat16, torch.float16]


@pytest.mark.parametrize("loss", [losses.coral, losses.mmd2, losses.relational_distance, losses.relational_angle])
def test_under_autocast_they_are_computed_in_full_precision(loss):
    x, y = (draw(seed, 16, 32).bfloat16().float() + 10 for seed in (1, 2))
    full = loss(x, y)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(x, y), full)
        halves = loss(x.bfloat16(), y.bfloat16())
    assert halves.dtype == torch.float32
    torch.testing.assert_close(losses.coral(source=x, target=y), losses.coral(x, y))


WORDS = torch.tensor([[3, -100, 1], [-100, 0, 2]])
# name: the loss of two tensors 6×5
PURE = {
    "attention_transfer": lambda a, b: losses.attention_transfer(a.view(2, 3, 5), b.view(2, 3, 5)),
    "bss": lambda a, b: losses.bss(a, 2) + losses.bss(b, 1),
    "coral": losses.coral,
    "delta": lambda a, b: losses.delta([a], [b]),
    "distillation": lambda a, b: losses.distillation(a, b, torch.arange(6) % 5, weight=0.3, temperature=2.0),
    "domain_loss": lambda a, b: losses.domain_loss(a[:, 0], b[:, 0]),
    "gaussian_kernel": lambda a, b: losses.gaussian_kernel(a, b, 2.0).sum(),
    "hidden_cosine": lambda a, b: losses.hidden_cosine(a.view(2, 3, 5), b.view(2, 3, 5)),
    "hint": losses.hint,
    "l2_sp": lambda a, b: losses.l2_sp([a], [b], [a], alpha=0.3, beta=0.1),
    "laplacian_kernel": lambda a, b: losses.laplacian_kernel(a, b, 2.0).sum(),
    "linear_kernel": lambda a, b: losses.linear_kernel(a, b).sum(),
    "masked_language_modelling": lambda a, b: losses.masked_language_modelling((a + b).view(2, 3, 5), WORDS),
    "median_bandwidth": losses.median_bandwidth,
    "mmd2": losses.mmd2,
    "polynomial_kernel": lambda a, b: losses.polynomial_kernel(a, b).sum(),
    "relational_angle": losses.relational_angle,
    "relational_distance": losses.relational_distance,
    "soft_target_divergence": lambda a, b: losses.soft_target_divergence(a, b, 4.0),
    "transfer_risk": lambda a, b: losses.transfer_risk(a.flatten()[0], b.flatten()[0], 0.3),
}
NO_TENSORS = {"reversal_strength", "class_weights"}
NO_VALUE_OF_ITS_OWN = {"reverse_gradient"}
OF_A_MODEL = {"cross_entropy", "next_token", "channel_importance"}


def test_every_public_function_of_tensors_is_held_to_it():
    functions = {name for name in losses.__all__ if not inspect.isclass(getattr(losses, name))}
    assert functions == PURE.keys() | NO_TENSORS | NO_VALUE_OF_ITS_OWN | OF_A_MODEL


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("name", PURE)
def test_half_precision_gives_what_float32_gives_of_the_same_values(name, dtype, seed):
    a, b = (draw(seed + shift, 6, 5).to(dtype) for shift in (0, 10))
    if name == "masked_language_modelling":
        b = torch.zeros_like(b)  # the sum of two halves would be rounded before the loss sees it
    full = PURE[name](a.float(), b.float())
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found = PURE[name](a, b)
            assert PURE[name](a.float(), b.float()).dtype == found.dtype == torch.float32
            torch.testing.assert_close(PURE[name](a.float(), b.float()), full, rtol=1e-6, atol=1e-7)
        torch.testing.assert_close(found, full, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", [*HALF, torch.float32])
@pytest.mark.parametrize("gap", [0.3, 0.02, 1e-4])
def test_a_divergence_is_never_below_zero_and_its_gradient_is_that_of_float64(dtype, gap, seed):
    student = 3 * draw(seed, 256, 10)
    teacher = (student + gap * draw(seed + 10, 256, 10)).to(dtype)
    student = student.to(dtype).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        value = losses.soft_target_divergence(student, teacher, 4.0)
    assert value >= 0
    exact = student.detach().double().requires_grad_()
    expected = losses.soft_target_divergence(exact, teacher.double(), 4.0)
    torch.testing.assert_close(value.double(), expected, rtol=1e-3, atol=1e-5)
    if dtype == torch.float16:
        return  # gradients of a mean over 256 examples are below its smallest number: that is what loss scaling is for
    value.backward()
    expected.backward()
    error = (student.grad.double() - exact.grad).norm()
    assert error <= {torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype] * exact.grad.norm() + 2e-8


def test_l2_sp_of_many_small_weights_loses_none():
    """bfloat16 stops counting at 256 equal summands, and has no difference below its last digit."""
    source = torch.full((300, 300), 1.0, dtype=torch.bfloat16)
    now = torch.full((300, 300), 1.0078125, dtype=torch.bfloat16).requires_grad_()  # the next number
    new = torch.full((1000,), 1e-3).bfloat16()
    penalty = losses.l2_sp([now], [source], [new], alpha=2.0, beta=2.0)
    expected = 90_000 * 0.0078125**2 + 1000 * new[0].double().item() ** 2
    assert penalty.item() == pytest.approx(expected, rel=1e-5)
    penalty.backward()
    torch.testing.assert_close(now.grad, torch.full_like(now, 2 * 0.0078125))


class Echo(nn.Module):
    """Gives a parameter times its inputs, as logits, and as guesses of next tokens whatever the tokens are."""

    def __init__(self, scale, dtype):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(scale, dtype=dtype))
        self.guesses = None

    def forward(self, inputs):
        return inputs * self.scale

    def next_token_logits(self, input_ids, attention_mask):
        return self.guesses * self.scale


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", HALF)
def test_losses_of_a_model_in_half_precision_are_those_of_its_answers_in_float32(dtype, seed):
    model, teacher = Echo(1.5, dtype), Echo(0.7, dtype).eval()
    batch = SimpleNamespace(inputs=draw(seed, 8, 5).to(dtype), labels=torch.tensor([0, 1, 2, 3, 4, 0, 0, 0]))
    answers, soft = (net(batch.inputs).detach().float() for net in (model, teacher))
    plain = F.cross_entropy(answers, batch.labels)
    each = F.cross_entropy(answers, batch.labels, reduction="none")
    expected = {
        losses.cross_entropy: plain,
        losses.ClassWeighted(batch.labels): (losses.class_weights(batch.labels)[batch.labels] * each).mean(),
        losses.Distillation(teacher): losses.distillation(answers, soft, batch.labels),
        losses.TransferRisk([batch], 0.3): plain,
    }
    for loss, value in expected.items():
        terms = loss(model, batch)
        assert all(term.dtype == torch.float32 for term in terms.values())
        torch.testing.assert_close(sum(terms.values()), value, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("dtype", HALF)
def test_next_tokens_guessed_in_half_precision(dtype, seed):
    model, tokens = Echo(1.5, dtype), torch.randint(9, (4, 6), generator=torch.Generator().manual_seed(seed))
    model.guesses = draw(seed, 4, 6, 9).to(dtype)
    batch = SimpleNamespace(inputs={"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
    found = losses.next_token(model, batch)["next_token"]
    answers = (model.guesses * model.scale).detach().float()
    torch.testing.assert_close(found, F.cross_entropy(answers[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()))


def test_a_discriminator_takes_features_of_half_precision():
    model, target = tasks.mlp().bfloat16(), tasks.points(2)
    loss = losses.DomainAdversarial(model, target, strength=1.0, batch_norm="separate")
    features = draw(0, 4, 16).bfloat16()
    assert loss.compare(features, features).dtype == torch.float32


def test_channel_importance_of_a_model_in_half_precision():
    model = tasks.mlp().bfloat16().eval()
    batch = SimpleNamespace(inputs=draw(0, 6, 8).bfloat16(), labels=torch.arange(6) % 3)
    weights = losses.channel_importance(model, [batch], ["1"])["1"]
    assert weights.dtype == torch.float32
    assert weights.sum().item() == pytest.approx(1)


@pytest.mark.parametrize("dtype", HALF)
def test_validators_take_half_precision_and_tensors(dtype):
    probabilities = (3 * draw(1, 40, 10)).softmax(1).to(dtype)
    labels = torch.arange(40) % 10
    exact = probabilities.double()
    assert source_accuracy(probabilities, labels) == (exact.argmax(1) == labels).double().mean()
    expected = torch.special.xlogy(exact, exact).sum(1).mean().item()
    assert negative_entropy(probabilities) == pytest.approx(expected, rel=1e-9)
    scores, weights = probabilities[:, 0].requires_grad_(), probabilities[:, 1]
    assert importance_weighted(scores, weights) == pytest.approx((exact[:, 0] * exact[:, 1]).mean().item(), rel=1e-9)
    with pytest.raises(ValueError, match="apply a softmax"):
        negative_entropy(probabilities * 1.1)
    if dtype == torch.float16:
        assert negative_entropy(probabilities.numpy()) == pytest.approx(expected, rel=1e-9)
        with pytest.raises(ValueError, match="apply a softmax"):
            negative_entropy(np.full((2, 2), 0.5 + 1e-3))
