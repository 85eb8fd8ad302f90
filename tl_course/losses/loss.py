"""What a loss for the training loop is, and what the losses keep that add a term to another.

``loss(model, batch)`` returns named scalar terms, which the loop sums and logs. A batch needs ``inputs`` (a tensor or a
dict of tensors) and ``labels``.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tl_course.losses._precision import full

if TYPE_CHECKING:
    from tl_course.data import Batch

Loss = Callable[[nn.Module, "Batch"], dict[str, Tensor]]


class AddedLoss(nn.Module):
    """A loss for the loop that adds a term to a base loss.

    It is a module, so that ``fit`` trains what it or its base learns (a regressor, a discriminator) and a checkpoint
    keeps it. A base that is no module, but has a state (`TransferRisk`), is kept as well.
    """

    def __init__(self, base: Loss):
        super().__init__()
        self.base = base

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the weights."""
        return {"base": self.base.state_dict()} if self._base_is_plain() else {}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_extra_state` returned."""
        if self._base_is_plain():
            self.base.load_state_dict(state["base"])

    def _base_is_plain(self) -> bool:
        return not isinstance(self.base, nn.Module) and hasattr(self.base, "state_dict")


def check_inside(loss: Loss, outer: object) -> Loss:
    """The loss, unless it is a module: ``fit`` would neither train nor save what hides inside another loss."""
    if isinstance(loss, nn.Module):
        inner, outside = type(loss).__name__, type(outer).__name__
        raise ValueError(
            f"{inner} inside {outside} would never be trained or saved: put it outside, {inner}(…, base={outside}(…))."
        )
    return loss


def total(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of a loss's terms."""
    return torch.stack([full(term) for term in terms.values()]).sum()
