"""What the losses share that ask a teacher: hints, relations, soft targets."""

import copy
import warnings
from types import SimpleNamespace

import pytest
import tasks
import torch
from loss_inputs import QUIET, draw, wide_net
from tasks import assert_same, state
from torch import nn

from tl_course import losses
from tl_course.data import Split
from tl_course.models.heads import seeded
from tl_course.training import fit


def make(name, teacher, cache=None, base=losses.cross_entropy):
    if name == "hints":
        with seeded(7):
            return losses.Hints(teacher, "2", "2", nn.Linear(5, 9), weight=0.1, cache=cache, base=base)
    if name == "relations":
        return losses.RelationalDistillation(teacher, cache=cache, base=base)
    return losses.Distillation(teacher, cache=cache)


@pytest.mark.parametrize("name", ["hints", "relations", "logits"])
def test_the_teacher_stays_as_it_is_and_the_student_learns(name):
    teacher, student, task = wide_net(1, 9).eval(), wide_net(2, 5), tasks.points()
    before, start = state(teacher), state(student)
    loss = make(name, teacher)
    fit(student, task, loss=loss, steps=6, batch_size=10, lr=0.01, **QUIET)
    assert_same(teacher, before)
    assert not any(module.training for module in teacher.modules())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert not torch.equal(student[0].weight, start["0.weight"])
    assert not any(module._forward_hooks or module._forward_pre_hooks for each in (teacher, student) for module in each)


@pytest.mark.parametrize("name", ["hints", "relations", "logits"])
def test_a_teacher_in_train_mode_is_put_right_with_a_warning(name):
    teacher, student, task = wide_net(1, 9).train(), wide_net(2, 5), tasks.points()
    right, twin = copy.deepcopy(teacher).eval(), copy.deepcopy(student)
    with pytest.warns(UserWarning, match="teacher was in train mode"):
        loss = make(name, teacher)
    assert not any(module.training for module in teacher.modules())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(student, task, loss=loss, steps=4, batch_size=10, **QUIET)
        fit(twin, task, loss=make(name, right), steps=4, batch_size=10, **QUIET)
    assert_same(student, twin)


def test_the_regressor_is_trained_and_follows_its_formula():
    teacher, student, task = wide_net(1, 9).eval(), wide_net(2, 5), tasks.points()
    loss = make("hints", teacher)
    start = state(loss.regressor)
    batch = SimpleNamespace(inputs=task.train.inputs[:6], labels=task.train.labels[:6])
    student.eval()
    terms = loss(student, batch)
    expected = 0.1 * losses.hint(loss.regressor(student[:3](batch.inputs)), teacher[:3](batch.inputs))
    torch.testing.assert_close(terms["hint"], expected)
    fit(student, task, loss=loss, steps=4, batch_size=10, **QUIET)
    assert not torch.equal(loss.regressor.weight, start["weight"])


@pytest.mark.parametrize("name", ["hints", "relations", "logits"])
def test_cached_answers_are_the_teachers_and_are_asked_for_once(name):
    teacher, task, asked = wide_net(1, 9).eval(), tasks.points(), []
    students = wide_net(2, 5), wide_net(2, 5)
    fit(students[0], task, loss=make(name, teacher), steps=12, batch_size=10, **QUIET)
    loss = make(name, teacher, cache=task)
    teacher.register_forward_hook(lambda *_: asked.append(1))
    fit(students[1], task, loss=loss, steps=12, batch_size=10, **QUIET)
    assert not asked
    for own, theirs in zip(students[0].parameters(), students[1].parameters(), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-3, atol=1e-5)


def test_cached_answers_to_texts():
    teacher, student, task = tasks.tiny_bert(1), tasks.tiny_bert(2), tasks.texts()
    fit(student, task, loss=losses.Distillation(teacher, cache=task), steps=4, batch_size=5, **QUIET)
    with pytest.raises(ValueError, match="another length"):
        losses.Hints(teacher, "bert.encoder.layer.0", "bert.encoder.layer.0", nn.Identity(), cache=_long(tasks.texts()))


def _long(task):
    """A task of more texts than the teacher reads at once, so that batches differ in length."""
    from dataclasses import replace

    texts = ["good"] * 128 + ["a bad film"] * 5
    return replace(task, train=Split(texts, torch.zeros(133, dtype=torch.int64)))


@pytest.mark.integration
def test_the_cache_refuses_what_changes_or_belongs_to_another_task():
    with pytest.raises(ValueError, match="augmented with flip"):
        losses.Distillation(tasks.resnet(1), cache=tasks.images(augment=("flip",)))
    task = tasks.images()
    for other, augment in ((task, ("flip",)), (task, ("crop",)), (tasks.images(seed=9), ()), (tasks.images(1, 40), ())):
        loss = losses.Distillation(tasks.resnet(1), cache=task)
        with pytest.raises(ValueError, match="not what the teacher's cached answers belong to"):
            fit(tasks.resnet(2), other, loss=loss, steps=1, batch_size=20, augment=augment, **QUIET)


@pytest.mark.parametrize("name", ["hints", "relations"])
def test_resume_is_exact(name, tmp_path):
    teacher, task, path = wide_net(1, 9).eval(), tasks.points(), tmp_path / "run.pt"
    options = {"steps": 10, "batch_size": 10, "lr": 0.01, "log_every": 1, **QUIET}
    base = losses.L2SP(wide_net(2, 5))
    whole, whole_loss = wide_net(2, 5), make(name, teacher, base=base)
    fit(whole, task, loss=whole_loss, **options)
    with pytest.raises(RuntimeError, match="stopped"):
        fit(wide_net(2, 5), task, loss=make(name, teacher, base=_StopsAt(5, base)), checkpoint=path, **options)
    again, again_loss = wide_net(2, 5), make(name, teacher, base=base)
    fit(again, task, loss=again_loss, checkpoint=path, **options)
    assert_same(again, whole)
    for own, theirs in zip(again_loss.parameters(), whole_loss.parameters(), strict=True):
        assert torch.equal(own, theirs)


def test_a_base_that_runs_the_model_twice_is_refused():
    batch = SimpleNamespace(inputs=draw(0, 6, 8).float(), labels=torch.arange(6) % 3)
    loss = make("hints", wide_net(1, 9).eval(), base=losses.TransferRisk([batch], 0.5))
    with pytest.raises(ValueError, match="it came 2 times"):
        loss(wide_net(2, 5), batch)


class _StopsAt:
    def __init__(self, call, base):
        self.left, self.base = call, base

    def __call__(self, model, batch):
        self.left -= 1
        if self.left == 0:
            raise RuntimeError("stopped")
        return self.base(model, batch)


def test_the_state_of_a_plain_base_is_kept():
    source = [SimpleNamespace(inputs=torch.zeros(2, 8), labels=torch.zeros(2).long()) for _ in range(3)]
    base = losses.TransferRisk(source, 0.5)
    base.load_state_dict({"drawn": 4})
    kept = losses.RelationalDistillation(wide_net(1, 9).eval(), base=base).state_dict()
    other = losses.RelationalDistillation(wide_net(1, 9).eval(), base=losses.TransferRisk(source, 0.5))
    other.load_state_dict(kept)
    assert other.base.state_dict() == {"drawn": 4}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: losses.Hints(t, "0", "9", nn.Identity()), "no module '9'"),
        (lambda t: losses.AttentionTransfer(t, {"0": "9"}), "no module '9'"),
        (lambda t: losses.AttentionTransfer(t, {}), "at least one pair"),
        (lambda t: losses.RelationalDistillation(t, teacher_layer="9"), "no module '9'"),
        (lambda t: losses.RelationalDistillation(t)(t, None), "very model that is trained"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call(wide_net(1, 9).eval())
