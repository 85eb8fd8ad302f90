"""The pointing game and the agreement of heat maps, from cases that can be counted."""

import numpy as np
import pytest
from draws import seeds
from scipy.stats import rankdata

from tl_course import metrics


def planted(seed, n=40, grid=8, side=32, size=8):
    rng = np.random.default_rng(seed)
    corner = rng.integers(side - size + 1, size=(n, 2))
    return rng, np.hstack([corner, corner + size]), rng.random((n, grid, grid))


@pytest.mark.parametrize("seed", seeds(5))
def test_maps_that_point_at_the_cue_hit_and_others_hit_by_chance(seed):
    rng, boxes, maps = planted(seed)
    middle = (boxes[:, :2] + boxes[:, 2:]) // 2 * 8 // 32
    there = maps.copy()
    there[np.arange(40), middle[:, 0], middle[:, 1]] = 2
    assert metrics.pointing_game(there, boxes, side=32).value == 1
    chance = metrics.pointing_by_chance(maps, boxes, side=32)
    many = np.mean([metrics.pointing_game(rng.random(maps.shape), boxes, side=32).value for _ in range(60)])
    assert many == pytest.approx(chance, abs=0.04)
    by_counting = [
        sum(
            top < 4 * (r + 1) and bottom > 4 * r and left < 4 * (c + 1) and right > 4 * c
            for r in range(8)
            for c in range(8)
        )
        for top, left, bottom, right in boxes
    ]
    assert chance == pytest.approx(np.mean(by_counting) / 64)


def test_a_map_of_zeros_points_nowhere():
    assert metrics.pointing_game(np.zeros((3, 2, 2)), [[0, 0, 8, 8]] * 3, side=32).value == 0


@pytest.mark.parametrize("seed", seeds(5))
def test_agreement_is_the_correlation_of_ranks(seed):
    rng, _, maps = planted(seed)
    others = rng.random(maps.shape)
    ranks = [(rankdata(a), rankdata(b)) for a, b in zip(maps.reshape(40, -1), others.reshape(40, -1), strict=True)]
    assert metrics.map_agreement(maps, others) == pytest.approx(np.mean([np.corrcoef(a, b)[0, 1] for a, b in ranks]))
    assert metrics.map_agreement(maps, np.exp(maps)) == pytest.approx(1)
    assert metrics.map_agreement(maps, -maps) == pytest.approx(-1)
    assert np.isnan(metrics.map_agreement(maps, np.ones_like(maps)))


def test_boxes_and_maps_that_do_not_fit_are_refused():
    _, boxes, maps = planted(0)
    with pytest.raises(ValueError, match="top, left, bottom, right"):
        metrics.pointing_game(maps, boxes[:-1], side=32)
    with pytest.raises(ValueError, match="outside of the picture"):
        metrics.pointing_game(maps, boxes + 10, side=32)
    with pytest.raises(ValueError, match="empty"):
        metrics.pointing_game(maps, boxes[:, [2, 3, 0, 1]], side=32)
    with pytest.raises(ValueError, match="one grid"):
        metrics.map_agreement(maps, maps[:, :4])
    with pytest.raises(ValueError, match="NaN"):
        metrics.map_agreement(maps, np.where(maps > 0.5, np.nan, maps))
    with pytest.raises(ValueError, match="N×h×w"):
        metrics.pointing_game(maps[0], boxes, side=32)
