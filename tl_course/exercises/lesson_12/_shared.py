"""What several questions of lesson 12 share."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.probes import state
from tl_course.exercises.values import Data


def weights_of(name: str, network: nn.Module) -> dict[str, Data]:
    """What a network holds, under names that say whose it is."""
    return {f"{name}: {key}": tensor for key, tensor in state(network).items()}


def divergence_of(
    student: Tensor, teacher: Tensor, of_student: float, of_teacher: float, reduction: str = "batchmean"
) -> Tensor:
    """KL(teacher ‖ student) of logits, each divided by its own temperature."""
    student, teacher = F.log_softmax(student / of_student, dim=1), F.log_softmax(teacher / of_teacher, dim=1)
    return F.kl_div(student, teacher, reduction=reduction, log_target=True)
