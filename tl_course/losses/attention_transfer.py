"""Learning where a teacher looks: attention transfer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._features import caught, only
from tl_course.losses._model import module_named
from tl_course.losses._precision import in_full_precision
from tl_course.losses._teacher import Teacher
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import AddedLoss, Loss
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


@in_full_precision
def attention_transfer(student: Tensor, teacher: Tensor) -> Tensor:
    """‖Q_S/‖Q_S‖₂ − Q_T/‖Q_T‖₂‖₂ with Q = vec Σ_c A_c², the mean over the batch: look where the teacher looks.

    Parameters
    ----------
    student, teacher : Tensor, N×C×…
        Feature maps A of the same N examples and the same positions; the numbers of channels may differ. No gradient
        flows to the teacher's.

    Returns
    -------
    Tensor
        A scalar between 0 (the same attention everywhere) and √2 (no position in common). It does not change when
        either side is multiplied by a number.

    Raises
    ------
    ValueError
        If there are no positions, or they differ.

    Notes
    -----
    Zagoruyko and Komodakis, "Paying more attention to attention", ICLR 2017, equation 2 with p = 2; sum over the pairs
    of layers. The authors' *code* takes the mean over examples and positions of the squared differences instead, which
    is smaller by two orders of magnitude: the strength β = 1000 of their experiments belongs to that form.

    Examples
    --------
    >>> import torch
    >>> left, right = torch.zeros(1, 1, 2, 2), torch.zeros(1, 5, 2, 2)
    >>> left[..., 0], right[..., 1] = 1.0, 3.0
    >>> attention_transfer(left, right)
    tensor(1.4142)
    """
    if student.ndim < 3 or student.shape[:1] + student.shape[2:] != teacher.shape[:1] + teacher.shape[2:]:
        raise ValueError(
            f"Maps of shapes {tuple(student.shape)} (student) and {tuple(teacher.shape)} (teacher) have no positions "
            "in common: choose layers N×C×H×W of equal height and width."
        )
    difference = _attention(student) - _attention(teacher.detach())
    return torch.linalg.vector_norm(difference, dim=1).mean()


def _attention(maps: Tensor) -> Tensor:
    return F.normalize(maps.square().sum(dim=1).flatten(1), dim=1)


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
        self.layers, self.weight = dict(layers), real_number("weight", weight)
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
