"""Turn a published file into the form the course keeps, once, when it is fetched."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def efficientnet_lite0(published: Path, target: Path) -> Path:
    """Convert EfficientNet-Lite0's pickled weights to safetensors under the names of timm's ``tf_efficientnet_lite0``.

    The published tensors were converted from TensorFlow and carry the names of another package, but they stand in
    the order of timm's ``state_dict``. That is the network with TensorFlow's SAME padding and BatchNorm eps 1e-3. The
    shapes also fit timm's ``efficientnet_lite0``, which pads otherwise: it loads, runs, and is quietly much worse.

    Parameters
    ----------
    published : pathlib.Path
        The ``.pth`` file: a dictionary of 296 tensors.
    target : pathlib.Path
        Where to write the safetensors file.

    Returns
    -------
    pathlib.Path
        ``target``.

    Raises
    ------
    ValueError
        When the tensors are not those of the network.
    """
    import timm
    import torch

    tensors = torch.load(published, map_location="cpu", weights_only=True)
    with torch.random.fork_rng(devices=[]):
        names = timm.create_model("tf_efficientnet_lite0").state_dict()
    if len(tensors) != len(names):
        raise ValueError(f"{published.name} holds {len(tensors)} tensors; the network has {len(names)}.")
    renamed = {}
    for (name, place), (old_name, tensor) in zip(names.items(), tensors.items(), strict=True):
        if place.shape != tensor.shape:
            raise ValueError(f"{old_name} has shape {tuple(tensor.shape)}; {name} needs {tuple(place.shape)}.")
        renamed[name] = tensor.contiguous()
    save(renamed, target)
    return target


# timm's VGG runs its linear layers as convolutions over the whole feature map.
TIMM_VGG = {"pre_logits.fc1.": "classifier.0.", "pre_logits.fc2.": "classifier.3.", "head.fc.": "classifier.6."}


def torchvision_names(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Give the tensors of one of timm's mirrors the names and shapes that torchvision's network has for them.

    The numbers are the same, in the same order. Only VGG differs; ResNets, and what is named right, come back as they
    are.

    Parameters
    ----------
    tensors : dict of str to Tensor

    Returns
    -------
    dict of str to Tensor

    Examples
    --------
    >>> import torch
    >>> renamed = torchvision_names({"features.0.bias": torch.ones(2), "pre_logits.fc1.weight": torch.ones(5, 2, 7, 7)})
    >>> {name: tuple(tensor.shape) for name, tensor in renamed.items()}
    {'features.0.bias': (2,), 'classifier.0.weight': (5, 98)}
    """
    renamed = {}
    for name, tensor in tensors.items():
        old = next((prefix for prefix in TIMM_VGG if name.startswith(prefix)), None)
        if old:
            name, tensor = TIMM_VGG[old] + name.removeprefix(old), tensor.flatten(1) if tensor.ndim > 1 else tensor
        renamed[name] = tensor
    return renamed


def save(tensors: dict[str, Tensor], target: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file; a full disk is an OSError here as everywhere else."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    try:
        save_file(tensors, target, metadata)
    except SafetensorError as error:
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise


CONVERTERS = {"efficientnet_lite0": efficientnet_lite0}
