"""What losses ask of a model, wrapped or not: a module by its name, its place on a device, and its logits."""

import torch
from torch import Tensor, nn

from tl_course import models
from tl_course.losses._precision import full
from tl_course.models.structure import unwrap


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
    return full(models.logits(model, inputs))
