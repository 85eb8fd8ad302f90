"""What recognisers compare: a value taken apart into named parts, and these into numbers."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator

import numpy as np

from tl_course.exercises.question import Case
from tl_course.exercises.values import Data, difference

Recogniser = Callable[[list[Data], list[Data], list[Case]], bool]
"""``recognise(found, expected, cases)``: whether the values of all cases show a mistake."""

RTOL, ATOL = 1e-4, 1e-6


def close(found: Data, expected: Data, *, rtol: float = RTOL, atol: float = ATOL) -> bool:
    """Whether plain data have the same shape and agree: |found − expected| ≤ atol + rtol·|expected|; NaN equals NaN.

    >>> close([1.0, 2.0], np.array([1.0, 2.00001])), close(1.0, np.ones(3))
    (True, False)
    """
    found, expected = (np.asarray(one) if isinstance(one, np.generic) else one for one in (found, expected))
    return difference(found, expected, rtol=rtol, atol=atol) is None


def parts(value: Data, at: str = "") -> dict[str, Data]:
    """Return the parts of a value by name; a value that is no dict is one part, without a name.

    >>> parts({"loss": 0.5, "state": {"weight": 1.0, "bias": 0.0}})
    {'loss': 0.5, 'state/weight': 1.0, 'state/bias': 0.0}
    """
    if not isinstance(value, dict):
        return {at: value}
    return {
        name: part for key, inner in value.items() for name, part in parts(inner, f"{at}/{key}" if at else key).items()
    }


def pairs(found: list[Data], expected: list[Data]) -> Iterator[tuple[dict[str, Data], dict[str, Data]]]:
    for mine, theirs in zip(found, expected, strict=True):
        yield parts(mine), parts(theirs)


def is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a part is named, or lies in a part that is."""
    return any(fnmatch.fnmatchcase(name, one) or name.startswith(f"{one}/") for one in patterns)


def chosen(split: dict[str, Data], names: tuple[str, ...]) -> list[tuple[str, Data]]:
    """The parts of these names, all of them where none is given.

    Raises
    ------
    KeyError
        If a name fits no part: a recogniser would say yes to nothing, or no to all, and no one would see why.
    """
    for one in names:
        if not any(is_one_of(name, (one,)) for name in split):
            raise KeyError(one)
    return [(name, part) for name, part in split.items() if not names or is_one_of(name, names)]


def named(value: Data, names: tuple[str, ...]) -> list[tuple[str, Data]]:
    return chosen(parts(value), names)


def numbers_in(part: Data) -> Iterator[np.ndarray]:
    """Every number or array of numbers in a part, lists taken apart."""
    if isinstance(part, list):
        for one in part:
            yield from numbers_in(one)
    elif part is not None and not isinstance(part, str | dict):
        yield np.asarray(part, dtype=float)


def shapes(part: Data) -> list[tuple[int, ...]]:
    return [one.shape for one in numbers_in(part)]


def is_number(value: Data) -> bool:
    if isinstance(value, bool | str | list | dict | None):
        return False
    array = np.asarray(value)
    return array.shape == () and array.dtype.kind in "fiu"
