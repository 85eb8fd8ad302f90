"""What a score is computed from, as an array: values of a list, an array or a tensor."""

import numpy as np
import torch


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
