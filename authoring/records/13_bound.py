"""Record 13_bound: every term of a bound on the target's error, for thresholds on a line, before and after alignment.

The source: two classes, N(−1, 0.6²) and N(1, 0.6²), equally often. The target's inputs: the same two bells moved by 2.
``target`` says which class is which bell there: ``shifted``, as in the source; ``flipped``, the other way round, with
the very same inputs. H is all thresholds with either side as class 1. ``setting`` is "alignment, examples": the part of
the shift that is undone, and the examples of each domain that the terms are computed from. ``method`` is the term
(Ben-David and others, 2010), computed exactly for these examples, over every threshold that they can tell apart:

* ``source_error``: ε_S(h) of the threshold h that is best on the source;
* ``half_divergence``: ½·d_HΔH, the largest difference between the shares of the two samples in an interval;
* ``joint_error``: λ*, the least sum of both errors that one threshold can have (it needs the target's labels);
* ``bound``: their sum;
* ``target_error``: ε_T(h), exact for the whole population and not only for these examples.

For the mini profile only: points on a line are the same toy in every profile.
"""

import numpy as np
from scipy.stats import norm

from authoring.records.common import Cell, product

CENTRES, WIDTH, SHIFT = (-1.0, 1.0), 0.6, 2.0
TERMS = ("source_error", "half_divergence", "joint_error", "bound", "target_error")
CELLS = product(["shifted", "flipped"], TERMS, ["0, 200", "0.5, 200", "1, 200"], range(10)) + product(
    ["shifted"], ["half_divergence"], ["1, 20", "1, 2000"], range(10)
)
CHEAP = True
TOLERANCE = 1e-6


def draw(target: str, alignment: float, count: int, seed: int) -> tuple[np.ndarray, ...]:
    """Places and classes of the source and of the target, so many of each: z_s, y_s, z_t, y_t."""
    rng = np.random.default_rng(seed)
    y_s, bell = rng.integers(0, 2, (2, count))
    z_s, z_t = (np.take(CENTRES, side) + WIDTH * rng.normal(size=count) for side in (y_s, bell))
    return z_s, y_s, z_t + (1 - alignment) * SHIFT, bell if target == "shifted" else 1 - bell


def errors(z: np.ndarray, y: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Errors of "class 1 above the cut" and of "class 1 below it", for each cut: 2×c."""
    missed = np.searchsorted(np.sort(z[y == 1]), cuts, side="right")
    alarms = (y == 0).sum() - np.searchsorted(np.sort(z[y == 0]), cuts, side="right")
    above = (missed + alarms) / len(z)
    return np.stack([above, 1 - above])


def shares(z: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Which part of a sample lies at or below each cut."""
    return np.searchsorted(np.sort(z), cuts, side="right") / len(z)


def target_error(target: str, alignment: float, cut: float, side: int) -> float:
    """The population's error of one threshold; side 0 says class 1 above it, side 1 below it."""
    below = norm.cdf((cut - np.array(CENTRES) - (1 - alignment) * SHIFT) / WIDTH)
    above = (below[1] + 1 - below[0]) / 2  # the right-hand bell missed, the left-hand one taken for it
    return float(above if (side == 0) == (target == "shifted") else 1 - above)


def terms(target: str, alignment: float, count: int, seed: int) -> dict[str, float]:
    """All five numbers for one draw."""
    z_s, y_s, z_t, y_t = draw(target, alignment, count, seed)
    places = np.unique(np.concatenate([z_s, z_t]))
    cuts = np.concatenate([[places[0] - 1], (places[1:] + places[:-1]) / 2, [places[-1] + 1]])
    on_source, on_target = errors(z_s, y_s, cuts), errors(z_t, y_t, cuts)
    side, best = np.unravel_index(on_source.argmin(), on_source.shape)
    found = {
        "source_error": on_source.min(),
        "half_divergence": np.ptp(shares(z_s, cuts) - shares(z_t, cuts)),
        "joint_error": (on_source + on_target).min(),
    }
    return found | {"bound": sum(found.values()), "target_error": target_error(target, alignment, cuts[best], side)}


def measure(cell: Cell) -> float:
    """One term of one draw."""
    alignment, count = cell.setting.split(", ")
    return float(terms(cell.target, float(alignment), int(count), cell.seed)[cell.method])
