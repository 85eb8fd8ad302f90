"""Lesson 07: the pointing game."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _maps(seed: int) -> list[Case]:
    """Maps whose largest value lies on the cue in some of the pictures, in others just beside it."""
    rng = np.random.default_rng(seed)
    cases = []
    for n, cells, side in ((24, 4, 32), (30, 8, 32), (20, 5, 40)):
        size = side // cells
        maps = rng.uniform(0.1, 0.5, size=(n, cells, cells))
        height, width = size, 2 * size
        top = rng.integers(0, side - height, size=n)
        left = rng.integers(0, side - width, size=n)
        boxes = np.stack([top, left, top + height, left + width], axis=1)
        for place in range(n):
            row, column = rng.integers(0, cells, size=2)
            if place % 5 < 3:
                row, column = (top[place] + height // 2) // size, (left[place] + width // 2) // size
            elif cells > 4 and place < 20:  # a box on the grid, and the largest cell beside it: only their edges touch
                row, column = rng.integers(2, cells - 2, size=2)
                down, right = ((0, -2), (0, 1), (1, 0), (-1, 0))[place // 5]
                top[place], left[place] = (row + down) * size, (column + right) * size
                boxes[place] = top[place], left[place], top[place] + height, left[place] + width
            maps[place, row, column] = 1 + rng.uniform()
        cases.append({"maps": maps, "boxes": boxes, "side": side})
    return cases


def _cells(maps: Tensor, boxes: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Whether a cell overlaps the box, and which is the largest."""
    count = maps.shape[-1]
    size, starts = side / count, [side / count * place for place in range(count)]
    hits = [
        [[s < bottom and s + size > top and t < right and t + size > left for t in starts] for s in starts]
        for top, left, bottom, right in boxes.tolist()
    ]
    return maps.new_tensor(hits).flatten(1), maps.flatten(1)


def _points_at(maps: Tensor, boxes: Tensor, side: int) -> float:
    hits, values = _cells(maps, boxes, side)
    return float(hits.gather(1, values.argmax(dim=1, keepdim=True)).mean())


def _sides_exchanged(maps: Tensor, boxes: Tensor, side: int) -> float:
    return _points_at(maps, boxes[:, [1, 0, 3, 2]], side)


def _not_scaled(maps: Tensor, boxes: Tensor, side: int) -> float:
    count = maps.shape[-1]
    place = maps.flatten(1).argmax(dim=1)
    row, column = place // count, place % count
    top, left, bottom, right = boxes.T
    return float(((row >= top) & (row < bottom) & (column >= left) & (column < right)).double().mean())


def _share_of_heat(maps: Tensor, boxes: Tensor, side: int) -> float:
    hits, values = _cells(maps, boxes, side)
    return float(((hits * values).sum(dim=1) / values.sum(dim=1)).mean())


def _by_chance(maps: Tensor, boxes: Tensor, side: int) -> float:
    return float(_cells(maps, boxes, side)[0].mean())


def _over_the_mean(maps: Tensor, boxes: Tensor, side: int) -> float:
    hits, values = _cells(maps, boxes, side)
    warm = values > values.mean(dim=1, keepdim=True)
    return float(((hits * warm).sum(dim=1) > 0).double().mean())


QUESTION = Question(
    slug="points_at",
    lesson="07",
    title="Does the map point at the cue?",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "`maps.flatten(1).argmax(dim=1)` numbers the largest cell of each map. Row and column of it are the quotient "
        "and the rest by the number of columns.",
        "A cell of a map with `c` columns covers `side / c` pixels each way. Which pixels does cell (row, column) "
        "cover, and do they overlap the box?",
        "With `size = side / c`: the cell overlaps if `row * size < bottom`, `(row + 1) * size > top`, and the same "
        "for column with left and right.",
    ),
    inputs=_maps,
    reference=_points_at,
    why=(
        "One look a picture: is the hottest cell on the cue? Report it beside what a blind guess would hit, for a "
        "coarse map hits a large cue easily."
    ),
    wrong=(
        Wrong(
            "rows and columns exchanged",
            "You exchange rows and columns: top and bottom belong to rows, left and right to columns.",
            _sides_exchanged,
        ),
        Wrong(
            "cells taken for pixels",
            "You compare cells with pixels. The box is in pixels of the picture; the map has fewer cells, and each "
            "covers several pixels.",
            _not_scaled,
        ),
        Wrong(
            "share of the heat",
            "This is how much of the heat lies on the cue, another measure. The game asks about the hottest cell "
            "alone.",
            _share_of_heat,
        ),
        Wrong(
            "blind guess",
            "This is how often a cell chosen blindly would hit: it does not look at the map's values.",
            _by_chance,
        ),
        Wrong(
            "any warm cell",
            "You count a map as soon as *some* warm cell touches the cue. A map that is warm everywhere would always "
            "win. Take the largest cell alone.",
            _over_the_mean,
        ),
    ),
    rtol=1e-6,
)
