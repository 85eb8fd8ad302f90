"""Student's t intervals around the mean of a few seeds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A mean and a two-sided Student t confidence interval around it, in the unit of the values.

    >>> Interval(mean=0.5, low=0.4, high=0.6, n=5).half_width
    0.1
    """

    mean: float
    low: float
    high: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the length of the interval, rounded to 12 digits."""
        return round((self.high - self.low) / 2, 12)

    @property
    def points(self) -> str:
        """Mean and ends in percentage points, for a difference of two shares; zero has no sign.

        >>> Interval(mean=0.051, low=-0.0004, high=0.1024, n=5).points
        '5.1 [0.0, 10.2]'
        """
        mean, low, high = (f"{round(100 * value, 1) + 0.0:.1f}" for value in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]"


def t_quantile(level: float, degrees: float) -> float:
    """The two-sided Student t quantile: P(|T| ≤ q) = level for ``degrees`` degrees of freedom.

    >>> round(t_quantile(0.95, 4), 3)
    2.776
    """
    from scipy.special import stdtrit

    return float(stdtrit(degrees, 0.5 + level / 2))


def mean_and_sd(values: Sequence[float]) -> tuple[float, float]:
    """Mean and sample standard deviation (n − 1 in the denominator) of at least two values."""
    n = len(values)
    if n < 2:
        raise ValueError(f"an interval needs at least 2 values and there is {n}: record more seeds.")
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))


def t_interval(values: Iterable[float], level: float = 0.95) -> Interval:
    """Mean of the values with its t interval, mean ± t(level, n − 1)·s/√n.

    Raises
    ------
    ValueError
        For fewer than two values, from which no spread can be told.

    Examples
    --------
    >>> interval = t_interval([0.80, 0.82, 0.84])
    >>> round(interval.low, 4), round(interval.mean, 4), round(interval.high, 4)
    (0.7703, 0.82, 0.8697)
    """
    values = list(values)
    mean, sd = mean_and_sd(values)
    half = t_quantile(level, len(values) - 1) * sd / math.sqrt(len(values))
    return Interval(mean, mean - half, mean + half, len(values))
