"""Recorded means as bars, one panel for each target."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import PercentFormatter

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import INK, axes, headline, in_style, method_style
from tl_course.records import Record, target_title


@in_style()
def recorded_bars(
    record: Record,
    names: Mapping[str, str],
    targets: Sequence[str],
    *,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw the mean of each method with its 95% t interval, one panel for each target.

    Parameters
    ----------
    record
        Accuracies of one setting: select it before.
    names
        Method → its name beside the bars, from top to bottom. A method that was not recorded on a target leaves its
        place there empty.
    targets
        As the record names them, one panel each.
    alt
        Names every mean unless given.

    Raises
    ------
    ValueError
        When there is nothing to draw: none of the methods was recorded on a target.

    Examples
    --------
    >>> from tl_course import records
    >>> record = records.read("03_backbones").select(profile="mini", setting="resnet_small")
    >>> names = {"random_features": "random", "linear_probe": "ImageNet"}
    >>> recorded_bars(record, names, ["cifar10"], caption="Recorded, 3 seeds.")
    Figure: Test accuracy. CIFAR-10: random 28%, ImageNet 73%. (Recorded, 3 seeds.)
    """
    fig, panels = axes(3.4 + 3.0 * len(targets), 1.3 + 0.38 * len(names), 1, len(targets), sharey=True, squeeze=False)
    said = []
    for ax, target in zip(panels[0], targets, strict=True):
        there = record.select(target=target)
        found = {method: there.select(method=method).interval() for method in names if method in there.methods}
        if not found:
            raise ValueError(f"none of {', '.join(names)} was recorded on {target!r}; ask records.read(…).methods.")
        drawn = ax.barh(
            [list(names).index(method) for method in found],
            [one.mean for one in found.values()],
            xerr=[one.half_width for one in found.values()],
            color=[method_style(method).color for method in found],
            ecolor=INK,
        )
        ax.bar_label(drawn, [f"{one.mean:.0%}" for one in found.values()], padding=8)
        ax.set(title=target_title(target), xlim=(0, 1.12), xlabel="test accuracy (%)")
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
        ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        means = ", ".join(f"{names[method]} {one.mean:.0%}" for method, one in found.items())
        said.append(f"{target_title(target)}: {means}")
    panels[0][0].set_yticks(range(len(names)), list(names.values()))
    panels[0][0].invert_yaxis()
    headline(fig, title)
    return show(fig, alt=alt or f"Test accuracy. {'; '.join(said)}.", caption=caption)
