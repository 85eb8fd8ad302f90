"""Heat maps laid over their pictures."""

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from tl_course.figures.grids import _array, _image_title, _pixels
from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import BACKGROUND, INK, axes, headline, in_style

_HEAT = colormaps["inferno"]  # from dark to light in even steps, so that it can be read without colours
_OPACITY = 0.8
_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


@in_style()
def heat_maps(
    images: ArrayLike,
    maps: ArrayLike,
    *,
    titles: Sequence[str] | None = None,
    boxes: ArrayLike | None = None,
    columns: int = 6,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw each picture in grey with its heat map over it, the larger the lighter, and a frame around a known cue.

    Each map is drawn on its own scale, from zero to its largest value: only places of one picture can be compared. A
    map of zeros leaves its picture grey.

    Parameters
    ----------
    images
        uint8 N×3×H×W or N×1×H×W.
    maps
        N×h×w, not negative, on a grid of any size that covers the picture.
    titles
        N short texts.
    boxes
        N×4: top, left, bottom and right of a cue in pixels; bottom and right are the first outside of it.
    alt
        Counts the pictures and reads their titles unless given.

    Raises
    ------
    ValueError
        For images of another kind or shape, none at all, maps or boxes that do not fit, or a negative value.

    Examples
    --------
    >>> heat_maps(np.zeros((1, 3, 8, 8), np.uint8), np.ones((1, 2, 2)), titles=["cat"])
    Figure: A heat map over each of 1 picture: cat.
    """
    pixels, maps = _pixels(images), _array(maps).astype(float)
    n = len(pixels)
    if n == 0:
        raise ValueError("there are no images to show: give at least one.")
    if maps.ndim != 3 or len(maps) != n:
        raise ValueError(f"maps have shape {maps.shape} and must be {n}×h×w, one for each picture.")
    if not np.isfinite(maps).all() or maps.min() < 0:
        raise ValueError("a map holds a negative or infinite value, or NaN; a heat map is zero or larger.")
    if titles is not None and len(titles) != n:
        raise ValueError(f"there are {n} images and {len(titles)} titles: give one for each.")
    frames = None if boxes is None else _array(boxes)
    if frames is not None and frames.shape != (n, 4):
        raise ValueError(f"boxes have shape {frames.shape} and must be {n}×4: top, left, bottom, right.")
    titles = list(titles or [""] * n)
    columns = min(columns, n)
    rows, breadth = -(-n // columns), max(columns, 3)
    fig, grid = axes(
        1.5 * breadth, (1.72 if any(titles) else 1.5) * rows + 0.25 + 0.3 * bool(title), rows, breadth, squeeze=False
    )
    fig.get_layout_engine().set(w_pad=0.05, h_pad=0.05)
    for ax in grid.flat:
        ax.axis("off")
        ax.set(xticks=[], yticks=[])
    height, width = pixels.shape[1:3]
    for number, (picture, heat, text) in enumerate(zip(pixels, maps, titles, strict=True)):
        ax = grid[number // columns, number % columns]
        ax.imshow(picture @ np.array(_LUMA), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        colours = _HEAT(heat / (heat.max() or 1.0))
        colours[..., 3] = _OPACITY * heat / (heat.max() or 1.0)
        ax.imshow(colours, extent=(-0.5, width - 0.5, height - 0.5, -0.5), interpolation="nearest")
        if frames is not None:
            top, left, bottom, right = frames[number]
            frame = Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, edgecolor=INK)
            frame.set(linewidth=1.4, path_effects=[withStroke(linewidth=3.6, foreground=BACKGROUND)])
            ax.add_patch(frame)  # dark and light: one of the two is seen on any ground
        _image_title(ax, text, wrong=False)
    if title:
        headline(fig, title)
    named = f": {', '.join(titles)}" if any(titles) else ""
    default = f"A heat map over each of {n} picture{'s' * (n > 1)}{named}."
    return show(fig, alt=alt or default, caption=caption)
