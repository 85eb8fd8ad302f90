"""Learning from what a teacher computes before its answer: hints, attention, relations, hidden states."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._added import AddedLoss
from tl_course.losses._features import Layer, caught, only
from tl_course.losses._inside import logits, module_named, unwrap
from tl_course.losses._teacher import Teacher
from tl_course.losses.functions import soft_target_divergence
from tl_course.losses.loop import Loss, cross_entropy
from tl_course.losses.representation import (
    attention_transfer,
    hidden_cosine,
    hint,
    relational_angle,
    relational_distance,
)

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


class Hints(AddedLoss):
    """Adds weight·½‖u(x) − r(v(x))‖²: a layer of the student, regressed, becomes like a layer of the teacher.

    Parameters
    ----------
    teacher : nn.Module
        Put in eval, with a warning if it was not; run without gradients; not copied.
    student_layer, teacher_layer : str
        Names of modules: v and u are what they return.
    regressor : nn.Module
        r: gives the student's features the teacher's shape. ``nn.Conv2d(own, teacher's, kernel_size=1)`` for maps,
        ``nn.Linear(own, teacher's)`` for vectors. It is a part of this loss, so ``fit`` trains it and a checkpoint
        keeps it; it is not needed afterwards.
    weight : float
        Strength. The squares are summed over channels and positions, so larger maps need a smaller one.
    cache : Task, optional
        The task that the student is trained on, without augmentation: the teacher answers it once and not every epoch.
        That keeps a map for each example in memory.
    base : loss for the loop
        To which the term is added, and in whose forward pass the student's features are caught: `Distillation` here
        gives FitNets in one stage. Put this loss outside and others in `base`: a loss that is no module hides a
        regressor inside it from ``fit``.

    Raises
    ------
    ValueError
        If a layer is unknown; when called, if shapes do not fit, the teacher is the student, or reads other inputs.

    Notes
    -----
    See `hint`; the term is called ``hint``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> student = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> teacher = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Linear(6, 2)).eval()
    >>> batch = SimpleNamespace(inputs=torch.ones(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> loss = Hints(teacher, "0", "0", torch.nn.Linear(4, 6))
    >>> sorted(loss(student, batch)), len(list(loss.parameters()))
    (['cross_entropy', 'hint'], 2)
    """

    def __init__(
        self,
        teacher: nn.Module,
        student_layer: str,
        teacher_layer: str,
        regressor: nn.Module,
        *,
        weight: float = 0.01,
        cache: "Task | None" = None,
        base: Loss = cross_entropy,
    ):
        super().__init__(base)
        module_named(teacher, teacher_layer)
        self.student_layer, self.regressor, self.weight = student_layer, regressor, weight
        self._teacher = Teacher(teacher, [teacher_layer], cache=cache)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms and ``hint``."""
        self._teacher.check_student(model)
        with caught(model, [self.student_layer]) as found:
            terms = self.base(model, batch)
        features = only(found, self.student_layer, "Hints")
        _, wanted = self._teacher(batch, features.device)
        return {**terms, "hint": self.weight * hint(self.regressor(features), wanted)}


class AttentionTransfer(AddedLoss):
    """Adds weight·Σ_j ‖Q_S/‖Q_S‖ − Q_T/‖Q_T‖‖₂ over pairs of layers: the student looks where the teacher looks.

    Parameters
    ----------
    teacher : nn.Module
        Put in eval, with a warning if it was not; run without gradients; not copied.
    layers : mapping of str to str
        The student's layers to the teacher's, ``{"layer3": "layer3", "layer4": "layer4"}``: each pair N×C×H×W with
        equal height and width.
    weight : float
        β/2 of the paper's formula. The strength of 1000 in the authors' experiments is for their code's other form.
    cache : Task, optional
        As for `Hints`.
    base : loss for the loop
        To which the term is added, and in whose forward pass the maps are caught.

    Raises
    ------
    ValueError
        If there are no layers or one is unknown; when called, if shapes do not fit, the teacher is the student, or
        reads other inputs.

    Notes
    -----
    See `attention_transfer`; the term is called ``attention``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> def net(channels):
    ...     return torch.nn.Sequential(
    ...         torch.nn.Conv2d(3, channels, 3), torch.nn.Flatten(), torch.nn.Linear(4 * channels, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 3, 4, 4), labels=torch.tensor([0, 1, 0, 1]))
    >>> sorted(AttentionTransfer(net(6).eval(), {"0": "0"})(net(2), batch))
    ['attention', 'cross_entropy']
    """

    def __init__(
        self,
        teacher: nn.Module,
        layers: Mapping[str, str],
        *,
        weight: float = 1.0,
        cache: "Task | None" = None,
        base: Loss = cross_entropy,
    ):
        super().__init__(base)
        if not layers:
            raise ValueError('AttentionTransfer compares at least one pair of layers, such as {"layer4": "layer4"}.')
        for name in layers.values():
            module_named(teacher, name)
        self.layers, self.weight = dict(layers), weight
        self._teacher = Teacher(teacher, list(self.layers.values()), cache=cache)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms and ``attention``."""
        self._teacher.check_student(model)
        with caught(model, list(self.layers)) as found:
            terms = self.base(model, batch)
        maps = [only(found, name, "AttentionTransfer") for name in self.layers]
        _, *wanted = self._teacher(batch, maps[0].device)
        gaps = [attention_transfer(own, theirs) for own, theirs in zip(maps, wanted, strict=True)]
        return {**terms, "attention": self.weight * torch.stack(gaps).sum()}


class RelationalDistillation(AddedLoss):
    """Adds 25·distances + 50·angles: the examples of a batch lie to each other as they do in the teacher's features.

    Parameters
    ----------
    teacher : nn.Module
        Put in eval, with a warning if it was not; run without gradients; not copied. It may tell other classes apart
        than the student, and its features may be wider.
    student_layer, teacher_layer : str, optional
        Names of modules whose outputs are compared, flattened; the features that go into the heads if not given.
    distance, angle : float
        Strengths of the two terms.
    cache : Task, optional
        As for `Hints`.
    base : loss for the loop
        To which the terms are added, and in whose forward pass the features are caught.

    Raises
    ------
    ValueError
        If a layer is unknown; when called, if a batch has fewer than three examples, the teacher is the student, or
        reads other inputs.

    Notes
    -----
    See `relational_distance` and `relational_angle`; the terms are called ``distance`` and ``angle``. Relations within
    a batch are matched: this is not the relation-based transfer of the surveys, which carries rules between domains.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> student = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> teacher = torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.Linear(6, 5)).eval()
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> sorted(RelationalDistillation(teacher)(student, batch))
    ['angle', 'cross_entropy', 'distance']
    """

    def __init__(
        self,
        teacher: nn.Module,
        *,
        student_layer: Layer = None,
        teacher_layer: Layer = None,
        distance: float = 25.0,
        angle: float = 50.0,
        cache: "Task | None" = None,
        base: Loss = cross_entropy,
    ):
        super().__init__(base)
        if teacher_layer is not None:
            module_named(teacher, teacher_layer)
        self.student_layer, self.distance, self.angle = student_layer, distance, angle
        self._teacher = Teacher(teacher, [teacher_layer], cache=cache)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms, ``distance`` and ``angle``."""
        self._teacher.check_student(model)
        with caught(model, [self.student_layer]) as found:
            terms = self.base(model, batch)
        features = only(found, self.student_layer, "RelationalDistillation").flatten(1)
        wanted = self._teacher(batch, features.device)[1].flatten(1)
        distance, angle = relational_distance(features, wanted), relational_angle(features, wanted)
        return {**terms, "distance": self.distance * distance, "angle": self.angle * angle}


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
        if temperature <= 0:
            raise ValueError(f"temperature={temperature}: a temperature is a number above 0, such as 2.")
        self.temperature, self.weights = temperature, tuple(weights)
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
        cosine = hidden_cosine(only(found, body, "DistilBERTLoss"), wanted, batch.inputs["attention_mask"])
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
        raise ValueError(f"{type(unwrap(model)).__name__} has no hidden states: DistilBERTLoss is for BERTs.")
    return next(name for name, module in unwrap(model).named_modules() if module is stack.layer[-1])
