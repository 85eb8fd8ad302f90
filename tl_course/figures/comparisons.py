"""Several methods side by side: over a quantity, in one panel for each case; or as what each gained case by case."""

from collections.abc import Mapping, Sequence

import numpy as np

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import GREY, INK, MethodStyle, axes, headline, in_style, method_style
from tl_course.records import Interval, Record, paired_difference

_COLUMNS = 2


@in_style()
def method_panels(
    panels: Mapping[str, Mapping[str, Sequence[Interval]]],
    x: Sequence[float],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    labels: Mapping[str, str] | None = None,
    logarithmic: bool = False,
    same_scale: bool = True,
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw methods over a quantity with their intervals, one panel for each case.

    Parameters
    ----------
    panels
        Title of a panel → method of :data:`METHODS` → one interval for each of ``x``.
    x
        Where the intervals stand, such as budgets or shifts.
    labels
        Method → what the legend and the text say in place of its usual name.
    logarithmic
        Whether the x axis is.
    same_scale
        Whether all panels have one y axis. Without, the reader has to be told that they differ.
    title, xlabel, ylabel, alt, caption
        Words; ``alt`` reads the means unless given.

    Raises
    ------
    ValueError
        If there is no panel, or a method has not one interval for each of ``x``.

    Examples
    --------
    >>> from tl_course.records import t_interval
    >>> flat = [t_interval([0.2, 0.2, 0.2])] * 2
    >>> method_panels({"near": {"source_only": flat}}, [1, 2], title="Flat", xlabel="shift", ylabel="error")
    Figure: Flat. near: Source only 0.20 at 1, 0.20 at 2.
    """
    if not panels or any(len(line) != len(x) for lines in panels.values() for line in lines.values()):
        raise ValueError(f"give at least one panel, and each of its methods {len(x)} intervals, one for each of x.")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    fig, grid = axes(8.2, 0.9 + 2.7 * rows, rows, columns, squeeze=False, sharey=same_scale)
    looks = {name: _named(name, labels or {}) for lines in panels.values() for name in lines}
    for ax, (name, lines) in zip(grid.flat, panels.items(), strict=False):
        for place, (method, line) in enumerate(lines.items()):
            # intervals that stand at one place would hide each other
            at = _beside(x, place - (len(lines) - 1) / 2, logarithmic)
            look = looks[method]
            drawn = {"color": look.color, "marker": look.marker, "ls": look.line, "label": look.label}
            ax.errorbar(at, [one.mean for one in line], [one.half_width for one in line], **drawn)
        ax.set(title=name, xlabel=xlabel, ylabel=ylabel, xscale="log" if logarithmic else "linear")
        ax.set_xticks(x, [f"{value:g}" for value in x])
        ax.minorticks_off()
    for ax in list(grid.flat)[len(panels) :]:
        ax.set_visible(False)
    legend = {label: mark for ax in grid.flat for mark, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    fig.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=min(4, len(legend)))
    headline(fig, title)
    read = [
        f"{name}: {looks[method].label} "
        + ", ".join(f"{one.mean:.2f} at {at:g}" for at, one in zip(x, line, strict=True))
        for name, lines in panels.items()
        for method, line in lines.items()
    ]
    return show(fig, alt=alt or f"{title}. {'; '.join(read)}.", caption=caption)


@in_style()
def method_gains(
    record: Record,
    baseline: str,
    methods: Sequence[str],
    *,
    cases: Sequence[str],
    overall: str,
    title: str,
    xlabel: str,
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw what methods gained over a baseline, in points: a mark for each case, a thick stroke for the mean of all.

    Parameters
    ----------
    record
        Narrowed to one profile and target; values are fractions.
    baseline, methods
        Names of :data:`METHODS`; zero is the baseline.
    cases
        Settings of the record: each mark is the mean over seeds of one.
    overall
        Setting with the mean over all cases: its gain is drawn with the 95% t interval over seeds.
    title, xlabel, alt, caption
        Words; ``alt`` reads the gains unless given.

    Raises
    ------
    ValueError
        If there is no method or no case.
    RecordError
        If the record lacks one of them.

    Examples
    --------
    >>> from tl_course.records import Row
    >>> rows = [Row("mini", "toy", method, setting, seed, value + seed / 100, 1.0, "fp32", "cpu", "2026-01-01", "0.1.0")
    ...         for method, value in (("source_only", 0.6), ("kmm", 0.58)) for setting in ("near", "all")
    ...         for seed in range(3)]
    >>> words = {"title": "No gain", "xlabel": "points"}
    >>> method_gains(Record("00_toy", tuple(rows)), "source_only", ["kmm"], cases=["near"], overall="all", **words)
    Figure: No gain. points: Kernel mean matching -2.0, interval -2.0 to -2.0, cases from -2.0 to -2.0.
    """
    if not methods or not cases:
        raise ValueError("give at least one method and one case: a mark is what one method gained in one case.")
    before = record.select(method=baseline)
    fig, ax = axes(7.6, 1.6 + 0.42 * len(methods))
    ax.axvline(0, color=GREY, lw=1)
    read = []
    for row, name in enumerate(methods):
        look, after = method_style(name), record.select(method=name)
        gains = [100 * (after.select(setting=case).mean - before.select(setting=case).mean) for case in cases]
        mean = paired_difference(after.select(setting=overall), before.select(setting=overall))
        ax.scatter(gains, [row - 0.2] * len(gains), facecolors="none", edgecolors=look.color, marker=look.marker, s=24)
        thick = {"color": INK, "marker": "|", "ms": 14, "mew": 3, "capsize": 3, "lw": 1.5}
        ax.errorbar(100 * mean.mean, row + 0.2, xerr=100 * mean.half_width, **thick)
        ends = f"interval {_plain(100 * mean.low)} to {_plain(100 * mean.high)}"
        said = f"{look.label} {_plain(100 * mean.mean)}, {ends}"
        read.append(f"{said}, cases from {_plain(min(gains))} to {_plain(max(gains))}")
    ax.set(ylim=(len(methods) - 0.4, -0.6), xlabel=xlabel)
    ax.set_yticks(range(len(methods)), [method_style(name).label for name in methods])
    headline(fig, title)
    return show(fig, alt=alt or f"{title}. {xlabel}: {'; '.join(read)}.", caption=caption)


def _named(method: str, labels: Mapping[str, str]) -> MethodStyle:
    look = method_style(method)
    return MethodStyle(labels.get(method, look.label), look.color, look.marker, look.line)


def _beside(x: Sequence[float], steps: float, logarithmic: bool) -> np.ndarray:
    places = np.asarray(x, dtype=float)
    if logarithmic:
        return places * 1.03**steps
    return places + steps * 0.012 * (np.ptp(places) or 1.0)


def _plain(value: float) -> str:
    """One decimal, and no minus before a zero."""
    return f"{round(value, 1) + 0.0:.1f}"
