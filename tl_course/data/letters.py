"""Rendered letters over photo patches: a source domain that costs nothing and carries far."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.data.photos import CREDIT, over_patches
from tl_course.data.task import Dataset, Split
from tl_course.environment import generator
from tl_course.plain_numbers import whole_number

# Capitals and those lower-case letters whose shape differs from their capital's; I, O, S, Z and i, l, o, s, z look
# like the digits 1, 0, 5 and 2, which the target task is about.
CLASS_NAMES = tuple("ABCDEFGHJKLMNPQRTUVWXY" + "abdefghjmnqrtuy")
FACES = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
)
SIZE = 32  # pixels of an image
CANVAS = 64  # a glyph is moved at twice the size and then averaged down, which keeps its edges smooth
EXTENT = 42  # the longer side of an upright glyph on the canvas: 21 pixels of 32, as MNIST's digits
MAX_ROTATION = math.radians(20)
MAX_SHEAR = 0.2
MAX_SHIFT = 3 / 16  # of half the image: 3 pixels
SCALES = (0.8, 1.15)
CHUNK = 1000  # images rendered at once: bounds the memory to some tens of megabytes


def letters(*, count: int = 10_000, test_count: int = 2_000) -> Dataset:
    """Return rendered letters, 37 classes, uint8 N×3×32×32, over photo patches as in MNIST-M.

    Every letter is drawn in one of 16 faces, turned by up to 20°, sheared, scaled and shifted, and put over a patch
    of a photograph. The images are the same on every call with the same sizes (up to the rounding of the installed
    font renderer), classes as balanced as the sizes allow; test backgrounds come from other photographs.

    Parameters
    ----------
    count, test_count : int
        Letters to draw a task from, and letters of the test split; at least one of each class.

    Raises
    ------
    ValueError
        When a size is below 37.

    Examples
    --------
    >>> data = letters(count=100, test_count=50)
    >>> data.pool.inputs.shape, len(data.class_names)
    (torch.Size([100, 3, 32, 32]), 37)
    """
    count, test_count = whole_number("count", count), whole_number("test_count", test_count)
    for name, value in (("count", count), ("test_count", test_count)):
        if value < len(CLASS_NAMES):
            raise ValueError(f"{name}={value} is less than one letter of each class; give at least {len(CLASS_NAMES)}.")
    return Dataset(
        "letters",
        "rendered letters",
        "image",
        CLASS_NAMES,
        _blended(count, test=False, seed=11),
        f"rendered by this package from DejaVu and STIX fonts (carried by matplotlib, free) over {CREDIT}",
        test=_blended(test_count, test=True, seed=12),
        augmentable=("crop",),
    )


@cache
def _blended(count: int, *, test: bool, seed: int) -> Split:
    shapes, labels = render(count, seed=seed)
    return Split(over_patches(shapes, test=test, seed=seed), labels)


def render(count: int, *, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Draw moved letters, white on black.

    Returns
    -------
    shapes : Tensor
        uint8 count×32×32.
    labels : Tensor
        int64 count, positions in ``CLASS_NAMES``.

    Examples
    --------
    >>> shapes, labels = render(74, seed=1)
    >>> shapes.shape, labels.bincount().unique()
    (torch.Size([74, 32, 32]), tensor([2]))
    """
    random = generator(seed)
    labels = torch.arange(count)[torch.randperm(count, generator=random)] % len(CLASS_NAMES)
    faces = torch.randint(len(FACES), (count,), generator=random)
    moves = _moves(count, random)
    upright = glyphs()
    shapes = torch.empty(count, SIZE, SIZE, dtype=torch.uint8)
    for start in range(0, count, CHUNK):
        part = slice(start, start + CHUNK)
        grid = F.affine_grid(moves[part], (len(moves[part]), 1, CANVAS, CANVAS), align_corners=False)
        moved = F.grid_sample(upright[labels[part], faces[part]][:, None], grid, align_corners=False)
        shapes[part] = F.avg_pool2d(moved, CANVAS // SIZE).mul(255).round().squeeze(1).to(torch.uint8)
    return shapes, labels


def _moves(count: int, random: torch.Generator) -> Tensor:
    """Return count×2×3 maps from output to glyph coordinates: shear, then rotation, scale and shift."""
    angle, shear, size, right, down = torch.rand(5, count, generator=random)
    angle, shear = (2 * angle - 1) * MAX_ROTATION, (2 * shear - 1) * MAX_SHEAR
    cos, sin = angle.cos(), angle.sin()
    linear = torch.stack([torch.stack([cos + shear * sin, shear * cos - sin]), torch.stack([sin, cos])])
    linear = linear / (SCALES[0] + size * (SCALES[1] - SCALES[0]))
    shift = torch.stack([2 * right - 1, 2 * down - 1]) * MAX_SHIFT
    shift = -torch.einsum("ijn,jn->in", linear, shift)
    return torch.cat([linear, shift[:, None]], dim=1).permute(2, 0, 1)


@cache
def glyphs() -> Tensor:
    """Return every letter in every face, upright and centred: float32 in [0, 1], 37×16×64×64.

    >>> glyphs().shape
    torch.Size([37, 16, 64, 64])
    """
    import matplotlib
    import numpy
    from PIL import Image, ImageDraw, ImageFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    drawn = torch.zeros(len(CLASS_NAMES), len(FACES), CANVAS, CANVAS)
    for face, name in enumerate(FACES):
        font = ImageFont.truetype(str(folder / f"{name}.ttf"), size=2 * CANVAS)
        for number, letter in enumerate(CLASS_NAMES):
            large = Image.new("L", (4 * CANVAS, 4 * CANVAS))
            ImageDraw.Draw(large).text((CANVAS, CANVAS), letter, font=font, fill=255)
            ink = large.crop(large.getbbox())
            factor = EXTENT / max(ink.size)
            ink = ink.resize([max(1, round(side * factor)) for side in ink.size], Image.Resampling.BOX)
            left, top = (CANVAS - ink.width) // 2, (CANVAS - ink.height) // 2
            pixels = torch.from_numpy(numpy.array(ink, dtype=numpy.float32) / 255)
            drawn[number, face, top : top + ink.height, left : left + ink.width] = pixels
    return drawn
