"""Learning from a teacher's features: hints, as in FitNets."""

from typing import TYPE_CHECKING

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
def hint(student: Tensor, teacher: Tensor) -> Tensor:
    """½·‖u − r(v)‖², as a mean over the batch: how far the student's regressed features are from the teacher's.

    Parameters
    ----------
    student : Tensor, N×…
        r(v): the student's features after the regressor r, a learned layer that gives them the teacher's shape. Its
        parameters must reach the optimiser, or the student is pulled to a random projection; `Hints` sees to it.
    teacher : Tensor, N×…
        u, of the same shape. No gradient flows to it.

    Returns
    -------
    Tensor
        A scalar. It sums over channels and positions, so it grows with the maps' size.

    Raises
    ------
    ValueError
        If the shapes differ.

    Notes
    -----
    Romero et al., "FitNets: Hints for thin deep nets", ICLR 2015, equation 3. The paper trains with it first, up to the
    hint's layer, and then with soft targets; `Hints` adds it to the loss of the whole run.

    Examples
    --------
    >>> import torch
    >>> hint(torch.zeros(4, 3), torch.full((4, 3), 2.0))
    tensor(6.)
    """
    if student.shape != teacher.shape or student.ndim < 2:
        raise ValueError(
            f"The regressed features have the shape {tuple(student.shape)} and the teacher's {tuple(teacher.shape)}: "
            "give a regressor that turns the one into the other, such as nn.Conv2d(own, teacher's, kernel_size=1)."
        )
    return (student - teacher.detach()).square().sum() / (2 * len(student))


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
        self.student_layer, self.regressor, self.weight = student_layer, regressor, real_number("weight", weight)
        self._teacher = Teacher(teacher, [teacher_layer], cache=cache)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms and ``hint``."""
        self._teacher.check_student(model)
        with caught(model, [self.student_layer]) as found:
            terms = self.base(model, batch)
        features = only(found, self.student_layer, "Hints")
        _, wanted = self._teacher(batch, features.device)
        return {**terms, "hint": self.weight * hint(self.regressor(features), wanted)}
