"""Answers to ``head_parameters`` as learners write them: right ones in other ways, wrong ones by name."""

import math
from itertools import pairwise

import torch
from torch import nn


def _by_layers(widths):
    with torch.device("meta"):
        layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    return sum(weight.numel() for layer in layers for weight in layer.parameters())


def _by_index(widths):
    return sum((widths[i] + 1) * widths[i + 1] for i in range(len(widths) - 1))


RIGHT = [_by_layers, _by_index]

WRONG = {
    "no biases": lambda widths: sum(widths[i] * widths[i + 1] for i in range(len(widths) - 1)),
    "biases of the inputs": lambda widths: sum(a * (b + 1) for a, b in pairwise(widths)),
    "last layer only": lambda widths: (widths[-2] + 1) * widths[-1],
    "first to last": lambda widths: (widths[0] + 1) * widths[-1],
    "widths added": sum,
}

NO_ANSWERS = [lambda widths: math.prod(widths)]
"""Wrong answers that have no name: they must not pass."""
