"""A model that is asked and never taught."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tl_course.losses._features import Layer, caught, only
from tl_course.losses._model import logits, on_device
from tl_course.models.structure import unwrap

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


class Teacher:
    """Answers batches in eval and without gradients; where inputs are fixed, answers once and remembers.

    Parameters
    ----------
    model : nn.Module
        Put in eval, with a warning if it was not; not copied.
    layers : sequence of names or None
        Whose outputs are wanted beside the logits; None is the input of the head.
    cache : Task, optional
        The task that the student is trained on. The teacher then answers its training split once, here, and a batch is
        looked up by ``batch.index``.

    Raises
    ------
    ValueError
        If a layer is unknown, or the task's inputs are not the same in every epoch.
    """

    def __init__(self, model: nn.Module, layers: Sequence[Layer] = (), *, cache: "Task | None" = None):
        self.model, self.layers = model, tuple(layers)
        self._accepted, self._answers, self._marks = None, None, None
        self.settle()
        if cache is not None:
            self._remember(cache)

    def __call__(self, batch: "Batch", device: torch.device) -> list[Tensor]:
        """The logits for a batch, and after them what each of the layers gave."""
        if self._answers is None:
            self.settle()
            on_device(self.model, device)
            return self._ask(batch.inputs)
        if self._answers[0].device != device:
            self._answers = [answer.to(device) for answer in self._answers]
        self._check_same_inputs(batch)
        return [answer[batch.index] for answer in self._answers]

    def settle(self) -> None:
        """Put the teacher in eval, with a warning if it was not."""
        if any(module.training for module in self.model.modules()):
            warnings.warn(
                "The teacher was in train mode, where dropout and BatchNorm falsify its answers: it is now in eval.",
                stacklevel=4,
            )
            self.model.eval()

    def check_student(self, student: nn.Module) -> None:
        """Refuse a student that is the teacher, or that reads its inputs in another way (ValueError)."""
        if unwrap(student) is unwrap(self.model):
            raise ValueError("The teacher is the very model that is trained: pass copy.deepcopy(model) as the teacher.")
        theirs, own = getattr(unwrap(student), "preprocess", None), getattr(self.model, "preprocess", None)
        if theirs is not None and own is not None and theirs is not self._accepted:
            if not _same_inputs(theirs, own):
                raise ValueError(
                    f"The student's inputs are not prepared as the teacher's ({_described(theirs)} against "
                    f"{_described(own)}): set student.preprocess = teacher.preprocess before training."
                )
            self._accepted = theirs

    def _ask(self, inputs: Tensor | dict[str, Tensor]) -> list[Tensor]:
        with torch.no_grad(), caught(self.model, self.layers) as found:
            answer = logits(self.model, inputs)
        return [answer, *(only(found, layer, "a teacher") for layer in self.layers)]

    def _remember(self, task: "Task") -> None:
        from tl_course import data

        if task.augment:
            raise ValueError(
                f"{task.title} is augmented with {', '.join(task.augment)}, so the teacher's answers change every "
                "epoch and cannot be cached: load it without augment, or leave cache out."
            )
        parts, marks = [], []
        for batch in data.batches(task, self.model, shuffle=False, augment=()):
            parts.append(self._ask(batch.inputs))
            marks.append(_mark(batch.inputs))
        if len({tuple(answer.shape[1:] for answer in part) for part in parts}) > 1:
            raise ValueError(
                f"The layers {', '.join(map(str, self.layers))} give tensors of another length for every batch of "
                f"{task.title}, which cannot be cached: leave cache out."
            )
        self._answers = [torch.cat(column) for column in zip(*parts, strict=True)]
        self._marks = torch.cat(marks)

    def _check_same_inputs(self, batch: "Batch") -> None:
        """Compare the first batch with what the teacher read; later ones would make every step wait."""
        if self._marks is None:
            return
        expected = self._marks.to(batch.index.device)
        known = int(batch.index.max()) < len(expected)
        if not known or not torch.allclose(expected[batch.index], _mark(batch.inputs), rtol=1e-6, atol=1e-6):
            raise ValueError(
                "This batch is not what the teacher's cached answers belong to: cache the very task that the student "
                "is trained on, and train without augment."
            )
        self._marks = None


def _mark(inputs: Tensor | dict[str, Tensor]) -> Tensor:
    """One number for each example, by which to tell it again: neither mirroring nor shifting keeps it."""
    if isinstance(inputs, dict):
        inputs = inputs["input_ids"] * inputs["attention_mask"]
    values = inputs.flatten(1).double()
    return values @ torch.arange(1, values.shape[1] + 1, device=values.device, dtype=torch.float64)


def _same_inputs(a: object, b: object) -> bool:
    """Equal settings; texts only need the same vocabulary, as the batch is cut to its length already."""
    tokenizers = [getattr(preprocess, "tokenizer", None) for preprocess in (a, b)]
    if None in tokenizers:
        return a == b
    return tokenizers[0].get_vocab() == tokenizers[1].get_vocab()


def _described(preprocess: object) -> str:
    tokenizer = getattr(preprocess, "tokenizer", None)
    return str(preprocess) if tokenizer is None else f"a vocabulary of {len(tokenizer)}"
