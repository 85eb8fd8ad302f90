"""Learning how the examples of a batch lie to each other in a teacher's features: distances and angles."""

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._features import Layer, caught, only
from tl_course.losses._model import module_named
from tl_course.losses._precision import in_full_precision
from tl_course.losses._processes import of_whole_batch
from tl_course.losses._teacher import Teacher
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import AddedLoss, Loss
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


@in_full_precision
def relational_distance(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth-L1 between the distances within the student's batch and within the teacher's, each over its own mean.

    ψ_ij = ‖x_i − x_j‖/μ, where μ is the mean over the pairs that are not equal; the mean over pairs i ≠ j of
    l(ψ_ij^S − ψ_ij^T), with l(d) = d²/2 for |d| ≤ 1 and |d| − ½ beyond.

    Parameters
    ----------
    student, teacher : Tensor, N×D
        Features of the same N ≥ 2 examples; the widths may differ. No gradient flows to the teacher's.

    Returns
    -------
    Tensor
        A scalar. It does not change when either side is shifted, rotated, or multiplied by a number.

    Raises
    ------
    ValueError
        If the features are no matrices of the same N ≥ 2 rows.

    Notes
    -----
    Park et al., "Relational knowledge distillation", CVPR 2019, who weigh it by 25. The trap is two equal rows in a
    batch: the distance has no derivative there, and with a root of (0 + 1e-12) the gradient comes near 1e11. Here such
    a pair gets the gradient 0. The authors' code also counts the N pairs of an example with itself, which are always 0:
    its value is (N−1)/N of this one.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> relational_distance(3 * x + 1, x).item() < 1e-6
    True
    """
    count = _pairwise(student, teacher, at_least=2)
    gaps = F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher.detach()), reduction="sum")
    return gaps / (count * (count - 1))


@in_full_precision
def relational_angle(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth-L1 between the angles within the student's batch and within the teacher's.

    cos ∠ijk = ⟨e_ij, e_kj⟩ with e_ij = (x_i − x_j)/‖x_i − x_j‖; the mean over triplets of three different examples.

    Parameters
    ----------
    student, teacher : Tensor, N×D
        Features of the same N ≥ 3 examples; the widths may differ. No gradient flows to the teacher's. Memory grows
        with N³ + N²·D.

    Returns
    -------
    Tensor
        A scalar. It does not change when either side is shifted, rotated, or multiplied by a number.

    Raises
    ------
    ValueError
        If the features are no matrices of the same N ≥ 3 rows.

    Notes
    -----
    Park et al. (2019), who weigh it by 50. Where two rows are equal there is no angle: such triplets count 0. The
    authors' code averages over all N³ triplets: its value is (N−1)(N−2)/N² of this one.

    Examples
    --------
    >>> import torch
    >>> square = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    >>> relational_angle(5 * square - 1, square).item() < 1e-6
    True
    """
    count = _pairwise(student, teacher, at_least=3)
    cosines, exist = _angles(student)
    theirs, also = _angles(teacher.detach())
    exist = exist & also
    triplets = exist[:, :, None] & exist[:, None, :]
    gaps = F.smooth_l1_loss(cosines.where(triplets, 0), theirs.where(triplets, 0), reduction="sum")
    return gaps / (count * (count - 1) * (count - 2))


def _pairwise(student: Tensor, teacher: Tensor, at_least: int) -> int:
    if student.ndim != 2 or teacher.ndim != 2 or len(student) != len(teacher) or len(student) < at_least:
        raise ValueError(
            f"Relations need features N×D of the same N ≥ {at_least} examples, not {tuple(student.shape)} (student) "
            f"and {tuple(teacher.shape)} (teacher): flatten the maps, or choose a batch_size without a smaller rest."
        )
    return len(student)


def _relative_distances(x: Tensor) -> Tensor:
    distances = torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist")  # exactly 0 for equal rows
    return distances / (distances.sum() / (distances > 0).sum().clamp(min=1)).where((distances > 0).any(), 1)


def _angles(x: Tensor) -> tuple[Tensor, Tensor]:
    """Cosines at each example j between all i and k, N×N×N as [j, i, k]; and which directions j → i exist."""
    towards = x[None] - x[:, None]  # [j, i]: from j to i
    exist = (towards != 0).any(dim=2)
    # A row of ones in place of a zero one has a length with a derivative, which the mask then keeps out.
    lengths = torch.linalg.vector_norm(towards.where(exist[..., None], 1), dim=2, keepdim=True)
    directions = (towards / lengths).where(exist[..., None], 0)
    return directions @ directions.mT, exist


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
        self.student_layer = student_layer
        self.distance, self.angle = real_number("distance", distance), real_number("angle", angle)
        self._teacher = Teacher(teacher, [teacher_layer], cache=cache)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms, ``distance`` and ``angle``."""
        self._teacher.check_student(model)
        with caught(model, [self.student_layer]) as found:
            terms = self.base(model, batch)
        features = only(found, self.student_layer, "RelationalDistillation").flatten(1)
        wanted = self._teacher(batch, features.device)[1].flatten(1)
        features, wanted = of_whole_batch(features, batch), of_whole_batch(wanted, batch)
        distance, angle = relational_distance(features, wanted), relational_angle(features, wanted)
        return {**terms, "distance": self.distance * distance, "angle": self.angle * angle}
