"""The numbers that a loss is given, checked and made plain."""

import math
from typing import Any

from tl_course.plain_numbers import real_number


def share(name: str, value: Any, at_zero: str, at_one: str) -> float:
    """A weight in [0, 1] as a float; another is refused by its name and what the ends mean (ValueError).

    Examples
    --------
    >>> share("alpha", 2, "the target alone", "the source alone")
    Traceback (most recent call last):
    ValueError: alpha=2 must lie between 0 (the target alone) and 1 (the source alone).
    """
    plain = real_number(name, value)
    if not 0 <= plain <= 1:
        raise ValueError(f"{name}={value} must lie between 0 ({at_zero}) and 1 ({at_one}).")
    return plain


def softening(temperature: Any) -> float:
    """A temperature above 0 as a float; another is refused (ValueError).

    Examples
    --------
    >>> softening(-1)
    Traceback (most recent call last):
    ValueError: temperature=-1: a temperature is a number above 0, such as 4; 1 leaves the logits as they are.
    """
    plain = real_number("temperature", temperature)
    if not 0 < plain < math.inf:
        raise ValueError(
            f"temperature={temperature}: a temperature is a number above 0, such as 4; 1 leaves the logits as they are."
        )
    return plain
