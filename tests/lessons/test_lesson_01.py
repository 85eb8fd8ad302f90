"""What lesson 01 shows on its dial is what its record was measured on: tiles in one fixed order."""

from pathlib import Path

import pytest
import torch
from draws import seeds

from authoring import sources
from authoring.records.common import load

LESSON = Path(__file__).parents[2] / "authoring" / "lessons" / "01_what_is_transfer_learning.py"
SIDES = (32, 16, 8, 4, 2, 1)


def pictures(seed):
    """Return pictures whose pixels all differ, so that none can be mistaken for another."""
    pixels = torch.randperm(4 * 3 * 32 * 32, generator=torch.Generator().manual_seed(seed))
    return pixels.reshape(4, 3, 32, 32)


def shown():
    """Return the lesson's own function."""
    _, cells = sources.split_header(LESSON)
    names = {"torch": torch}
    exec(next(cell.source for cell in cells if "def shuffle_tiles" in cell.source).split("\n\n\n")[0], names)
    return names["shuffle_tiles"]


@pytest.mark.parametrize("side", SIDES)
def test_record_and_lesson_shuffle_alike(side):
    images = pictures(seed=side)
    assert torch.equal(shown()(images, side), load("01_domain_shift").shuffled(images, side))


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("seed", seeds(2))
def test_tiles_stay_whole_and_none_is_lost(side, seed):
    images = pictures(seed)
    mixed = load("01_domain_shift").shuffled(images, side)

    def tiles(picture):
        return {tuple(tile.flatten().tolist()) for rows in picture.split(side, 1) for tile in rows.split(side, 2)}

    assert all(tiles(before) == tiles(after) for before, after in zip(images, mixed, strict=True))
    assert torch.equal(mixed, images) == (side == 32)


def test_order_is_the_same_for_every_picture():
    shuffled = load("01_domain_shift").shuffled
    images = pictures(seed=3)
    together = shuffled(images, 4)
    assert all(torch.equal(shuffled(image[None], 4)[0], mixed) for image, mixed in zip(images, together, strict=True))
