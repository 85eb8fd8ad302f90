"""Export a saved model so that it runs without this package: ``torch.export`` or ONNX, its preprocess in words beside.

What was exported is asked the same questions as the saved model, in several batches, before a folder is left: a file
that answers otherwise is worse than none.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from tl_course.data.preprocess import ImagePreprocess, TextPreprocess
from tl_course.environment import generator
from tl_course.models.heads import logits
from tl_course.models.storage import load

FORMATS = {"torch": "model.pt2", "onnx": "model.onnx"}
CARD = "preprocess.json"
NEEDED = ("onnx", "onnxscript", "onnxruntime")
# Logits that differ by more are told from the saved model's.
TOLERANCE = 1e-4
# Batches that the exported model is tried on: examples, and for texts tokens (those that the network allows).
TRIED, TRIED_LENGTHS = (1, 2, 3, 8), (5, 16, 48)
# The length of a batch of texts that is shown to the exporter.
SHOWN_LENGTH = 12
OPSET = 20
# How an image of any shape becomes a square of `size`, as Pillow's ImageOps does it.
FITTING = {
    "crop": "cut the largest square from the middle and resize it to size × size (ImageOps.fit)",
    "pad": "resize the longer side to size, the shorter in proportion and rounded down; put it into the middle of fill",
    "squish": "resize to size × size, out of proportion",
}


@dataclass(frozen=True)
class Exported:
    """What was exported.

    Attributes
    ----------
    folder : Path
        With the model, ``preprocess.json`` and, for texts, ``tokenizer/``.
    difference : float
        The largest between a logit of the exported and of the saved model.
    tried : int
        Batches that they were compared on.
    length : int or None
        Tokens that every batch must have; None where any number will do, and for images.
    """

    folder: Path
    difference: float
    tried: int
    length: int | None = None


class _OfTensors(nn.Module):
    """A model as a function from tensors to logits."""

    def __init__(self, model: nn.Module, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *inputs: Tensor) -> Tensor:
        if len(self.names) == 1:
            return logits(self.model, inputs[0])
        return logits(self.model, dict(zip(self.names, inputs, strict=True)))


def export(
    model: str | Path, out: str | Path, *, format: str = "onnx", tolerance: float = TOLERANCE, force: bool = False
) -> Exported:
    """Export a saved model, any number of inputs at a time, and compare it with the saved one.

    The exported model takes what the preprocess makes (``pixels``; or ``input_ids`` and ``attention_mask``) and gives
    ``logits``. ``preprocess.json`` says all that is needed around it: how an input is made ready, the names of the
    classes in the order of the logits, and the temperature that divides these before a softmax.

    Parameters
    ----------
    model : path
        A folder that :func:`~tl_course.models.save` wrote.
    out : path
        The folder to write.
    format : {"onnx", "torch"}
        ``model.onnx``, or ``model.pt2`` for ``torch.export.load``.
    tolerance : float
        How far a logit may be from that of the saved model.
    force : bool
        Replace an export that is there; never another folder.

    Raises
    ------
    ValueError
        When the format is unknown, packages for ONNX are missing, the network cannot be exported, or its answers
        differ; nothing is left then.

    Examples
    --------
    >>> from tl_course import models
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     saved = models.save(models.create("resnet_tiny", num_classes=2), f"{folder}/mine")
    ...     done = export(saved, f"{folder}/mine-torch", format="torch")
    ...     sorted(file.name for file in done.folder.iterdir()), done.difference < 1e-4
    (['model.pt2', 'preprocess.json'], True)
    """
    if format not in FORMATS:
        raise ValueError(f"--format {format} is unknown; give {' or '.join(FORMATS)}.")
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None] if format == "onnx" else []
    if missing:
        raise ValueError(
            f"ONNX needs {', '.join(missing)}: pip install -c constraints.txt -e '.[export]', or take --format torch."
        )
    folder = Path(out)
    _check_free(folder, force)
    try:
        network = load(model)
    except FileNotFoundError as error:
        raise ValueError(str(error)) from error
    recurrent = [type(part).__name__ for part in network.modules() if isinstance(part, nn.RNNBase)]
    if recurrent:
        raise ValueError(
            f"{network.spec.name} has recurrent layers ({recurrent[0]}), which PyTorch exports for one number of "
            "examples only; use the saved folder itself with tl.models.load, or fine-tune an encoder such as minilm."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as place:
        made = Path(place) / "made"
        made.mkdir()
        length, answer = _written(network, made / FORMATS[format], format)
        difference, tried = _compared(network, answer, length, tolerance)
        card = describe_preprocess(network, FORMATS[format], length)
        written = json.dumps(card, indent=2, ensure_ascii=False)
        (made / CARD).write_text(written + "\n", encoding="utf-8")
        if isinstance(network.preprocess, TextPreprocess):
            network.preprocess.save_tokenizer(made / "tokenizer")
        if folder.exists():
            shutil.rmtree(folder)
        made.replace(folder)
    return Exported(folder, difference, tried, length)


def _check_free(folder: Path, force: bool) -> None:
    if not folder.exists():
        return
    ours = {*FORMATS.values(), CARD, "tokenizer"}
    if not folder.is_dir() or not {path.name for path in folder.iterdir()} <= ours:
        raise ValueError(f"{folder} is there and holds no export; choose another --out.")
    if not force:
        raise ValueError(f"{folder} is there already; choose another --out, or pass --force to write over it.")


def _names(network: nn.Module) -> tuple[str, ...]:
    return ("input_ids", "attention_mask") if isinstance(network.preprocess, TextPreprocess) else ("pixels",)


def _written(network: nn.Module, file: Path, format: str) -> tuple[int | None, Callable]:
    """Write the exported model; return the length of texts where it is fixed, and a function that asks the file."""
    write = {"torch": _write_torch, "onnx": _write_onnx}[format]
    lengths = (None, network.preprocess.max_length) if isinstance(network.preprocess, TextPreprocess) else (None,)
    for length in lengths:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # exporters warn of their own future
                answer = write(network, file, length)
                _compared(network, answer, length, float("inf"))  # lengths that only seem free fail here
            return length, answer
        except Exception as error:  # exporters raise nearly every type there is
            fault = error
    raise ValueError(
        f"{network.spec.name} cannot be exported ({type(fault).__name__}: {str(fault).splitlines()[0][:200]}); try "
        "another --format."
    ) from fault


def _program(network: nn.Module, length: int | None) -> torch.export.ExportedProgram:
    names = _names(network)
    shown = _batch(network, 2, length or min(SHOWN_LENGTH, _longest(network)), seed=0)
    free: dict[int, Any] = {0: torch.export.Dim.DYNAMIC}
    if len(names) == 2 and length is None:
        free[1] = torch.export.Dim.DYNAMIC
    return torch.export.export(_OfTensors(network, names).eval(), shown, dynamic_shapes=((free,) * len(names),))


def _write_torch(network: nn.Module, file: Path, length: int | None) -> Callable:
    torch.export.save(_program(network, length), file)
    return torch.export.load(file).module()


def _write_onnx(network: nn.Module, file: Path, length: int | None) -> Callable:
    import onnxruntime

    names = _names(network)
    program = torch.onnx.export(
        _program(network, length),
        input_names=list(names),
        output_names=["logits"],
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    program.save(file)
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])

    def answer(*inputs: Tensor) -> Tensor:
        given = {each.name: values.numpy() for each, values in zip(session.get_inputs(), inputs, strict=True)}
        return torch.from_numpy(session.run(None, given)[0])

    return answer


def _longest(network: nn.Module) -> int:
    """Return the most tokens of a text; 0 for images."""
    return getattr(network.preprocess, "max_length", 0)


def _batch(network: nn.Module, count: int, length: int, seed: int) -> tuple[Tensor, ...]:
    """Draw a batch as the preprocess makes them: noise of several contrasts, or tokens of several lengths, padded."""
    draw, look = generator(seed), network.preprocess
    if isinstance(look, ImagePreprocess):
        pixels = torch.randint(0, 256, (count, 3, look.size, look.size), dtype=torch.uint8, generator=draw)
        shift = torch.randint(0, 256, (count, 3, 1, 1), dtype=torch.uint8, generator=draw)
        return (look(pixels // 2 + shift // 2).contiguous(),)
    ids = torch.randint(0, len(look.tokenizer), (count, length), generator=draw)
    kept = torch.randint(1, length + 1, (count,), generator=draw)
    kept[0] = length
    mask = (torch.arange(length) < kept[:, None]).long()
    return ids * mask + (look.tokenizer.pad_token_id or 0) * (1 - mask), mask


def _compared(network: nn.Module, answer: Callable, length: int | None, tolerance: float) -> tuple[float, int]:
    """Return the largest difference over several batches, and how many there were; ValueError where it is too large."""
    reference, worst, tried = _OfTensors(network, _names(network)), 0.0, 0
    usual = [each for each in TRIED_LENGTHS if each <= _longest(network)] or [_longest(network)]
    lengths = [0] if len(_names(network)) == 1 else [length] if length else usual
    for count in TRIED:
        for size in lengths:
            inputs = _batch(network, count, size, seed=1 + tried)
            with torch.inference_mode():
                difference = (answer(*inputs) - reference(*inputs)).abs().max().item()
            worst, tried = max(worst, difference), tried + 1
            if not difference <= tolerance:  # NaN, too
                raise ValueError(
                    f"The exported {network.spec.name} answers otherwise than the saved one: by {difference:.1e} in a "
                    f"batch of {count}, and {tolerance:g} is allowed. Nothing was written; try another --format."
                )
    return worst, tried


def describe_preprocess(network: nn.Module, file: str, length: int | None) -> dict[str, Any]:
    """Return all that someone needs around an exported network, as plain values for a JSON file.

    Parameters
    ----------
    network : nn.Module
    file : str
        Its name.
    length : int or None
        Tokens that every batch must have.
    """
    look, spec = network.preprocess, network.spec
    card: dict[str, Any] = {
        "model": file,
        "class_names": list(spec.class_names or [f"class {number}" for number in range(spec.num_classes)]),
        "temperature": float(getattr(network, "temperature", 1.0)),
        "probabilities": "softmax(logits / temperature) over the last axis",
        "outputs": {"logits": {"type": "float32", "shape": ["batch", spec.num_classes]}},
    }
    if isinstance(look, TextPreprocess):
        tokenizer, shape = look.tokenizer, ["batch", length or "length"]
        return card | {
            "kind": "text",
            "inputs": {name: {"type": "int64", "shape": shape} for name in _names(network)},
            "tokenizer": "tokenizer/tokenizer.json",
            "max_length": look.max_length,
            "truncation": True,
            "padding": "max_length" if length else "longest",
            "padding_side": "right",
            "pad_token_id": tokenizer.pad_token_id,
        }
    return card | {
        "kind": "image",
        "inputs": {"pixels": {"type": "float32", "shape": ["batch", 3, look.size, look.size]}},
        "steps": [
            "turn the image as its EXIF orientation says; put it on white where it is transparent; make it RGB",
            f"{FITTING[look.fit]}; with Pillow's filter, which is antialiased; values are whole, 0 to 255",
            "divide by scale, subtract mean, divide by std, for each of red, green and blue; order N, 3, height, width",
        ],
        "size": look.size,
        "resize_filter": "bicubic",  # Pillow's, by which image files are read
        "fit": look.fit,
        "fill": list(look.fill),
        "channels": "RGB",
        "scale": 255,
        "mean": list(look.mean),
        "std": list(look.std),
    }
