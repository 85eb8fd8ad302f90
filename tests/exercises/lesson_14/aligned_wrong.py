"""Answers to ``aligned_wrong`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

RIGHT = [2 / 5, torch.tensor(0.4), 0.9 - 0.5]

WRONG = {"none": 0, "one tenth": 0.1, "one half": 1 / 2, "share that is right": 0.6, "in percent": 40.0}

NO_ANSWERS = [0.45, 1.0, "a lot"]
"""Wrong answers that have no name: they must not pass."""
