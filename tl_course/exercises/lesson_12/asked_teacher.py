"""Lesson 12: a teacher that stands still."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.lesson_12._shared import divergence_of, weights_of
from tl_course.exercises.networks import TinyResNet, pictures, train
from tl_course.exercises.probes import load_optimizers, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, nonzero, on, zero
from tl_course.exercises.values import Data, plain, tensors


def _lessons(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"seed": int(rng.integers(2**30)), **pictures(rng, 18, 4), "training": training, "rate": rate}
        for training, rate in ((True, 0.1), (False, float(rng.uniform(0.02, 0.1))))
    ]


def _divergence(student: Tensor, teacher: Tensor) -> Tensor:
    return divergence_of(student, teacher, 2.0, 2.0)


def _three_lessons(answer: object, case: Case) -> Data:
    """Train a teacher, let the answer take three steps with a student, and see what became of both."""
    need_function(answer, "answer_asked_teacher(student, teacher, images, divergence, optimizer)")
    given = tensors(case)
    teacher, student = TinyResNet(4, case["seed"]), TinyResNet(4, case["seed"] + 1)
    train(teacher, given["images"], given["labels"])
    teacher.zero_grad(set_to_none=True)
    teacher.train(case["training"])
    optimizer = torch.optim.SGD(student.parameters(), lr=case["rate"])
    for images in given["images"].split(6):
        answer(student, teacher, images, _divergence, optimizer)
    kept = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in teacher.parameters()]
    return {
        **weights_of("student", student),
        **weights_of("teacher", teacher),
        "gradients kept in the teacher": plain(kept),
    }


def _asked_teacher(student, teacher, images, divergence, optimizer) -> None:
    teacher.eval()
    with torch.no_grad():
        wanted = teacher(images)
    loss = divergence(student(images), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def _as_it_comes(student, teacher, images, divergence, optimizer) -> None:
    optimizer.zero_grad()
    divergence(student(images), teacher(images)).backward()
    optimizer.step()


def _with_graph(student, teacher, images, divergence, optimizer) -> None:
    _as_it_comes(student, teacher.eval(), images, divergence, optimizer)


def _both_in_eval(student, teacher, images, divergence, optimizer) -> None:
    _asked_teacher(student.eval(), teacher, images, divergence, optimizer)


def _nobody_learns(student, teacher, images, divergence, optimizer) -> None:
    teacher.eval()
    with torch.no_grad():
        loss = divergence(student(images), teacher(images))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


QUESTION = Question(
    slug="asked_teacher",
    lesson="12",
    title="A teacher that is asked, not taught",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "The optimiser holds none of the teacher's weights. What else in a network with BatchNorm moves "
        "each time it is asked in train mode, even if no optimiser holds it?",
        "Two switches, and each does half: `teacher.eval()` for BatchNorm and dropout, `torch.no_grad()` for the "
        "graph. The student needs neither of them.",
        "`teacher.eval()`, then `with torch.no_grad(): wanted = teacher(images)`, and after the block "
        "`divergence(student(images), wanted)`.",
    ),
    inputs=_lessons,
    reference=_asked_teacher,
    why=(
        "The teacher gives a picture the same answer in every batch, and leaves the training as it came: no "
        "statistic moved, no gradient was kept. In train mode it would have said something else each time, dropout "
        "and batch deciding, and its student would have learned the noise."
    ),
    wrong=(
        Wrong(
            "teacher in train mode",
            "The teacher's running means have moved: it was asked in train mode, so BatchNorm measured a picture by "
            "its batch, and went on learning statistics. `no_grad()` and `requires_grad_(False)` do not stop that; "
            "`teacher.eval()` does.",
            _as_it_comes,
            recognise=on(0, differs("teacher: bn1.running_mean")),
        ),
        Wrong(
            "graph through the teacher",
            "The student learns the right thing, but `backward()` goes through the teacher as well and leaves "
            "gradients there: twice the memory, and a teacher that learns as soon as an optimiser holds it. Ask it "
            "under `torch.no_grad()`.",
            _with_graph,
            recognise=all_of(agrees("student: *"), nonzero("gradients kept in the teacher")),
        ),
        Wrong(
            "student in eval",
            "The student's running means stood still: it was put in eval along with its teacher. It is the one that "
            "trains, so its BatchNorm must work as in training.",
            _both_in_eval,
            recognise=all_of(agrees("teacher: *"), zero("student: bn1.running_mean")),  # where it started
        ),
        Wrong(
            "student without graph",
            "`backward()` finds nothing to differentiate, since the student was asked under `no_grad()` too. Only the "
            "teacher belongs in that block.",
            _nobody_learns,
        ),
    ),
    probe=_three_lessons,
    prepare=load_optimizers,
)
