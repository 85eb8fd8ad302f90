"""What is copied, what is new and what is trained: ways to use a pretrained network, one row each."""

import textwrap
from collections.abc import Mapping, Sequence

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import (
    BLUE,
    INK,
    METHODS,
    SOFT_INK,
    VERMILION,
    axes,
    headline,
    in_style,
    readable,
)

Part = tuple[str, ...]

COPIED, NEW, DATA = "#D6E6F2", "#F4EBD9", "#FCFCFA"
_FILLS = {"copied": COPIED, "new": NEW}
_STATES = ("trained", "frozen")

# inches: the labels, the input, all parts of a row together, the loss, a row, the key
_LABEL, _INPUT, _PARTS, _LOSS, _ROW, _KEY = 1.55, 0.72, 4.15, 0.62, 0.82, 0.5
_GAP, _SIDE, _HIGH, _HEAD = 0.22, 0.08, 0.46, 1.15


def _ways(backbone: str, head: str) -> dict[str, dict[str, list[Part]]]:
    """The rows of each way that has a name: label → its parts from left to right."""
    new_head = (head, "new", "trained")
    return {
        "scratch": {"From scratch": [(backbone, "new", "trained"), new_head]},
        "linear_probe": {"Linear probe": [(backbone, "copied", "frozen"), new_head]},
        "fine_tune": {"Fine-tuning": [(backbone, "copied", "trained"), new_head]},
        "features": {
            "Features computed once": [(backbone, "copied", "frozen"), ("features", "stored"), new_head],
        },
        "distilled": {
            "Teacher": [("teacher", "copied", "frozen")],
            "Student": [("student", "new", "trained")],
        },
    }


@in_style()
def schematic(
    ways: Sequence[str] | Mapping[str, Sequence[Part]] = ("scratch", "linear_probe", "fine_tune"),
    *,
    backbone: str = "backbone",
    head: str = "new head",
    inputs: str = "pictures",
    teaches: Sequence[tuple[str, str]] = (),
    title: str = "",
    caption: str = "",
    alt: str = "",
) -> HtmlFigure:
    """Draw what is copied, what is new and what is trained, one row a way.

    The fill of a part says where its weights start, its edge whether they move, and words in it say both. Below a row
    an arrow shows how far the gradients of the loss reach.

    Parameters
    ----------
    ways
        Names out of ``scratch``, ``linear_probe``, ``fine_tune``, ``features`` (computed once and stored) and
        ``distilled`` (a teacher and a student, two rows). Or rows of your own: label → parts from left to right, each
        ``(name, "copied" or "new", "trained" or "frozen")``, or ``(name, remark)`` for data without weights.
    backbone, head, inputs
        What the parts are called in this lesson, for example ``"BERT"``, ``"2 answers"``, ``"texts"``.
    teaches
        Pairs of labels of neighbouring rows, (teacher, student): an arrow leads from the one's answers to the other's
        loss. ``distilled`` brings its own.
    alt
        The picture in words; made of the rows when not given.

    Raises
    ------
    ValueError
        For a way without rows, a part that is neither of the above, or a pair that names no neighbouring rows.

    Examples
    --------
    >>> schematic(["linear_probe"])
    Figure: Linear probe: backbone copied and frozen, new head new and trained.
    >>> schematic({"Adapter": [("BERT", "copied", "frozen"), ("adapter", "new", "trained")]}, inputs="texts")
    Figure: Adapter: BERT copied and frozen, adapter new and trained.
    """
    rows, teaches = _rows(ways, backbone, head), list(teaches)
    if "Teacher" in rows and "Student" in rows and not isinstance(ways, Mapping):
        teaches.append(("Teacher", "Student"))
    labels = list(rows)
    for one, other in teaches:
        if one not in rows or other not in rows or abs(labels.index(one) - labels.index(other)) != 1:
            raise ValueError(
                f"teaches={(one, other)!r} names no two neighbouring rows; the rows are {', '.join(rows)}."
            )

    width, height = _LABEL + _INPUT + _PARTS + _LOSS + 0.15, _ROW * len(rows) + _KEY
    fig, ax = axes(width, height + (0.4 if title else 0.1))
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.axis("off")
    taught = {student: teacher for teacher, student in teaches}
    for row, (label, parts) in enumerate(rows.items()):
        _row(ax, row, label, parts, inputs, end=_end(label, taught, teaches))
    for student, teacher in taught.items():
        _teach(ax, labels.index(teacher), labels.index(student))
    _key(ax, rows, height - _KEY / 2)
    if title:
        headline(fig, title)
    return show(fig, alt=alt or _in_words(rows, taught), caption=caption)


def _rows(ways: Sequence[str] | Mapping[str, Sequence[Part]], backbone: str, head: str) -> dict[str, list[Part]]:
    rows: dict[str, list[Part]] = {}
    if isinstance(ways, Mapping):
        rows = {label: list(parts) for label, parts in ways.items()}
    else:
        known = _ways(backbone, head)
        for way in [ways] if isinstance(ways, str) else ways:
            if way not in known:
                raise ValueError(f"there is no way {way!r}; there are {', '.join(known)}, or give rows of your own.")
            rows |= known[way]
    if not rows or not all(rows.values()):
        raise ValueError("a schematic needs at least one way, and each way at least one part.")
    for label, parts in rows.items():
        for part in parts:
            if len(part) != 2 and (len(part) != 3 or part[1] not in _FILLS or part[2] not in _STATES):
                raise ValueError(
                    f"part {part!r} of {label!r}: give (name, 'copied' or 'new', 'trained' or 'frozen'), "
                    "or (name, remark) for data."
                )
    return rows


def _row(ax, row: int, label: str, parts: list[Part], inputs: str, end: str) -> None:
    middle = _ROW * row + 0.36
    color = next((look.text_color for look in METHODS.values() if look.label == label), INK)
    ax.text(0.06, middle, textwrap.fill(label, 15), va="center", fontsize=10.5, fontweight="bold", color=color)
    ax.text(_LABEL + _INPUT - 0.2, middle, inputs, ha="right", va="center", fontsize=9)

    left, edges = _LABEL + _INPUT, []
    for part, wide in zip(parts, _widths(len(parts)), strict=True):
        _part(ax, part, left, middle, wide)
        edges.append((left, left + wide))
        left += wide + _GAP
    starts = [_LABEL + _INPUT - 0.17, *(right for _, right in edges)]
    ends = [*(one for one, _ in edges), _LABEL + _INPUT + _PARTS + 0.2]
    for one, other in zip(starts, ends, strict=True):
        _arrow(ax, (one, middle), (other, middle), SOFT_INK)
    ax.text(_LABEL + _INPUT + _PARTS + 0.24, middle, end, va="center", fontsize=9)

    trained = [place for place, part in enumerate(parts) if part[-1] == "trained"]
    if trained:
        below = middle + _HIGH / 2 + 0.1
        _arrow(ax, (_LABEL + _INPUT + _PARTS + 0.5, below), (edges[trained[0]][0], below), VERMILION)


def _widths(count: int) -> list[float]:
    """Widths of a row's parts: all last ones are equal, so that the heads of all rows stand below each other."""
    if count == 1:
        return [_PARTS]
    shares = [1.5] + [1.0] * (count - 2)
    free = _PARTS - _HEAD - _GAP * (count - 1)
    return [free * share / sum(shares) for share in shares] + [_HEAD]


def _part(ax, part: Part, left: float, middle: float, wide: float) -> None:
    trained, data = part[-1] == "trained", len(part) == 2
    ax.add_patch(
        FancyBboxPatch(
            (left + _SIDE, middle - _HIGH / 2 + _SIDE),
            wide - 2 * _SIDE,
            _HIGH - 2 * _SIDE,
            boxstyle=f"round,pad={_SIDE},rounding_size=0.07",
            facecolor=DATA if data else _FILLS[part[1]],
            edgecolor=VERMILION if trained else SOFT_INK,
            linewidth=2.4 if trained else 1.2,
            linestyle=(0, (3, 2)) if data else "-",
        )
    )
    remark = part[1] if data else f"{part[1]}, {part[2]}"
    for text, off, size, weight in ((part[0], -0.09, 10.0, "bold"), (remark, 0.1, 8.5, "normal")):
        size = min(size, size * wide / (0.0078 * size * len(text) + 0.1))  # a long name in a short part
        ax.text(left + wide / 2, middle + off, text, ha="center", va="center", fontsize=size, fontweight=weight)


def _arrow(ax, start: tuple[float, float], end: tuple[float, float], color: str) -> None:
    look = {"arrowstyle": "-|>", "mutation_scale": 10, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
    ax.add_patch(FancyArrowPatch(start, end, color=color, zorder=0.5, **look))


def _end(label: str, taught: Mapping[str, str], teaches: Sequence[tuple[str, str]]) -> str:
    return "answers" if label in {teacher for teacher, _ in teaches} and label not in taught else "loss"


def _teach(ax, teacher: int, student: int) -> None:
    across = _LABEL + _INPUT + _PARTS + 0.36
    side = 0.14 if student > teacher else -0.14
    _arrow(ax, (across, _ROW * teacher + 0.36 + side), (across, _ROW * student + 0.36 - side), BLUE)
    between = (_ROW * (teacher + student) + 0.72) / 2
    ax.text(across - 0.08, between - 0.06, "teaches", ha="right", va="center", fontsize=8.5, color=readable(BLUE))


def _key(ax, rows: Mapping[str, Sequence[Part]], middle: float) -> None:
    """Only what occurs in the rows above."""
    used = {word for parts in rows.values() for part in parts if len(part) == 3 for word in part[1:]}
    said = {
        "copied": ("copied from the source", COPIED, SOFT_INK, 1.2),
        "new": ("new: random weights", NEW, SOFT_INK, 1.2),
        "trained": ("trained: gradients arrive", DATA, VERMILION, 2.4),
        "frozen": ("frozen: stays", DATA, SOFT_INK, 1.2),
    }
    left = 0.1
    for word, (text, fill, edge, line) in said.items():
        if word in used:
            box = "round,pad=0.03,rounding_size=0.03"
            place = (left, middle - 0.05)
            ax.add_patch(FancyBboxPatch(place, 0.14, 0.1, boxstyle=box, facecolor=fill, edgecolor=edge, linewidth=line))
            ax.text(left + 0.24, middle, text, va="center", fontsize=8.5)
            left += 0.46 + 0.068 * len(text)


def _in_words(rows: Mapping[str, Sequence[Part]], taught: Mapping[str, str]) -> str:
    said = []
    for label, parts in rows.items():
        words = ", ".join(
            f"{part[0]} {part[1]}" if len(part) == 2 else f"{part[0]} {part[1]} and {part[2]}" for part in parts
        )
        lesson = f", taught by the answers of {taught[label]}" if label in taught else ""
        said.append(f"{label}: {words}{lesson}.")
    return " ".join(said)
