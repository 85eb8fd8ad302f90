"""Soft targets, as pure functions and in the loop."""

import warnings
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from loss_inputs import SEEDS, draw, gradient_of, image_batch, net_batch, small_bert, small_net, text_batch
from torch import nn

from tl_course import losses, models


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_distillation_is_its_formula(seed, temperature, weight):
    student, teacher = 3 * draw(seed, 6, 5), 3 * draw(seed + 1, 6, 5)
    labels = image_batch(seed, 6, (1,), 5).labels
    soft_s, soft_t = ((logits / temperature).softmax(1) for logits in (student, teacher))
    divergence = (soft_t * (soft_t.log() - soft_s.log())).sum(1).mean()
    expected = (1 - weight) * F.cross_entropy(student, labels) + weight * temperature**2 * divergence
    found = losses.distillation(student, teacher, labels, temperature=temperature, weight=weight)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("temperature", [0.5, 1.0, 20.0])
def test_equal_logits_and_shifted_rows(seed, temperature):
    student, teacher, shift = draw(seed, 6, 5), draw(seed + 1, 6, 5), 50 * draw(seed + 2, 6, 1)
    assert losses.soft_target_divergence(teacher, teacher, temperature) == 0
    expected = losses.soft_target_divergence(student, teacher, temperature)
    assert expected > 0
    for pair in ((student + shift, teacher), (student, teacher + shift)):
        found = losses.soft_target_divergence(*pair, temperature)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_gradient_at_high_temperature_is_the_difference_of_centred_logits(seed):
    student, teacher = draw(seed, 6, 5).requires_grad_(), draw(seed + 1, 6, 5)
    limit = ((student - student.mean(1, keepdim=True)) - (teacher - teacher.mean(1, keepdim=True))) / (6 * 5)
    errors = [
        (gradient_of(losses.soft_target_divergence(student, teacher, t), student) - limit).abs().max()
        for t in (1e2, 1e4)
    ]
    assert errors[0] < 1e-2
    assert errors[1] < 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_no_teacher_weight_is_cross_entropy_and_the_teacher_gets_no_gradient(seed):
    student, teacher = draw(seed, 6, 5).requires_grad_(), draw(seed + 1, 6, 5).requires_grad_()
    labels = image_batch(seed, 6, (1,), 5).labels
    assert losses.distillation(student, teacher, labels, weight=0.0) == F.cross_entropy(student, labels)
    losses.distillation(student, teacher, labels).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0
    torch.testing.assert_close(
        losses.distillation(student, teacher, weight=1.0, temperature=3.0),
        losses.soft_target_divergence(student, teacher, 3.0),
    )


@pytest.mark.integration
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("temperature", "weight"), [(1.0, 0.5), (4.0, 0.9), (2.5, 0.2)])
def test_distillation_equals_timms(seed, temperature, weight):
    from timm.task import LogitDistillationTask

    def timms(net):
        net.pretrained_cfg = {"mean": (0.5,) * 3, "std": (0.5,) * 3}
        net.num_classes, net.in_chans = 10, 3
        return net

    student = timms(models.create("resnet_small", num_classes=10, seed=seed)).eval()
    teacher = timms(models.create("vgg_small", num_classes=10, seed=seed + 50)).eval()
    batch = image_batch(seed)
    with torch.no_grad():  # fresh networks hardly decide; make the logits speak
        for net in (student, teacher):
            models.head_of(net)[1].weight.mul_(20)
    task = LogitDistillationTask(
        student, teacher, nn.CrossEntropyLoss(), task_loss_weight=1 - weight, temperature=temperature, verbose=False
    )
    expected = task(batch.inputs, batch.labels)
    loss = losses.Distillation(teacher, temperature=temperature, weight=weight)
    terms = loss(student, batch)
    torch.testing.assert_close(sum(terms.values()), expected["loss"], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(terms["distillation"], weight * expected["kd_loss"], rtol=1e-6, atol=1e-6)
    with torch.no_grad():
        pure = losses.distillation(
            student(batch.inputs), teacher(batch.inputs), batch.labels, temperature=temperature, weight=weight
        )
    torch.testing.assert_close(pure, expected["loss"], rtol=1e-6, atol=1e-6)


def test_the_teacher_is_put_in_eval_with_a_warning_and_gets_no_gradient():
    teacher, student, batch = small_net(1).train(), small_net(2), net_batch()
    with pytest.warns(UserWarning, match="teacher was in train mode"):
        loss = losses.Distillation(teacher, weight=0.5)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sum(loss(student, batch).values()).backward()
    assert not any(module.training for module in teacher.modules())
    assert student.training
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert all(parameter.grad is not None for parameter in student.parameters())
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())
    teacher[3].train()
    with pytest.warns(UserWarning, match="teacher was in train mode"):
        loss(student, batch)
    assert not teacher[3].training


def test_the_ends_of_the_weight_skip_the_other_side():
    teacher, student, batch = small_net(1).eval(), small_net(2).eval(), net_batch()
    calls = []
    teacher.register_forward_hook(lambda _module, _args, output: calls.append(output.requires_grad))
    assert losses.Distillation(teacher, weight=0)(student, batch) == losses.cross_entropy(student, batch)
    assert not calls
    unlabelled = SimpleNamespace(inputs=batch.inputs, labels=None)
    assert list(losses.Distillation(teacher, weight=1)(student, unlabelled)) == ["distillation"]
    assert calls == [False]  # and no graph is kept for the teacher


def test_distillation_of_texts():
    student, teacher, batch = small_bert(1).eval(), small_bert(2).eval(), text_batch()
    found = losses.Distillation(teacher, weight=1)(student, batch)["distillation"]
    expected = losses.soft_target_divergence(
        student(**batch.inputs).logits, teacher(**batch.inputs).logits, temperature=4.0
    )
    torch.testing.assert_close(found, expected)


def test_distillation_refuses_another_number_of_classes():
    with pytest.raises(ValueError, match="student tells 3 classes apart and the teacher 4"):
        losses.Distillation(small_net(classes=4).eval())(small_net(), net_batch())


def test_distillation_refuses_the_student_as_its_own_teacher():
    net = small_net().eval()
    with pytest.raises(ValueError, match="very model that is trained"):
        losses.Distillation(net)(net, net_batch())


def test_distillation_refuses_inputs_prepared_for_another_network():
    from dataclasses import replace

    student, teacher = models.create("resnet_small"), models.create("vgg_small").eval()
    teacher.preprocess = replace(student.preprocess, size=64)
    loss = losses.Distillation(teacher)
    with pytest.raises(ValueError, match=r"student\.preprocess = teacher\.preprocess"):
        loss(student, image_batch())
    student.preprocess = teacher.preprocess
    assert loss(student, image_batch())["distillation"].isfinite()


@pytest.mark.parametrize(("second", "agrees"), [("film", True), ("book", False)])
def test_distillation_compares_vocabularies(second, agrees):
    from transformers import BertTokenizer

    from tl_course.data.preprocess import TextPreprocess

    student, teacher = small_bert(1), small_bert(2).eval()
    for model, word, length in ((student, "film", 16), (teacher, second, 32)):
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", word]
        model.preprocess = TextPreprocess(BertTokenizer(vocab={w: i for i, w in enumerate(words)}), length)
    loss = losses.Distillation(teacher)
    if agrees:
        loss(student, text_batch())
    else:
        with pytest.raises(ValueError, match="a vocabulary of 6 against a vocabulary of 6"):
            loss(student, text_batch())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, b: losses.soft_target_divergence(a, b, 0.0), "temperature=0.0"),
        (lambda a, b: losses.soft_target_divergence(a, b[:2], 1.0), "same N examples"),
        (lambda a, b: losses.soft_target_divergence(a[0], b[0], 1.0), "same N examples"),
        (lambda a, b: losses.soft_target_divergence(a, b[:, :2], 1.0), "3 classes apart and the teacher 2"),
        (lambda a, b: losses.distillation(a, b, weight=0.5), "there are none"),
        (lambda a, b: losses.distillation(a, b, torch.zeros(4).long(), weight=1.5), "weight=1.5"),
        (lambda a, b: losses.Distillation(small_net().eval(), weight=-1), "weight=-1"),
        (lambda a, b: losses.Distillation(small_net().eval(), temperature=-1), "temperature=-1"),
    ],
)
def test_distillation_refuses_what_does_not_fit(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.zeros(4, 3), torch.zeros(4, 3))
