"""Answers to ``fence`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

RIGHT = [3 / 4, torch.tensor(0.75), 0.5 * (11 - 5) / (5 - 1)]

WRONG = {
    "not divided": 3,
    "factor two": 3 / 8,
    "curvature forgotten": 6 / 4,
    "upside down": 4 / 3,
    "never felt": 0,
    "negative": -0.75,
}

NO_ANSWERS = [0.5, 5.0, "a lot"]
"""Wrong answers that have no name: they must not pass."""
