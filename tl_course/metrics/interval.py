"""A number with its confidence interval, and Wilson's interval of a proportion."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from tl_course.plain_numbers import real_number, whole_numbers


@dataclass(frozen=True)
class Interval:
    """A number with its confidence interval.

    Attributes
    ----------
    value, low, high : float
        The estimate and the ends of its interval, all in the unit of the estimate.
    n : int
        How many observations stand behind it: examples for an accuracy, seeds for a difference over seeds.
    confidence : float
        The level of the interval.

    Examples
    --------
    A format applies to all three numbers, and ``float`` gives the estimate alone:

    >>> score = Interval(0.912, 0.893, 0.928, n=1000)
    >>> print(score)
    0.912 [0.893, 0.928], n=1000
    >>> f"{score:.1%}", float(score)
    ('91.2% [89.3%, 92.8%], n=1000', 0.912)
    """

    value: float
    low: float
    high: float
    n: int
    confidence: float = 0.95

    def __float__(self) -> float:
        return float(self.value)

    def __format__(self, spec: str) -> str:
        value, low, high = (format(number, spec or ".3f") for number in (self.value, self.low, self.high))
        return f"{value} [{low}, {high}], n={self.n}"

    def __str__(self) -> str:
        return format(self, "")


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion: never outside [0, 1], honest also at 0 and n successes.

    Parameters
    ----------
    successes, n : int
        Successes among n independent trials.
    confidence : float
        Level, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If n < 1, successes is not in 0 … n, or the level is not in (0, 1).

    Notes
    -----
    Wilson (1927): (p + z²/2n ± z·√(p(1−p)/n + z²/4n²)) / (1 + z²/n).

    Examples
    --------
    >>> print(wilson(10, 10))  # ten of ten right is no proof of perfection
    1.000 [0.722, 1.000], n=10
    """
    successes, n = whole_numbers(successes=successes, n=n)
    confidence = real_number("confidence", confidence)
    if n < 1 or not 0 <= successes <= n:
        raise ValueError(f"{successes} successes in {n} trials is no proportion: it needs 0 ≤ successes ≤ n and n ≥ 1.")
    p, z = successes / n, normal_quantile(confidence)
    scale = 1 + z * z / n
    centre = (p + z * z / (2 * n)) / scale
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale
    # At 0 and n successes the end is exact in theory and a rounding error away from it in floating point.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(p, low, high, n, confidence)


def normal_quantile(confidence: float) -> float:
    """z, such that a normal number lies between −z and z with this confidence (ValueError if it is no level)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence={confidence}: a confidence level lies strictly between 0 and 1, such as 0.95.")
    return NormalDist().inv_cdf(0.5 + confidence / 2)
