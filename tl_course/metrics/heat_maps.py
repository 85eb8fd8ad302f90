"""May a heat map be believed? Where it points, and whether it depends on what it claims to explain."""

import numpy as np

from tl_course.metrics.arrays import array, finite
from tl_course.metrics.interval import Interval, wilson


def pointing_game(maps, boxes, *, side: int) -> Interval:
    """How often a map's largest value lies where the cue is known to be.

    Parameters
    ----------
    maps : N×h×w numbers
        Heat maps on a grid of any size.
    boxes : N×4 whole numbers
        Top, left, bottom and right of the cue in pixels of the picture; bottom and right are the first outside of it.
    side : int
        Height and width of the pictures in pixels.

    Returns
    -------
    Interval
        The share of the maps that point at the cue, with Wilson's interval. A map points at it if the cell of its
        largest value overlaps the box. A map without a positive value points nowhere; of equal values the first counts.

    Raises
    ------
    ValueError
        If shapes do not fit, a map is not finite, or a box is empty or outside of the picture.

    Notes
    -----
    After Zhang and others (2018, International Journal of Computer Vision 126, 1084–1102). A coarse grid makes the game
    easy: :func:`pointing_by_chance` says how often a cell drawn blindly would hit.

    Examples
    --------
    >>> maps = np.zeros((2, 4, 4))
    >>> maps[0, 0, 0] = maps[1, 3, 3] = 1
    >>> print(pointing_game(maps, [[0, 0, 8, 8], [0, 0, 8, 8]], side=32))
    0.500 [0.095, 0.905], n=2
    """
    maps, hit = _cells_on_boxes(maps, boxes, side)
    largest = maps.reshape(len(maps), -1).argmax(axis=1)
    right = hit.reshape(len(maps), -1)[np.arange(len(maps)), largest] & (maps.max(axis=(1, 2)) > 0)
    return wilson(int(right.sum()), len(maps))


def pointing_by_chance(maps, boxes, *, side: int) -> float:
    """The share that :func:`pointing_game` would give to cells drawn at random, on the same grid and boxes.

    >>> pointing_by_chance(np.zeros((1, 4, 4)), [[0, 0, 8, 8]], side=32)
    0.0625
    """
    return float(_cells_on_boxes(maps, boxes, side)[1].mean())


def map_agreement(maps, others) -> float:
    """Mean rank correlation of two heat maps of the same picture: near 1 if the second tells nothing new.

    Parameters
    ----------
    maps, others : N×h×w numbers
        Of the same pictures, on one grid: such as those of a trained network, and those after its weights were
        re-initialised.

    Returns
    -------
    float
        Spearman's correlation over places, as a mean over the pictures in which both maps vary; NaN if there is none.

    Raises
    ------
    ValueError
        If the shapes differ or a map is not finite.

    Notes
    -----
    The test of Adebayo and others (2018): a map that stays the same while the weights are randomised explains the
    picture, not the network.

    Examples
    --------
    >>> maps = np.random.default_rng(0).random((5, 4, 4))
    >>> round(map_agreement(maps, maps**2), 6)
    1.0
    """
    from scipy.stats import spearmanr

    maps, others = _maps(maps), _maps(others)
    if maps.shape != others.shape:
        raise ValueError(f"Maps of shapes {maps.shape} and {others.shape} cannot be compared: take one grid for both.")
    pairs = zip(maps.reshape(len(maps), -1), others.reshape(len(maps), -1), strict=True)
    found = [spearmanr(one, other).statistic for one, other in pairs if np.ptp(one) > 0 and np.ptp(other) > 0]
    return float(np.mean(found)) if found else float("nan")


def _cells_on_boxes(maps, boxes, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The maps, and for each cell whether it overlaps the picture's box."""
    maps, boxes = _maps(maps), np.asarray(array(boxes))
    if boxes.shape != (len(maps), 4):
        raise ValueError(
            f"Boxes of shape {boxes.shape} do not fit {len(maps)} maps: give top, left, bottom, right for each."
        )
    top, left, bottom, right = boxes.T
    if (top < 0).any() or (left < 0).any() or (bottom > side).any() or (right > side).any():
        raise ValueError(f"A box lies outside of the picture of {side}×{side} pixels.")
    if (bottom <= top).any() or (right <= left).any():
        raise ValueError("A box is empty: bottom and right must be larger than top and left.")
    height, width = maps.shape[1:]
    rows, columns = np.arange(height), np.arange(width)
    inside_rows = (rows * side / height < bottom[:, None]) & ((rows + 1) * side / height > top[:, None])
    inside_columns = (columns * side / width < right[:, None]) & ((columns + 1) * side / width > left[:, None])
    return maps, inside_rows[:, :, None] & inside_columns[:, None, :]


def _maps(values) -> np.ndarray:
    return finite(values, 3, "heat maps", "N×h×w numbers")
