"""Recognisers of predictions: one number, or a choice of letters."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case
from tl_course.exercises.recognisers._parts import Recogniser, close, is_number, parts
from tl_course.exercises.values import Data


def number(*values: float, rtol: float = 0.05, atol: float = 0.0) -> Recogniser:
    """Recognise one number, of the first case, within a tolerance of one of these.

    >>> number(0.5, 1.0)([0.51], [0.25], [{}]), number(0.5)([0.6], [0.25], [{}])
    (True, False)
    """
    return lambda found, expected, cases: (
        is_number(found[0]) and any(close(float(found[0]), one, rtol=rtol, atol=atol) for one in values)
    )


def above(bound: float, name: str = "") -> Recogniser:
    """Recognise one number, of the first case, larger than a bound: the value, or its part of this name.

    >>> above(1)([1.5], [0.25], [{}]), above(1)([[1.5, 2.0]], [0.25], [{}])
    (True, False)
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        one = parts(found[0])[name]
        return is_number(one) and bool(one > bound)

    return recognise


def below(bound: float, name: str = "") -> Recogniser:
    """Recognise one number, of the first case, smaller than a bound: the value, or its part of this name.

    >>> below(0)([-0.5], [0.25], [{}]), below(0, "loss")([{"loss": -0.5}], [{"loss": 0.5}], [{}])
    (True, True)
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        one = parts(found[0])[name]
        return is_number(one) and bool(one < bound)

    return recognise


def chose(*letters: str) -> Recogniser:
    """Recognise a choice with at least one of these letters in it.

    >>> chose("A", "E")([["B", "E"]], [["B"]], [{}])
    True
    """
    return lambda found, expected, cases: isinstance(found[0], list) and any(one in found[0] for one in letters)


def left_out(*letters: str) -> Recogniser:
    """Recognise a choice without at least one of these letters.

    >>> left_out("B")([["C"]], [["B", "C"]], [{}])
    True
    """
    return lambda found, expected, cases: isinstance(found[0], list) and any(one not in found[0] for one in letters)


def entry(position: int, *values: Data) -> Recogniser:
    """Recognise a list, of the first case, with one of these values at this position.

    >>> entry(0, "inductive")([["inductive", "none"]], [["transductive", "none"]], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        row = found[0].tolist() if isinstance(found[0], np.ndarray) else found[0]
        inside = isinstance(row, list) and -len(row) <= position < len(row)
        return inside and any(close(row[position], one) for one in values)

    return recognise
