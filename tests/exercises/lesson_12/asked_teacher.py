"""Answers to ``asked_teacher`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch


def _on_a_copy(student, teacher, images, divergence, optimizer):
    teacher = copy.deepcopy(teacher).eval().requires_grad_(False)
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _one_by_one(student, teacher, images, divergence, optimizer):
    mode = teacher.training
    teacher.train(False)
    with torch.inference_mode():
        wanted = torch.cat([teacher(image[None]) for image in images])
    teacher.train(mode)
    optimizer.zero_grad(set_to_none=False)
    divergence(student(images), wanted.clone()).backward()
    optimizer.step()


def _detached(student, teacher, images, divergence, optimizer):
    wanted = teacher.eval()(images).detach()
    divergence(student(images), wanted).backward()
    optimizer.step()
    optimizer.zero_grad()


def _no_grad_alone(student, teacher, images, divergence, optimizer):
    with torch.no_grad():
        wanted = teacher(images)
    optimizer.zero_grad()
    divergence(student(images), wanted).backward()
    optimizer.step()


def _flags_alone(student, teacher, images, divergence, optimizer):
    for weight in teacher.parameters():
        weight.requires_grad = False
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _eval_alone(student, teacher, images, divergence, optimizer):
    teacher.eval()
    student.train()
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _everybody_in_eval(student, teacher, images, divergence, optimizer):
    for model in (student, teacher):
        model.eval()
    wanted = teacher(images).detach()
    optimizer.zero_grad()
    divergence(student(images), wanted).backward()
    optimizer.step()


def _no_grad_for_all(student, teacher, images, divergence, optimizer):
    teacher.eval()
    with torch.no_grad():
        answers, wanted = student(images), teacher(images)
    optimizer.zero_grad()
    divergence(answers, wanted).backward()
    optimizer.step()


def _no_step(student, teacher, images, divergence, optimizer):
    wanted = teacher.eval()(images).detach()
    divergence(student(images), wanted).backward()


def _swapped_roles(student, teacher, images, divergence, optimizer):
    wanted = teacher.eval()(images).detach()
    optimizer.zero_grad()
    divergence(wanted, student(images)).backward()
    optimizer.step()


RIGHT = [_on_a_copy, _one_by_one, _detached]

WRONG = {
    "teacher in train mode": _no_grad_alone,
    "graph through the teacher": _eval_alone,
    "student in eval": _everybody_in_eval,
    "student without graph": _no_grad_for_all,
}

NO_ANSWERS = [_no_step, _swapped_roles, _flags_alone]
"""Wrong answers that have no name: they must not pass."""
