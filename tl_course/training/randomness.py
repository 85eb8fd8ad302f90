"""Random numbers of one run: seeded, saved, resumed, and unnoticed outside.

Order and augmentation of the data have generators of their own; dropout draws from the global ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor


def get_state(device: torch.device) -> list[Tensor]:
    """Return the states of the CPU's generator and of the device's.

    >>> [state.dtype for state in get_state(torch.device("cpu"))]
    [torch.uint8]
    """
    states = [torch.get_rng_state()]
    return states if device.type == "cpu" else [*states, torch.get_device_module(device).get_rng_state()]


def set_state(states: list[Tensor], device: torch.device) -> None:
    """Put generators back into states from :func:`get_state`.

    >>> states = get_state(torch.device("cpu"))
    >>> first = torch.rand(1)
    >>> set_state(states, torch.device("cpu"))
    >>> torch.equal(first, torch.rand(1))
    True
    """
    torch.set_rng_state(states[0])
    if device.type != "cpu":
        torch.get_device_module(device).set_rng_state(states[1])


@contextlib.contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from ``seed`` inside the block, on the CPU and on the device; afterwards all is as it was before.

    >>> with own_randomness(0, torch.device("cpu")):
    ...     first = torch.rand(1)
    >>> with own_randomness(0, torch.device("cpu")):
    ...     second = torch.rand(1)
    >>> torch.equal(first, second)
    True
    """
    before = get_state(device)
    # not torch.manual_seed, which would reseed every other GPU as well
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)
    try:
        yield
    finally:
        set_state(before, device)
