"""Learning from a teacher's answers: soft targets beside the labels."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._model import logits
from tl_course.losses._options import share, softening
from tl_course.losses._precision import full, in_full_precision
from tl_course.losses._teacher import Teacher
from tl_course.losses.transfer_risk import transfer_risk

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


@in_full_precision
def soft_target_divergence(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T²·KL(softmax(z_t/T) ‖ softmax(z_s/T)): how far the student is from the teacher's softened probabilities.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor, N×C
        Logits for the same N examples and the same C classes. No gradient flows to the teacher's.
    temperature : float
        T > 0. High temperatures show how the teacher ranks the wrong classes.

    Returns
    -------
    Tensor
        A scalar: the sum over classes, the mean over examples. 0 where the probabilities are equal, and never below.
        Half precision is computed in float32.

    Raises
    ------
    ValueError
        If the shapes differ or T ≤ 0.

    Notes
    -----
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015. The gradient of the divergence
    shrinks as 1/T²; the factor T² keeps the balance with other losses when T changes. ``F.kl_div`` takes the *student's
    log*-probabilities first, and its default reduction would divide by the number of classes as well.

    Examples
    --------
    >>> import torch
    >>> teacher = torch.tensor([[4.0, 1.0, 0.0]])
    >>> soft_target_divergence(teacher + 7, teacher, temperature=2.0).abs().item() < 1e-6
    True
    """
    temperature = softening(temperature)
    if student_logits.ndim != 2 or student_logits.shape[0] != teacher_logits.shape[0]:
        raise ValueError(
            f"Logits of shapes {tuple(student_logits.shape)} (student) and {tuple(teacher_logits.shape)} (teacher) do "
            "not belong together: give N×C logits of the same N examples."
        )
    if student_logits.shape[1:] != teacher_logits.shape[1:]:
        raise ValueError(
            f"The student tells {student_logits.shape[-1]} classes apart and the teacher {teacher_logits.shape[-1]}: "
            "soft targets are compared class by class, so train the teacher with a head for the student's classes."
        )
    student = F.log_softmax(student_logits / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    divergence = F.kl_div(student, teacher, reduction="batchmean", log_target=True)
    # Next to the teacher rounding can leave less than 0, which no divergence is; the gradient stays as it is.
    return temperature**2 * (divergence - divergence.detach().clamp(max=0))


def distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
) -> Tensor:
    """(1−a)·CE(z_s, y) + a·T²·KL(softmax(z_t/T) ‖ softmax(z_s/T)): learn from labels and from a teacher.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor, N×C
    labels : int64 Tensor, N, optional
        Class numbers; not needed at a = 1.
    temperature : float
        T > 0.
    weight : float
        a in [0, 1]: 0 is cross-entropy on the labels alone, 1 the teacher alone (the examples then need no labels).

    Returns
    -------
    Tensor
        A scalar; no gradient flows to the teacher's logits. Half precision is computed in float32.

    Raises
    ------
    ValueError
        If shapes do not fit, T ≤ 0, a is not in [0, 1], or labels are missing where a < 1.

    Notes
    -----
    Hinton, Vinyals and Dean (2015); see `soft_target_divergence` for the second term.

    Examples
    --------
    >>> import torch, torch.nn.functional as F
    >>> student, teacher, labels = torch.eye(3), 5 * torch.eye(3), torch.tensor([0, 1, 2])
    >>> distillation(student, teacher, labels, weight=0.0) == F.cross_entropy(student, labels)
    tensor(True)
    """
    weight = share("weight", weight, "the labels alone", "the teacher alone")
    if labels is None and weight < 1:
        raise ValueError(f"weight={weight} leaves a part to the labels, but there are none: pass labels or weight=1.")
    return transfer_risk(
        lambda: soft_target_divergence(student_logits, teacher_logits, temperature),
        lambda: F.cross_entropy(full(student_logits), labels),
        weight,
    )


class Distillation:
    """(1−a)·cross-entropy + a·T²·KL(teacher ‖ student) on probabilities softened by T.

    Parameters
    ----------
    teacher : nn.Module
        Tells the same classes apart as the student, in the same order. It is put in eval (with a warning if it was not)
        and runs without gradients; it is not copied.
    temperature : float
        T > 0.
    weight : float
        a in [0, 1]. At 0 the teacher is not run, at 1 the labels are not used.
    cache : Task, optional
        The task that the student is trained on, without augmentation: the teacher then answers its training split once,
        here, and not every epoch.

    Raises
    ------
    ValueError
        If T ≤ 0, a is not in [0, 1], or the task to cache augments; when called, if the classes differ in number, the
        teacher *is* the student, or their inputs are prepared in different ways (see Notes).

    Notes
    -----
    See `distillation`; the terms are ``cross_entropy`` and ``distillation``. The teacher reads the student's batch.
    Where both have a ``preprocess`` they must agree, or the teacher would read pictures of another size or other
    statistics than its own: set ``student.preprocess = teacher.preprocess`` before training.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> student, teacher = torch.nn.Linear(8, 3), torch.nn.Linear(8, 3).eval()
    >>> batch = SimpleNamespace(inputs=torch.ones(4, 8), labels=torch.tensor([0, 1, 2, 0]))
    >>> sorted(Distillation(teacher, temperature=2.0)(student, batch))
    ['cross_entropy', 'distillation']
    """

    def __init__(
        self, teacher: nn.Module, *, temperature: float = 4.0, weight: float = 0.9, cache: "Task | None" = None
    ):
        self.weight = share("weight", weight, "the labels alone", "the teacher alone")
        self.temperature = softening(temperature)
        self._teacher = Teacher(teacher, cache=cache)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        self._teacher.check_student(model)
        answers = logits(model, batch.inputs)
        terms = {}
        if self.weight < 1:
            terms["cross_entropy"] = (1 - self.weight) * F.cross_entropy(answers, batch.labels)
        if self.weight > 0:
            (targets,) = self._teacher(batch, answers.device)
            terms["distillation"] = self.weight * soft_target_divergence(answers, targets, self.temperature)
        return terms
