"""Fine-tuning that keeps what the source's layers answer: DELTA, and how much each channel counts in it."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tl_course.losses._features import caught, only
from tl_course.losses._model import logits, module_named, on_device
from tl_course.losses._precision import full
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import Loss, check_inside, total
from tl_course.models.structure import unwrap
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data import Batch


def delta(
    maps: Sequence[Tensor], source_maps: Sequence[Tensor], channel_weights: Sequence[Tensor] | None = None
) -> Tensor:
    """Σ_j W_j·‖FM_j(w) − FM_j(w⁰)‖² over all channels j of all layers, as a mean over the batch.

    Parameters
    ----------
    maps, source_maps : sequences of tensors N×C×…, one for each layer
        Feature maps of the model and of the source on the same N examples. No gradient flows to the source's.
    channel_weights : sequence of tensors of C numbers, optional
        W_j of each layer's channels; all 1 if not given.

    Returns
    -------
    Tensor
        A scalar, 0 where the maps are equal. It sums over channels and positions, so it grows with the maps' size.

    Raises
    ------
    ValueError
        If layers are missing or the shapes of maps or weights do not fit.

    Notes
    -----
    Li et al., "DELTA: Deep learning transfer using feature map with attention for convolutional networks", ICLR 2019.
    Published code sums over the batch, which ties the strength to the batch size; the mean does not.

    Examples
    --------
    >>> import torch
    >>> delta([torch.ones(8, 2, 3, 3)], [torch.zeros(8, 2, 3, 3)])
    tensor(18.)
    >>> delta([torch.ones(8, 2, 3, 3)], [torch.zeros(8, 2, 3, 3)], [torch.tensor([1.0, 0.5])])
    tensor(13.5000)
    """
    weights = channel_weights if channel_weights is not None else [None] * len(maps)
    if not (len(maps) == len(source_maps) == len(weights) and maps):
        raise ValueError(
            f"DELTA needs the same layers on every side, at least one: found {len(maps)} maps, "
            f"{len(source_maps)} of the source and {len(weights)} channel weights."
        )
    return torch.stack([_delta_layer(*layer) for layer in zip(maps, source_maps, weights, strict=True)]).sum()


def _delta_layer(now: Tensor, source: Tensor, weights: Tensor | None) -> Tensor:
    if now.shape != source.shape or now.ndim < 2:
        raise ValueError(
            f"Feature maps of shapes {tuple(now.shape)} and {tuple(source.shape)} cannot be compared: "
            "DELTA needs N×C×… of the same layer on the same examples."
        )
    squares = (full(now) - full(source.detach())).square()
    if weights is not None:
        if weights.shape != now.shape[1:2]:
            raise ValueError(
                f"Channel weights of shape {tuple(weights.shape)} do not fit a layer of {now.shape[1]} channels: give "
                "one weight for each channel."
            )
        squares = squares * weights.to(squares).view(-1, *[1] * (now.ndim - 2))
    return squares.sum() / len(now)


class DELTA:
    """Adds weight·Σ_j W_j·‖FM_j(w) − FM_j(w⁰)‖²: fine-tuning that keeps what chosen layers answer.

    Each step runs the source as well, without gradients. The source is in eval; a model in train mode differs from it
    through BatchNorm and dropout even before the first step.

    Parameters
    ----------
    source : nn.Module
        The model at the source. It is copied here and now, so it may be the very model that is about to be trained.
    layers : names of modules
        Whose outputs are compared, as in ``model.named_modules()``: ``("layer3", "layer4")``. Each must return a tensor
        N×C×… and be run once in a forward pass.
    weight : float
        Strength. The squares are summed over channels and positions, so larger maps need a smaller one.
    channel_weights : mapping of layer name to Tensor of C numbers, optional
        W_j, from `channel_importance`; all 1 if not given.
    base : loss for the loop
        The loss to which the term is added, and in whose forward pass the maps are caught. To join it with source
        batches put it inside: ``TransferRisk(source, alpha, target_loss=DELTA(...))``.

    Raises
    ------
    ValueError
        If there are no layers, a name is unknown, weights are missing, or (when called) a layer does not return one
        tensor once.

    Notes
    -----
    See `delta`; the term is called ``delta``. The paper's penalty on new weights is the optimiser's weight decay.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.ones(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> loss = DELTA(model, layers=["0"], weight=0.5)
    >>> _ = model[0].bias.data.add_(1.0)  # 4 outputs move by 1
    >>> round(loss(model, batch)["delta"].item(), 4)
    2.0
    """

    def __init__(
        self,
        source: nn.Module,
        layers: Sequence[str],
        *,
        weight: float = 0.01,
        channel_weights: Mapping[str, Tensor] | None = None,
        base: Loss = cross_entropy,
    ):
        self.layers = _layer_names(layers)
        for name in self.layers:
            module_named(source, name)
            if channel_weights is not None and name not in channel_weights:
                raise ValueError(f"DELTA has no channel weights for the layer {name!r}: compute them for every layer.")
        self.source = copy.deepcopy(unwrap(source)).eval().requires_grad_(False)
        self.weight, self.channel_weights = real_number("weight", weight), channel_weights
        self.base = check_inside(base, self)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        with caught(model, self.layers) as found:
            terms = self.base(model, batch)
        with torch.no_grad(), caught(self.source, self.layers) as found_source:
            logits(on_device(self.source, batch.labels.device), batch.inputs)
        maps, source_maps = ([only(each, name, "DELTA") for name in self.layers] for each in (found, found_source))
        weights = None if self.channel_weights is None else [self.channel_weights[name] for name in self.layers]
        return {**terms, "delta": self.weight * delta(maps, source_maps, weights)}


def channel_importance(
    model: nn.Module, batches: Sequence["Batch"], layers: Sequence[str], *, loss: Loss = cross_entropy
) -> dict[str, Tensor]:
    """W_j of DELTA: softmax, over a layer's channels, of how much the loss grows when channel j is set to zero.

    Parameters
    ----------
    model : nn.Module
        The source with a head that was trained on the target (backbone frozen). It is run in eval, without gradients,
        and left as it was.
    batches : Batches, or another sequence of batches
        A few batches of the target's training split. Each channel of each layer costs one pass over them.
    layers : names of modules
        As for `DELTA`; each must return a tensor N×C×….
    loss : loss for the loop

    Returns
    -------
    dict of layer name to Tensor of C numbers
        They sum to 1 in each layer, so that `DELTA` needs about C times the strength that it needs without them.

    Raises
    ------
    ValueError
        If there are no batches or layers, or a name is unknown.

    Notes
    -----
    Li et al. (2019), section 3.3; the loss is averaged over the examples before the softmax.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(6, 8), labels=torch.tensor([0, 1, 0, 1, 0, 1]))
    >>> weights = channel_importance(model, [batch], ["0"])["0"]
    >>> weights.shape, round(weights.sum().item(), 4)
    (torch.Size([4]), 1.0)
    """
    batches = list(batches)
    if not batches:
        raise ValueError("There are no batches to measure the channels on: give at least one.")
    modules = {name: module_named(model, name) for name in _layer_names(layers)}
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.no_grad():
            with caught(model, list(modules)) as found:
                _mean_loss(model, batches[:1], loss)
            channels = {name: only(found, name, "DELTA").shape[1] for name in modules}
            return {
                name: torch.stack(
                    [_loss_without(module, j, lambda: _mean_loss(model, batches, loss)) for j in range(channels[name])]
                ).softmax(0)  # the loss of the whole model is the same for every channel, and softmax ignores it
                for name, module in modules.items()
            }
    finally:
        for module in training:
            module.training = True


def _loss_without(module: nn.Module, channel: int, loss: Callable[[], Tensor]) -> Tensor:
    def silence(_module: nn.Module, _args: tuple, output: Tensor) -> Tensor:
        return output.index_fill(1, torch.tensor([channel], device=output.device), 0)

    handle = module.register_forward_hook(silence)
    try:
        return loss()
    finally:
        handle.remove()


def _mean_loss(model: nn.Module, batches: Sequence["Batch"], loss: Loss) -> Tensor:
    summed = sum(total(loss(model, batch)) * len(batch.labels) for batch in batches)
    return summed / sum(len(batch.labels) for batch in batches)


def _layer_names(layers: Sequence[str]) -> tuple[str, ...]:
    names = (layers,) if isinstance(layers, str) else tuple(layers)
    if not names:
        raise ValueError('DELTA compares at least one layer: name some, such as layers=("layer4",).')
    return names
