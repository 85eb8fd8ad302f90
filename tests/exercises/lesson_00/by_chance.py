"""Answers to ``by_chance`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch

RIGHT = [1.0, torch.tensor(1), sum(1 / 12 for _ in range(12))]

WRONG = {
    "none": 0.0,
    "one copy's chance": 0.083,
    "half of them": 6.0,
    "a thousand words": 0.012,
}

NO_ANSWERS = [12, "one", math.nan, True]
"""Wrong answers that have no name: they must not pass."""
