"""Turn a published file into the form the course keeps, once, when it is fetched."""

from __future__ import annotations

import errno
from pathlib import Path


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
    from safetensors import SafetensorError
    from safetensors.torch import save_file

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
    try:
        save_file(renamed, target)
    except SafetensorError as error:  # it has an exception of its own for what is an OSError everywhere else
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, "No space left on device") from error
        raise
    return target


CONVERTERS = {"efficientnet_lite0": efficientnet_lite0}
