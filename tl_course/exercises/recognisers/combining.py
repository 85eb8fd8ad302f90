"""Recognisers made of others or of a condition, for what no other recogniser fits."""

from __future__ import annotations

from collections.abc import Callable

from tl_course.exercises.question import Case
from tl_course.exercises.recognisers._once import once
from tl_course.exercises.recognisers._parts import Recogniser
from tl_course.exercises.values import Data


def each(holds: Callable[[Data, Data, Case], bool]) -> Recogniser:
    """Recognise what satisfies ``holds(found, expected, case)`` on every case.

    >>> import numpy as np
    >>> each(lambda found, expected, case: np.shape(found) == (case["count"],))([[1.0, 2.0]], [[3.0]], [{"count": 2}])
    True
    """
    return lambda found, expected, cases: all(
        bool(holds(mine, theirs, case)) for mine, theirs, case in zip(found, expected, cases, strict=True)
    )


def some(holds: Callable[[Data, Data, Case], bool]) -> Recogniser:
    """Recognise what satisfies ``holds(found, expected, case)`` on at least one case.

    >>> some(lambda found, expected, case: found > expected)([1.0, 3.0], [2.0, 2.0], [{}, {}])
    True
    """
    return lambda found, expected, cases: any(
        bool(holds(mine, theirs, case)) for mine, theirs, case in zip(found, expected, cases, strict=True)
    )


def on(which: int | slice | Callable[[Case], bool], recogniser: Recogniser) -> Recogniser:
    """Ask a recogniser about some of the cases: one position, a slice, or those that satisfy a condition.

    >>> from tl_course.exercises.recognisers import agrees, has_nan
    >>> on(-1, has_nan())([1.0, float("nan")], [1.0, 2.0], [{}, {}])
    True
    >>> on(lambda case: case["alpha"] > 0, agrees())([9.0, 1.0], [0.0, 1.0], [{"alpha": 0.0}, {"alpha": 0.5}])
    True
    """
    chosen = once(lambda cases: _chosen(which, cases))

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        places, some_cases = chosen(cases)  # the same list each time, so that `gives` knows it again
        return recogniser([found[place] for place in places], [expected[place] for place in places], some_cases)

    return recognise


def _chosen(which: int | slice | Callable[[Case], bool], cases: list[Case]) -> tuple[list[int], list[Case]]:
    """The positions of some of the cases, and these cases."""
    if callable(which):
        places = [place for place, case in enumerate(cases) if which(case)]
    else:
        places = list(range(len(cases)))[which if isinstance(which, slice) else slice(which, which + 1 or None)]
    return places, [cases[place] for place in places]


def all_of(*recognisers: Recogniser) -> Recogniser:
    """Recognise what every one of these recognises.

    >>> from tl_course.exercises.recognisers import above, below
    >>> all_of(above(0), below(1))([0.5], [2.0], [{}])
    True
    """
    return lambda found, expected, cases: all(one(found, expected, cases) for one in recognisers)


def any_of(*recognisers: Recogniser) -> Recogniser:
    """Recognise what at least one of these recognises; one that fails recognises nothing.

    >>> from tl_course.exercises.recognisers import above, below
    >>> any_of(below(0), above(1))([1.5], [0.5], [{}])
    True
    """
    return lambda found, expected, cases: any(_holds(one, found, expected, cases) for one in recognisers)


def none_of(*recognisers: Recogniser) -> Recogniser:
    """Recognise what none of these recognises.

    >>> from tl_course.exercises.recognisers import agrees
    >>> none_of(agrees("loss"))([{"loss": 1.0}], [{"loss": 2.0}], [{}])
    True
    """
    return lambda found, expected, cases: not any(one(found, expected, cases) for one in recognisers)


def _holds(recogniser: Recogniser, found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    try:
        return bool(recogniser(found, expected, cases))
    except Exception:  # evidence may be of any form
        return False
