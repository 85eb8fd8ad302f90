"""Settings of losses may be numbers of NumPy, or tensors of one number; what is no number is refused by its name."""

from types import SimpleNamespace

import numpy as np
import pytest
import tasks
import torch
from loss_inputs import draw
from torch import nn

from tl_course import losses
from tl_course.models.heads import seeded

REAL = [np.float64, np.float32, np.float16, np.asarray, torch.tensor]  # 0.25 and its like are exact in all of them
WHOLE = [np.int64, np.int8, np.uint16, np.asarray, torch.tensor]
LOGITS, OTHERS, LABELS = draw(0, 6, 5), draw(1, 6, 5), torch.arange(6) % 5
# What is computed with a number r, which is in (0, 1]
PURE = {
    "transfer_risk": lambda r: losses.transfer_risk(LOGITS.square().mean(), OTHERS.square().mean(), r),
    "l2_sp": lambda r: losses.l2_sp([LOGITS], [OTHERS], [LOGITS], alpha=r, beta=r),
    "soft_target_divergence": lambda r: losses.soft_target_divergence(LOGITS, OTHERS, r),
    "distillation": lambda r: losses.distillation(LOGITS, OTHERS, LABELS, temperature=r, weight=r),
    "gaussian_kernel": lambda r: losses.gaussian_kernel(LOGITS, OTHERS, r),
    "laplacian_kernel": lambda r: losses.laplacian_kernel(LOGITS, OTHERS, r),
    "mmd2": lambda r: losses.mmd2(LOGITS, OTHERS, bandwidth=r),
    "reversal_strength": lambda r: torch.tensor(losses.reversal_strength(r, r)),
}
WITH_WHOLE = {
    "bss": lambda k: losses.bss(LOGITS, k),
    "polynomial_kernel": lambda k: losses.polynomial_kernel(LOGITS, OTHERS, k),
    "class_weights": lambda k: losses.class_weights(torch.arange(2), k),
}


@pytest.mark.parametrize("kind", REAL)
@pytest.mark.parametrize("name", PURE)
def test_a_real_number_of_any_kind_gives_what_pythons_gives(name, kind):
    found, expected = PURE[name](kind(0.25)), PURE[name](0.25)
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("name", WITH_WHOLE)
def test_a_whole_number_of_any_kind_gives_what_pythons_gives(name, kind):
    assert torch.equal(WITH_WHOLE[name](kind(2)), WITH_WHOLE[name](2))


def small(seed=0, hidden=16):
    with seeded(seed):
        return nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, 3))


def regressor():
    with seeded(5):
        return nn.Linear(16, 16)


BATCH = SimpleNamespace(inputs=draw(2, 6, 8).float(), labels=torch.arange(6) % 3)
# What is made with a real number r, which is in (0, 1], and a whole one k
CLASSES = {
    "TransferRisk": lambda r, k: losses.TransferRisk([BATCH], r),
    "L2SP": lambda r, k: losses.L2SP(small(1), alpha=r, beta=r),
    "DELTA": lambda r, k: losses.DELTA(small(1), ["0"], weight=r),
    "BSS": lambda r, k: losses.BSS(weight=r, k=k),
    "Distillation": lambda r, k: losses.Distillation(small(1).eval(), temperature=r, weight=r),
    "Hints": lambda r, k: losses.Hints(small(1).eval(), "1", "1", regressor(), weight=r),
    "AttentionTransfer": lambda r, k: _unflattened(losses.AttentionTransfer, r),
    "RelationalDistillation": lambda r, k: losses.RelationalDistillation(small(1).eval(), distance=r, angle=r),
    "ClassWeighted": lambda r, k: losses.ClassWeighted(torch.arange(3), k + 1),
    "CORAL": lambda r, k: losses.CORAL(small(), tasks.points(), weight=r, batch_size=k, seed=k),
    "MMD": lambda r, k: losses.MMD(small(), tasks.points(), weight=r, bandwidth=r, batch_size=k),
    "DomainAdversarial": lambda r, k: losses.DomainAdversarial(
        small(), tasks.points(), weight=r, steps=k, hidden=k, seed=k, batch_size=k
    ),
    "constant λ": lambda r, k: losses.DomainAdversarial(small(), tasks.points(), strength=r),
}


def _unflattened(loss, weight):
    """Attention needs positions, which small's features have after a fold."""
    return loss(_folded(1).eval(), {"1": "1"}, weight=weight)


def _folded(seed=0):
    with seeded(seed):
        return nn.Sequential(nn.Linear(8, 16), nn.Unflatten(1, (4, 2, 2)), nn.Flatten(), nn.Linear(16, 3))


@pytest.mark.parametrize("kinds", [*zip(REAL, WHOLE, strict=True)], ids=lambda kinds: kinds[0].__name__)
@pytest.mark.parametrize("name", CLASSES)
def test_losses_for_the_loop_take_numbers_of_any_kind(name, kinds):
    real, whole = kinds
    model = _folded() if name == "AttentionTransfer" else small()
    found, expected = (CLASSES[name](*numbers)(model, BATCH) for numbers in ((real(0.25), whole(2)), (0.25, 2)))
    assert found.keys() == expected.keys()
    for term, value in expected.items():
        assert found[term].dtype == value.dtype == torch.float32
        assert torch.equal(found[term], value)


def test_distilberts_temperature_and_weights():
    teacher, student, task = tasks.tiny_bert(1), tasks.tiny_bert(2), tasks.texts()
    from tl_course.data import batches

    batch = next(iter(batches(task, student, batch_size=6)))
    found = losses.DistilBERTLoss(teacher, temperature=np.float32(2), weights=np.ones(3, np.float32))(student, batch)
    expected = losses.DistilBERTLoss(teacher, temperature=2.0, weights=(1.0, 1.0, 1.0))(student, batch)
    assert found == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: losses.soft_target_divergence(LOGITS, OTHERS, float("nan")), "temperature=nan"),
        (lambda: losses.soft_target_divergence(LOGITS, OTHERS, float("inf")), "temperature=inf"),
        (
            lambda: losses.soft_target_divergence(LOGITS, OTHERS, "warm"),
            "temperature='warm' is not possible; give a finite number",
        ),
        (
            lambda: losses.transfer_risk(LOGITS[0, 0], OTHERS[0, 0], torch.tensor([0.5])),
            "alpha=.* is not possible; give a finite number",
        ),
        (
            lambda: losses.l2_sp([LOGITS], [OTHERS], alpha=True, beta=0),
            "alpha=True is not possible; give a finite number",
        ),
        (lambda: losses.BSS(k=1.5), "k=.* is not possible; give a whole number"),
        (lambda: losses.BSS(weight="much"), "weight='much' is not possible; give a finite number"),
        (lambda: losses.bss(LOGITS, 2.0), "k=.* is not possible; give a whole number"),
        (lambda: losses.polynomial_kernel(LOGITS, OTHERS, 0), "degree=.* is not possible; give a whole number from 1"),
        (lambda: losses.mmd2(LOGITS, OTHERS, bandwidth=np.float32(0)), "bandwidth=0"),
        (lambda: losses.mmd2(LOGITS, OTHERS, bandwidth="wide"), "bandwidth=.* is not possible; give a finite number"),
        (lambda: losses.reverse_gradient(LOGITS, np.float32(-1)), "strength=-1"),
        (
            lambda: losses.CORAL(small(), tasks.points(), batch_size=2.5),
            "batch_size=.* is not possible; give a whole number",
        ),
        (
            lambda: losses.DomainAdversarial(small(), tasks.points(), steps=2.5),
            "steps=.* is not possible; give a whole number",
        ),
        (
            lambda: losses.DomainAdversarial(small(), tasks.points(), steps=2, hidden=0),
            "hidden=.* is not possible; give a whole number",
        ),
        (lambda: losses.class_weights(torch.arange(2), "two"), "num_classes=.* is not possible; give a whole number"),
    ],
)
def test_what_is_no_such_number_is_refused_by_its_name(call, message):
    with pytest.raises(ValueError, match=message):
        call()
