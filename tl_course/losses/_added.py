"""A term that is added to a base loss: what all such losses keep."""

from typing import Any

from torch import nn

from tl_course.losses.loop import Loss


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
