"""Looking inside a model: its plain form, its modules by name, and what they return in a forward pass."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


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


@contextmanager
def outputs(model: nn.Module, names: Sequence[str]) -> Iterator[dict[str, list[Tensor]]]:
    """Catch what the named modules return while the context is open."""
    caught = {name: [] for name in names}
    with ExitStack() as hooks:
        for name in caught:
            keep = partial(_keep_output, caught[name])
            hooks.callback(module_named(model, name).register_forward_hook(keep).remove)
        yield caught


def _keep_output(kept: list, _module: nn.Module, _args: tuple, output: Tensor) -> None:
    kept.append(output)


def one_tensor(caught: Mapping[str, list], name: str, who: str) -> Tensor:
    """What was caught under a name, which must be one tensor, caught once (ValueError)."""
    values = caught[name]
    if len(values) != 1 or not isinstance(values[0], Tensor):
        what = f"ran {len(values)} times" if len(values) != 1 else f"gave a {type(values[0]).__name__}"
        raise ValueError(
            f"{who} needs one tensor from {name or 'the model'!r} in a forward pass, and it {what}: choose another "
            f"layer, or put {who} inside TransferRisk and not around it."
        )
    return values[0]


def on_device(model: nn.Module, device: torch.device) -> nn.Module:
    """The model, moved to the device if it is not there yet."""
    parameter = next(model.parameters(), None)
    return model if parameter is None or parameter.device == device else model.to(device)


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of a loss's terms."""
    return torch.stack(list(terms.values())).sum()


def logits(model: nn.Module, inputs: Tensor | dict[str, Tensor]) -> Tensor:
    """N×C logits of a model, whatever its inputs and outputs are wrapped in."""
    from tl_course import models

    return models.logits(model, inputs)
