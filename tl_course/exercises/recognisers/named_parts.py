"""Recognisers of values with named parts, mostly compared with what the reference showed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tl_course.exercises.question import Case
from tl_course.exercises.recognisers._parts import (
    ATOL,
    RTOL,
    Recogniser,
    chosen,
    close,
    is_one_of,
    named,
    numbers_in,
    pairs,
    parts,
    shapes,
)
from tl_course.exercises.values import Data


def agrees(*names: str, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise what agrees with the reference in these parts, on every case; in all parts where none is named.

    >>> agrees("loss")([{"loss": 1.0, "gradient": 0.0}], [{"loss": 1.0, "gradient": 2.0}], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return all(
            name in mine and close(mine[name], part, rtol=rtol, atol=atol)
            for mine, theirs in pairs(found, expected)
            for name, part in chosen(theirs, names)
        )

    return recognise


def differs(*names: str, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise what differs from the reference in at least one of these parts, on at least one case.

    >>> differs("*running_mean")([{"bn.running_mean": 0.0}], [{"bn.running_mean": 1.0}], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return any(
            name in mine and not close(mine[name], part, rtol=rtol, atol=atol)
            for mine, theirs in pairs(found, expected)
            for name, part in chosen(theirs, names)
        )

    return recognise


def right_except(*names: str, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise what agrees with the reference but for these parts, and differs in at least one of them.

    >>> right_except("gradient*")([{"loss": 1.0, "gradient by x": 0.0}], [{"loss": 1.0, "gradient by x": 2.0}], [{}])
    True
    """
    off = differs(*names, rtol=rtol, atol=atol)

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        rest = all(
            name in mine and close(mine[name], part, rtol=rtol, atol=atol)
            for mine, theirs in pairs(found, expected)
            for name, part in parts(theirs).items()
            if not is_one_of(name, names)
        )
        return rest and off(found, expected, cases)

    return recognise


def same_shape(*names: str) -> Recogniser:
    """Recognise the reference's shapes in these parts, on every case, with any numbers.

    >>> same_shape()([np.zeros(3)], [np.ones(3)], [{}]), same_shape()([np.zeros(2)], [np.ones(3)], [{}])
    (True, False)
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return all(
            name in mine and shapes(mine[name]) == shapes(part)
            for mine, theirs in pairs(found, expected)
            for name, part in chosen(theirs, names)
        )

    return recognise


def zero(*names: str) -> Recogniser:
    """Recognise zeros, and nothing else, in all of these parts on every case.

    >>> zero("gradient")([{"gradient": np.zeros(3)}], [{"gradient": np.ones(3)}], [{}])
    True
    """
    return lambda found, expected, cases: all(
        not np.any(numbers) for one in found for _, part in named(one, names) for numbers in numbers_in(part)
    )


def nonzero(*names: str) -> Recogniser:
    """Recognise a number other than zero in at least one of these parts, on at least one case.

    >>> nonzero("gradient")([{"gradient": 0.0}, {"gradient": [np.ones(3)]}], [], [])
    True
    """
    return lambda found, expected, cases: any(
        np.any(numbers) for one in found for _, part in named(one, names) for numbers in numbers_in(part)
    )


def has_nan(*names: str) -> Recogniser:
    """Recognise NaN in at least one of these parts, on at least one case; in any part where none is named.

    >>> has_nan("value")([{"value": float("nan")}], [{"value": 1.0}], [{}])
    True
    """
    return lambda found, expected, cases: any(
        np.isnan(numbers).any() for one in found for _, part in named(one, names) for numbers in numbers_in(part)
    )


def nan_hidden(*names: str) -> Recogniser:
    """Recognise numbers where the reference has NaN, and what agrees with it everywhere else.

    >>> nan_hidden()([np.array([0.5, 0.0])], [np.array([0.5, np.nan])], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        hidden = 0
        for mine, theirs in pairs(found, expected):
            for name, part in chosen(theirs, names):
                given, wanted = np.asarray(mine[name], dtype=float), np.asarray(part, dtype=float)
                if given.shape != wanted.shape:
                    return False
                unknown = np.isnan(wanted)
                if np.isnan(given[unknown]).any() or not close(given[~unknown], wanted[~unknown]):
                    return False
                hidden += int(unknown.sum())
        return hidden > 0

    return recognise


def has_shape(shape: Sequence[int | None] | Callable[[Case], Sequence[int | None]], name: str = "") -> Recogniser:
    """Recognise a part of this shape on every case; None stands for any length, and the shape may depend on the case.

    >>> has_shape((None, 5), "features")([{"features": np.zeros((3, 5))}], [], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        wanted = [tuple(shape(case)) if callable(shape) else tuple(shape) for case in cases]
        given = [np.shape(parts(value)[name]) for value in found]
        return all(
            len(mine) == len(theirs) and all(one in (length, None) for length, one in zip(mine, theirs, strict=True))
            for mine, theirs in zip(given, wanted, strict=True)
        )

    return recognise


def right_but_nan(*names: str, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise NaN somewhere in these parts, and what the reference shows everywhere else.

    >>> right_but_nan()([np.array([1.0, np.nan])], [np.array([1.0, 0.0])], [{}])
    True
    """
    some_nan, alike = has_nan(*names), same_shape(*names)

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return (
            some_nan(found, expected, cases)
            and alike(found, expected, cases)
            and all(
                close(one[~np.isnan(one)], other[~np.isnan(one)], rtol=rtol, atol=atol)
                for mine, theirs in pairs(found, expected)
                for name, part in chosen(theirs, names)
                for one, other in zip(numbers_in(mine[name]), numbers_in(part), strict=True)
            )
        )

    return recognise


def equal_parts(one: str, other: str, *, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise two parts of an answer that agree with each other on every case.

    >>> equal_parts("loss", "loss of others")([{"loss": 1.0, "loss of others": 1.0}], [], [])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        both = [parts(value) for value in found]
        return all(close(each[one], each[other], rtol=rtol, atol=atol) for each in both)

    return recognise


def swapped(one: str, other: str, *, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise two parts that have changed places, on every case.

    >>> swapped("first", "second")([{"first": 1.0, "second": 2.0}], [{"first": 2.0, "second": 1.0}], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return all(
            close(mine[one], theirs[other], rtol=rtol, atol=atol)
            and close(mine[other], theirs[one], rtol=rtol, atol=atol)
            for mine, theirs in pairs(found, expected)
        )

    return recognise


def scaled(
    factor: float | Callable[[Case], float], name: str = "", *, rtol: float = RTOL, atol: float = ATOL
) -> Recogniser:
    """Recognise a part that is the reference's times a factor on every case; the factor may depend on the case.

    >>> scaled(lambda case: case["T"])([6.0], [2.0], [{"T": 3.0}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        factors = [factor(case) if callable(factor) else factor for case in cases]
        return all(
            close(mine[name], np.asarray(theirs[name]) * times, rtol=rtol, atol=atol)
            for (mine, theirs), times in zip(pairs(found, expected), factors, strict=True)
        )

    return recognise


def proportional(name: str = "") -> Recogniser:
    """Recognise a part that is the reference's times one number above zero, on each case another one.

    >>> proportional()([[2.0, 4.0], [3.0, 0.0]], [[1.0, 2.0], [1.0, 0.0]], [{}, {}])
    True
    """
    return lambda found, expected, cases: all(
        (factor := multiple(mine[name], theirs[name])) is not None and factor > 0
        for mine, theirs in pairs(found, expected)
    )


def multiple(found: Data, expected: Data) -> float | None:
    """Return the number that all numbers found are the expected ones times; None if there is no such number.

    Arrays in lists count together, and have to have the same shapes.

    >>> multiple([np.ones(2), 3.0], [np.ones(2) / 2, 1.5]), multiple([1.0, 2.0], [1.0, 1.0])
    (2.0, None)
    """
    if shapes(found) != shapes(expected):
        return None
    mine, theirs = (np.concatenate([np.ravel(one) for one in numbers_in(part)]) for part in (found, expected))
    if not np.any(theirs):
        return None
    factor = float(mine @ theirs / (theirs @ theirs))
    return factor if close(mine, factor * theirs) else None
