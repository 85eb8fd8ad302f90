"""Cross-entropy of a model's logits with a batch's labels."""

from typing import TYPE_CHECKING

import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.losses._model import logits

if TYPE_CHECKING:
    from tl_course.data import Batch


def cross_entropy(model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
    """Cross-entropy of the model's logits with the batch's labels, the mean over the batch.

    Parameters
    ----------
    model : nn.Module
        Gives N×C logits for the batch's inputs.
    batch : Batch
        N examples.

    Returns
    -------
    dict
        ``{"cross_entropy": scalar}``

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(inputs=torch.zeros(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> model = torch.nn.Linear(8, 2, bias=False)
    >>> cross_entropy(model, batch)["cross_entropy"].detach()  # undecided between two classes: log 2
    tensor(0.6931)
    """
    return {"cross_entropy": F.cross_entropy(logits(model, batch.inputs), batch.labels)}
