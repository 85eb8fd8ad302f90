"""Reliability diagrams: is a network right as often as it is sure?"""

from collections.abc import Mapping

import numpy as np

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import CYCLE, MARKERS, METHODS, SOFT_INK, MethodStyle, axes, headline, in_style
from tl_course.metrics import Calibration

_LINES = ("-", (0, (5, 2.5)), (0, (1, 1.6)), (0, (6, 2, 1.2, 2)))


@in_style()
def reliability(
    results: Calibration | Mapping[str, Calibration],
    *,
    title: str = "",
    alt: str = "",
    caption: str = "",
    legend: str = "upper left",
) -> HtmlFigure:
    """Draw reliability diagrams: above, how often each bin of confidence was right; below, how full the bins are.

    Points on the dashed diagonal are calibrated; below it a network is surer than it is right. A bin with few examples
    (see below) has a point that chance moves far.

    Parameters
    ----------
    results
        What :func:`tl_course.metrics.calibration_error` returns, or a dict of these by method or by a name of your
        own, all with the same bins.
    title
        The finding. Left out, it gives the errors.
    alt
        Gives error, mean confidence and accuracy of each unless given.
    legend
        Where it stands, in matplotlib's words.

    Raises
    ------
    ValueError
        When there is nothing to draw, or the bins differ.

    Notes
    -----
    DeGroot and Fienberg (1983); Guo et al. (2017), figure 1.

    Examples
    --------
    >>> from tl_course.metrics import calibration_error
    >>> reliability(calibration_error([0, 0, 0, 1], [[0.9, 0.1]] * 4))
    Figure: Reliability diagram. Network: calibration error 15.0%, on average 90% sure and 75% right.
    """
    named = dict(results) if isinstance(results, Mapping) else {"Network": results}
    if not named:
        raise ValueError("there is no calibration to draw: give at least one result of tl.metrics.calibration_error.")
    edges = next(iter(named.values())).edges
    if any(not np.array_equal(result.edges, edges) for result in named.values()):
        raise ValueError("the bins differ and so do their errors: make all calibrations with the same number of bins.")
    fig, (above, below) = axes(6.4, 5.4, 2, 1, height_ratios=[3, 1], sharex=True)
    looks = list(zip(named.values(), _styles(list(named)), strict=True))
    _draw_curves(above, looks, legend)
    _draw_counts(below, looks)
    said = [f"{style.label}: calibration error {result.error:.1%}" for result, style in looks]
    headline(fig, title or "; ".join(said))
    more = "; ".join(f"{text}, {_means(result)}" for text, (result, _) in zip(said, looks, strict=True))
    return show(fig, alt=alt or f"Reliability diagram. {more}.", caption=caption)


def _styles(names: list[str]) -> list[MethodStyle]:
    """A method's own look where the name is one, else the next of the colours without a meaning."""
    free = [MethodStyle(name, CYCLE[i % 8], MARKERS[i % 8], _LINES[i % 4]) for i, name in enumerate(names)]
    return [METHODS.get(name, look) for name, look in zip(names, free, strict=True)]


def _draw_curves(ax, looks: list[tuple[Calibration, MethodStyle]], legend: str = "upper left") -> None:
    ax.plot([0, 1], [0, 1], color=SOFT_INK, linestyle=(0, (5, 2.5)), linewidth=1.4)
    ax.text(0.03, 0.055, "as sure as right", rotation=45, rotation_mode="anchor", transform_rotates_text=True)
    for result, style in looks:
        full = result.count > 0
        label = f"{style.label}, error {result.error:.1%}"
        drawn = {"color": style.color, "marker": style.marker, "linestyle": style.line, "label": label}
        ax.plot(result.confidence[full], result.accuracy[full], **drawn)
    ax.set(xlim=(0, 1), ylim=(0, 1.03), ylabel="right (fraction of the bin)")
    ax.legend(loc=legend)


def _draw_counts(ax, looks: list[tuple[Calibration, MethodStyle]]) -> None:
    """Bars side by side within each bin, so that none hides another."""
    edges = looks[0][0].edges
    width = 0.9 * (edges[1] - edges[0]) / len(looks)
    for place, (result, style) in enumerate(looks):
        left = edges[:-1] + 0.05 * (edges[1] - edges[0]) + place * width
        ax.bar(left, result.count / result.count.sum(), width, align="edge", color=style.color)
    ax.set(xlabel="confidence: the largest probability (fraction)", ylabel="examples\n(fraction)")


def _means(result: Calibration) -> str:
    full = result.count > 0
    weights = result.count[full] / result.count.sum()
    sure, right = (float(weights @ values[full]) for values in (result.confidence, result.accuracy))
    return f"on average {sure:.0%} sure and {right:.0%} right"
