"""Answers to ``mean_pool`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _mean_by_loop(states, mask):
    return torch.stack([rows[here == 1].mean(dim=0) for rows, here in zip(states, mask, strict=True)])


def _mean_by_weights(states, mask):
    weights = mask / mask.sum(dim=1, keepdim=True)
    return torch.einsum("nl,nld->nd", weights.to(states.dtype), states)


def _mean_by_nan(states, mask):
    return states.masked_fill(mask.unsqueeze(2) == 0, float("nan")).nanmean(dim=1)


RIGHT = [_mean_by_loop, _mean_by_weights, _mean_by_nan]

WRONG = {
    "padding averaged": lambda states, mask: states.sum(dim=1) / states.shape[1],
    "divided by the length of the batch": lambda states, mask: (states * mask[..., None]).mean(dim=1),
    "not divided": lambda states, mask: torch.einsum("nl,nld->nd", mask.double(), states),
    "divided by all tokens": lambda states, mask: (states * mask[..., None]).sum(dim=1) / mask.sum(),
    "only the first": lambda states, mask: states[:, 0, :],
}

NO_ANSWERS = [lambda states, mask: states.amax(dim=1), lambda states, mask: states.mean(dim=2)]
"""Wrong answers that have no name: they must not pass."""
