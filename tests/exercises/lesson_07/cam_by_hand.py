"""Answers to ``cam_by_hand`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch


def _einsum(features, gradients):
    return torch.relu(torch.einsum("nk,nkhw->nhw", gradients.mean(dim=(-2, -1)), features))


def _numpy(features, gradients):
    weights = gradients.numpy().mean(axis=(2, 3))
    return np.stack([np.maximum(np.tensordot(w, f, axes=1), 0) for w, f in zip(weights, features.numpy(), strict=True)])


def _loop(features, gradients):
    maps = torch.zeros(features.shape[0], *features.shape[2:], dtype=features.dtype)
    for picture, (channels, slopes) in enumerate(zip(features, gradients, strict=True)):
        for channel, slope in zip(channels, slopes, strict=True):
            maps[picture] += slope.mean() * channel
    return maps.clamp_min(0)


def _weighted(features, gradients):
    return gradients.mean((2, 3))[:, :, None, None] * features


RIGHT = [_einsum, _numpy, _loop]

WRONG = {
    "no ReLU": lambda f, g: _weighted(f, g).sum(1),
    "ReLU before the sum": lambda f, g: torch.relu(_weighted(f, g)).sum(1),
    "place by place": lambda f, g: torch.relu((f * g).sum(1)),
    "weights of all pictures": lambda f, g: torch.relu((g.mean((0, 2, 3))[None, :, None, None] * f).sum(1)),
    "features alone": lambda f, g: torch.relu(f.sum(1)),
    "mean over maps": lambda f, g: torch.relu(_weighted(f, g).mean(1)),
}

NO_ANSWERS = [lambda f, g: _weighted(f, g).sum(1).abs()]
"""Wrong answers that have no name: they must not pass."""
