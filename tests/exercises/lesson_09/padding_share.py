"""Answers to ``padding_share`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch


def _padding_by_count(batches):
    padding = places = 0
    for batch in batches:
        for length in batch:
            padding += max(batch) - length
            places += max(batch)
    return padding / places


def _padding_by_masks(batches):
    masks = [torch.arange(max(batch)) < torch.tensor(batch)[:, None] for batch in batches]
    return 1 - sum(mask.sum() for mask in masks) / sum(mask.numel() for mask in masks)


def _padding_by_batch(batches):
    return np.mean([1 - np.mean(batch) / max(batch) for batch in batches])


def _padding_for_each_token(batches):
    padding = sum(max(batch) - length for batch in batches for length in batch)
    return padding / sum(length for batch in batches for length in batch)


def _padding_fixed(batches):
    lengths = [length for batch in batches for length in batch]
    return 1 - np.mean(lengths) / max(lengths)


RIGHT = [_padding_by_count, _padding_by_masks]

WRONG = {
    "mean of shares": _padding_by_batch,
    "padding over real": _padding_for_each_token,
    "longest of all": _padding_fixed,
    "share of real tokens": lambda batches: 1 - _padding_by_count(batches),
    "a number of tokens": lambda batches: sum(max(batch) - length for batch in batches for length in batch),
}

NO_ANSWERS = [lambda batches: 0.0]
"""Wrong answers that have no name: they must not pass."""
