"""One measure over the positions of a dial, such as a learning rate, in one panel or several side by side."""

from collections.abc import Mapping, Sequence

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import (
    CYCLE,
    GREY,
    MARKERS,
    SOFT_INK,
    VERMILION,
    axes,
    headline,
    in_style,
)
from tl_course.records import Interval

Lines = Mapping[str, Sequence[Interval]]


@in_style()
def sweep(
    panels: Mapping[str, Lines],
    positions: Sequence[str],
    *,
    at: str | None = None,
    emphasis: str = "",
    xlabel: str = "",
    ylabel: str = "",
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw fractions over the positions of a dial, one line a name with the band of its seeds.

    Parameters
    ----------
    panels
        Title of a panel → name of a line → one interval for each position. Panels stand side by side.
    positions
        What stands below the horizontal axis, from left to right, at equal distances.
    at
        A position to mark by a dotted line.
    emphasis
        Name of a line to draw thick and with its band; the others then are thin and grey.
    alt
        Made of the means at ``at``, or at the first and the last position, when not given.

    Raises
    ------
    ValueError
        Without a line, for a line that has not one interval a position, or for a position or a name that is not there.

    Examples
    --------
    >>> from tl_course.records import Interval
    >>> line = [Interval(0.5, 0.4, 0.6, 3), Interval(0.75, 0.7, 0.8, 3)]
    >>> sweep({"near": {"accuracy": line}}, ["1e-3", "1e-2"], at="1e-2")
    Figure: At 1e-2, near: accuracy 75%.
    """
    names = list(dict.fromkeys(name for lines in panels.values() for name in lines))
    _checked(panels, positions, names, at, emphasis)
    fig, row = axes(min(8.6, 1.2 + 3.7 * len(panels)), 3.9, 1, len(panels), sharey=True, squeeze=False)
    for ax, (panel, lines) in zip(row[0], panels.items(), strict=True):
        for name, line in lines.items():
            _line(ax, names.index(name), name, line, emphasis)
        if at is not None:
            ax.axvline(positions.index(at), color=SOFT_INK, linestyle=":")
        ax.set(title=panel, xlabel=xlabel, ylim=(-0.02, 1.02))
        ax.set_xticks(range(len(positions)), positions, fontsize=9)
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    row[0][0].set_ylabel(ylabel)
    fig.legend(*row[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=min(len(names), 4))
    if title:
        headline(fig, title)
    return show(fig, alt=alt or _in_words(panels, list(positions), at, xlabel), caption=caption)


def _checked(panels: Mapping[str, Lines], positions: Sequence[str], names: list[str], at, emphasis: str) -> None:
    if not names:
        raise ValueError("a sweep needs at least one panel with one line: {'': {'accuracy': intervals}}.")
    for panel, lines in panels.items():
        for name, line in lines.items():
            if len(line) != len(positions):
                raise ValueError(
                    f"line {name!r} of {panel!r} has {len(line)} intervals for {len(positions)} positions; "
                    "give one for each."
                )
    if at is not None and at not in positions:
        raise ValueError(f"at={at!r} names no position; choose among {', '.join(positions)}.")
    if emphasis and emphasis not in names:
        raise ValueError(f"emphasis={emphasis!r} names no line; choose among {', '.join(names)}.")


def _line(ax, place: int, name: str, line: Sequence[Interval], emphasis: str) -> None:
    color, width = CYCLE[place % len(CYCLE)], 2.0
    if emphasis:
        color, width = (VERMILION, 2.6) if name == emphasis else (GREY, 1.0)
    if name == emphasis or not emphasis:
        ax.fill_between(range(len(line)), [c.low for c in line], [c.high for c in line], color=color, alpha=0.15)
    marker = MARKERS[place % len(MARKERS)]
    ax.plot([c.mean for c in line], color=color, lw=width, marker=marker, label=name, zorder=3 if width > 2 else 2)


def _in_words(panels: Mapping[str, Lines], positions: list[str], at: str | None, xlabel: str) -> str:
    def means(line: Sequence[Interval]) -> str:
        if at is not None:
            return f"{line[positions.index(at)].mean:.0%}"
        return f"{line[0].mean:.0%} at {positions[0]}, {line[-1].mean:.0%} at {positions[-1]}"

    said = [
        f"{panel}{': ' if panel else ''}" + ", ".join(f"{name} {means(line)}" for name, line in lines.items())
        for panel, lines in panels.items()
    ]
    if at is None:
        where = "From left to right, "
    else:
        where = f"{xlabel[:1].upper()}{xlabel[1:]}: {at}. " if xlabel else f"At {at}, "
    return where + "; ".join(said) + "."
