"""Learning from a teacher's answers."""

import warnings
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._inside import logits, on_device, unwrap
from tl_course.losses.functions import check_share, soft_target_divergence

if TYPE_CHECKING:
    from tl_course.data import Batch


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

    Raises
    ------
    ValueError
        If T ≤ 0 or a is not in [0, 1]; when called, if the classes differ in number, the teacher *is* the student, or
        their inputs are prepared in different ways (see Notes).

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

    def __init__(self, teacher: nn.Module, *, temperature: float = 4.0, weight: float = 0.9):
        check_share("weight", weight, "the labels alone", "the teacher alone")
        if temperature <= 0:
            raise ValueError(f"temperature={temperature}: a temperature is a number above 0, such as 4.")
        self.teacher, self.temperature, self.weight = teacher, temperature, weight
        self._accepted = None
        self._settle_teacher()

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        self._check_student(unwrap(model))
        answers = logits(model, batch.inputs)
        terms = {}
        if self.weight < 1:
            terms["cross_entropy"] = (1 - self.weight) * F.cross_entropy(answers, batch.labels)
        if self.weight > 0:
            self._settle_teacher()
            with torch.no_grad():
                targets = logits(on_device(self.teacher, answers.device), batch.inputs)
            terms["distillation"] = self.weight * soft_target_divergence(answers, targets, self.temperature)
        return terms

    def _settle_teacher(self) -> None:
        if any(module.training for module in self.teacher.modules()):
            warnings.warn(
                "The teacher was in train mode, where dropout and BatchNorm falsify its answers: it is now in eval.",
                stacklevel=3,
            )
            self.teacher.eval()

    def _check_student(self, student: nn.Module) -> None:
        if student is unwrap(self.teacher):
            raise ValueError("The teacher is the very model that is trained: pass copy.deepcopy(model) as the teacher.")
        theirs, own = getattr(student, "preprocess", None), getattr(self.teacher, "preprocess", None)
        if theirs is not None and own is not None and theirs is not self._accepted:
            if not _same_inputs(theirs, own):
                raise ValueError(
                    f"The student's inputs are not prepared as the teacher's ({_described(theirs)} against "
                    f"{_described(own)}): set student.preprocess = teacher.preprocess before training."
                )
            self._accepted = theirs


def _same_inputs(a: object, b: object) -> bool:
    """Equal settings; texts only need the same vocabulary, as the batch is cut to its length already."""
    tokenizers = [getattr(preprocess, "tokenizer", None) for preprocess in (a, b)]
    if None in tokenizers:
        return a == b
    return tokenizers[0].get_vocab() == tokenizers[1].get_vocab()


def _described(preprocess: object) -> str:
    tokenizer = getattr(preprocess, "tokenizer", None)
    return str(preprocess) if tokenizer is None else f"a vocabulary of {len(tokenizer)}"
