"""Files of tensors: read them, fit them into a network, and say what differs when they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from tl_course.models.structure import unwrap


class TensorsDoNotFitError(ValueError):
    """A file holds other tensors than the network that should take them."""


def read_safetensors(path: str | Path) -> dict[str, Tensor]:
    """Read a safetensors file; half precision becomes float32.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict of str to Tensor
        Floating-point tensors as float32, others as they are.

    Raises
    ------
    FileNotFoundError
        When there is no file.
    ValueError
        When the file is not a whole safetensors file.

    Examples
    --------
    >>> read_safetensors("nowhere.safetensors")
    Traceback (most recent call last):
    FileNotFoundError: there is no file nowhere.safetensors; give the path of a saved model's weights.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}; give the path of a saved model's weights.")
    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}); save or fetch it again.") from error
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in tensors.items()}


def load_tensors(model: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> None:
    """Copy tensors into a network, all of them or none.

    BatchNorm's counter ``num_batches_tracked`` may be absent, as it is in files from before 2018: with the usual
    momentum nothing depends on it.

    Parameters
    ----------
    model : nn.Module
    tensors : dict of str to Tensor
        Under the names of ``model.state_dict()``.
    source : str
        What to call the tensors in an error.

    Raises
    ------
    TensorsDoNotFitError
        When a tensor is missing, unexpected or of another shape; the message names which. The network is unchanged.

    Examples
    --------
    >>> import torch
    >>> load_tensors(nn.Linear(2, 1), {"weight": torch.ones(1, 3)}, source="my file")
    Traceback (most recent call last):
    tl_course.models.tensors.TensorsDoNotFitError: my file does not fit this Linear: missing: bias; of another
    shape: weight (1×3 instead of 1×2).
    """
    check_tensors(model, tensors, source=source)
    model.load_state_dict(dict(tensors), strict=False)


def check_tensors(model: nn.Module, tensors: Mapping[str, Tensor], *, source: str) -> None:
    """Raise TensorsDoNotFitError where :func:`load_tensors` would; a network on the meta device will do."""
    difference = differences(model.state_dict(), tensors)
    if difference:
        raise TensorsDoNotFitError(f"{source} does not fit this {type(model).__name__}: {difference}.")


def differences(needed: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Say in words which tensors are missing, unexpected or of another shape; an empty str when none is.

    >>> import torch
    >>> differences({"weight": torch.ones(2)}, {"weight": torch.ones(2), "bias": torch.ones(1)})
    'unexpected: bias'
    """
    missing = [name for name in needed if name not in given and not name.endswith("num_batches_tracked")]
    unexpected = [name for name in given if name not in needed]
    shapes = [
        f"{name} ({_shape(given[name])} instead of {_shape(tensor)})"
        for name, tensor in needed.items()
        if name in given and given[name].shape != tensor.shape
    ]
    found = {"missing": missing, "unexpected": unexpected, "of another shape": shapes}
    return "; ".join(f"{what}: {_some(names)}" for what, names in found.items() if names)


def write_half(model: nn.Module, path: str | Path) -> None:
    """Write a network's tensors in half precision: how weights travel with the package, at half the size.

    Parameters
    ----------
    model : nn.Module
    path : path
        The file to write; :func:`read_safetensors` gives the tensors back as float32.

    Raises
    ------
    ValueError
        When a value is beyond the range of float16 (65,504) or not finite.

    Examples
    --------
    >>> import tempfile, torch
    >>> layer = nn.Linear(2, 1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_half(layer, f"{folder}/layer.safetensors")
    ...     back = read_safetensors(f"{folder}/layer.safetensors")
    >>> torch.allclose(back["weight"], layer.weight, rtol=1e-3)
    True
    """
    halved = {}
    for name, tensor in portable(unwrap(model)).items():
        halved[name] = tensor.half() if tensor.is_floating_point() else tensor
        if not halved[name].isfinite().all():
            raise ValueError(f"{name} has values that float16 cannot hold; keep these weights in float32.")
    write_safetensors(halved, path)


def write_safetensors(tensors: Mapping[str, Tensor], path: str | Path) -> None:
    """Write a safetensors file under a temporary name and move it into place, so that no half-written file stays."""
    from safetensors.torch import save_file

    temporary = Path(path).with_suffix(".part")
    save_file(dict(tensors), temporary)
    temporary.replace(path)


def portable(model: nn.Module) -> dict[str, Tensor]:
    """Return the state of a network as plain contiguous tensors on the CPU."""
    return {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}


def _shape(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a single number"


def _some(names: list[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
