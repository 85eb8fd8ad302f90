"""Sources against targets: what was learned in one place, tested in another."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from tl_course.figures.grids import _BLUES
from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import SOFT_INK, VERMILION, axes, headline, in_style, ink_on
from tl_course.records import Interval

# A column in which all are within so much of each other must not look as if its last were a failure.
SMALLEST_SCALE = 0.1


@in_style()
def transfer_matrix(
    rows: Mapping[str, Sequence[Interval]],
    targets: Sequence[str],
    *,
    score: str = "score",
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw the scores of several sources on several targets, to be compared *down a column*.

    Colour is the distance to the best cell of the same column, since only these were tested on the same examples: a
    colour for the score itself would invite a comparison along a row. The best of a column is bold, and a cell whose
    row has the name of its column, learned at home, is framed.

    Parameters
    ----------
    rows
        Name of what was learned from → one interval for each target, as ``Record.interval()`` returns it.
    targets
        Names of the columns.
    score
        What the numbers are, for the colour bar and the alternative text.
    title, alt
        Name the best row of each column unless given.

    Raises
    ------
    ValueError
        When there are no rows, or one has not as many intervals as there are targets.

    Examples
    --------
    >>> from tl_course.records import t_interval
    >>> near, far = t_interval([0.8, 0.8, 0.8]), t_interval([0.5, 0.6, 0.7])
    >>> transfer_matrix({"films": [near, far], "tweets": [far, near]}, ["films", "tweets"])
    Figure: Best for films: films; for tweets: tweets. score, tested on films: films 0.80, tweets 0.60; tested on ...
    """
    targets = list(targets)
    if not rows or any(len(cells) != len(targets) for cells in rows.values()):
        raise ValueError(f"give at least one row, and in each an interval for {', '.join(targets)}, in this order.")
    means = np.array([[cell.mean for cell in cells] for cells in rows.values()])
    below = means.max(axis=0) - means
    fig, ax = axes(2.9 + 1.15 * len(targets), 1.9 + 0.56 * len(rows))
    scale = max(below.max(), SMALLEST_SCALE)
    # dark is good, and the lightest cell still has a colour
    drawn = ax.imshow(below, cmap=_BLUES.reversed(), vmin=-0.25 * scale, vmax=scale, aspect="auto")
    for row, (name, cells) in enumerate(rows.items()):
        for column, cell in enumerate(cells):
            color = ink_on(to_hex(drawn.cmap(drawn.norm(below[row, column]))))
            bold = "bold" if below[row, column] == 0 else "normal"
            look = {"ha": "center", "color": color}
            ax.text(column, row, f"{cell.mean:.2f}", va="bottom", fontsize=12, fontweight=bold, **look)
            ax.text(column, row + 0.05, f"± {cell.half_width:.2f}", va="top", fontsize=8.5, **look)
            if name == targets[column]:
                frame = {"fill": False, "edgecolor": VERMILION, "linewidth": 2.5}
                ax.add_patch(Rectangle((column - 0.47, row - 0.45), 0.94, 0.9, **frame))
    ax.set_xticks(range(len(targets)), targets)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xlabel="tested on: compare down a column only", ylabel="learned from")
    _plain(fig, ax, drawn, scale, score)
    best = _best(list(rows), targets, means)
    headline(fig, title or best)
    return show(fig, alt=alt or f"{best}. {_read(list(rows), targets, means, score)}", caption=caption)


def _plain(fig, ax, drawn, scale: float, score: str) -> None:
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    bar = fig.colorbar(drawn, ax=ax, shrink=0.9, boundaries=np.linspace(0, scale, 60), ticks=[0, scale / 2, scale])
    bar.ax.set_yticklabels([f"{tick:.2f}" for tick in (0, scale / 2, scale)])
    bar.ax.invert_yaxis()
    bar.set_label(f"{score}: below the best of the column")
    bar.outline.set_edgecolor(SOFT_INK)


def _best(rows: list[str], targets: list[str], means: np.ndarray) -> str:
    winners = [f"for {target}: {rows[row]}" for target, row in zip(targets, means.argmax(axis=0), strict=True)]
    return "Best " + "; ".join(winners)


def _read(rows: list[str], targets: list[str], means: np.ndarray, score: str) -> str:
    columns = [
        f"tested on {target}: " + ", ".join(f"{row} {mean:.2f}" for row, mean in zip(rows, column, strict=True))
        for target, column in zip(targets, means.T, strict=True)
    ]
    return f"{score}, " + "; ".join(columns) + "."
