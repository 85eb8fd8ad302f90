"""Distilling a BERT: its answers and the direction of its hidden states."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._features import caught, only
from tl_course.losses._model import logits
from tl_course.losses._options import softening
from tl_course.losses._precision import in_full_precision
from tl_course.losses._processes import share_of_tokens
from tl_course.losses._teacher import Teacher
from tl_course.losses.distillation import soft_target_divergence
from tl_course.models.structure import unwrap
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data import Batch


@in_full_precision
def hidden_cosine(student: Tensor, teacher: Tensor, mask: Tensor | None = None) -> Tensor:
    """1 − cos(h_S, h_T), the mean over the tokens of a batch: the direction of the hidden states.

    Parameters
    ----------
    student, teacher : Tensor, N×L×D
        Hidden states of the same tokens, of one width. No gradient flows to the teacher's.
    mask : Tensor, N×L, optional
        1 for a token and 0 for padding, as ``attention_mask``; all are tokens if not given.

    Returns
    -------
    Tensor
        A scalar in [0, 2]; it does not change when a state is multiplied by a positive number.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Sanh et al., "DistilBERT, a distilled version of BERT", 2019. Padding has states as well: without the mask they
    would be counted.

    Examples
    --------
    >>> import torch
    >>> states = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    >>> hidden_cosine(3 * states, states), hidden_cosine(states.flip(1), states, torch.tensor([[1, 0]]))
    (tensor(0.), tensor(1.))
    """
    if student.shape != teacher.shape or (mask is not None and mask.shape != student.shape[:-1]):
        raise ValueError(
            f"Hidden states of shapes {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) "
            "with a mask N×L: a cosine needs students as wide as their teacher, on the same tokens."
        )
    gaps = 1 - F.cosine_similarity(student, teacher.detach(), dim=-1)
    if mask is None:
        return gaps.mean()
    return (gaps * mask).sum() / mask.sum().clamp(min=1)


class DistilBERTLoss(nn.Module):
    """5·T²·KL(teacher ‖ student) + 2·cross-entropy + 1·(1 − cos of the last hidden states): DistilBERT's three terms.

    In the paper the supervised term is masked language modelling (`masked_language_modelling`), as there a language
    model is distilled; here a classifier is, and it is cross-entropy on the labels.

    Parameters
    ----------
    teacher : nn.Module
        A BERT classifier with the student's classes, vocabulary and hidden width. Put in eval, with a warning if it was
        not; run without gradients; not copied.
    temperature : float
        T > 0.
    weights : three floats
        Of soft targets, labels and hidden states.

    Raises
    ------
    ValueError
        If T ≤ 0; when called, if widths or classes differ, the teacher is the student, or reads other inputs.

    Notes
    -----
    Sanh et al., "DistilBERT, a distilled version of BERT", 2019; see `soft_target_divergence` and `hidden_cosine`. The
    terms are called ``distillation``, ``cross_entropy`` and ``cosine``. What the student *starts* from matters most:
    copy every second layer of the teacher before training. Hidden states are as long as their batch's longest text, so
    the teacher is run every time.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> from transformers import BertConfig, BertForSequenceClassification
    >>> def bert(layers):
    ...     return BertForSequenceClassification(BertConfig(vocab_size=20, hidden_size=8, num_hidden_layers=layers,
    ...         num_attention_heads=2, intermediate_size=16))
    >>> inputs = {"input_ids": torch.tensor([[1, 5, 2]]), "attention_mask": torch.ones(1, 3, dtype=torch.int64)}
    >>> batch = SimpleNamespace(inputs=inputs, labels=torch.tensor([1]))
    >>> list(DistilBERTLoss(bert(4).eval())(bert(2), batch))
    ['distillation', 'cross_entropy', 'cosine']
    """

    def __init__(
        self,
        teacher: nn.Module,
        *,
        temperature: float = 2.0,
        weights: tuple[float, float, float] = (5.0, 2.0, 1.0),
    ):
        super().__init__()
        self.temperature = softening(temperature)
        self.weights = tuple(real_number("weights", weight) for weight in weights)
        self._body = _body_name(teacher)
        self._teacher = Teacher(teacher, [self._body])

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the three terms."""
        self._teacher.check_student(model)
        body = _body_name(model)
        with caught(model, [body]) as found:
            answers = logits(model, batch.inputs)
        targets, wanted = self._teacher(batch, answers.device)
        soft, hard, states = self.weights
        mask = batch.inputs["attention_mask"]
        cosine = hidden_cosine(only(found, body, "DistilBERTLoss"), wanted, mask) * share_of_tokens(mask, batch)
        return {
            "distillation": soft * soft_target_divergence(answers, targets, self.temperature),
            "cross_entropy": hard * F.cross_entropy(answers, batch.labels),
            "cosine": states * cosine,
        }


def _body_name(model: nn.Module) -> str:
    """The name of the module that returns the last hidden states: the encoder's last layer."""
    body = getattr(unwrap(model), "base_model", None)
    stack = getattr(body, "encoder", None) or getattr(body, "transformer", None)
    if stack is None or not hasattr(stack, "layer"):
        raise ValueError(f"{type(unwrap(model)).__name__} has no hidden states: give DistilBERTLoss a BERT.")
    return next(name for name, module in unwrap(model).named_modules() if module is stack.layer[-1])
