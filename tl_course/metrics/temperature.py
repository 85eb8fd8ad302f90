"""One temperature for all logits, so that 80 % sure comes nearer to right 8 times in 10."""

import math

import numpy as np

from tl_course.metrics._class_numbers import labels_and_predictions
from tl_course.metrics.arrays import array

# A temperature further from 1 than by this factor, either way, is taken for none that examples have shown.
MOST_TEMPERATURE = 5.0
# How far from 1 a temperature lies before any example is seen: its logarithm, as a standard deviation.
USUAL_SPREAD = 0.5


def fit_temperature(labels, logits, *, spread: float | None = USUAL_SPREAD) -> float:
    """Return the temperature by which to divide logits: the likeliest, given examples that were not trained on.

    It minimises Σᵢ −log softmax(zᵢ/T)[yᵢ] + (ln T)²/(2 s²) between 1/5 and 5. The first term is the negative
    log-likelihood; the second, a prior on T, counts as much as a handful of examples: without it five examples that are
    all right would make every answer certain. No answer changes, for the largest logit stays the largest.

    Parameters
    ----------
    labels : N class numbers
    logits : N×C table
    spread : float, optional
        s, above 0; None for the likelihood alone.

    Raises
    ------
    ValueError
        When there is no example, sizes differ, or a logit is not finite.

    Notes
    -----
    Guo et al. (2017), who fit the likelihood alone, on thousands of examples.

    Examples
    --------
    A network that is sure of everything and right three times in four:

    >>> logits = [[9.0, 0.0]] * 400
    >>> temperature = fit_temperature([0, 0, 0, 1] * 100, logits, spread=None)
    >>> 4.99 < temperature <= 5
    True
    >>> round(fit_temperature([0, 0, 0, 1], [[2.0, 0.0]] * 4), 2)
    1.18
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_softmax

    if spread is not None and not spread > 0:
        raise ValueError(f"spread={spread}: give a number above 0, or None for the likelihood alone.")
    table = np.asarray(array(logits), dtype=float)
    if not np.isfinite(table).all():
        raise ValueError("A logit is not finite, so no temperature fits; look at the network's last layer.")
    labels, _ = labels_and_predictions(labels, table)
    if labels.max() >= table.shape[1]:
        raise ValueError(f"The logits are about {table.shape[1]} classes, and a label is {labels.max()}: count from 0.")
    rows = np.arange(len(labels))

    def cost(log_temperature: float) -> float:
        loss = -log_softmax(table / math.exp(log_temperature), axis=1)[rows, labels].sum()
        return loss if spread is None else loss + log_temperature**2 / (2 * spread**2)

    most = math.log(MOST_TEMPERATURE)
    return math.exp(minimize_scalar(cost, bounds=(-most, most), method="bounded", options={"xatol": 1e-6}).x)
