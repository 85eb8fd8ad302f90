"""Answers to ``points_at`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_arithmetic(maps, boxes, side):
    columns = maps.shape[-1]
    size = side / columns
    place = maps.flatten(1).argmax(dim=1)
    row, column = place // columns, place % columns
    top, left, bottom, right = boxes.T
    down = (row * size < bottom) & ((row + 1) * size > top)
    across = (column * size < right) & ((column + 1) * size > left)
    return (down & across).double().mean()


def _by_pixels(maps, boxes, side):
    size = side // maps.shape[-1]
    hits = 0
    for heat, (top, left, bottom, right) in zip(maps, boxes.tolist(), strict=True):
        hottest = torch.zeros_like(heat).flatten()
        hottest[heat.argmax()] = 1
        pixels = hottest.reshape(heat.shape).repeat_interleave(size, 0).repeat_interleave(size, 1)
        hits += bool(pixels[top:bottom, left:right].any())
    return hits / len(maps)


def _cells_as_pixels(maps, boxes, side):
    hits = []
    for heat, (top, left, bottom, right) in zip(maps, boxes.tolist(), strict=True):
        row, column = divmod(int(heat.argmax()), heat.shape[1])
        hits.append(top <= row < bottom and left <= column < right)
    return sum(hits) / len(hits)


def _spread(maps, boxes, side):
    """For each map, which of its cells touch the box."""
    size = side // maps.shape[-1]
    touched = torch.zeros_like(maps)
    for one, (top, left, bottom, right) in zip(touched, boxes.tolist(), strict=True):
        one[top // size : (bottom - 1) // size + 1, left // size : (right - 1) // size + 1] = 1
    return touched


def _warm(maps, boxes, side):
    warm = maps > maps.mean(dim=(1, 2), keepdim=True)
    return (warm & (_spread(maps, boxes, side) > 0)).any(dim=2).any(dim=1).double().mean()


RIGHT = [_by_arithmetic, _by_pixels]

WRONG = {
    "rows and columns exchanged": lambda m, b, side: _by_arithmetic(m, b[:, [1, 0, 3, 2]], side),
    "cells taken for pixels": _cells_as_pixels,
    "share of the heat": lambda m, b, side: ((m * _spread(m, b, side)).sum((1, 2)) / m.sum((1, 2))).mean(),
    "blind guess": lambda m, b, side: _spread(m, b, side).mean(),
    "any warm cell": _warm,
}

NO_ANSWERS = [lambda m, b, side: 1.0]
"""Wrong answers that have no name: they must not pass."""
