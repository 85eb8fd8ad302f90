"""Curves over steps and over label budgets."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator, NullLocator, PercentFormatter

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import (
    CYCLE,
    MARKERS,
    METHODS,
    MethodStyle,
    axes,
    headline,
    in_style,
    method_style,
    spread,
)
from tl_course.records import Record, paired_difference, target_title

History = Sequence[Mapping[str, Any]]
LABEL_POINTS = 10
# Of an axis in percent: its shortest range, and what its ticks lie apart.
LEAST_SPAN, TICK_STEPS, MOST_TICKS = 0.05, (0.01, 0.02, 0.05, 0.1, 0.2), 6
_LINES = ("-", (0, (5, 2.5)), (0, (1, 1.6)), (0, (6, 2, 1.2, 2)))


def _history(run: Any) -> History:
    return getattr(run, "history", run)


def _fraction(key: str) -> bool:
    """Whether a logged quantity is a share of examples, told by its name."""
    return any(word in key for word in ("accuracy", "f1", "precision", "recall"))


def _series(history: History, x: str, key: str) -> tuple[list[float], list[float]]:
    points = [(float(entry[x]), float(entry[key])) for entry in history if entry.get(key) is not None]
    return [p[0] for p in points], [p[1] for p in points]


def percent_axis(ax) -> None:
    """Show shares from 0 to 1 on the vertical axis in percent: within 0 % and 100 %, no two ticks with one label.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        With its lines drawn; those at an end of the axis are drawn whole.
    """
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    drawn = [float(value) for line in ax.get_lines() for value in line.get_ydata()]
    if drawn and not 0 <= min(drawn) <= max(drawn) <= 1:  # no shares after all
        return
    low, high = (min(max(limit, 0.0), 1.0) for limit in ax.get_ylim())
    if high - low < LEAST_SPAN:  # ticks are whole percents, and a few of them must have room
        low = max(0.0, min(low, 1.0 - LEAST_SPAN, (low + high - LEAST_SPAN) / 2))
        high = min(1.0, low + LEAST_SPAN)
    ax.set_ylim(low, high)
    ax.yaxis.set_major_locator(MultipleLocator(next(step for step in TICK_STEPS if (high - low) / step <= MOST_TICKS)))
    for line in ax.get_lines():
        line.set_clip_on(False)


def _label_ends(ax, ends: list[tuple[float, str, str]]) -> None:
    """Write names at the right end of the curves, moved apart where they would overlap."""
    fig_height = ax.figure.get_figheight() * 72
    low, high = ax.get_ylim()
    gap = (high - low) * LABEL_POINTS * 1.35 / (fig_height * 0.7)
    for y, (_, text, color) in zip(spread([end[0] for end in ends], gap), ends, strict=True):
        ax.annotate(
            text,
            (1.015, y),
            xycoords=("axes fraction", "data"),
            va="center",
            color=color,
            fontsize=LABEL_POINTS,
            fontweight="bold",
            annotation_clip=False,
        )


def _styles(names: Sequence[str]) -> dict[str, MethodStyle]:
    """Styles of runs: a method's own where the name is one, else the next free colour."""
    free = (MethodStyle("", CYCLE[i % len(CYCLE)], MARKERS[i % len(MARKERS)], _LINES[i % len(_LINES)]) for i in count())
    styles = {}
    for name in names:
        styles[name] = METHODS[name] if name in METHODS else replace(next(free), label=name)
    return styles


def _draw_histories(ax, runs: Mapping[str, History], x: str, keys: Sequence[str]) -> list[str]:
    """Draw one panel; return a clause for each curve."""
    styles = _styles(list(runs) if len(runs) > 1 else list(keys))
    ends, clauses = [], []
    for name, history in runs.items():
        for number, key in enumerate(keys):
            style = styles[name if len(runs) > 1 else key]
            xs, ys = _series(history, x, key)
            if not xs:
                continue
            line = style.line if len(keys) == 1 or len(runs) == 1 else _LINES[number % len(_LINES)]
            ax.plot(xs, ys, color=style.color, linestyle=line, marker=style.marker, markevery=max(1, len(xs) // 8))
            said = key.replace("_", " ")
            text = said if len(runs) == 1 else style.label if len(keys) == 1 else f"{style.label}, {said}"
            ends.append((ys[-1], text, style.text_color))
            form = (lambda v: f"{v:.0%}") if _fraction(key) else (lambda v: f"{v:.3g}")
            clauses.append(f"{text} goes from {form(ys[0])} to {form(ys[-1])}")
    if _fraction(keys[0]):
        percent_axis(ax)
    if ends:
        _label_ends(ax, ends)
    return clauses


@in_style()
def learning_curves(
    run: Any,
    *,
    x: str = "step",
    y: Sequence[str] | None = None,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw what a run logged: losses on the left, accuracies on the right.

    Parameters
    ----------
    run
        A Run (its ``history`` is used), a history itself (list of dicts with the key ``x`` and numbers), or a dict of
        these by method, to compare.
    x
        Key of the horizontal axis, "step" or "epoch".
    y
        Keys to draw; all losses, accuracies and F1, told by their names, unless given.
    title
        The finding. Left out, it says only what is drawn.
    alt
        Made from the first and last values unless given.

    Raises
    ------
    ValueError
        When the history holds none of the keys.

    Examples
    --------
    >>> history = [{"step": s, "loss": 2 / (s + 1), "accuracy": s / 10} for s in range(9)]
    >>> learning_curves(history)
    Figure: Curves over step: loss goes from 2 to 0.222; accuracy goes from 0% to 80%.
    """
    runs = {name: _history(each) for name, each in run.items()} if isinstance(run, Mapping) else {"": _history(run)}
    logged = list(dict.fromkeys(key for history in runs.values() for entry in history for key in entry))
    keys = [key for key in (y or logged) if key in logged and (y or "loss" in key or _fraction(key))]
    if not keys or x not in logged:
        raise ValueError(f"the history holds {', '.join(logged) or 'nothing'}: choose x and y among these.")
    panels = [part for part in ([k for k in keys if not _fraction(k)], [k for k in keys if _fraction(k)]) if part]
    fig, grid = axes(4.6 * len(panels) + 1.4, 3.7, 1, len(panels), squeeze=False)
    clauses = []
    for ax, part in zip(grid[0], panels, strict=True):
        ax.margins(x=0.02)
        clauses += _draw_histories(ax, runs, x, part)
        ax.set_xlabel(x)
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.set_ylabel(part[0].replace("_", " ").split(" ")[-1] + (" (%)" if _fraction(part[0]) else ""))
    headline(fig, title or f"Learning curves over {x}s")
    return show(fig, alt=alt or f"Curves over {x}: {'; '.join(clauses)}.", caption=caption)


def _budget_title(record: Record, methods: Sequence[str], labels: str = "labels a class") -> str:
    """The finding at the smallest budget: who leads, with all that the seeds cannot tell from the best."""
    least = record.settings[0]
    cells = {name: record.select(method=name).select(setting=least) for name in methods if _holds(record, name, least)}
    best = max(cells, key=lambda name: cells[name].mean)
    leaders = [name for name in cells if name == best or paired_difference(cells[best], cells[name]).low <= 0]
    others = [name for name in cells if name not in leaders]
    said = f"With {least} {labels}: {_listed([METHODS[name].label for name in leaders])}"
    if not others:
        return f"{said} {'not told apart' if len(leaders) > 1 else f'{cells[best].mean:.0%}'}"
    beside = "scratch" if "scratch" in others else min(others, key=lambda name: cells[name].mean)
    return f"{said} ahead, {cells[best].mean:.0%} against {cells[beside].mean:.0%} ({METHODS[beside].label})"


def _holds(record: Record, method: str, setting: str) -> bool:
    return setting in record.select(method=method).settings


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, ("; ".join(names[:-1]), names[-1])))


@in_style()
def label_budget(
    record: Record,
    *,
    methods: Sequence[str] | None = None,
    level: float = 0.95,
    labels: str = "labels a class",
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw value against the number of labels, one curve with its band for each method, on a logarithmic axis.

    Parameters
    ----------
    record
        Narrowed to one profile and target; each setting is a number of labels, values are fractions.
    methods
        Which to draw; all in the record unless given.
    level
        Of the t intervals of the mean that the bands show.
    labels
        What the settings count, such as "labels in all".
    title, alt, caption
        Made from the record unless given.

    Raises
    ------
    RecordError
        When the record holds several profiles or targets.
    ValueError
        When a setting is not a positive number.

    Examples
    --------
    >>> from tl_course.records import Row
    >>> cells = (("scratch", "10", 0.3), ("scratch", "30", 0.5), ("fine_tune", "10", 0.6))
    >>> rows = [Row("mini", "toy", method, labels, seed, value + seed / 100, 1.0, "fp32", "cpu", "2026-01-01", "0.1.0")
    ...         for method, labels, value in cells for seed in range(3)]
    >>> figure = label_budget(Record("00_toy", tuple(rows)))
    >>> figure.caption
    'Recorded on toy, mini profile, 3 seeds; bands are 95% t intervals of the mean.'
    """
    methods = tuple(methods or record.methods)
    record = record.select(method=methods)
    ticks = [_labels(setting) for setting in record.settings]
    fig, ax = axes(7.6, 4.3)
    ends, clauses, seeds = [], [], set()
    for name in methods:
        style, chosen = method_style(name), record.select(method=name)
        cells = [(_labels(setting), chosen.select(setting=setting)) for setting in chosen.settings]
        intervals = [cell.interval(level) for _, cell in cells]
        seeds |= {interval.n for interval in intervals}
        budgets, means = [budget for budget, _ in cells], [interval.mean for interval in intervals]
        bands = [interval.low for interval in intervals], [interval.high for interval in intervals]
        ax.fill_between(budgets, *bands, color=style.color, alpha=0.16, linewidth=0)
        ax.plot(budgets, means, color=style.color, marker=style.marker, linestyle=style.line)
        if len(cells) == 1:  # one point has no band to fill
            ax.errorbar(budgets, means, yerr=intervals[0].half_width, color=style.color, capsize=4)
        ends.append((means[-1], style.label, style.text_color))
        clauses.append(f"{style.label} " + ", ".join(f"{m:.0%} at {b:g}" for b, m in zip(budgets, means, strict=True)))
    ax.set_xscale("log")
    ax.set_xticks(ticks)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    percent_axis(ax)
    ax.set_xlabel(f"{labels} (logarithmic)")
    ax.set_ylabel("test accuracy (%)")
    _label_ends(ax, ends)
    headline(fig, title or _budget_title(record, methods, labels))
    several = f"{min(seeds)} to {max(seeds)}" if len(seeds) > 1 else f"{max(seeds)}"
    default = (
        f"Recorded on {target_title(record.targets[0])}, {record.profiles[0]} profile, {several} seeds; "
        f"bands are {level:.0%} t intervals of the mean."
    )
    said = f"Test accuracy against {labels}: {'; '.join(clauses)}."
    return show(fig, alt=alt or said, caption=caption or default)


def _labels(setting: str) -> float:
    try:
        budget = float(setting)
    except ValueError:
        budget = math.nan
    if not 0 < budget < math.inf:
        raise ValueError(f"setting {setting!r} is not a number of labels: a label budget needs positive numbers.")
    return budget
