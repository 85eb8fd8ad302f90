"""A step of fine-tuning whose memory is bounded: the gradients of a batch are computed part by part."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from tl_course import data, models
from tl_course.recipes.weighting import weighted

# What the forward pass of a part keeps for its backward pass: training must stay below 2 GB, and a MiniLM's weights,
# gradients, AdamW's moments and the copies to go back to are 0.5 GB already, PyTorch 0.5 to 0.9.
MOST_BYTES = 128 * 1024**2


def in_parts(weights: Tensor, most: int = MOST_BYTES) -> Callable:
    """Make the loss :func:`~tl_course.recipes.weighting.weighted` for the loop, within a bound of memory on a CPU.

    A batch that would keep more than the bound is cut into parts of equal size. The gradients of all but the last are
    added up here, and those of the last in the loop, which sets gradients to zero before it asks for a loss. The sum is
    the gradient of the whole batch where no example depends on another: BatchNorm must be frozen.

    Parameters
    ----------
    weights : Tensor
        float N, what an example of each class weighs.
    most : int
        Bytes that a part may keep; a part has one example at least.

    Returns
    -------
    callable
        ``loss(model, batch)`` for :func:`tl_course.training.fit`.

    Examples
    --------
    >>> layer = nn.Linear(8, 2)
    >>> batch = data.Batch(torch.eye(8)[:6], torch.tensor([0, 0, 1, 1, 1, 0]), torch.arange(6))
    >>> whole, parts = (in_parts(torch.ones(2), most)(layer, batch)["cross_entropy"] for most in (10**6, 64))
    >>> torch.allclose(whole, parts)
    True
    """
    whole, kept = weighted(weights), {}

    def loss(model: nn.Module, batch: data.Batch) -> dict[str, Tensor]:
        if batch.labels.device.type != "cpu":
            return whole(model, batch)
        one = _rows(batch, slice(1))
        shape = tuple(one.inputs["input_ids"].shape if isinstance(one.inputs, dict) else one.inputs.shape)
        if shape not in kept:  # it follows from the shape alone, so that a run that was stopped is cut as before
            kept[shape] = kept_bytes(model, one.inputs)
        count = len(batch)
        size = max(1, most // max(kept[shape], 1))
        if count <= size:
            return whole(model, batch)
        weighing = weights[batch.labels]
        size = -(-count // -(-count // size))  # as many parts, of equal size
        said = 0.0
        for start in range(0, count, size):
            rows = slice(start, start + size)
            value = whole(model, _rows(batch, rows))["cross_entropy"] * (weighing[rows].sum() / weighing.sum())
            if start + size >= count:
                break
            with torch.autocast("cpu", enabled=False):
                value.backward()
            said += value.detach()
        return {"cross_entropy": said + value}

    return loss


def kept_bytes(model: nn.Module, inputs: Tensor | dict[str, Tensor]) -> int:
    """Return how much memory a forward pass keeps for the backward pass, in bytes, the weights not counted.

    >>> kept_bytes(nn.Sequential(nn.Linear(8, 2), nn.Tanh()), torch.zeros(1, 8))
    40
    """
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    found = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            found[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.random.fork_rng(devices=[]), torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        held = models.logits(model, inputs)  # until all is counted, lest a place be used twice
    del held
    return sum(found.values())


def _rows(batch: data.Batch, rows: slice) -> data.Batch:
    inputs = batch.inputs
    some = {name: values[rows] for name, values in inputs.items()} if isinstance(inputs, dict) else inputs[rows]
    return data.Batch(some, batch.labels[rows], batch.index[rows])
