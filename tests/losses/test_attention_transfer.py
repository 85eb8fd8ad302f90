"""Attention transfer, as a pure function and in the loop."""

import numpy as np
import pytest
import tasks
import torch
import torch.nn.functional as F
from loss_inputs import QUIET, SEEDS, draw

from tl_course import losses
from tl_course.data import batches
from tl_course.training import fit


@pytest.mark.parametrize("seed", SEEDS)
def test_attention_transfer_is_the_papers_formula(seed):
    student, teacher = draw(seed, 6, 4, 3, 5), draw(seed + 10, 6, 7, 3, 5)
    each = []
    for a, b in zip(student.numpy(), teacher.numpy(), strict=True):
        own, theirs = ((x**2).sum(0).ravel() for x in (a, b))
        each.append(np.linalg.norm(own / np.linalg.norm(own) - theirs / np.linalg.norm(theirs)))
    assert losses.attention_transfer(student, teacher).item() == pytest.approx(np.mean(each), rel=1e-12)
    authors = F.mse_loss(*(F.normalize(x.pow(2).mean(1).flatten(1)) for x in (student, teacher)))
    assert authors < losses.attention_transfer(student, teacher) / 10  # the other form, which is documented


@pytest.mark.parametrize("seed", SEEDS)
def test_attention_transfer_does_not_see_strength_and_channels(seed):
    student, teacher = draw(seed, 6, 4, 3, 5).requires_grad_(), draw(seed + 10, 6, 7, 3, 5).requires_grad_()
    value = losses.attention_transfer(student, teacher)
    torch.testing.assert_close(losses.attention_transfer(3 * student, teacher[:, torch.randperm(7)] * 0.2), value)
    assert 0 < value <= 2**0.5
    value.backward()
    assert teacher.grad is None
    assert student.grad.isfinite().all()


def test_attention_transfer_is_finite_where_maps_are_equal_or_empty():
    maps = torch.rand(3, 2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    maps[1] = 0
    student = maps.clone().requires_grad_()
    value = losses.attention_transfer(student, maps)
    value.backward()
    assert value == 0
    assert student.grad.isfinite().all()
    with pytest.raises(ValueError, match="no positions in common"):
        losses.attention_transfer(maps, maps[..., :3])
    with pytest.raises(ValueError, match="no positions in common"):
        losses.attention_transfer(torch.zeros(2, 3), torch.zeros(2, 3))


@pytest.mark.integration
def test_attention_transfer_between_two_resnets():
    teacher, student, task = tasks.resnet(1), tasks.resnet(2), tasks.images()
    loss = losses.AttentionTransfer(teacher, {"layer2": "layer2", "layer4": "layer4"}, weight=2.0)
    student.eval()

    batch = next(iter(batches(task, student, batch_size=5)))

    def maps(model):
        second = model.layer2(model.layer1(model.relu(model.bn1(model.conv1(batch.inputs)))))
        return second, model.layer4(model.layer3(second))

    gaps = [losses.attention_transfer(a, b) for a, b in zip(maps(student), maps(teacher), strict=True)]
    torch.testing.assert_close(loss(student, batch)["attention"], 2 * sum(gaps))
    run = fit(student, task, loss=loss, steps=2, batch_size=10, **QUIET)
    assert "attention" in run.history[-1]
