"""Learning from a teacher's answers."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._inside import logits
from tl_course.losses._teacher import Teacher
from tl_course.losses.functions import check_share, soft_target_divergence

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


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
        check_share("weight", weight, "the labels alone", "the teacher alone")
        if temperature <= 0:
            raise ValueError(f"temperature={temperature}: a temperature is a number above 0, such as 4.")
        self.temperature, self.weight = temperature, weight
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
