"""Named bars beside each other: what each of a few networks, ways or controls reaches."""

import textwrap
from collections.abc import Mapping

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import GREY, INK, axes, headline, in_style, method_style
from tl_course.records import Interval

_NAME_CHARACTERS = 34


@in_style()
def bars(
    panels: Mapping[str, Mapping[str, float | Interval]],
    *,
    looks: Mapping[str, str] | None = None,
    top: float = 1.0,
    title: str,
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw horizontal bars with their values; several panels share their names.

    Parameters
    ----------
    panels
        What is measured → name of a bar → its value, or an interval, of which the mean is the bar and a thin line the
        ends.
    looks
        Name of a bar → method of :data:`METHODS` that gives its colour; the other bars are grey.
    top
        Largest value that there can be. With 1, values are shares and shown in percent.
    title
        The finding.
    alt
        Reads all values unless given.

    Raises
    ------
    ValueError
        When there are no bars, or panels name different ones.

    Examples
    --------
    >>> bars({"test accuracy": {"from scratch": 0.31, "fine-tuned": 0.75}}, title="Letters help",
    ...      looks={"fine-tuned": "fine_tune"})
    Figure: Bars. test accuracy: from scratch: 31%; fine-tuned: 75%.
    """
    names = list(next(iter(panels.values()), ()))
    if not names or any(list(values) != names for values in panels.values()):
        raise ValueError("give at least one bar, and all panels bars of the same names in the same order.")
    colors = [method_style(looks[name]).color if looks and name in looks else GREY for name in names]
    fig, grid = axes(1.8 + 3.4 * max(len(panels), 1.6), 1.3 + 0.37 * len(names), 1, len(panels), squeeze=False)
    said = []
    for ax, (measured, values) in zip(grid[0], panels.items(), strict=True):
        means = [float(getattr(values[name], "mean", values[name])) for name in names]
        errors = [getattr(values[name], "half_width", 0.0) for name in names]
        texts = [f"{mean:.0%}" if top == 1 else f"{mean:g}" for mean in means]
        places = range(len(names))
        ax.barh(places, means, color=colors, height=0.68)
        for place, mean, error, text in zip(places, means, errors, texts, strict=True):
            if error:
                ax.errorbar(mean, place, xerr=error, color=INK, capsize=3, linewidth=1.3)
            ax.text(mean + error + 0.015 * top, place, text, va="center")
        ax.set(xlim=(0, 1.12 * top), ylim=(len(names) - 0.5, -0.5), xlabel=measured)
        if top == 1:
            ax.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0%", "25%", "50%", "75%", "100%"])
        ax.set_yticks(places, ["\n".join(textwrap.wrap(name, _NAME_CHARACTERS)) for name in names])
        ax.tick_params(axis="y", length=0, labelleft=ax is grid[0, 0])
        ax.grid(axis="y", visible=False)
        said.append(f"{measured}: " + "; ".join(f"{name}: {text}" for name, text in zip(names, texts, strict=True)))
    headline(fig, title)
    return show(fig, alt=alt or f"Bars. {'. '.join(said)}.", caption=caption)
