"""Recorded means with their intervals, one row each."""

from collections.abc import Mapping

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import GREY, INK, axes, headline, in_style, method_style
from tl_course.records import Interval


@in_style()
def intervals(
    rows: Mapping[str, Interval],
    *,
    looks: Mapping[str, str],
    xlabel: str,
    chance: float | None = None,
    title: str,
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw means of shares with their intervals, from top to bottom, on an axis in per cent.

    Parameters
    ----------
    rows
        Name of a row → mean and interval, as fractions.
    looks
        Name of a row → method of :data:`METHODS` that gives its colour and marker; one for each row.
    xlabel
        What is measured.
    chance
        Where guessing lies: a dotted line.
    title
        The finding.
    alt
        Reads all means unless given.

    Raises
    ------
    ValueError
        When there is no row, or a row has no look.

    Examples
    --------
    >>> rows = {"labels": Interval(0.063, 0.059, 0.067, 5), "answers": Interval(0.051, 0.048, 0.054, 5)}
    >>> intervals(rows, looks={"labels": "student", "answers": "distilled"}, xlabel="errors", title="Answers help")
    Figure: Means, errors: labels 6.3%; answers 5.1%.
    """
    if not rows or set(rows) - set(looks):
        raise ValueError("give at least one row, and in looks a method for each row.")
    fig, ax = axes(7.6, 1.2 + 0.31 * len(rows))
    for place, (name, one) in enumerate(rows.items()):
        style = method_style(looks[name])
        ax.errorbar(100 * one.mean, place, xerr=100 * one.half_width, color=INK, fmt="none", capsize=3, lw=1.3)
        ax.plot(100 * one.mean, place, color=style.color, marker=style.marker, ms=9)
    if chance is not None:
        ax.axvline(100 * chance, color=GREY, ls=":")
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=f"{xlabel} (%)")
    headline(fig, title)
    said = "; ".join(f"{name} {one.mean:.1%}" for name, one in rows.items())
    return show(fig, alt=alt or f"Means, {xlabel}: {said}.", caption=caption)
