"""Colours, fonts and the look of a method, the same in every figure.

The hues follow Okabe and Ito (2008), "Color Universal Design", darkened where needed: on the light background every
mark reaches a contrast of 3:1 and every text 4.5:1 (WCAG 2.2, criteria 1.4.11 and 1.4.3). No palette reaches that on
a light and a dark theme at once, which is why the background is opaque; dark themes turn the whole picture into its
opposite (`in_the_dark`), where both contrasts hold, too. Colour never speaks alone: marker, line and a
written name say the same.
"""

import textwrap
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

BACKGROUND = "#FCFCFA"
INK = "#22272B"
SOFT_INK = "#5A6268"
GRID = "#E2E4E3"
DPI = 100

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#008A64", "#B65C93"
OCHRE, SKY, GREY, BLACK = "#755200", "#2F8FC9", "#6B7278", "#22272B"
# categories without a meaning of their own, for example the classes of an embedding
CYCLE = (BLUE, VERMILION, GREEN, PURPLE, OCHRE, SKY, GREY, BLACK)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*", "<", ">")

RC = {
    "figure.facecolor": BACKGROUND,
    "figure.dpi": DPI,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "savefig.facecolor": BACKGROUND,
    "axes.facecolor": BACKGROUND,
    "axes.edgecolor": SOFT_INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 11,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.prop_cycle": mpl.cycler(color=CYCLE),
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "font.family": ["DejaVu Sans"],
    "font.size": 10.5,
    "text.color": INK,
    "xtick.color": SOFT_INK,
    "ytick.color": SOFT_INK,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 2.0,
    "lines.markersize": 7,
    "legend.frameon": False,
}


@dataclass(frozen=True)
class MethodStyle:
    """How one method looks: ``color`` for marks (at least 3:1), ``text_color`` for its name (at least 4.5:1)."""

    label: str
    color: str
    marker: str
    line: str | tuple

    @property
    def text_color(self) -> str:
        """The colour itself, darkened towards the ink as far as text needs."""
        return readable(self.color)


def luminance(color: str) -> float:
    """Relative luminance of a colour, 0 for black to 1 for white (WCAG 2.2).

    >>> luminance("#000000"), round(luminance("#FFFFFF"), 6)
    (0.0, 1.0)
    """
    channels = mpl.colors.to_rgb(color)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, from 1 (equal) to 21 (black on white): (L₁ + 0.05) / (L₂ + 0.05), WCAG 2.2.

    >>> round(contrast("#FFFFFF", "#000000"), 1)
    21.0
    """
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def over(color: str, opacity: float, background: str = BACKGROUND) -> str:
    """The colour that is seen where one of some opacity lies over a background.

    >>> over("#000000", 0.5, "#FFFFFF")
    '#808080'
    """
    mixed = zip(mpl.colors.to_rgb(color), mpl.colors.to_rgb(background), strict=True)
    return mpl.colors.to_hex([back + (front - back) * opacity for front, back in mixed])


def readable(color: str, background: str = BACKGROUND, ratio: float = 4.6) -> str:
    """The colour, mixed with ink until it is readable as text on a light background.

    >>> contrast(readable("#E69F00"), BACKGROUND) >= 4.5
    True
    """
    start, ink = mpl.colors.to_rgb(color), mpl.colors.to_rgb(INK)
    for step in range(21):
        mixed = mpl.colors.to_hex([a + (b - a) * step / 20 for a, b in zip(start, ink, strict=True)])
        if contrast(mixed, background) >= ratio:
            return mixed
    return INK


def ink_on(color: str) -> str:
    """Black or white, the one that reads better on a colour: one of them always reaches 4.5:1.

    >>> ink_on("#FFFFFF"), ink_on("#0072B2")
    ('#000000', '#FFFFFF')
    """
    return max(("#000000", "#FFFFFF"), key=lambda text: contrast(text, color))


_DOTTED, _DASHED, _DASHDOT, _LONG = (0, (1, 1.6)), (0, (5, 2.5)), (0, (6, 2, 1.2, 2)), (0, (9, 3))

METHODS: dict[str, MethodStyle] = {
    # what the whole course compares
    "scratch": MethodStyle("From scratch", GREY, "o", _DASHED),
    "longer": MethodStyle("From scratch, longer", BLACK, "o", _LONG),
    "linear_probe": MethodStyle("Linear probe", BLUE, "s", "-"),
    "fine_tune": MethodStyle("Fine-tuning", VERMILION, "^", "-"),
    "lp_ft": MethodStyle("Probe, then fine-tune", PURPLE, "D", _DASHDOT),
    "layer_wise": MethodStyle("Layer-wise rates", GREEN, "<", _LONG),
    "gradual": MethodStyle("Gradual unfreezing", OCHRE, ">", _LONG),
    # controls of a source
    "random_features": MethodStyle("Probe of random weights", BLACK, "X", _LONG),
    "control": MethodStyle("Random teacher", OCHRE, "D", _DOTTED),
    "control_fine_tune": MethodStyle("Random teacher, fine-tuned", OCHRE, "p", _DOTTED),
    # hand-made features
    "hog": MethodStyle("HOG", OCHRE, "v", _DOTTED),
    "sift": MethodStyle("SIFT words", GREEN, "P", _DOTTED),
    # distillation
    "teacher": MethodStyle("Teacher", BLACK, "*", _LONG),
    "student": MethodStyle("Student alone", SKY, "o", _DASHDOT),
    "distilled": MethodStyle("Distilled student", VERMILION, "P", _LONG),
    "smoothed": MethodStyle("Smoothed labels", GREEN, "s", _DASHDOT),
    "dealt": MethodStyle("Shuffled answers", PURPLE, "X", _DASHED),
    "hints": MethodStyle("Hints", BLUE, "^", _DOTTED),
    "attention": MethodStyle("Attention", GREEN, "X", _DASHDOT),
    "relations": MethodStyle("Relations", OCHRE, "s", _DOTTED),
    # between domains
    "source_only": MethodStyle("Source only", GREY, "X", _DOTTED),
    "dann": MethodStyle("DANN", VERMILION, "D", "-"),
    "coral": MethodStyle("CORAL", SKY, "s", _LONG),
    "mmd": MethodStyle("MMD", GREEN, "v", "-"),
    "target_only": MethodStyle("Target labels", BLACK, "<", _DASHED),
    # weighing the source
    "true_weights": MethodStyle("True weights", BLACK, "s", _DASHED),
    "density_ratio": MethodStyle("Density ratio", BLUE, "o", "-"),
    "cross_fitted": MethodStyle("Ratio, cross-fitted", SKY, "D", _DASHED),
    "clipped": MethodStyle("Cross-fitted, clipped", SKY, ">", _DASHED),
    "tempered": MethodStyle("Cross-fitted, tempered", SKY, "*", _DOTTED),
    "cautious": MethodStyle("Ratio, cautious", VERMILION, "v", _DASHDOT),
    "cautious_cross_fitted": MethodStyle("Cautious, cross-fitted", VERMILION, "<", _DOTTED),
    "kmm": MethodStyle("Kernel mean matching", GREEN, "^", _LONG),
    "selection": MethodStyle("Selection", OCHRE, "o", _DOTTED),
    "shuffled": MethodStyle("Shuffled weights", PURPLE, "P", _DASHDOT),
    # text
    "tfidf": MethodStyle("TF-IDF", OCHRE, "X", "-"),
    "gru": MethodStyle("GRU language model", PURPLE, "v", _LONG),
    "vader": MethodStyle("VADER", GREEN, "*", _DASHED),
}


def method_style(name: str) -> MethodStyle:
    """The look of a method, by its name in records.

    Raises
    ------
    KeyError
        For a method without a style: an invented colour would mean something else in the next figure.

    Examples
    --------
    >>> method_style("fine_tune").label
    'Fine-tuning'
    """
    if name not in METHODS:
        raise KeyError(f"method {name!r} has no style; give it one in tl_course/figures/style.py (METHODS).")
    return METHODS[name]


def in_the_dark(color: str) -> str:
    """Return what a dark theme makes of a colour: its opposite in lightness, with the hue it had.

    Style sheets say ``filter: invert(1) hue-rotate(180deg)``; so does this, for tests of the contrast.

    >>> in_the_dark("#FFFFFF"), in_the_dark(BLUE)
    ('#000000', '#42b4f4')
    """
    inverted = [1 - channel for channel in mpl.colors.to_rgb(color)]
    turned = (sum(weight * one for weight, one in zip(row, inverted, strict=True)) for row in _HALF_TURN)
    return mpl.colors.to_hex([min(1.0, max(0.0, channel)) for channel in turned])


_HALF_TURN = ((-0.574, 1.430, 0.144), (0.426, 0.430, 0.144), (0.426, 1.430, -0.856))
"""The matrix of ``hue-rotate(180deg)`` (Filter Effects Module, level 1)."""


def in_style():
    """Context manager and decorator under which matplotlib draws in the course's style.

    >>> with in_style():
    ...     mpl.rcParams["axes.facecolor"] == BACKGROUND
    True
    """
    return mpl.rc_context(RC)


def axes(width: float = 7.0, height: float = 4.0, nrows: int = 1, ncols: int = 1, **options):
    """An empty figure in the course's style and its axes (width and height in inches, at 100 dpi).

    The figure belongs to no window and no global state, so nothing has to be closed. ``options`` go to
    ``matplotlib.figure.Figure.subplots``.

    >>> fig, ax = axes(6, 3)
    >>> [float(side) for side in fig.get_size_inches()]
    [6.0, 3.0]
    """
    with in_style():
        fig = Figure(figsize=(width, height), layout="constrained")
        return fig, fig.subplots(nrows, ncols, **options)


def headline(fig: Figure, title: str) -> None:
    """Write the finding above a figure: bold, left, wrapped to its width."""
    columns = int(fig.get_figwidth() * 8.3)
    fig.suptitle(
        "\n".join(textwrap.wrap(title, columns)), x=0.012, ha="left", fontsize=12.5, fontweight="bold", color=INK
    )


def spread(positions: list[float], gap: float) -> list[float]:
    """Move positions apart until neighbours are at least ``gap`` away, as little as possible, keeping the order.

    >>> spread([0.0, 0.1, 5.0], gap=1.0)
    [-0.45, 0.55, 5.0]
    """
    order = sorted(range(len(positions)), key=positions.__getitem__)
    # blocks of labels that touch: [sum of wished starts, members]; merging keeps each block at its mean wish
    blocks: list[list[int]] = []

    def start(block: list[int]) -> float:
        return sum(positions[i] - gap * k for k, i in enumerate(block)) / len(block)

    for index in order:
        blocks.append([index])
        while len(blocks) > 1 and start(blocks[-2]) + gap * len(blocks[-2]) > start(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    moved = list(positions)
    for block in blocks:
        for k, index in enumerate(block):
            moved[index] = round(start(block) + gap * k, 12)
    return moved
