"""What a score is computed from, as an array: values of a list, an array or a tensor."""

import numpy as np
import torch


def finite(values, dimensions: int, what: str, shape: str) -> np.ndarray:
    """The values in float64; ValueError, in terms of ``what`` and the ``shape`` to give, unless all are finite.

    >>> finite([[1, 2]], 2, "features", "N×D numbers")
    array([[1., 2.]])
    """
    found = array(values)
    if found.ndim != dimensions or not found.size:
        raise ValueError(f"The {what} have shape {found.shape}: give {shape}.")
    found = found.astype(np.float64)
    if not np.isfinite(found).all():
        raise ValueError(f"The {what} hold NaN or infinity: look for the layer that makes them.")
    return found


def array(values) -> np.ndarray:
    """The values as an array: of a tensor on any device and of any precision, of a list, also one of tensors.

    >>> array([torch.tensor(1), torch.tensor(2)]), array(torch.ones(1, dtype=torch.bfloat16))
    (array([1, 2]), array([1.], dtype=float32))
    """
    if isinstance(values, list | tuple):
        values = [array(value) if isinstance(value, torch.Tensor) else value for value in values]
    if isinstance(values, torch.Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
        return values.numpy()
    return np.asarray(values)
