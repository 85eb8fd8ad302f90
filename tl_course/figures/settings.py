"""Curves over what a record's setting counts or sets: learning rates, attempts."""

from collections.abc import Mapping
from itertools import cycle

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import CYCLE, MARKERS, axes, headline, in_style
from tl_course.records import Record

_LINES = ("-", (0, (5, 2.5)), (0, (6, 2, 1.2, 2)), (0, (1, 1.6)))


@in_style()
def over_settings(
    record: Record, methods: Mapping[str, str], *, setting: str, title: str, caption: str, alt: str = ""
) -> HtmlFigure:
    """Draw accuracy over the settings of a record, equally far apart, one curve with its band of t intervals a method.

    Parameters
    ----------
    record
        Narrowed to one profile and target; values are fractions.
    methods
        Name in the record → label in the legend.
    setting
        What the settings are, such as "learning rate".
    title
        The finding.
    caption
        Over how many seeds, at which steps and labels.
    alt
        Made from the means unless given.

    Raises
    ------
    RecordError
        When the record holds several profiles or targets.
    ValueError
        Without methods, or when the record lacks one of them.

    Examples
    --------
    >>> from tl_course.records import Row
    >>> cells = (("1e-4", 0.5), ("1e-2", 0.75))
    >>> rows = [Row("mini", "toy", "head", rate, seed, value + seed / 100, 1.0, "fp32", "cpu", "2026-01-01", "0.1.0")
    ...         for rate, value in cells for seed in range(3)]
    >>> record = Record("00_toy", tuple(rows))
    >>> over_settings(record, {"head": "head alone"}, setting="rate", title="A large rate", caption="Recorded.")
    Figure: Accuracy over the rate. Head alone: 51% at 1e-4, 76% at 1e-2. (Recorded.)
    """
    if not methods or set(methods) - set(record.methods):
        given, there = ", ".join(methods) or "none", ", ".join(record.methods)
        raise ValueError(f"you gave these methods: {given}; give some of those in the record: {there}.")
    fig, ax = axes(7.4, 3.6)
    told = []
    for (method, label), color, marker, line in zip(methods.items(), CYCLE, MARKERS, cycle(_LINES), strict=False):
        chosen = record.select(method=method)
        cells = [chosen.select(setting=one).interval() for one in chosen.settings]
        means = [cell.mean for cell in cells]
        bands = [cell.low for cell in cells], [cell.high for cell in cells]
        ax.fill_between(chosen.settings, *bands, color=color, alpha=0.16, linewidth=0)
        ax.plot(chosen.settings, means, color=color, marker=marker, linestyle=line, label=label)
        pairs = zip(means, chosen.settings, strict=True)
        told.append(f"{label[:1].upper()}{label[1:]}: " + ", ".join(f"{mean:.0%} at {one}" for mean, one in pairs))
    ax.set(xlabel=setting, ylabel="test accuracy (fraction)")
    ax.legend(frameon=False)
    headline(fig, title)
    return show(fig, alt=alt or f"Accuracy over the {setting}. {'; '.join(told)}.", caption=caption)
