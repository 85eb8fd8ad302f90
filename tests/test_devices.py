"""What the lessons do is done on any device: the same tests try it on the CPU and on an NVIDIA GPU where there is one.

Nothing here asks for a figure; it asks that the work ends where it should, on the device, and to the right end.
"""

import dataclasses
import math
import os
import subprocess
import sys
import textwrap

import pytest
import tasks
import torch
from torch import nn

import tl_course as tl
from tl_course import environment, exercises, losses
from tl_course.training import fit

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
EACH = [
    pytest.param("cpu", marks=pytest.mark.full),
    pytest.param("cuda", marks=[pytest.mark.integration, pytest.mark.cuda, GPU]),
]
CLOSE = {"rtol": 1e-3, "atol": 1e-3}
"""A GPU adds up in another order from one run to the next."""
OPTIONS = {"steps": 6, "batch_size": 8, "lr": 1e-3, "log_every": 2, "progress": False}


@pytest.fixture(params=EACH)
def device(request):
    environment.setup(device=request.param, precision="fp32", quiet=True)
    return torch.device(request.param)


def on(device, model: nn.Module) -> bool:
    return {tensor.device.type for tensor in model.state_dict().values()} == {device.type}


def assert_close(one: nn.Module, other: nn.Module) -> None:
    for name, tensor in one.state_dict().items():
        torch.testing.assert_close(tensor, other.state_dict()[name], **CLOSE, msg=name)


class Pressed:
    """Cross-entropy, and Ctrl-C in one of its calls."""

    __qualname__ = losses.cross_entropy.__qualname__

    def __init__(self, call: int):
        self.left, self.devices = call, set()

    def __call__(self, model, batch):
        self.left -= 1
        self.devices.add(batch.inputs.device.type)
        if self.left == 0:
            raise KeyboardInterrupt
        return losses.cross_entropy(model, batch)


def test_ctrl_c_leaves_the_last_good_state_on_the_device(device):
    stopped, expected, loss = tasks.resnet(), tasks.resnet(), Pressed(4)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, tasks.images(), loss=loss, schedule="constant", **OPTIONS)
    assert loss.devices == {device.type}
    assert tl.training.interrupted_run().steps == 3
    fit(expected, tasks.images(), schedule="constant", **OPTIONS | {"steps": 3})
    assert on(device, stopped)
    assert_close(stopped, expected)


def test_training_goes_on_where_it_was_stopped(device, tmp_path):
    whole, stopped = tasks.resnet(), tasks.resnet()
    task, path = tasks.images(augment=("flip", "crop")), tmp_path / "run.pt"
    fit(whole, task, **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, task, checkpoint=path, loss=Pressed(4), **OPTIONS)
    again = tasks.resnet(1)
    run = fit(again, task, checkpoint=path, **OPTIONS)
    assert run.steps == 6
    assert on(device, again)
    assert_close(again, whole)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_what_is_frozen_stays_to_the_last_bit(device, precision):
    environment.setup(device=device.type, precision=precision, quiet=True)
    model = tasks.resnet()
    report = tl.models.freeze(model, except_head=True)
    head = tl.models.head_of(model)[1].weight.detach().clone()
    fit(model, tasks.images(), **OPTIONS)
    report.check(model)
    assert not torch.equal(tl.models.head_of(model)[1].weight.detach().cpu(), head)


def test_features_and_answers_are_those_of_the_cpu(device):
    task, model = tasks.images(train=40), tasks.resnet()
    expected = tl.data.features(tasks.resnet().to("cpu"), task)
    found = tl.data.features(model.to(device), task)
    for split in ("train", "validation", "test"):
        torch.testing.assert_close(getattr(found, split).inputs.cpu(), getattr(expected, split).inputs, **CLOSE)
        assert torch.equal(getattr(found, split).labels.cpu(), getattr(expected, split).labels)


@pytest.mark.parametrize("kind", ["image", "text", "features"])
def test_batches_lie_where_the_model_is(device, kind):
    task = {"image": tasks.images(augment=("flip", "crop")), "text": tasks.texts(), "features": tasks.points()}[kind]
    model = {"image": tasks.resnet, "text": tasks.tiny_bert, "features": tasks.mlp}[kind]().to(device)
    seen = []
    for batch in tl.data.batches(task, model, batch_size=5):
        tensors = batch.inputs.values() if isinstance(batch.inputs, dict) else [batch.inputs]
        assert {tensor.device.type for tensor in (*tensors, batch.labels)} == {device.type}
        seen += batch.labels.tolist()
    assert sorted(seen) == sorted(task.train.labels.tolist())


@pytest.mark.parametrize("make", [tasks.images, tasks.texts], ids=["pictures", "texts"])
def test_a_student_learns_from_a_teacher_that_stays_as_it_is(device, make):
    network = tasks.resnet if make is tasks.images else tasks.tiny_bert
    teacher, student = network(1), network(2)
    student.preprocess = teacher.preprocess
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    run = fit(
        student, make(), loss=losses.Distillation(teacher, temperature=2.0, weight=1.0), **OPTIONS | {"steps": 12}
    )
    assert all(torch.equal(tensor.cpu(), before[name]) for name, tensor in teacher.state_dict().items())
    told = [entry["distillation"] for entry in run.history if "distillation" in entry]
    assert told[-1] < told[0]
    assert on(device, student)


@pytest.mark.parametrize("kind", ["coral", "mmd", "dann"])
def test_features_are_aligned_with_a_target_without_labels(device, kind):
    source, target = tasks.points(0), tasks.points(1)
    blind = dataclasses.replace(target, train=dataclasses.replace(target.train, labels=target.train.labels * 0))
    ends = []
    for other in (target, blind):
        model = tasks.mlp()
        make = {
            "coral": lambda model, other: losses.CORAL(model, other, batch_size=8),
            "mmd": lambda model, other: losses.MMD(model, other, batch_size=8),
            "dann": lambda model, other: losses.DomainAdversarial(model, other, steps=6, batch_size=8),
        }[kind]
        run = fit(model, source, loss=make(model, other), **OPTIONS)
        assert on(device, model)
        assert math.isfinite(run.metrics["train_loss"])
        ends.append(model)
    assert_close(*ends)


@pytest.mark.parametrize("slug", ["transfer_loss", "l2_sp", "freeze_bn", "coral", "distil_loss", "attention_map"])
def test_a_right_answer_is_right_where_the_session_computes(device, slug):
    [question] = [one for one in exercises.questions() if one.slug == slug]
    verdict = exercises.check(slug, question.reference)
    assert verdict.status == "right", verdict.message


def test_two_processes_of_torchrun_end_alike(device, tmp_path):
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        pytest.skip("needs two NVIDIA GPUs: one for each process")
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(f"""
            import os, sys
            sys.path.insert(0, {str(tasks.__file__).rsplit("/", 1)[0]!r})
            import tasks, torch
            from tl_course.training import fit

            run = fit(tasks.mlp(), tasks.points(), steps=6, batch_size=8, progress=False)
            torch.save(run.model.cpu().state_dict(), os.path.join({str(tmp_path)!r}, os.environ["RANK"] + ".pt"))
            torch.distributed.destroy_process_group()
        """)
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    given = {"TL_DEVICE": device.type, "TL_PRECISION": "fp32", "OMP_NUM_THREADS": "1"}
    if device.type == "cpu":
        given["ACCELERATE_USE_CPU"] = "true"
    subprocess.run(torchrun, check=True, env={**os.environ, **given}, timeout=200, capture_output=True)
    first, second = (torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1))
    one = fit(tasks.mlp(), tasks.points(), steps=6, batch_size=8, progress=False).model.cpu().state_dict()
    for name, tensor in one.items():
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], tensor, **CLOSE)
