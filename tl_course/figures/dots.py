"""Single results as dots in rows: nothing is averaged away."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import PercentFormatter

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import BLUE, GREEN, GREY, OCHRE, PURPLE, VERMILION, axes, headline, in_style

_LOOKS = ((GREY, "o"), (GREEN, "s"), (PURPLE, "X"), (BLUE, "^"), (VERMILION, "D"), (OCHRE, "v"))
_APART = 0.34  # of a row's height: the first group's dots from the last group's
_RISE = 0.06  # one value from the next, so that equal values are seen as two


@in_style()
def dots(
    rows: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    xlabel: str,
    band: tuple[float, float] | None = None,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw every single result, such as the accuracy of each run, in one row for each method.

    Parameters
    ----------
    rows
        Name of a row → name of a group → its values, fractions from 0 to 1. A group keeps one colour and marker in all
        rows; there are at most six groups.
    xlabel
        What the values are; the axis is in percent.
    band
        A range to be shaded behind all rows, such as that of a baseline.
    alt
        Names the mean of every group in every row unless given.

    Raises
    ------
    ValueError
        When there are no rows, a group has no values, or there are more groups than looks.

    Examples
    --------
    >>> dots({"alone": {"none": [0.5, 0.7]}, "tied": {"near": [0.9], "far": [0.4]}}, xlabel="accuracy (%)")
    Figure: Means: alone, none 60%; tied, near 90%; tied, far 40%.
    """
    groups = list(dict.fromkeys(group for row in rows.values() for group in row))
    if not groups or any(len(values) == 0 for row in rows.values() for values in row.values()):
        raise ValueError("a row has nothing to draw: give each row at least one group, and each group a value.")
    if len(groups) > len(_LOOKS):
        raise ValueError(f"there are {len(groups)} groups, {', '.join(groups)}; at most {len(_LOOKS)} can be drawn.")
    fig, ax = axes(8.4, 1.5 + 0.45 * len(rows))
    if band is not None:
        ax.axvspan(*band, color=GREY, alpha=0.18, linewidth=0)
    labelled = set()
    for height, row in enumerate(rows.values()):
        for place, (group, values) in enumerate(row.items()):
            color, marker = _LOOKS[groups.index(group)]
            shift = _APART * (place / (len(row) - 1) - 0.5) if len(row) > 1 else 0.0
            label = None if group in labelled else group
            labelled.add(group)
            look = {"s": 58, "color": color, "marker": marker, "edgecolor": "white", "linewidth": 0.7}
            rises = [_RISE * (number - (len(values) - 1) / 2) for number in range(len(values))]
            ax.scatter(values, [height + shift + rise for rise in rises], label=label, **look)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel)
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if len(groups) > 1:
        fig.legend(loc="outside lower center", ncols=len(groups))
    headline(fig, title)
    means = [
        f"{name}, {group} {sum(values) / len(values):.0%}"
        for name, row in rows.items()
        for group, values in row.items()
    ]
    return show(fig, alt=alt or f"Means: {'; '.join(means)}.", caption=caption)
