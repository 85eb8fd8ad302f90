"""Boxes and arrows for ideas: concept maps and flows."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import BACKGROUND, BLUE, INK, SOFT_INK, axes, headline, in_style

_WIDTH, _HEIGHT, _PAD = 0.86, 0.6, 0.05  # of a box, in units of a column and a row


@in_style()
def concept_map(
    boxes: Mapping[str, tuple[float, float]],
    arrows: Sequence[tuple[str, str] | tuple[str, str, str]] = (),
    *,
    alt: str,
    highlight: Sequence[str] = (),
    title: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw texts in boxes on a grid, joined by arrows.

    Parameters
    ----------
    boxes
        Text → (column, row) of its centre; columns count from the left, rows from the top, fractions allowed.
    arrows
        (from, to) or (from, to, text along the arrow), naming boxes by their text.
    alt
        Required: what the picture says, in words.
    highlight
        Boxes to fill.

    Raises
    ------
    ValueError
        When an arrow or a highlight names no box.

    Examples
    --------
    >>> concept_map({"source": (0, 0), "target": (1, 0)}, [("source", "target", "weights")],
    ...             alt="An arrow carries weights from source to target.")
    Figure: An arrow carries weights from source to target.
    """
    for name in [*highlight, *(end for arrow in arrows for end in arrow[:2])]:
        if name not in boxes:
            raise ValueError(f"there is no box {name!r}; there are {', '.join(boxes)}.")
    columns, rows = zip(*boxes.values(), strict=True)
    wide, high = max(columns) - min(columns) + 1, max(rows) - min(rows) + 1
    fig, ax = axes(1.85 * wide + 0.2, 0.95 * high + (0.45 if title else 0.1))
    ax.set(xlim=(min(columns) - 0.5, max(columns) + 0.5), ylim=(max(rows) + 0.5, min(rows) - 0.5))
    ax.axis("off")
    patches = {name: _box(ax, name, place, name in highlight) for name, place in boxes.items()}
    for one, other, *text in arrows:
        _arrow(ax, patches[one], patches[other], boxes[one], boxes[other], "".join(text))
    if title:
        headline(fig, title)
    return show(fig, alt=alt, caption=caption)


def _box(ax, text: str, place: tuple[float, float], filled: bool) -> FancyBboxPatch:
    column, row = place
    patch = FancyBboxPatch(
        (column - _WIDTH / 2 + _PAD, row - _HEIGHT / 2 + _PAD),
        _WIDTH - 2 * _PAD,
        _HEIGHT - 2 * _PAD,
        boxstyle=f"round,pad={_PAD},rounding_size=0.08",
        facecolor=BLUE if filled else "#EAF1F5",
        edgecolor=BLUE,
        linewidth=1.4,
    )
    ax.add_patch(patch)
    wrapped = "\n".join(line for part in text.split("\n") for line in textwrap.wrap(part, 20))
    color = "#FFFFFF" if filled else INK
    ax.text(column, row, wrapped, ha="center", va="center", fontsize=9.5, color=color, linespacing=1.15)
    return patch


def _arrow(ax, one, other, start, end, text: str) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            patchA=one,
            patchB=other,
            arrowstyle="-|>",
            mutation_scale=13,
            color=SOFT_INK,
            linewidth=1.4,
            shrinkA=2,
            shrinkB=2,
            zorder=0.5,
        )
    )
    if text:
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        box = {"facecolor": BACKGROUND, "edgecolor": "none", "pad": 1.5}
        ax.text(*middle, text, ha="center", va="center", fontsize=9, color=INK, style="italic", bbox=box)
