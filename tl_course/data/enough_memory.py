"""What to turn where the memory of the machine or of its GPU does not suffice."""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Iterator

import torch

OF_A_CPU = ("DefaultCPUAllocator", "not enough memory")
"""What PyTorch says where the machine's own memory is full; it has an error of its own for a GPU's alone."""


@contextlib.contextmanager
def enough_memory(what: str, remedy: str) -> Iterator[None]:
    """Say inside the block, where the memory does not suffice, for what, and which knob to turn.

    What the failed functions held is let go, so that a second try finds the memory free.

    Parameters
    ----------
    what : str
        What the memory was for.
    remedy : str
        What to do, as an imperative.

    Raises
    ------
    torch.OutOfMemoryError
        In the place of PyTorch's, whose first two sentences it repeats.

    Examples
    --------
    >>> with enough_memory("128 examples", "lower batch_size"):
    ...     raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 1.00 GiB free.")
    Traceback (most recent call last):
    torch.OutOfMemoryError: There is too little memory for 128 examples; lower batch_size. PyTorch said: CUDA out of memory. Tried to allocate 2.00 GiB.
    """  # noqa: E501
    try:
        yield
    except RuntimeError as error:
        said = str(error)
        if not isinstance(error, torch.OutOfMemoryError) and not any(sign in said for sign in OF_A_CPU):
            raise
        traceback.clear_frames(error.__traceback__)
        said = ". ".join(said.strip().split(". ")[:2]).rstrip(".")
        message = f"There is too little memory for {what}; {remedy}. PyTorch said: {said}."
        raise torch.OutOfMemoryError(message) from None
