"""How much arithmetic one example costs a network, counted and not looked up."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from tl_course.models.structure import is_text, unwrap


def count_macs(model: nn.Module, size: int) -> int:
    """Count the multiply-accumulates of one example: convolutions, linear layers and attention products.

    A network for pictures runs on PyTorch's meta device, where tensors have shapes and no values: nothing is computed.
    One for texts reads a text of so many tokens, since only that shows whether it has a position for each.

    Parameters
    ----------
    model : nn.Module
        For pictures or texts, as :func:`tl_course.models.create` gives it.
    size : int
        Pixels of a side, or tokens of a text.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        When the network does not take inputs of that size; the message holds what it says of it.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small")
    >>> count_macs(model, 32) == models.MODELS["resnet_small"].macs
    True
    """
    model = unwrap(model)
    if is_text(model):
        return _counted(lambda: _read_one(model, size))
    try:
        return _counted(lambda: _look_at_one(_on_meta(model), size))
    except ValueError:  # or it keeps tensors in places of its own, which were not copied
        return _counted(lambda: _look_at_one(model, size))


def _counted(run: Callable[[], object]) -> int:
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    try:
        # the fused attention of CPUs is one operation that the counter does not know
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            run()
    except (RuntimeError, AssertionError, ValueError, IndexError, TypeError, NotImplementedError) as error:
        first = (str(error).strip().splitlines() or ["its layers do not fit"])[0]
        raise ValueError(first.rstrip(".") or "its layers do not fit") from None
    return counter.get_total_flops() // 2


def _look_at_one(model: nn.Module, size: int) -> None:
    first = next(model.parameters())
    with _in_eval(model):
        model(torch.zeros(1, 3, size, size, device=first.device))


def _read_one(model: nn.Module, size: int) -> None:
    mask = torch.ones(1, size, dtype=torch.int64, device=next(model.parameters()).device)
    # any token but the padding, which takes no position of its own in a RoBERTa
    token = 1 + (getattr(getattr(model, "config", None), "pad_token_id", 0) == 1)
    with _in_eval(model):
        model(input_ids=token * mask, attention_mask=mask)


@contextmanager
def _in_eval(model: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:  # one by one: model.train() would also wake parts that were frozen before
        for module, training in modes.items():
            module.training = training


def _on_meta(model: nn.Module) -> nn.Module:
    """Copy a network without its values: its tensors are put on the meta device before they are copied."""
    known = {}
    for tensor in (*model.parameters(), *model.buffers()):
        empty = tensor.detach().to("meta")
        known[id(tensor)] = nn.Parameter(empty, requires_grad=False) if isinstance(tensor, nn.Parameter) else empty
    return copy.deepcopy(model, known).eval()
