"""A batch whose gradients are computed part by part teaches what the whole batch does."""

import pytest
import tasks
import torch
from draws import seeds
from torch import nn

from tl_course import data, models, training
from tl_course.recipes.in_parts import in_parts, kept_bytes
from tl_course.recipes.weighting import weighted

WEIGHTS = torch.tensor([0.75, 1.5])


def texts(seed: int, count: int = 7) -> data.Batch:
    draw = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, 9, (count, 12), generator=draw)
    mask = (torch.arange(12) < torch.randint(3, 13, (count, 1), generator=draw)).long()
    labels = torch.arange(count) % 2
    return data.Batch({"input_ids": ids * mask, "attention_mask": mask}, labels, torch.arange(count))


def gradients(model: nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor]:
    value.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None}


@pytest.mark.parametrize("seed", seeds(5))
def test_value_and_gradients_are_those_of_the_whole_batch(seed):
    batch, model = texts(seed), tasks.tiny_bert(seed)
    whole = weighted(WEIGHTS)(model, batch)["cross_entropy"]
    expected = gradients(model, whole)
    each = kept_bytes(model, texts(seed, 1).inputs)
    for most in (1, 2 * each, 3 * each, 100 * each):
        model.zero_grad()
        value = in_parts(WEIGHTS, most)(model, batch)["cross_entropy"]
        found = gradients(model, value)
        torch.testing.assert_close(value, whole)
        assert found.keys() == expected.keys()
        for name in expected:
            torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-6)


def test_no_part_keeps_more_than_the_bound(monkeypatch):
    batch, model, sizes = texts(0, 32), tasks.tiny_bert(), []
    each = kept_bytes(model, texts(0, 1).inputs)
    looked = models.logits
    monkeypatch.setattr(
        models, "logits", lambda model, inputs: (sizes.append(len(inputs["input_ids"])), looked(model, inputs))[1]
    )
    in_parts(WEIGHTS, 5 * each)(model, batch)
    assert sizes[0] == 1  # measured
    assert sum(sizes[1:]) == 32
    assert max(sizes[1:]) <= 5
    assert max(sizes[1:]) - min(sizes[1:]) <= 1


def test_what_is_kept_is_proportional_to_the_batch():
    model = tasks.tiny_bert()
    one, many = (kept_bytes(model, texts(0, count).inputs) for count in (1, 16))
    assert 14 * one < many < 17 * one


def test_a_training_in_parts_repeats_itself_and_leaves_random_numbers_alone(monkeypatch):
    task, found = tasks.texts(), []
    for _ in range(2):
        model = tasks.tiny_bert()
        state = torch.get_rng_state()
        run = training.fit(model, task, loss=in_parts(torch.ones(2), 20_000), steps=3, batch_size=6, progress=False)
        assert torch.equal(torch.get_rng_state(), state)
        assert run.steps == 3
        found.append(tasks.state(model))
    tasks.assert_same(*found)


def test_training_in_parts_learns_what_training_on_whole_batches_does():
    task, found = tasks.texts(), []
    for most in (1, 10**9):
        model = tasks.tiny_bert()
        for part in model.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
            if hasattr(part, "dropout_prob"):
                part.dropout_prob = 0.0
        training.fit(model, task, loss=in_parts(torch.ones(2), most), steps=4, batch_size=6, progress=False)
        found.append(tasks.state(model))
    for name, tensor in found[0].items():
        torch.testing.assert_close(tensor, found[1][name], rtol=1e-3, atol=1e-4, msg=name)


def test_mixed_precision_adds_up_too():
    batch, model = texts(0), tasks.tiny_bert()
    each = kept_bytes(model, texts(0, 1).inputs)
    values = []
    for most in (10**9, 2 * each):
        model.zero_grad()
        with torch.autocast("cpu", torch.bfloat16):
            value = in_parts(WEIGHTS, most)(model, batch)["cross_entropy"]
        values.append(gradients(model, value))
    for name, whole in values[0].items():
        torch.testing.assert_close(
            values[1][name], whole, rtol=0.1, atol=0.02 * whole.abs().max().item() + 1e-3, msg=name
        )
