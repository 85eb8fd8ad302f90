"""Heat maps: which places of a picture speak for a class, by Grad-CAM."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tl_course.models.structure import unwrap


def grad_cam(model: nn.Module, inputs: Tensor, layer: str, classes: Tensor | None = None) -> Tensor:
    """Grad-CAM: where in a picture a layer's features speak for a class.

    Parameters
    ----------
    model : nn.Module
        Gives N×C logits. It may be frozen. Its mode, its gradients and its parameters are left as they are; the maps
        are those of eval mode.
    inputs : Tensor
        N×3×H×W, preprocessed.
    layer : str
        Name of a module whose output is N×K×h×w, such as ``"layer3"``.
    classes : Tensor, optional
        N class numbers to explain; the predicted ones if left out.

    Returns
    -------
    Tensor
        N×h×w, not negative, on the layer's own grid: a coarse layer gives a coarse map. A map of zeros says that
        nothing speaks for the class. Only values within one picture can be compared.

    Raises
    ------
    ValueError
        If there is no such layer, it takes no part in the forward pass, or its output has no places.

    Notes
    -----
    Selvaraju and others (2017): ReLU(Σ_k a_k·A_k), with A_k the layer's k-th map and a_k the mean over places of
    ∂logit/∂A_k. Published code that asks autograd for this gradient dies where the backbone is frozen, since nothing
    before the head needs gradients then. Here the graph begins at the layer itself.

    Examples
    --------
    >>> from tl_course import models
    >>> model = models.create("resnet_small", weights="imagenet_distilled")
    >>> report = models.freeze(model)
    >>> models.grad_cam(model, torch.zeros(2, 3, 32, 32), "layer3").shape
    torch.Size([2, 8, 8])
    """
    model = unwrap(model)
    modules = dict(model.named_modules())
    if layer not in modules or not layer:
        names = ", ".join(name for name, _ in model.named_children())
        raise ValueError(f"there is no layer {layer!r} in this {type(model).__name__}; at its top it has {names}.")
    kept: list[Tensor] = []

    def begin_here(_module: nn.Module, _inputs: tuple, output: Tensor) -> Tensor:
        if not isinstance(output, Tensor) or output.dim() != 4:
            raise ValueError(f"the output of {layer!r} has no places: choose a layer that gives N×K×h×w.")
        kept.append(output.detach().requires_grad_())
        return kept[-1].clone()  # what follows may change its input in place

    modes = [(module, module.training) for module in model.modules()]
    hook = modules[layer].register_forward_hook(begin_here)
    try:
        for module, _ in modes:
            module.training = False
        with torch.enable_grad():
            logits = model(inputs)
            if len(kept) != 1:
                raise ValueError(
                    f"the layer {layer!r} is used {len(kept)} times in a forward pass: choose another one."
                )
            classes = logits.argmax(dim=1) if classes is None else classes.to(logits.device)
            chosen = logits.gather(1, classes[:, None]).sum()
            gradient = torch.autograd.grad(chosen, kept[0])[0]
    finally:
        hook.remove()
        for module, mode in modes:
            module.training = mode
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return (weights * kept[0].detach()).sum(dim=1).relu().float()
