"""Answers to ``sum_or_mean`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _in_two_lines(rate, count):
    factor = 1 / float(count)
    return torch.tensor(rate) * factor


RIGHT = [lambda rate, count: rate * count**-1, _in_two_lines]

WRONG = {
    "multiplied": lambda rate, count: count * rate,
    "unchanged": lambda rate, count: torch.tensor(rate),
    "square root": lambda rate, count: rate * count**-0.5,
}
