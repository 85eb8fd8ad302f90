"""Numbers of NumPy and PyTorch as plain ones of Python, at the doors of the package.

``np.logspace(-4, -2, 3)[1]`` and ``labels.max() + 1`` look like numbers and are objects of a library: a checkpoint or a
table that holds one cannot be read again everywhere, and ``random.seed`` refuses them. So each public function makes
its numbers plain before it does anything else.
"""

from __future__ import annotations

import math
from typing import Any


def whole_number(name: str, value: Any, *, least: int | None = None) -> int | None:
    """Return a whole number as an ``int``; None stays None, unless there is a least number.

    Parameters
    ----------
    name : str
        What the number is called, for the message.
    value : int, NumPy integer, or array or tensor of integers without dimensions
    least : int, optional
        The smallest that is possible.

    Raises
    ------
    ValueError
        When it is something else: a truth value, a text, a fraction (``3.0``, too), several numbers; or less than the
        least.

    Examples
    --------
    >>> import numpy as np
    >>> whole_number("seed", np.int64(3)), whole_number("steps", None)
    (3, None)
    >>> whole_number("steps", 2.5)
    Traceback (most recent call last):
    ValueError: steps=2.5 is not possible; give a whole number, such as 3.
    """
    plain = _plain(value)
    if least is not None and (type(plain) is not int or plain < least):
        raise ValueError(f"{name}={value!r} is not possible; give a whole number from {least}.")
    if plain is None or type(plain) is int:
        return plain
    raise ValueError(f"{name}={value!r} is not possible; give a whole number, such as 3.")


def real_number(name: str, value: Any) -> float | None:
    """Return a finite number as a ``float``; None stays None.

    Parameters
    ----------
    name : str
        What the number is called, for the message.
    value : float, int, NumPy number, or array or tensor of numbers without dimensions

    Raises
    ------
    ValueError
        When it is something else: a truth value, a text, NaN or infinity, several numbers.

    Examples
    --------
    >>> import numpy as np
    >>> real_number("lr", np.float32(0.5)), real_number("lr", 1)
    (0.5, 1.0)
    >>> real_number("lr", "0.1")
    Traceback (most recent call last):
    ValueError: lr='0.1' is not possible; give a finite number, such as 0.1.
    """
    plain = _plain(value)
    if plain is None:
        return None
    if type(plain) in (int, float) and math.isfinite(plain):
        return float(plain)
    raise ValueError(f"{name}={value!r} is not possible; give a finite number, such as 0.1.")


def whole_numbers(**values: Any) -> list[int | None]:
    """Return several whole numbers, in their order; see :func:`whole_number`.

    >>> import numpy as np
    >>> whole_numbers(steps=np.int32(10), epochs=None)
    [10, None]
    """
    return [whole_number(name, value) for name, value in values.items()]


def real_numbers(**values: Any) -> list[float | None]:
    """Return several finite numbers, in their order; see :func:`real_number`.

    >>> import numpy as np
    >>> real_numbers(lr=np.float64(0.25), head_lr=None)
    [0.25, None]
    """
    return [real_number(name, value) for name, value in values.items()]


def whole_or_share(name: str, value: Any) -> int | float | None:
    """Return a count as an ``int`` and a share as a ``float``: the type tells them apart; None stays None.

    >>> import numpy as np
    >>> whole_or_share("test", np.int64(1)), whole_or_share("test", np.float32(0.5))
    (1, 0.5)
    """
    plain = _plain(value)
    return plain if type(plain) is int else real_number(name, plain)


def for_json(value: Any) -> Any:
    """Return what JSON can hold for a number or an array of NumPy or PyTorch: ``json.dumps(…, default=for_json)``.

    Raises
    ------
    TypeError
        When it is something else, as ``json.dumps`` raises it.

    Examples
    --------
    >>> import json
    >>> import numpy as np
    >>> json.dumps({"classes": np.int64(4), "mean": np.float32(0.5), "std": np.ones(2)}, default=for_json)
    '{"classes": 4, "mean": 0.5, "std": [1.0, 1.0]}'
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    what = f"{value!r}, a {type(value).__name__},"
    raise TypeError(f"{what} cannot be written as JSON: give numbers, texts, lists or dicts.")


def _plain(value: Any) -> Any:
    """Return what a library's number without dimensions holds; anything else as it is."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    for kind in (int, float):  # numbers that only derive from Python's, such as members of an IntEnum
        if isinstance(value, kind) and not isinstance(value, bool):
            return kind(value)
    return value
