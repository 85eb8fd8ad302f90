"""What several questions of lesson 12 share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.probes import state
from tl_course.exercises.question import Case
from tl_course.exercises.values import Data, plain, tensors

Recogniser = Callable[[list[Data], list[Data], list[Case]], bool]


def close(found: Data, expected: Data) -> bool:
    return np.shape(found) == np.shape(expected) and bool(
        np.allclose(found, expected, rtol=1e-4, atol=1e-6, equal_nan=True)
    )


def weights_of(name: str, network: nn.Module) -> dict[str, Data]:
    """What a network holds, under names that say whose it is."""
    return {f"{name}: {key}": tensor for key, tensor in state(network).items()}


def same_network(found: Data, expected: Data, whose: str) -> bool:
    """Whether all that two pieces of evidence hold of one network is equal."""
    names = [name for name in expected if name.startswith(f"{whose}: ")]
    return found.keys() == expected.keys() and all(close(found[name], expected[name]) for name in names)


def all_close(found: list[Data], expected: list[Data], key: str) -> bool:
    return all(close(one[key], other[key]) for one, other in zip(found, expected, strict=True))


def same_value(answer: Callable, *, without: tuple[str, ...] = ()) -> Recogniser:
    """Recognise a mistake by the value alone: whoever makes it may or may not have stopped the right gradients."""

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        inputs = [{name: part for name, part in case.items() if name not in without} for case in cases]
        values = [plain(answer(*tensors(case).values())) for case in inputs]
        return all(close(one["value"], other) for one, other in zip(found, values, strict=True))

    return recognise


def divergence_of(
    student: Tensor, teacher: Tensor, of_student: float, of_teacher: float, reduction: str = "batchmean"
) -> Tensor:
    """KL(teacher ‖ student) of logits, each divided by its own temperature."""
    student, teacher = F.log_softmax(student / of_student, dim=1), F.log_softmax(teacher / of_teacher, dim=1)
    return F.kl_div(student, teacher, reduction=reduction, log_target=True)
