"""Numbers as callers give them: Python's, NumPy's, a tensor with one element. Here they become Python's.

What NumPy computes (``labels.max() + 1``, ``np.arange(3)``, ``np.logspace(-3, -1, 3)``) is not an int or a float for
PyTorch's generators, for JSON, or for a file that is read back with ``weights_only=True``. So every number that a
caller gives goes through one of these functions, once.
"""

from __future__ import annotations

import operator
from typing import Any


def whole(name: str, value: Any, *, least: int | None = None) -> int:
    """Return a whole number as an int.

    Parameters
    ----------
    name : str
        What the caller calls it, for the error.
    value : int, NumPy integer, or an array or tensor with one whole number and no axis
        Not a bool, a str or a float, even where its value is whole.
    least : int, optional
        The smallest that is allowed.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        When it is no whole number, or less than ``least``.

    Examples
    --------
    >>> import numpy as np
    >>> whole("num_classes", np.int64(4))
    4
    >>> whole("num_classes", 4.0, least=1)
    Traceback (most recent call last):
    ValueError: num_classes must be a whole number from 1, not 4.0.
    """
    try:
        if _has_another_meaning(value):
            raise TypeError
        number = operator.index(value)
        if least is not None and number < least:
            raise TypeError
    except (TypeError, RuntimeError):  # RuntimeError: a tensor on the meta device
        at_least = "" if least is None else f" from {least}"
        raise ValueError(f"{name} must be a whole number{at_least}, not {value!r}.") from None
    return number


def real(name: str, value: Any) -> float:
    """Return a number as a float.

    Parameters
    ----------
    name : str
        What the caller calls it, for the error.
    value : float, int, NumPy number, or an array or tensor with one number and no axis
        Not a bool, a str or a complex number.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        When it is no number.

    Examples
    --------
    >>> import numpy as np
    >>> real("share", np.float32(0.5)), real("share", 1)
    (0.5, 1.0)
    >>> real("share", "half")
    Traceback (most recent call last):
    ValueError: share must be a number, not 'half'.
    """
    try:
        if _has_another_meaning(value):
            raise TypeError
        return float(value)
    except (TypeError, RuntimeError, OverflowError):
        raise ValueError(f"{name} must be a number, not {value!r}.") from None


def whole_or_share(name: str, value: Any) -> int | float:
    """Return a count as an int and a share as a float: what tells them apart is the type, and not the value.

    >>> import numpy as np
    >>> whole_or_share("test", np.int64(1)), whole_or_share("test", np.float32(0.5))
    (1, 0.5)
    """
    try:
        return whole(name, value)
    except ValueError:
        return real(name, value)


def for_json(value: Any) -> Any:
    """Return what JSON knows for a NumPy or PyTorch number or array; for ``json.dumps(…, default=for_json)``.

    >>> import json
    >>> import numpy as np
    >>> json.dumps({"classes": np.int64(4), "mean": np.float32(0.5), "std": np.ones(2)}, default=for_json)
    '{"classes": 4, "mean": 0.5, "std": [1.0, 1.0]}'
    """
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{value!r}, a {type(value).__name__}, cannot be written as JSON.")


def _has_another_meaning(value: Any) -> bool:
    """Say whether a value is a truth, a text, a complex number or a row of numbers, which Python would convert."""
    kind = str(getattr(value, "dtype", ""))
    return (
        isinstance(value, (bool, str, bytes, bytearray, complex))
        or kind.removeprefix("torch.").startswith(("bool", "complex"))
        or getattr(value, "ndim", 0) != 0
    )
