"""Precision and recall over the threshold from which a class is called."""

import numpy as np
from numpy.typing import ArrayLike

from tl_course.figures.html import HtmlFigure, show
from tl_course.figures.style import BLUE, GREY, VERMILION, axes, headline, in_style

LEVELS = np.arange(1, 20) / 20


@in_style()
def thresholds(scores: ArrayLike, truth: ArrayLike, at: float, *, caption: str = "") -> HtmlFigure:
    """Draw precision and recall over the threshold, with the counts at one of them in the title.

    Where nothing is called so, precision counts as 0.

    Parameters
    ----------
    scores
        N probabilities of the class.
    truth
        N truth values: whether the example is of the class.
    at
        The threshold to mark: from this probability up, the class is called.

    Raises
    ------
    ValueError
        When the two differ in length, or no example is of the class.

    Examples
    --------
    >>> thresholds([0.9, 0.6, 0.2], [True, False, True], 0.5)
    Figure: Precision and recall over the threshold; at 0.5 they are 50% and 50%. 1 found, 1 missed, 1 wrong.
    """
    scores, truth = np.asarray(scores, dtype=float), np.asarray(truth, dtype=bool)
    if scores.shape != truth.shape:
        raise ValueError(f"you gave {scores.shape} scores and {truth.shape} truths; give as many of both.")
    if not truth.any():
        raise ValueError("no example is of the class, so there is no recall; give some that are.")
    fig, ax = axes(7.4, 3.5)
    curves = np.array([_at(scores, truth, level)[:2] for level in LEVELS])
    ax.plot(LEVELS, curves[:, 0], color=BLUE, marker="s", markevery=2, label="precision")
    ax.plot(LEVELS, curves[:, 1], color=VERMILION, marker="^", markevery=2, label="recall")
    ax.axvline(at, color=GREY, linestyle="--", label="the threshold")
    ax.set(xlabel="threshold (probability)", ylabel="fraction", ylim=(0, 1.02))
    ax.legend(
        loc="lower center", ncols=3, frameon=True, framealpha=1, edgecolor="none"
    )  # the dashed line passes behind
    precision, recall, counts = _at(scores, truth, at)
    headline(fig, f"From {at:g} up: {counts}")
    said = f"Precision and recall over the threshold; at {at:g} they are {precision:.0%} and {recall:.0%}."
    return show(fig, alt=f"{said} {counts}.", caption=caption)


def _at(scores: np.ndarray, truth: np.ndarray, level: float) -> tuple[float, float, str]:
    called = scores >= level
    found, wrong, missed = ((called & truth).sum(), (called & ~truth).sum(), (~called & truth).sum())
    said = f"{found} found, {missed} missed, {wrong} wrong"
    return found / max(found + wrong, 1), found / truth.sum(), said
