"""What several questions of lesson 04 share."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.networks import SIDE
from tl_course.exercises.question import Case


def vggs(seed: int) -> list[Case]:
    """Nets with one hidden layer and with two, and five pictures each."""
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "hidden": hidden,
            "images": rng.normal(size=(5, 3, SIDE, SIDE)).astype(np.float32),
            "classes": classes,
        }
        for hidden, classes in (([40], 3), ([9, 7], 4), ([24], 6))
    ]
