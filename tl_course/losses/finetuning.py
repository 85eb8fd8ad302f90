"""Fine-tuning that does not forget the source, or does not cling to it: L2-SP, DELTA and batch spectral shrinkage."""

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tl_course.losses._inside import logits, module_named, on_device, one_tensor, outputs, total, unwrap
from tl_course.losses.functions import bss, delta, l2_sp
from tl_course.losses.loop import Loss, check_inside, cross_entropy

if TYPE_CHECKING:
    from tl_course.data import Batch


class L2SP:
    """Adds (α/2)·‖w_S − w_S⁰‖² + (β/2)·‖w_new‖²: fine-tuning that stays near the source's weights.

    Set the optimiser's weight decay to 0 beside it: weight decay pulls to zero, away from the source. Frozen weights
    cost nothing and are left out. Unlike AdamW's decay this is a part of the loss, and Adam rescales its gradient.

    Parameters
    ----------
    source : nn.Module or mapping of str to Tensor
        The model at the source, or its weights by name. They are copied here and now, so the source may be the very
        model that is about to be trained.
    alpha, beta : float
        Strengths for shared and for new weights.
    new : names of modules, optional
        Whose weights are new, the head's if not given (``tl_course.models.head_of``). Always new are weights that the
        source lacks or has in another shape. ``new=()`` ties a head that was kept to the source's as well.
    base : loss for the loop
        The loss to which the penalty is added.

    Raises
    ------
    ValueError
        When called with a model that shares no weight's name with the source, or that lacks a module named in `new`.

    Notes
    -----
    See `l2_sp`; the term is called ``l2_sp``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.ones(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> loss = L2SP(model, beta=0.0)
    >>> loss(model, batch)["l2_sp"].item()  # nothing has moved yet
    0.0
    >>> _ = model[0].weight.data.add_(1.0)  # 32 weights move by 1
    >>> round(loss(model, batch)["l2_sp"].item(), 4)
    1.6
    """

    def __init__(
        self,
        source: nn.Module | Mapping[str, Tensor],
        *,
        alpha: float = 0.1,
        beta: float = 0.01,
        new: Collection[str] | None = None,
        base: Loss = cross_entropy,
    ):
        weights = source if isinstance(source, Mapping) else dict(unwrap(source).named_parameters())
        self.source = {name: value.detach().clone() for name, value in weights.items()}
        self.alpha, self.beta, self.new, self.base = alpha, beta, new, check_inside(base, self)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        terms = self.base(model, batch)
        shared, source, new = self._sorted(unwrap(model))
        return {**terms, "l2_sp": l2_sp(shared, source, new, alpha=self.alpha, beta=self.beta)}

    def _sorted(self, model: nn.Module) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        parameters = dict(model.named_parameters())
        if not parameters.keys() & self.source.keys():
            raise ValueError(
                f"L2SP finds no weight of the source in {type(model).__name__}, whose first is "
                f"{next(iter(parameters), 'missing')!r}: give it a source of the same architecture."
            )
        fresh = self._new_modules(model)
        shared, source, new = [], [], []
        for name, parameter in parameters.items():
            if not parameter.requires_grad:
                continue
            start = self.source.get(name)
            if start is None or start.shape != parameter.shape or any(_is_under(name, module) for module in fresh):
                new.append(parameter)
                continue
            if start.device != parameter.device:
                start = self.source[name] = start.to(parameter.device)
            shared.append(parameter)
            source.append(start)
        return shared, source, new

    def _new_modules(self, model: nn.Module) -> Collection[str]:
        from tl_course import models

        if self.new is None:
            return [models.head_of(model)[0]]
        for name in self.new:
            module_named(model, name)
        return self.new


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
        self.weight, self.channel_weights, self.base = weight, channel_weights, check_inside(base, self)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        with outputs(model, self.layers) as caught:
            terms = self.base(model, batch)
        with torch.no_grad(), outputs(self.source, self.layers) as caught_source:
            logits(on_device(self.source, batch.labels.device), batch.inputs)
        maps, source_maps = ([one_tensor(c, name, "DELTA") for name in self.layers] for c in (caught, caught_source))
        weights = None if self.channel_weights is None else [self.channel_weights[name] for name in self.layers]
        return {**terms, "delta": self.weight * delta(maps, source_maps, weights)}


class BSS:
    """Adds weight·Σ_{i≤k} σ²_{−i} of the features that go into the head: suppresses what transfers least.

    The features are caught in the base loss's forward pass. With a frozen backbone they cannot move, and the term does
    nothing. A last batch of fewer than k examples uses all its singular values.

    Parameters
    ----------
    weight : float
        Strength; the paper's is 0.001.
    k : int
        How many of the smallest singular values, at least 1.
    base : loss for the loop
        The loss to which the term is added, for example `L2SP`, or `DELTA`.

    Raises
    ------
    ValueError
        If k < 1, or (when called) the model has no head, k exceeds the features' width, or the head runs twice.

    Notes
    -----
    See `bss`; the term is called ``bss``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(6, 8), labels=torch.tensor([0, 1, 0, 1, 0, 1]))
    >>> sorted(BSS(k=2)(model, batch))
    ['bss', 'cross_entropy']
    """

    def __init__(self, *, weight: float = 0.001, k: int = 1, base: Loss = cross_entropy):
        if k < 1:
            raise ValueError(f"k={k}: BSS shrinks at least one singular value.")
        self.weight, self.k, self.base = weight, k, check_inside(base, self)

    def __call__(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        from tl_course import models

        name, head = models.head_of(unwrap(model))
        caught = {name: []}
        handle = head.register_forward_pre_hook(lambda _, args: caught[name].append(args[0]))
        try:
            terms = self.base(model, batch)
        finally:
            handle.remove()
        features = one_tensor(caught, name, "BSS")
        return {**terms, "bss": self.weight * bss(features, min(self.k, len(features)))}


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
            with outputs(model, list(modules)) as caught:
                _mean_loss(model, batches[:1], loss)
            channels = {name: one_tensor(caught, name, "DELTA").shape[1] for name in modules}
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


def _is_under(parameter: str, module: str) -> bool:
    return not module or parameter.startswith(f"{module}.")
