"""What is caught on the way, and what is said of a layer that cannot be taken."""

import pytest
import torch
from loss_inputs import point_net

from tl_course.losses._features import caught, only


@pytest.mark.parametrize(("layer", "name"), [(None, "the input of the head"), ("0", "'0'")])
def test_what_did_not_come_once_is_named(layer, name):
    model = point_net()
    layer = layer and next(name for name, _ in model.named_children())
    name = name if layer is None else repr(layer)
    with caught(model, [layer]) as found:
        with pytest.raises(
            ValueError, match=f"BSS needs {name} once in a forward pass, as a tensor, and it came 0 times"
        ):
            only(found, layer, "BSS")
        width = next(weight.shape[1] for weight in model.parameters() if weight.ndim == 2)
        model(torch.zeros(3, width))
        assert only(found, layer, "BSS").shape[0] == 3
