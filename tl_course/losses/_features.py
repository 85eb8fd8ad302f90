"""What a model computes on the way: the features that its head is given, or what named layers return."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn

from tl_course import models
from tl_course.losses._model import module_named
from tl_course.models.structure import unwrap

Layer = str | None
"""The name of a module, for what it returns; None for the features that go into the head."""

Caught = dict[Layer, list[Tensor]]


@contextmanager
def caught(model: nn.Module, layers: Sequence[Layer]) -> Iterator[Caught]:
    """Catch the named layers' outputs, and for None the head's input, while the context is open."""
    found: Caught = {layer: [] for layer in layers}
    with ExitStack() as hooks:
        for layer, kept in found.items():
            if layer is None:
                head = models.head_of(unwrap(model))[1]
                hook = head.register_forward_pre_hook(lambda _, args, kept=kept: kept.append(args[0]))
            else:
                module = module_named(model, layer)
                hook = module.register_forward_hook(lambda _m, _a, output, kept=kept: kept.append(_first(output)))
            hooks.callback(hook.remove)
        yield found


def _first(output: object) -> object:
    return output[0] if isinstance(output, tuple) else output


def only(found: Caught, layer: Layer, who: str) -> Tensor:
    """What was caught of a layer, which must be one tensor N×…, caught once (ValueError)."""
    values, name = found[layer], "the input of the head" if layer is None else f"{layer!r}"
    if len(values) != 1 or not isinstance(values[0], Tensor):
        what = f"came {len(values)} times" if len(values) != 1 else f"was a {type(values[0]).__name__}"
        raise ValueError(
            f"{who} needs {name} once in a forward pass, as a tensor, and it {what}: choose another layer, or a base "
            "loss that runs the model once."
        )
    return values[0]
