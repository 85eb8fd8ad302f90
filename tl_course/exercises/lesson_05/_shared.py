"""What several questions of lesson 05 share."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.networks import pictures
from tl_course.exercises.question import Case


def picture_cases(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"seed": int(rng.integers(2**31)), **pictures(rng, 10, 4)} for _ in range(2)]
