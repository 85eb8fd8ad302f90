"""Answers to ``forgotten_square`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch

RIGHT = [1 / 4, torch.tensor(0.25), 0.2487]

WRONG = {
    "half": 1 / 2,
    "unchanged": 1,
    "an eighth": 1 / 8,
    "a sixteenth": 1 / 16,
    "grows": 2,
}

NO_ANSWERS = [0, -0.25, math.nan, "1/4", None]
"""Wrong answers that have no name: they must not pass."""
