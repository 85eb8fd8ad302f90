"""What several questions of lesson 10 share."""

from __future__ import annotations

import copy

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case
from tl_course.exercises.values import Unfit, plain


def numbers(answer: object, case: Case) -> list[int]:
    """The numbers that the answer chose, sorted, however it wrote them."""
    if not callable(answer):
        raise Unfit(f"It is {type(answer).__name__}, and a function was asked for: write `def answer_…(…):`.")
    found = answer(*copy.deepcopy(case).values())
    found = found.tolist() if isinstance(found, Tensor | np.ndarray) else found
    if not isinstance(found, list | tuple | set | frozenset | range):
        raise Unfit(f"It gave back {type(found).__name__}; give back a list of whole numbers, one for each text.")
    chosen = [plain(one) for one in found]
    if not all(isinstance(one, int | np.ndarray) and not isinstance(one, bool) and np.ndim(one) == 0 for one in chosen):
        raise Unfit("Its list holds something else than whole numbers; there should be one for each text.")
    if len({int(one) for one in chosen}) < len(chosen):
        raise Unfit("A number stands in it more than once.")
    return sorted(int(one) for one in chosen)
