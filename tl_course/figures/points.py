"""Embeddings in two dimensions."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from tl_course.figures.grids import _array
from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import (
    BACKGROUND,
    BLUE,
    CYCLE,
    GREY,
    INK,
    MARKERS,
    VERMILION,
    axes,
    headline,
    in_style,
    method_style,
    readable,
)


def plane(features: ArrayLike) -> tuple[np.ndarray, np.ndarray | None]:
    """N×2 coordinates of N×D features: themselves for D = 2, else their first two principal components.

    Returns the coordinates and the share of the variance that each component holds (None for D = 2). The sign of a
    component is fixed (its largest loading is positive), so that the same features give the same picture.

    >>> points, shares = plane(np.diag([3.0, 2.0, 1.0]))
    >>> points.shape, bool(shares[0] >= shares[1])
    ((3, 2), True)
    """
    points = _array(features).astype(float)
    if points.ndim != 2 or points.shape[1] < 2 or len(points) < 3:
        raise ValueError(f"features must be N×D with N ≥ 3 and D ≥ 2 and are {points.shape}.")
    if points.shape[1] == 2:
        return points, None
    centred = points - points.mean(axis=0)
    _, scales, directions = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(directions[:2]).argmax(axis=1)
    signs = np.sign(directions[[0, 1], largest])
    total = (scales**2).sum()
    return centred @ (directions[:2] * signs[:, None]).T, scales[:2] ** 2 / (total if total else 1.0)


@in_style()
def embeddings(
    features: ArrayLike,
    labels: ArrayLike,
    class_names: Sequence[str],
    *,
    domains: Sequence[str] | None = None,
    title: str = "",
    alt: str = "",
    caption: str = "",
) -> HtmlFigure:
    """Draw features as points in the plane, coloured and shaped by class, filled or hollow by domain.

    Parameters
    ----------
    features
        N×2 coordinates (t-SNE, UMAP, …) or N×D features, of which the first two principal components are drawn.
    labels
        N class indices.
    class_names
        One name for each class, written at the median of its points.
    domains
        N domain names, two at most: the first that occurs is filled, the other hollow.

    Raises
    ------
    ValueError
        For shapes that do not fit, or more than two domains.

    Examples
    --------
    >>> figure = embeddings(np.random.default_rng(0).normal(size=(30, 5)), [0, 1, 2] * 10, ["a", "b", "c"])
    >>> figure.alt[:52]
    '30 points of 3 classes in 2 principal components, ho'
    """
    points, shares = plane(features)
    labels = _array(labels).astype(int)
    names = list(domains) if domains is not None else [""] * len(points)
    kinds = list(dict.fromkeys(names))
    if len(labels) != len(points) or len(names) != len(points):
        raise ValueError(f"there are {len(points)} points, {len(labels)} labels, {len(names)} domains: give one each.")
    if len(kinds) > 2:
        raise ValueError(f"there are {len(kinds)} domains ({', '.join(kinds)}): give at most two.")
    fig, ax = axes(6.6, 5.2)
    names_of, halo = np.array(names), withStroke(linewidth=4, foreground=BACKGROUND)
    for index in np.unique(labels):
        color, marker = CYCLE[index % len(CYCLE)], MARKERS[index % len(MARKERS)]
        for kind in kinds:
            chosen = points[(labels == index) & (names_of == kind)]
            face = color if kind == kinds[0] else "none"
            ax.scatter(*chosen.T, s=26, marker=marker, facecolors=face, edgecolors=color, linewidths=1.1, alpha=0.9)
    for index in np.unique(labels):
        middle = np.median(points[labels == index], axis=0)
        ax.annotate(
            class_names[index],
            middle,
            ha="center",
            va="center",
            fontsize=12,
            fontweight="bold",
            zorder=5,
            color=readable(CYCLE[index % len(CYCLE)], ratio=7),
            path_effects=[halo],
        )
    if len(kinds) == 2:
        for kind, face in zip(kinds, (INK, "none"), strict=True):
            ax.scatter([], [], marker="o", facecolors=face, edgecolors=INK, label=kind)
        fig.legend(loc="outside lower center", ncols=2, handletextpad=0.3)
    _name_axes(ax, shares)
    held = "" if shares is None else f", holding {shares.sum():.0%} of the variance"
    what = "the given coordinates" if shares is None else "2 principal components"
    where = f", {kinds[0]} filled and {kinds[1]} hollow" if len(kinds) == 2 else ""
    said = f"{len(points)} points of {len(np.unique(labels))} classes in {what}{held}{where}."
    headline(fig, title or "Embeddings by class" + (" and domain" if len(kinds) == 2 else ""))
    return show(fig, alt=alt or said, caption=caption)


@in_style()
def weighed_points(
    points: ArrayLike,
    classes: ArrayLike,
    weights: ArrayLike,
    target: ArrayLike,
    *,
    edge: Callable[[np.ndarray], np.ndarray],
    lines: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    title: str,
    alt: str,
    caption: str = "",
) -> HtmlFigure:
    """Draw source points of the plane, each as large as its weight, over a target's inputs, with edges between classes.

    Parameters
    ----------
    points, classes, weights
        N×2 source inputs, N classes 0 or 1, N weights; a weight is the area of its mark.
    target
        M×2 inputs without labels.
    edge
        The true edge between the classes: x₁ → x₂.
    lines
        Method of :data:`METHODS` → its edge, in the same way.

    Raises
    ------
    ValueError
        If the points are not of the plane, or a class or a weight is missing.

    Examples
    --------
    >>> draw = np.random.default_rng(0)
    >>> x = draw.normal(size=(20, 2))
    >>> flat = lambda x1: 0 * x1
    >>> words = {"title": "Equal weights", "alt": "Twenty points of equal size and a flat line."}
    >>> weighed_points(x, x[:, 1] > 0, np.ones(20), x + 1, edge=flat, lines={"source_only": flat}, **words)
    Figure: Twenty points of equal size and a flat line.
    """
    points, target = _array(points).astype(float), _array(target).astype(float)
    classes, weights = _array(classes).astype(int), _array(weights).astype(float)
    if points.shape[1:] != (2,) or target.shape[1:] != (2,) or not len(points) == len(classes) == len(weights):
        raise ValueError(
            f"give N×2 points with N classes and N weights, and M×2 targets; these are {points.shape}, "
            f"{classes.shape}, {weights.shape} and {target.shape}."
        )
    fig, ax = axes(7.4, 4.2)
    ax.scatter(*target.T, s=24, marker=".", color=GREY, label="target, no labels")
    for side, mark, color in ((0, "o", BLUE), (1, "^", VERMILION)):
        looks = {"marker": mark, "facecolors": "none", "edgecolors": color, "label": f"source, class {side}"}
        ax.scatter(*points[classes == side].T, s=22 * weights[classes == side], **looks)
    both = np.concatenate([points, target])
    left, right = both[:, 0].min(), both[:, 0].max()
    across = np.linspace(left, right, 100)
    ax.plot(across, edge(across), color=INK, lw=1, label="the rule")
    for name, line in lines.items():
        look = method_style(name)
        ax.plot(across, line(across), color=look.color, ls=look.line, label=look.label)
    ax.set(xlim=(left, right), ylim=(both[:, 1].min(), both[:, 1].max()), xlabel="$x_1$", ylabel="$x_2$")
    fig.legend(loc="outside right center")
    headline(fig, title)
    return show(fig, alt=alt, caption=caption)


def _name_axes(ax, shares: np.ndarray | None) -> None:
    # equal units on both axes: a distance in the picture must mean the same in each direction
    ax.set_aspect("equal", adjustable="datalim")
    ax.grid(False)
    ax.set_xticks([])
    ax.set_yticks([])
    for number, setter in enumerate((ax.set_xlabel, ax.set_ylabel)):
        share = "" if shares is None else f" ({shares[number]:.0%} of the variance)"
        setter(f"{'dimension' if shares is None else 'component'} {number + 1}{share}")
