"""Recorded means as marks in rows, each with its interval, beside a line where a baseline stands."""

from collections.abc import Mapping, Sequence

from matplotlib.ticker import PercentFormatter

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import BACKGROUND, GREY, INK, METHODS, MethodStyle, axes, headline, in_style
from tl_course.records import Record

Where = str | Mapping[str, str]
"""One cell: a method, or method and setting."""

_PLAIN = MethodStyle("", INK, "o", "-")
_NUDGE = 0.16  # of a row's height: the filled mark above, the hollow one below


@in_style()
def ladder(
    record: Record,
    rows: Mapping[str, Where | tuple[Where, Where]],
    *,
    baseline: Where | None = None,
    kinds: Sequence[str] = (),
    xlabel: str = "accuracy on the target",
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw the mean of each row with its 95% t interval, and a dotted line at the baseline's mean.

    Parameters
    ----------
    record
        Narrowed to one profile and target, and to one setting unless the rows name theirs; values are fractions.
    rows
        What stands beside the marks, from top to bottom → a method, or ``{"method": …, "setting": …}``. Or a pair of
        these, the first drawn filled, the second hollow. A row looks as the first word of its method does in
        :data:`METHODS`; one without such a word is a black dot.
    baseline
        As a row; its mean is the dotted line.
    kinds
        Names of the filled and of the hollow marks, where rows are pairs.
    alt
        Names every mean unless given.

    Raises
    ------
    ValueError
        Without rows, or where pairs and ``kinds`` do not go together.
    RecordError
        If the record lacks one of them.

    Examples
    --------
    >>> from tl_course import records
    >>> found = records.read("14_digits").select(profile="mini", target="mnist", setting="target")
    >>> ladder(found, {"floor": "source_only", "ceiling": "target_only"}, caption="Recorded, five seeds.")
    Figure: Accuracy on the target. floor 31%, ceiling 90%. (Recorded, five seeds.)
    """
    pairs = {
        label: [_cell(record, where) for where in (row if isinstance(row, tuple) else (row,))]
        for label, row in rows.items()
    }
    wide = {len(cells) for cells in pairs.values()}
    if not rows or len(kinds) not in (0, 2) or wide != {len(kinds) or 1}:
        raise ValueError("give at least one row; pairs of cells in every row and two names in kinds, or neither.")
    fig, ax = axes(7.6, 1.3 + (0.36 if len(kinds) else 0.32) * len(rows) + (0.3 if len(kinds) else 0))
    if baseline is not None:
        ax.axvline(_cell(record, baseline).mean, color=GREY, linestyle=":")
    said = []
    for place, (label, cells) in enumerate(pairs.items()):
        for number, cell in enumerate(cells):
            look, band = METHODS.get(cell.methods[0].split()[0], _PLAIN), cell.interval()
            height = place + (_NUDGE * (2 * number - 1) if len(cells) > 1 else 0)
            # all intervals in one colour, or their caps would differ in colour alone
            ax.errorbar(band.mean, height, xerr=band.half_width, color=INK, linewidth=1.3, capsize=3)
            face = BACKGROUND if number else look.color
            looks = {"color": look.color, "marker": look.marker, "markerfacecolor": face}
            ax.plot([band.mean], [height], linestyle="none", zorder=3, **looks)
        said.append(f"{label} " + " and ".join(f"{cell.mean:.0%}" for cell in cells))
    ax.set(ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel)
    ax.set_yticks(range(len(rows)), list(pairs))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if kinds:
        for kind, face in zip(kinds, (INK, BACKGROUND), strict=True):
            ax.plot([], [], "o", color=INK, markerfacecolor=face, label=kind)
        fig.legend(loc="outside lower center", ncols=2)
    headline(fig, title)
    which = f", {kinds[0]} and {kinds[1]}" if kinds else ""
    words = f"{xlabel[:1].upper()}{xlabel[1:]}{which}. {', '.join(said)}."
    return show(fig, alt=alt or words, caption=caption)


def _cell(record: Record, where: Where) -> Record:
    return record.select(**({"method": where} if isinstance(where, str) else where))
