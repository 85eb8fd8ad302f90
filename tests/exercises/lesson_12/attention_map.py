"""Answers to ``attention_map`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch
import torch.nn.functional as F


def _attention_by_einsum(maps):
    energy = torch.einsum("nchw,nchw->nhw", maps, maps).reshape(len(maps), -1)
    return energy / energy.norm(dim=1, keepdim=True).clamp(min=1e-12)


def _attention_by_numpy(maps):
    energy = (maps.numpy() ** 2).sum(axis=1).reshape(len(maps), -1)
    length = np.sqrt((energy**2).sum(axis=1, keepdims=True))
    return np.divide(energy, length, out=np.zeros_like(energy), where=length > 0)


def _attention_by_loop(maps):
    rows = []
    for picture in maps:
        row = (picture**2).mean(0).reshape(-1)  # the mean has the same direction
        rows.append(row / row.norm() if row.any() else row)
    return torch.stack(rows)


def _over_length(energy):
    return energy / energy.norm(dim=1, keepdim=True).clamp(min=1e-12)


RIGHT = [_attention_by_einsum, _attention_by_numpy, _attention_by_loop]

WRONG = {
    "nan where nothing fires": lambda A: (e := (A**2).sum(1).flatten(1)) / (e**2).sum(1, keepdim=True).sqrt(),
    "positions summed": lambda A: _over_length((A**2).flatten(2).sum(-1)),
    "not normalised": lambda A: (A**2).mean(1).flatten(1),
    "not squared": lambda A: _over_length(A.mean(1).flatten(1)),
    "squared too late": lambda A: _over_length(A.sum(1).pow(2).flatten(1)),
    "absolute values": lambda A: _over_length(A.abs().mean(1).flatten(1)),
    "root taken": lambda A: _over_length(A.pow(2).sum(1).sqrt().flatten(1)),
    "divided by its sum": lambda A: (e := (A**2).sum(1).flatten(1)) / e.sum(1, keepdim=True).clamp(min=1e-12),
    "whole batch as one": lambda A: F.normalize((A**2).sum(1).flatten(), dim=0).reshape(len(A), -1),
}

NO_ANSWERS = [lambda A: A, lambda A: A.flatten(1).softmax(1), lambda A: torch.full_like(A[:, 0], 0.5)]
"""Wrong answers that have no name: they must not pass."""
