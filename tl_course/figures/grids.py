"""Pictures in rows: confusion matrices, tables of shares, image grids, a photograph beside its likely classes."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex
from numpy.typing import ArrayLike

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import (
    BACKGROUND,
    BLUE,
    INK,
    SOFT_INK,
    VERMILION,
    axes,
    headline,
    in_style,
    ink_on,
    readable,
)

_BLUES = LinearSegmentedColormap.from_list("course_blues", [BACKGROUND, "#BBD7EA", "#4B9ACB", BLUE, "#00405F"])


def _array(values) -> np.ndarray:
    """A numpy array of an array or of a tensor on any device."""
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


@in_style()
def confusion(
    matrix: ArrayLike, class_names: Sequence[str], *, title: str = "", alt: str = "", caption: str = ""
) -> HtmlFigure:
    """Draw a confusion matrix: rows are the true classes, columns the predicted ones, cells hold counts.

    Colour is the share of the row, so that the diagonal shows the recall of each class, large or small.

    Parameters
    ----------
    matrix
        K×K counts, true class by row.
    class_names
        The K names.
    title, alt
        Name the most frequent mistake unless given.

    Raises
    ------
    ValueError
        When the matrix is not K×K for K names.

    Examples
    --------
    >>> confusion([[8, 2], [1, 9]], ["cat", "dog"])
    Figure: Confusion matrix of 2 classes, 17 of 20 right. Most frequent mistake: cat taken for dog, 2 of 10.
    """
    counts = _array(matrix).astype(int)
    k = len(class_names)
    if counts.shape != (k, k):
        raise ValueError(f"the matrix has shape {counts.shape} and must be {k}×{k}, one row for each class name.")
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = 2.3 + 0.52 * k
    fig, ax = axes(max(side, 4.6), max(side - 0.2, 3.8))
    ax.imshow(shares, cmap=_BLUES, vmin=0, vmax=1)
    for row in range(k):
        for column in range(k):
            text = ink_on(to_hex(_BLUES(shares[row, column])))
            bold = "bold" if row == column else "normal"
            if counts[row, column]:
                ax.text(column, row, counts[row, column], ha="center", va="center", color=text, fontweight=bold)
    turn = sum(map(len, class_names)) > 3.6 * k
    ax.set_xticks(range(k), class_names, **({"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if turn else {}))
    ax.set_yticks(range(k), class_names)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    said = _mistake(counts, class_names)
    headline(fig, title or said)
    right = f"{np.trace(counts)} of {counts.sum()} right"
    return show(fig, alt=alt or f"Confusion matrix of {k} classes, {right}. {said}.", caption=caption)


def _mistake(counts: np.ndarray, class_names: Sequence[str]) -> str:
    wrong = counts - np.diag(np.diag(counts))
    if not wrong.any():
        return "No mistakes"
    row, column = np.unravel_index(wrong.argmax(), wrong.shape)
    return (
        f"Most frequent mistake: {class_names[row]} taken for {class_names[column]}, "
        f"{wrong[row, column]} of {counts[row].sum()}"
    )


def _pixels(images) -> np.ndarray:
    """N×H×W×3 uint8 for matplotlib from N×C×H×W uint8 with one or three channels."""
    array = _array(images)
    if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in (1, 3):
        raise ValueError(f"images must be uint8 N×3×H×W (or N×1×H×W) and are {array.dtype} {array.shape}.")
    return np.repeat(array, 3 // array.shape[1], axis=1).transpose(0, 2, 3, 1)


@in_style()
def share_table(
    shares: ArrayLike,
    names: Sequence[str],
    *,
    xlabel: str,
    ylabel: str,
    title: str,
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw a K×K table of shares as per cent, the larger the darker; a cell without a number stays white.

    Parameters
    ----------
    shares
        K×K fractions; NaN where there is none.
    names
        The K names of rows and columns.
    xlabel, ylabel
        What columns and rows are.
    alt
        Names the largest share of each row unless given.

    Raises
    ------
    ValueError
        When the table is not K×K for K names, or a row has no number.

    Examples
    --------
    >>> nan = float("nan")
    >>> words = {"xlabel": "is thought of", "ylabel": "the label", "title": "Cats look like dogs"}
    >>> share_table([[nan, 0.3], [0.2, nan]], ["cat", "dog"], **words)
    Figure: The largest share of each row: cat, dog 30%; dog, cat 20%.
    """
    table, k = _array(shares).astype(float), len(names)
    if table.shape != (k, k) or np.isnan(table).all(axis=1).any():
        raise ValueError(f"the table has shape {table.shape} and must be {k}×{k}, with a number in every row.")
    darkest = float(np.nanmax(table)) or 1.0
    side = 1.6 + 0.4 * k
    fig, ax = axes(max(side, 4.6), max(side - 0.6, 3.4))
    ax.imshow(table, cmap=_BLUES, vmin=0, vmax=darkest)
    for row, column in zip(*np.nonzero(~np.isnan(table)), strict=True):
        share = table[row, column]
        color = ink_on(to_hex(_BLUES(share / darkest)))
        ax.text(column, row, f"{100 * share:.0f}", ha="center", va="center", color=color, fontsize=9)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_xticks(range(k), names)
    ax.set_yticks(range(k), names)
    ax.grid(False)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    headline(fig, title)
    largest = [(name, int(np.nanargmax(line)), float(np.nanmax(line))) for name, line in zip(names, table, strict=True)]
    said = "; ".join(f"{name}, {names[column]} {share:.0%}" for name, column, share in largest)
    return show(fig, alt=alt or f"The largest share of each row: {said}.", caption=caption)


@in_style()
def image_grid(
    images: ArrayLike,
    *,
    titles: Sequence[str] | None = None,
    wrong: Sequence[bool] | None = None,
    columns: int = 8,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw images in rows, each under its title; wrong ones carry a cross and a frame, not colour alone.

    Parameters
    ----------
    images
        uint8 N×3×H×W or N×1×H×W.
    titles
        N short texts, for example the predicted class.
    wrong
        N truth values: True marks an image as wrongly classified.
    alt
        Counts the images and reads their titles unless given.

    Raises
    ------
    ValueError
        For images of another kind or shape, none at all, or lists of another length.

    Examples
    --------
    >>> image_grid(np.zeros((2, 3, 8, 8), np.uint8), titles=["cat", "dog"], wrong=[False, True])
    Figure: A grid of 2 images: cat, dog (wrong).
    """
    pixels = _pixels(images)
    n = len(pixels)
    for name, given in (("titles", titles), ("wrong", wrong)):
        if given is not None and len(given) != n:
            raise ValueError(f"there are {n} images and {len(given)} {name}: give one for each.")
    if n == 0:
        raise ValueError("there are no images to show: give at least one.")
    titles, marks = list(titles or [""] * n), [bool(mark) for mark in (wrong if wrong is not None else [False] * n)]
    columns = min(columns, n)
    rows = -(-n // columns)
    # a short row of images is padded to the right, so that a title stays readable
    breadth = max(columns, 3)
    labelled = any(titles) or any(marks)
    fig, grid = axes(
        1.12 * breadth, (1.34 if labelled else 1.12) * rows + 0.25 + 0.3 * bool(title), rows, breadth, squeeze=False
    )
    fig.get_layout_engine().set(w_pad=0.05, h_pad=0.05)
    for ax in grid.flat:
        ax.axis("off")
    for number, (picture, text, mark) in enumerate(zip(pixels, titles, marks, strict=True)):
        ax = grid[number // columns, number % columns]
        ax.imshow(picture, interpolation="nearest")
        _image_title(ax, text, mark)
    if title:
        headline(fig, title)
    said = ", ".join(f"{text or 'image'}{' (wrong)' * mark}" for text, mark in zip(titles, marks, strict=True))
    counted = f"A grid of {n} image{'s' * (n > 1)}"
    default = f"{counted}: {said}." if labelled else f"{counted} in {rows} row{'s' * (rows > 1)}, without titles."
    return show(fig, alt=alt or default, caption=caption)


def _image_title(ax, text: str, wrong: bool) -> None:
    short = "\n".join(textwrap.wrap(f"✗ {text}" if wrong else text, 15)[:2])
    color = readable(VERMILION) if wrong else INK
    ax.set_title(short, fontsize=9, loc="center", color=color, fontweight="bold" if wrong else "normal", pad=4)
    if wrong:
        ax.axis("on")
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[:].set(visible=True, color=VERMILION, linewidth=3)


@in_style()
def probability_bars(
    names: Sequence[str],
    probabilities: ArrayLike,
    *,
    image: ArrayLike | None = None,
    k: int = 5,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw the k most likely classes as bars, beside the photograph they are about.

    Parameters
    ----------
    names
        One name for each class.
    probabilities
        As many numbers between 0 and 1, for one input.
    image
        uint8 3×H×W, shown at the left.
    title, alt
        Name the most likely class unless given.

    Raises
    ------
    ValueError
        When names and probabilities differ in number.

    Examples
    --------
    >>> probability_bars(["cat", "dog", "rocket"], [0.7, 0.2, 0.1], k=2)
    Figure: The 2 most likely classes: cat 70.0%, dog 20.0%.
    """
    values = _array(probabilities).astype(float).ravel()
    if len(values) != len(names):
        raise ValueError(f"there are {len(names)} names and {len(values)} probabilities: give one for each.")
    best = np.argsort(-values, kind="stable")[:k]
    labels = ["\n".join(textwrap.wrap(names[index], 24)[:2]) for index in best]
    height = 0.9 + 0.46 * len(best)
    if image is None:
        fig, ax = axes(6.4, height)
    else:
        fig, (left, ax) = axes(7.8, max(height, 2.9), 1, 2, width_ratios=[1, 1.35])
        left.imshow(_pixels(_array(image)[None])[0])
        left.axis("off")
    places = np.arange(len(best))
    ax.barh(places, values[best], color=[BLUE] + [SOFT_INK] * (len(best) - 1), height=0.66)
    for place, value in zip(places, values[best], strict=True):
        ax.text(value + 0.015, place, f"{value:.1%}", va="center", fontweight="bold" if place == 0 else "normal")
    ax.set_yticks(places, labels)
    ax.invert_yaxis()
    ax.set_xlim(0, 1.16)
    ax.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
    ax.set_xlabel("probability the network gives (%)")
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    headline(fig, title or f"The network says: {names[best[0]]}")
    said = ", ".join(f"{names[index]} {values[index]:.1%}" for index in best)
    return show(fig, alt=alt or f"The {len(best)} most likely classes: {said}.", caption=caption)
