"""Plain data: the only thing that passes between an answer and the one who judges it.

Plain data are None, bools, numbers, texts, numpy arrays of numbers, lists of plain data, and dicts of them with texts
as keys. They can be written as JSON and read back without running any code, which pickle cannot promise.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

Data = Any
"""Plain data, as this module defines them."""

NUMERIC = "fiub"
MAX_DEPTH = 12
MAX_PAIRS = 10_000_000
"""Numbers that come of two arrays spread over each other, at most: 80 MB."""
MAX_EXTENT = 2**31


class Unfit(Exception):
    """An answer cannot be judged; the message says why, in words for the learner."""


# --- what an answer gave back, made plain --------------------------------------------------------------------------


def plain(value: object, depth: int = 0) -> Data:
    """Return a value as plain data: tensors become arrays, tuples and sets become lists.

    Raises
    ------
    Unfit
        If there is something in it that is no plain data; the message names its type.

    Examples
    --------
    >>> plain({"loss": torch.tensor(0.5), "parts": {"b", "a"}})
    {'loss': array(0.5, dtype=float32), 'parts': ['a', 'b']}
    """
    if depth > MAX_DEPTH:
        raise Unfit("It gave back lists within lists without an end; give back numbers, tensors or texts.")
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        return _array(value)
    if isinstance(value, np.ndarray | np.generic) and np.asarray(value).dtype.kind in NUMERIC:
        return np.array(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((plain(item, depth + 1) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value]
    raise Unfit(f"It gave back {_a(type(value).__name__)}; give back numbers, tensors or texts.")


def _array(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor).numpy().copy()


def tensors(data: Data) -> Any:
    """Return plain data with every array as a fresh tensor.

    >>> tensors({"x": np.zeros(2), "alpha": 0.5})
    {'x': tensor([0., 0.], dtype=torch.float64), 'alpha': 0.5}
    """
    if isinstance(data, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(data).copy()).reshape(data.shape)
    if isinstance(data, list):
        return [tensors(item) for item in data]
    if isinstance(data, dict):
        return {key: tensors(item) for key, item in data.items()}
    return data


# --- where two of them differ --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """The first difference between what was found and what was expected.

    Attributes
    ----------
    kind : str
        ``"type"``, ``"shape"``, ``"not finite"`` or ``"value"``.
    sentence : str
        For the learner.
    hint : str
        A likely reason; mostly empty.
    """

    kind: str
    sentence: str
    hint: str = ""


def difference(
    found: Data, expected: Data, *, rtol: float = 1e-4, atol: float = 1e-6, at: str = "It"
) -> Difference | None:
    """Return where plain data differ from what was expected, or None where they agree.

    Numbers agree when |found − expected| ≤ atol + rtol·|expected|; texts, when they are equal but for capitals and
    spaces at the ends. A list of numbers and an array of the same shape count as the same thing.

    Examples
    --------
    >>> difference([1.0, 2.0], np.array([1.0, 2.0])) is None
    True
    >>> difference(0.31, 0.4375).sentence
    'It is 0.31 where 0.4375 was expected.'
    >>> difference(np.zeros(3), 0.0).sentence
    'It is an array of shape (3,) where a number was expected.'
    """
    if isinstance(expected, dict):
        return _dicts(found, expected, rtol, atol, at)
    if isinstance(expected, list) and not _is_numeric(expected):
        return _lists(found, expected, rtol, atol, at)
    if expected is None or isinstance(expected, bool | str):
        return _words(found, expected, at)
    if not _is_numeric(found):
        return Difference("type", f"{at} is {describe(found)} where {_wanted(expected)} was expected.", _hint(found))
    return _numbers(np.asarray(found), np.asarray(expected), rtol, atol, at)


def _dicts(found: Data, expected: dict, rtol: float, atol: float, at: str) -> Difference | None:
    if not isinstance(found, dict):
        return Difference("type", f"{at} is {describe(found)} where a dict was expected.", _hint(found))
    for key, value in expected.items():
        if key not in found:
            return Difference("value", f"{at} has no {key!r}.")
        if differs := difference(found[key], value, rtol=rtol, atol=atol, at=f"`{key}`"):
            return differs
    extra = [key for key in found if key not in expected]
    return Difference("value", f"{at} has {extra[0]!r}, which does not belong there.") if extra else None


def _lists(found: Data, expected: list, rtol: float, atol: float, at: str) -> Difference | None:
    if isinstance(found, np.ndarray) and found.ndim:
        found = list(found)
    if not isinstance(found, list):
        return Difference("type", f"{at} is {describe(found)} where a list was expected.", _hint(found))
    if len(found) != len(expected):
        return Difference("shape", f"{at} has {len(found)} entries where {len(expected)} were expected.")
    for number, (mine, theirs) in enumerate(zip(found, expected, strict=True)):
        entry = f"Entry {number}" if at == "It" else f"{at}, entry {number},"
        if differs := difference(mine, theirs, rtol=rtol, atol=atol, at=entry):
            return differs
    return None


def _words(found: Data, expected: bool | str | None, at: str) -> Difference | None:
    if isinstance(found, np.ndarray) and found.shape == () and found.dtype == bool:
        found = bool(found)
    if type(found) is not type(expected):
        return Difference("type", f"{at} is {describe(found)} where {_wanted(expected)} was expected.", _hint(found))
    same = found.strip().casefold() == expected.strip().casefold() if isinstance(found, str) else found == expected
    return None if same else Difference("value", f"{at} is {found!r}, which is not the answer.")


def _numbers(found: np.ndarray, expected: np.ndarray, rtol: float, atol: float, at: str) -> Difference | None:
    if found.shape != expected.shape:
        return Difference("shape", f"{at} is {describe(found)} where {_wanted(expected)} was expected.")
    mine, theirs = found.astype(np.float64), expected.astype(np.float64)
    if np.isfinite(theirs).all() and not np.isfinite(mine).all():
        what = "NaN (not a number)" if np.isnan(mine).any() else "infinity"
        return Difference("not finite", f"{at} holds {what}.")
    off = ~np.isclose(mine, theirs, rtol=rtol, atol=atol, equal_nan=True)
    if not off.any():
        return None
    if not expected.shape:
        return Difference("value", f"{at} is {mine:.5g} where {theirs:.5g} was expected.")
    where = np.unravel_index(int(np.argmax(np.abs(np.where(off, mine - theirs, 0)))), off.shape)
    spot = ", ".join(map(str, where))
    return Difference(
        "value",
        f"{at} differs in {int(off.sum())} of {off.size} numbers; at [{spot}] it is {mine[where]:.5g} where "
        f"{theirs[where]:.5g} was expected.",
    )


def _is_numeric(value: Data) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in NUMERIC
    if type(value) not in (int, float, list):
        return False
    try:
        return np.asarray(value).dtype.kind in "fiu"  # an integer of a thousand digits is an object to numpy
    except (ValueError, TypeError, OverflowError):
        return False


def _hint(found: Data) -> str:
    return "Did you forget `return`?" if found is None else ""


def _wanted(expected: Data) -> str:
    """What was expected, without giving it away."""
    if isinstance(expected, bool):
        return "True or False"
    if isinstance(expected, str):
        return "a text"
    return "a number" if np.asarray(expected).shape == () and expected is not None else describe(expected)


def describe(data: Data) -> str:
    """Name plain data in a few words.

    >>> describe(np.zeros((2, 3))), describe(None), describe([1, "a"]), describe(0.25)
    ('an array of shape (2, 3)', 'None', 'a list of 2', '0.25')
    """
    if isinstance(data, np.ndarray) and data.shape:
        return f"an array of shape {data.shape}"
    if isinstance(data, list | dict):
        return f"{_a(type(data).__name__)} of {len(data)}"
    if isinstance(data, str):
        return repr(data if len(data) <= 40 else data[:39] + "…")
    if type(data) is int and abs(data) > 10**15:
        return "a very large number"
    return f"{data:.5g}" if isinstance(data, float | np.ndarray) else str(data)


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def too_large_beside(found: Data, expected: Data, most: int) -> bool:
    """Whether computing with what was found, beside so many numbers, may take far more memory than either.

    Arrays of unlike shapes are spread over each other: a column of a million numbers beside a row of a thousand makes a
    thousand million. An array of the shape that was expected at its place is never too large.

    Parameters
    ----------
    found, expected : plain data
    most : int
        The numbers of the largest array that it may meet; see `extent`.

    Examples
    --------
    >>> too_large_beside(np.zeros((10**6, 1)), np.zeros(1000), 1000)
    True
    >>> too_large_beside(np.zeros(10**6), np.zeros(10**6), 10**6), too_large_beside(2.0, np.zeros(1000), 1000)
    (False, False)
    """
    if isinstance(found, dict):
        inner = expected if isinstance(expected, dict) else {}
        return any(too_large_beside(one, inner.get(key), most) for key, one in found.items())
    if isinstance(found, list) and not _is_numeric(found):
        inner = expected if isinstance(expected, list) else []
        inner = [*inner, *[None] * (len(found) - len(inner))]
        return any(too_large_beside(one, other, most) for one, other in zip(found, inner, strict=False))
    return extent(found) * most > MAX_PAIRS and not (
        _is_numeric(expected) and _is_numeric(found) and np.shape(found) == np.shape(expected)
    )


def extent(data: Data) -> int:
    """Return the numbers of the largest array in plain data; a side of length zero counts as one.

    >>> extent({"a": np.zeros((2, 3)), "b": [1.0, 2.0]}), extent(np.zeros((0, 1000))), extent("text")
    (6, 1000, 1)
    """
    if isinstance(data, dict):
        return max(map(extent, data.values()), default=1)
    if isinstance(data, list) and not _is_numeric(data):
        return max([len(data), *map(extent, data)], default=1)
    return math.prod(max(1, side) for side in np.shape(data)) if _is_numeric(data) else 1


# --- across a process boundary -------------------------------------------------------------------------------------


def encode(data: Data) -> str:
    """Write plain data as JSON; numbers keep every bit.

    >>> encode({"x": np.array([1.0, 2.0]), "alpha": float("inf")})
    '{"dict": {"x": {"dtype": "<f8", "shape": [2], "base64": "AAAAAAAA8D8AAAAAAAAAQA=="}, "alpha": {"float": "inf"}}}'
    """
    return json.dumps(_tagged(data), allow_nan=False, ensure_ascii=False)


def decode(text: str) -> Data:
    """Read what `encode` wrote.

    Raises
    ------
    ValueError
        If the text is anything else; nothing in it is ever run.

    Examples
    --------
    >>> decode(encode([1, None, "a", {"b": True}]))
    [1, None, 'a', {'b': True}]
    """
    try:
        return _untagged(json.loads(text))
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as error:
        raise ValueError(f"This is no plain data ({type(error).__name__}).") from error


def _tagged(data: Data) -> Any:
    if isinstance(data, np.ndarray):
        raw = np.ascontiguousarray(data)
        return {"dtype": raw.dtype.str, "shape": list(data.shape), "base64": base64.b64encode(raw.tobytes()).decode()}
    if isinstance(data, dict):
        return {"dict": {key: _tagged(item) for key, item in data.items()}}
    if isinstance(data, list):
        return [_tagged(item) for item in data]
    if isinstance(data, float) and not math.isfinite(data):
        return {"float": str(data)}
    return data


def _untagged(data: Any) -> Data:
    if isinstance(data, list):
        return [_untagged(item) for item in data]
    if not isinstance(data, dict):
        return data
    if "dict" in data:
        return {str(key): _untagged(item) for key, item in data["dict"].items()}
    if "float" in data:
        return float(data["float"])
    dtype = np.dtype(str(data["dtype"]))
    if dtype.kind not in NUMERIC:
        raise ValueError("an array of something that is no number")
    raw = base64.b64decode(data["base64"], validate=True)
    shape = [int(side) for side in data["shape"]]
    if math.prod(max(1, side) for side in shape) > MAX_EXTENT:  # with a side of zero it would hold nothing, and yet sum
        raise ValueError("an array of a shape that no memory holds")
    return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()
