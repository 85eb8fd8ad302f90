"""A model without its wrappers: its plain form, its modules by name, its device and its logits."""

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tl_course.losses._precision import full


def unwrap(model: nn.Module) -> nn.Module:
    """The module inside torch.compile's and DistributedDataParallel's wrappers, whose parameters have plain names."""
    while True:
        if hasattr(model, "_orig_mod"):
            model = model._orig_mod
        elif isinstance(model, DistributedDataParallel):
            model = model.module
        else:
            return model


def module_named(model: nn.Module, name: str) -> nn.Module:
    """The module of that dotted name; a sentence that lists what there is otherwise (ValueError)."""
    try:
        return unwrap(model).get_submodule(name)
    except AttributeError:
        children = ", ".join(child for child, _ in unwrap(model).named_children())
        raise ValueError(
            f"{type(unwrap(model)).__name__} has no module {name!r}: it begins with {children or 'no module'}, and "
            "model.named_modules() lists all."
        ) from None


def on_device(model: nn.Module, device: torch.device) -> nn.Module:
    """The model, moved to the device if it is not there yet."""
    parameter = next(model.parameters(), None)
    return model if parameter is None or parameter.device == device else model.to(device)


def logits(model: nn.Module, inputs: Tensor | dict[str, Tensor]) -> Tensor:
    """N×C logits of a model, in full precision also where it computes in half."""
    from tl_course import models

    return full(models.logits(model, inputs))
