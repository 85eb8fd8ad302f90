"""Pictures that are the same but for how they were saved: found by comparing small versions of them."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

# Pictures are compared at so many pixels a side, less the mean and scaled to length one: brightness, contrast and
# what JPEG does to the finest detail do not count.
SIDE = 16
# Near copies are nearer to one another than this share of the distance that three in four pairs of the data stay below.
# Of CIFAR-10 it finds none that is none; of handwritten digits, which are much alike, about one in two hundred.
CLOSE = 0.12
# A picture of less contrast (standard deviation of grey values, 0 to 255) says too little to be told from another.
FLAT = 2.0
# The first look is at grey values alone, which is quicker, and lets this much more through.
LOOSE = 1.5
BLOCK, PAIRS_SAMPLED = 1_024, 4_000


def near_pictures(pixels: Tensor, labels: Tensor | None = None) -> list[int]:
    """Return a number for each picture, equal for near copies, also by way of others in between.

    Found are pictures saved again, resized, lighter or darker, of more or less contrast, and mirrored ones; not cuts
    of one photograph that only overlap.

    Parameters
    ----------
    pixels : Tensor
        uint8 N×3×H×W.
    labels : Tensor, optional
        int64 N. A mirrored picture of another class does not count: an arrow to the left, one to the right.

    Examples
    --------
    >>> draw = torch.Generator().manual_seed(0)
    >>> pixels = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8, generator=draw)
    >>> pixels[4] = pixels[1] // 2 + 40
    >>> pixels[5] = pixels[2].flip(-1)
    >>> near_pictures(pixels), near_pictures(pixels, labels=torch.arange(6))
    ([0, 1, 2, 3, 1, 2], [0, 1, 2, 3, 1, 4])
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(pixels)
    colours = torch.cat([_small(part) for part in pixels.split(BLOCK)]) if count else torch.empty(0, 3, SIDE, SIDE)
    grey, contrast = _unit(colours.mean(1).flatten(1))
    turned = _unit(colours.flip(-1).mean(1).flatten(1))[0], _unit(colours.flip(-1).flatten(1))[0]
    colours, _ = _unit(colours.flatten(1))
    pairs = [torch.empty(2, 0, dtype=torch.int64)]
    limit = CLOSE * _usual_distance(colours)
    for mirrored, (rows, whole) in enumerate([(grey, colours), turned]):
        for one, other in _candidates(rows, grey, LOOSE * limit, contrast >= FLAT):
            near = (whole[one] - colours[other]).norm(dim=1) <= limit
            if mirrored and labels is not None:
                near &= labels[one] == labels[other]
            pairs.append(torch.stack([one[near], other[near]]))
    rows, columns = torch.cat(pairs, dim=1).numpy()
    graph = coo_array(([True] * len(rows), (rows, columns)), shape=(count, count))
    return connected_components(graph, directed=False)[1].tolist()


def _small(pixels: Tensor) -> Tensor:
    return F.adaptive_avg_pool2d(pixels.float(), SIDE)


def _unit(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows less their mean and of length one, and the standard deviations they had."""
    rows = rows - rows.mean(1, keepdim=True)
    lengths = rows.norm(dim=1)
    return rows / lengths[:, None].clamp(min=1e-6), lengths / max(rows.shape[1], 1) ** 0.5


def _usual_distance(rows: Tensor) -> float:
    """Return what three in four pairs stay below; of neighbours in the list, at several paces."""
    count = len(rows)
    if count < 2:
        return 0.0
    draw = torch.Generator().manual_seed(0)
    one = torch.randint(count, (PAIRS_SAMPLED,), generator=draw)
    other = (one + 1 + torch.randint(count - 1, (PAIRS_SAMPLED,), generator=draw)) % count
    return (rows[one] - rows[other]).norm(dim=1).quantile(0.75).item()


def _candidates(rows: Tensor, others: Tensor, limit: float, allowed: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield positions, the first the smaller, of allowed rows and others within a distance, some at a time."""
    least = 1 - limit**2 / 2  # the cosine of rows of length one at that distance
    for start in range(0, len(rows), BLOCK):
        alike = rows[start : start + BLOCK] @ others[start:].T >= least
        alike &= allowed[start : start + BLOCK, None] & allowed[None, start:]
        one, other = alike.triu(1).nonzero(as_tuple=True)
        for part in torch.stack([one, other]).split(100_000, dim=1):
            yield part[0] + start, part[1] + start
