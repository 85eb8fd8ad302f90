"""Recognisers by another answer: what it gives back, or shows to a probe, on the same cases."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tl_course.exercises.question import Case
from tl_course.exercises.recognisers._once import once
from tl_course.exercises.recognisers._parts import ATOL, RTOL, Recogniser, close, parts
from tl_course.exercises.recognisers.named_parts import agrees
from tl_course.exercises.values import Data, plain, tensors


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
    given = once(lambda cases: [_given(answer, cases, without) for answer in answers])

    def recognise(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
        mine = [_first(parts(value).get(name) if name else value, first) for value in found]
        return any(
            values is not None
            and all(
                close(one, _first(other, first), rtol=rtol, atol=atol) for one, other in zip(mine, values, strict=True)
            )
            for values in given(cases)
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
