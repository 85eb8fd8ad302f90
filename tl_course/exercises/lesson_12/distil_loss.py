"""Lesson 12: the loss."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from tl_course.exercises.lesson_12._shared import divergence_of
from tl_course.exercises.probes import with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, gives, on, right_except


def _two_tables(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    settings = ((6, 4, 0.3), (5, 3, 0.8), (3, 7, 0.6), (4, 5, 1.0), (7, 3, 0.0))
    temperatures = (float(rng.uniform(1.5, 3)), float(rng.uniform(3, 8)), 1.0, 20.0, float(rng.uniform(2, 5)))
    return [
        {
            "student_logits": rng.normal(scale=2, size=(count, classes)),
            "teacher_logits": rng.normal(scale=3, size=(count, classes)),
            "labels": rng.integers(0, classes, size=count),
            "temperature": temperature,
            "weight": weight,
        }
        for (count, classes, weight), temperature in zip(settings, temperatures, strict=True)
    ]


def _loss(soft: Callable[[Tensor, Tensor, float], Tensor], *, hard=lambda z, y, t: F.cross_entropy(z, y)):
    """An answer with this soft term, T² included, and this hard one."""

    def answer(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
        softened = soft(student, teacher.detach(), temperature)
        return (1 - weight) * hard(student, labels, temperature) + weight * softened

    return answer


_distil_loss = _loss(lambda s, t, T: T**2 * divergence_of(s, t, T, T))
_no_square = _loss(lambda s, t, T: divergence_of(s, t, T, T))
_t_once = _loss(lambda s, t, T: T * divergence_of(s, t, T, T))
_swapped = _loss(lambda s, t, T: T**2 * divergence_of(t, s, T, T))
_by_classes = _loss(lambda s, t, T: T**2 * divergence_of(s, t, T, T, "batchmean") / s.shape[1])
_summed = _loss(lambda s, t, T: T**2 * divergence_of(s, t, T, T, "sum"))
_student_only = _loss(lambda s, t, T: T**2 * divergence_of(s, t, T, 1.0))
_teacher_only = _loss(lambda s, t, T: T**2 * divergence_of(s, t, 1.0, T))
_hard_softened = _loss(lambda s, t, T: T**2 * divergence_of(s, t, T, T), hard=lambda z, y, T: F.cross_entropy(z / T, y))
_soft_cross_entropy = _loss(lambda s, t, T: T**2 * F.cross_entropy(s / T, (t / T).softmax(dim=1)))
_probabilities = _loss(
    lambda s, t, T: T**2 * F.kl_div((s / T).softmax(dim=1), (t / T).softmax(dim=1), reduction="batchmean")
)
_log_as_target = _loss(
    lambda s, t, T: T**2 * F.kl_div((s / T).log_softmax(dim=1), (t / T).log_softmax(dim=1), reduction="batchmean")
)


def _other_weights(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    return _distil_loss(student, teacher, labels, temperature, 1 - weight)


def _not_detached(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    soft = temperature**2 * divergence_of(student, teacher, temperature, temperature)
    return (1 - weight) * F.cross_entropy(student, labels) + weight * soft


def _cut_off(student: Tensor, teacher: Tensor, labels: Tensor, temperature: float, weight: float) -> Tensor:
    return _distil_loss(student.detach(), teacher, labels, temperature, weight)


QUESTION = Question(
    slug="distil_loss",
    lesson="12",
    title="The teacher's loss, factor by factor",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "`F.kl_div(a, b)` is KL(b ‖ a): the student comes first, as *log*-probabilities, and the teacher second, as "
        "probabilities.",
        'Three things to look after: `reduction="batchmean"`, the factor T², and a teacher that gets no gradient.',
        "`soft = T**2 * F.kl_div(F.log_softmax(student_logits / T, dim=1), F.softmax(teacher_logits.detach() / T, "
        'dim=1), reduction="batchmean")`, and then the mixture with the cross-entropy at T = 1.',
    ),
    inputs=_two_tables,
    reference=_distil_loss,
    why=(
        "Sum over classes, mean over the batch, T² in front, and no gradient to the teacher. Each of these can be left "
        "out without an error, and the loss still falls: only a number worked out by hand, or a gradient looked at, "
        "tells. The lesson's `tl.losses.distillation` is this function."
    ),
    wrong=(
        Wrong(
            "teacher not detached",
            "The value is right, but a gradient flows to the teacher, too. If it is not frozen elsewhere, it learns to "
            "agree with its student. Use `teacher_logits.detach()`.",
            _not_detached,
            recognise=right_except("gradient by teacher_logits"),
        ),
        Wrong(
            "student cut off",
            "The value is right, but the student gets no gradient from it, or not all of it: a `.detach()`, `.item()` "
            "or `no_grad()` stands on the wrong side.",
            _cut_off,
            recognise=all_of(agrees("value"), differs("gradient by student_logits")),
        ),
        Wrong(
            "no T squared",
            "The factor T² is missing. The gradient of the divergence shrinks as 1/T²: at T = 4 your teacher is about "
            "sixteen times quieter, and at a high temperature only the labels are heard.",
            _no_square,
            recognise=gives(_no_square, name="value"),
        ),
        Wrong(
            "T once",
            "You multiply by T, and it takes T²: one for the logits that are divided by T, one for the probabilities "
            "that come closer to each other.",
            _t_once,
            recognise=gives(_t_once, name="value"),
        ),
        Wrong(
            "KL swapped",
            "This is KL(student ‖ teacher). The teacher's probabilities must weigh the logarithms: in `F.kl_div` the "
            "student's log-probabilities come first and the teacher's probabilities second.",
            _swapped,
            recognise=gives(_swapped, name="value"),
        ),
        Wrong(
            "divided by the classes",
            "The divergence is too small by the number of classes: the default reduction of `F.kl_div` averages over "
            'every number in the table. Sum over classes and average over examples, with `reduction="batchmean"`.',
            _by_classes,
            recognise=gives(_by_classes, name="value"),
        ),
        Wrong(
            "summed over the batch",
            "The divergence is summed over the batch, so it grows with the batch while the cross-entropy does not. "
            "Divide by the number of examples.",
            _summed,
            recognise=gives(_summed, name="value"),
        ),
        Wrong(
            "probabilities for logarithms",
            "The student's *probabilities* went into `F.kl_div` where it takes their logarithms. Nothing complains, "
            "though the number is negative, which no divergence can be. Use `F.log_softmax`.",
            _probabilities,
            recognise=gives(_probabilities, name="value"),
        ),
        Wrong(
            "logarithm of a logarithm",
            "It is NaN: the teacher's *log*-probabilities went in as the target, and `F.kl_div` takes the logarithm of "
            "them once more. Use `F.softmax` for the teacher, or say `log_target=True`.",
            _log_as_target,
            recognise=on(lambda case: case["weight"] > 0, gives(_log_as_target, name="value")),
        ),
        Wrong(
            "only the student softened",
            "The temperature is on the student alone. To match a hard teacher, a soft student has to make its logits T "
            "times too large. Divide both.",
            _student_only,
            recognise=gives(_student_only, name="value"),
        ),
        Wrong(
            "only the teacher softened",
            "The temperature is on the teacher alone: your student should be as unsure at T = 1 as its teacher is when "
            "softened. Divide both.",
            _teacher_only,
            recognise=gives(_teacher_only, name="value"),
        ),
        Wrong(
            "weights swapped",
            "The two weights have changed places: `weight` belongs to the teacher, and 1 − `weight` to the labels.",
            _other_weights,
            recognise=gives(_other_weights, name="value"),
        ),
        Wrong(
            "labels softened",
            "The cross-entropy with the labels is taken at the temperature T as well. It belongs to the student as it "
            "will be used, at T = 1.",
            _hard_softened,
            recognise=gives(_hard_softened, name="value"),
        ),
        Wrong(
            "cross-entropy with the teacher",
            "This is the cross-entropy with the soft targets. Its gradient is right; but it is too large by the "
            "teacher's own entropy, so that a perfect student does not reach 0. Subtract it: that is the divergence.",
            _soft_cross_entropy,
            recognise=gives(_soft_cross_entropy, name="value"),
        ),
    ),
    probe=with_gradients("student_logits", "teacher_logits"),
)
