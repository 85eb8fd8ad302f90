"""How a known mistake is told from others, where it shows in more than one way.

A recogniser is a function ``recognise(found, expected, cases) -> bool``: what an answer showed on every case, what the
reference showed, and the cases. The functions below make them. Give one to `Wrong` as ``recognise``; without it a
mistake is recognised when an answer shows on every case what the wrong answer shows.

* For predictions: `number`, `above`, `below`, `chose`, `left_out`, `entry`.
* For values with named parts: `agrees`, `differs`, `right_except`, `same_shape`, `zero`, `nonzero`, `has_nan`,
  `right_but_nan`, `nan_hidden`, `has_shape`, `equal_parts`, `swapped`, `scaled`, `proportional`.
* By another answer: `gives` what it gives, `shows` to a probe what it shows.
* For what no other fits: `each`, `some`; put together by `all_of`, `any_of`, `none_of`, and on some cases by `on`.

A part is named by its key, and a part of a part by both keys with ``/`` between: ``"state/fc.weight"``. A name may
hold ``*`` for any letters, as in ``"student: *"``. Shapes are compared before numbers: a learner's process may send an
array of any shape, and NumPy would stretch it against ours, which can take gigabytes.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from tl_course.exercises.question import Case
from tl_course.exercises.values import Data, difference, plain, tensors

Recogniser = Callable[[list[Data], list[Data], list[Case]], bool]
"""``recognise(found, expected, cases)``: whether the values of all cases show a mistake."""

T = TypeVar("T")

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


# --- predictions ---------------------------------------------------------------------------------------------------


def number(*values: float, rtol: float = 0.05, atol: float = 0.0) -> Recogniser:
    """Recognise one number, of the first case, within a tolerance of one of these.

    >>> number(0.5, 1.0)([0.51], [0.25], [{}]), number(0.5)([0.6], [0.25], [{}])
    (True, False)
    """
    return lambda found, expected, cases: (
        _is_number(found[0]) and any(close(float(found[0]), one, rtol=rtol, atol=atol) for one in values)
    )


def above(bound: float, name: str = "") -> Recogniser:
    """Recognise one number, of the first case, larger than a bound: the value, or its part of this name.

    >>> above(1)([1.5], [0.25], [{}]), above(1)([[1.5, 2.0]], [0.25], [{}])
    (True, False)
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        one = parts(found[0])[name]
        return _is_number(one) and bool(one > bound)

    return recognise


def below(bound: float, name: str = "") -> Recogniser:
    """Recognise one number, of the first case, smaller than a bound: the value, or its part of this name.

    >>> below(0)([-0.5], [0.25], [{}]), below(0, "loss")([{"loss": -0.5}], [{"loss": 0.5}], [{}])
    (True, True)
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        one = parts(found[0])[name]
        return _is_number(one) and bool(one < bound)

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


# --- named parts of a value ----------------------------------------------------------------------------------------


def agrees(*names: str, rtol: float = RTOL, atol: float = ATOL) -> Recogniser:
    """Recognise what agrees with the reference in these parts, on every case; in all parts where none is named.

    >>> agrees("loss")([{"loss": 1.0, "gradient": 0.0}], [{"loss": 1.0, "gradient": 2.0}], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return all(
            name in mine and close(mine[name], part, rtol=rtol, atol=atol)
            for mine, theirs in _pairs(found, expected)
            for name, part in _chosen(theirs, names)
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
            for mine, theirs in _pairs(found, expected)
            for name, part in _chosen(theirs, names)
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
            for mine, theirs in _pairs(found, expected)
            for name, part in parts(theirs).items()
            if not _is_one_of(name, names)
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
            name in mine and _shapes(mine[name]) == _shapes(part)
            for mine, theirs in _pairs(found, expected)
            for name, part in _chosen(theirs, names)
        )

    return recognise


def zero(*names: str) -> Recogniser:
    """Recognise zeros, and nothing else, in all of these parts on every case.

    >>> zero("gradient")([{"gradient": np.zeros(3)}], [{"gradient": np.ones(3)}], [{}])
    True
    """
    return lambda found, expected, cases: all(
        not np.any(numbers) for one in found for _, part in _named(one, names) for numbers in _numbers_in(part)
    )


def nonzero(*names: str) -> Recogniser:
    """Recognise a number other than zero in at least one of these parts, on at least one case.

    >>> nonzero("gradient")([{"gradient": 0.0}, {"gradient": [np.ones(3)]}], [], [])
    True
    """
    return lambda found, expected, cases: any(
        np.any(numbers) for one in found for _, part in _named(one, names) for numbers in _numbers_in(part)
    )


def has_nan(*names: str) -> Recogniser:
    """Recognise NaN in at least one of these parts, on at least one case; in any part where none is named.

    >>> has_nan("value")([{"value": float("nan")}], [{"value": 1.0}], [{}])
    True
    """
    return lambda found, expected, cases: any(
        np.isnan(numbers).any() for one in found for _, part in _named(one, names) for numbers in _numbers_in(part)
    )


def nan_hidden(*names: str) -> Recogniser:
    """Recognise numbers where the reference has NaN, and what agrees with it everywhere else.

    >>> nan_hidden()([np.array([0.5, 0.0])], [np.array([0.5, np.nan])], [{}])
    True
    """

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        hidden = 0
        for mine, theirs in _pairs(found, expected):
            for name, part in _chosen(theirs, names):
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
    some_nan, shapes = has_nan(*names), same_shape(*names)

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        return (
            some_nan(found, expected, cases)
            and shapes(found, expected, cases)
            and all(
                close(one[~np.isnan(one)], other[~np.isnan(one)], rtol=rtol, atol=atol)
                for mine, theirs in _pairs(found, expected)
                for name, part in _chosen(theirs, names)
                for one, other in zip(_numbers_in(mine[name]), _numbers_in(part), strict=True)
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
            for mine, theirs in _pairs(found, expected)
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
            for (mine, theirs), times in zip(_pairs(found, expected), factors, strict=True)
        )

    return recognise


def proportional(name: str = "") -> Recogniser:
    """Recognise a part that is the reference's times one number above zero, on each case another one.

    >>> proportional()([[2.0, 4.0], [3.0, 0.0]], [[1.0, 2.0], [1.0, 0.0]], [{}, {}])
    True
    """
    return lambda found, expected, cases: all(
        (factor := multiple(mine[name], theirs[name])) is not None and factor > 0
        for mine, theirs in _pairs(found, expected)
    )


def multiple(found: Data, expected: Data) -> float | None:
    """Return the number that all numbers found are the expected ones times; None if there is no such number.

    Arrays in lists count together, and have to have the same shapes.

    >>> multiple([np.ones(2), 3.0], [np.ones(2) / 2, 1.5]), multiple([1.0, 2.0], [1.0, 1.0])
    (2.0, None)
    """
    if _shapes(found) != _shapes(expected):
        return None
    mine, theirs = (np.concatenate([np.ravel(one) for one in _numbers_in(part)]) for part in (found, expected))
    if not np.any(theirs):
        return None
    factor = float(mine @ theirs / (theirs @ theirs))
    return factor if close(mine, factor * theirs) else None


# --- by another answer ---------------------------------------------------------------------------------------------


def gives(
    *answers: Callable,
    name: str = "",
    without: tuple[str, ...] = (),
    first: int | None = None,
    rtol: float = RTOL,
    atol: float = ATOL,
) -> Recogniser:
    """Recognise the value that one of these answers gives on the same cases; its gradients may be any.

    Parameters
    ----------
    *answers : callable
        Called with the inputs of a case, as tensors; one that fails on a case is recognised in nothing.
    name : str
        The part of the evidence to compare with what the answer gives back; the whole where left out.
    without : tuple of str
        Inputs that these answers do not take.
    first : int, optional
        Compare the first so many entries alone.
    rtol, atol : float

    Examples
    --------
    >>> gives(lambda x: 2 * x, name="value")([{"value": 6.0, "gradient": 0.0}], [], [{"x": 3.0}])
    True
    """
    kept: list = [None, []]  # the cases asked about last, and what the answers give on them

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        if kept[0] is not cases:
            kept[:] = [cases, [_given(answer, cases, without) for answer in answers]]
        mine = [_first(parts(value).get(name) if name else value, first) for value in found]
        return any(
            values is not None
            and all(
                close(one, _first(other, first), rtol=rtol, atol=atol) for one, other in zip(mine, values, strict=True)
            )
            for values in kept[1]
        )

    return recognise


def _first(value: Data, count: int | None) -> Data:
    """The first entries of a list or an array; all of it where no count is given."""
    has_entries = isinstance(value, list) or (isinstance(value, np.ndarray) and value.ndim > 0)
    return value[:count] if has_entries else value


def shows(
    probe: Callable[[object, Case], object],
    *answers: object,
    names: tuple[str, ...] = (),
    rtol: float = RTOL,
    atol: float = ATOL,
) -> Recogniser:
    """Recognise what agrees, in these parts, with what one of these answers shows to a probe on the same cases.

    Parameters
    ----------
    probe : callable
        ``probe(answer, case)``, mostly the question's own.
    *answers : object
        One that fails on a case is recognised in nothing.
    names : tuple of str
        The parts that count; all where none is named.
    rtol, atol : float

    Examples
    --------
    >>> probe = lambda answer, case: {"loss": answer(case["x"]), "calls": 1}
    >>> shows(probe, lambda x: 2 * x, names=("loss",))([{"loss": 6.0, "calls": 9}], [], [{"x": 3.0}])
    True
    """
    shown = once(lambda cases: [_shown(probe, answer, cases) for answer in answers])
    alike = agrees(*names, rtol=rtol, atol=atol)
    return lambda found, expected, cases: any(
        values is not None and alike(found, values, cases) for values in shown(cases)
    )


def once(work: Callable[[list[Case]], T]) -> Callable[[list[Case]], T]:
    """Return a function that works something out from the cases, and again only for another list of cases.

    For recognisers of a question's own: they are asked about many answers on one list of cases.

    >>> cases, add_up = [{"x": 1.0}, {"x": 2.0}], once(lambda cases: print("working") or sum(one["x"] for one in cases))
    >>> add_up(cases), add_up(cases)
    working
    (3.0, 3.0)
    """
    kept: list = [None, None]  # the cases asked about last, and what came out

    def ask(cases: list[Case]) -> T:
        if kept[0] is not cases:
            kept[:] = [cases, work(cases)]
        return kept[1]

    return ask


def _shown(probe: Callable[[object, Case], object], answer: object, cases: list[Case]) -> list[Data] | None:
    try:
        return [plain(probe(answer, case)) for case in cases]
    except Exception:
        return None


def _given(answer: Callable, cases: list[Case], without: tuple[str, ...]) -> list[Data] | None:
    inputs = [{name: part for name, part in case.items() if name not in without} for case in cases]
    try:
        return [plain(answer(*tensors(case).values())) for case in inputs]
    except Exception:
        return None


# --- anything else, and all of them together -----------------------------------------------------------------------


def each(holds: Callable[[Data, Data, Case], bool]) -> Recogniser:
    """Recognise what satisfies ``holds(found, expected, case)`` on every case.

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

    >>> on(-1, has_nan())([1.0, float("nan")], [1.0, 2.0], [{}, {}])
    True
    >>> on(lambda case: case["alpha"] > 0, agrees())([9.0, 1.0], [0.0, 1.0], [{"alpha": 0.0}, {"alpha": 0.5}])
    True
    """
    chosen: list = [None, []]  # the cases asked about last, and those of them that count: one list, so `gives` knows it

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        if callable(which):
            places = [place for place, case in enumerate(cases) if which(case)]
        else:
            places = list(range(len(cases)))[which if isinstance(which, slice) else slice(which, which + 1 or None)]
        if chosen[0] is not cases:
            chosen[:] = [cases, [cases[place] for place in places]]
        return recogniser([found[place] for place in places], [expected[place] for place in places], chosen[1])

    return recognise


def all_of(*recognisers: Recogniser) -> Recogniser:
    """Recognise what every one of these recognises.

    >>> all_of(above(0), below(1))([0.5], [2.0], [{}])
    True
    """
    return lambda found, expected, cases: all(one(found, expected, cases) for one in recognisers)


def any_of(*recognisers: Recogniser) -> Recogniser:
    """Recognise what at least one of these recognises; one that fails recognises nothing.

    >>> any_of(below(0), above(1))([1.5], [0.5], [{}])
    True
    """
    return lambda found, expected, cases: any(_holds(one, found, expected, cases) for one in recognisers)


def none_of(*recognisers: Recogniser) -> Recogniser:
    """Recognise what none of these recognises.

    >>> none_of(agrees("loss"))([{"loss": 1.0}], [{"loss": 2.0}], [{}])
    True
    """
    return lambda found, expected, cases: not any(one(found, expected, cases) for one in recognisers)


def _holds(recogniser: Recogniser, found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    try:
        return bool(recogniser(found, expected, cases))
    except Exception:  # evidence may be of any form
        return False


# --- parts ---------------------------------------------------------------------------------------------------------


def _pairs(found: list[Data], expected: list[Data]) -> Iterator[tuple[dict[str, Data], dict[str, Data]]]:
    for mine, theirs in zip(found, expected, strict=True):
        yield parts(mine), parts(theirs)


def _is_one_of(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a part is named, or lies in a part that is."""
    return any(fnmatch.fnmatchcase(name, one) or name.startswith(f"{one}/") for one in patterns)


def _chosen(split: dict[str, Data], names: tuple[str, ...]) -> list[tuple[str, Data]]:
    """The parts of these names, all of them where none is given.

    Raises
    ------
    KeyError
        If a name fits no part: a recogniser would say yes to nothing, or no to all, and no one would see why.
    """
    for one in names:
        if not any(_is_one_of(name, (one,)) for name in split):
            raise KeyError(one)
    return [(name, part) for name, part in split.items() if not names or _is_one_of(name, names)]


def _named(value: Data, names: tuple[str, ...]) -> list[tuple[str, Data]]:
    return _chosen(parts(value), names)


def _numbers_in(part: Data) -> Iterator[np.ndarray]:
    """Every number or array of numbers in a part, lists taken apart."""
    if isinstance(part, list):
        for one in part:
            yield from _numbers_in(one)
    elif part is not None and not isinstance(part, str | dict):
        yield np.asarray(part, dtype=float)


def _shapes(part: Data) -> list[tuple[int, ...]]:
    return [one.shape for one in _numbers_in(part)]


def _is_number(value: Data) -> bool:
    if isinstance(value, bool | str | list | dict | None):
        return False
    array = np.asarray(value)
    return array.shape == () and array.dtype.kind in "fiu"
