"""Losses that square, sum, divide and subtract are computed in full precision, also where a model runs in half."""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor

HALF = (torch.bfloat16, torch.float16)


def in_full_precision(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give a function of tensors float32 in place of half precision, and keep autocast from halving its products.

    A covariance, a squared distance or a divergence of two probabilities is a small difference of large numbers, of
    which bfloat16 keeps two digits.
    """

    @wraps(function)
    def wrapped(*args, **options) -> Tensor:
        device = next(value.device.type for value in (*args, *options.values()) if isinstance(value, Tensor))
        with torch.autocast(device, enabled=False):
            return function(*map(full, args), **{name: full(value) for name, value in options.items()})

    return wrapped


def full(value: object) -> object:
    """The value, a tensor of half precision in float32."""
    return value.float() if isinstance(value, Tensor) and value.dtype in HALF else value
