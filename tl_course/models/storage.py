"""Save a model so that it can be used elsewhere, and load it: safetensors and JSON, nothing that runs code.

A saved model is a folder with ``model.safetensors`` (the tensors), ``model.json`` (what the model is and how its
inputs are prepared) and, for texts, ``tokenizer/``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from tl_course.data.preprocess import ImagePreprocess, TextPreprocess
from tl_course.models.encoders import most_tokens
from tl_course.models.heads import seeded
from tl_course.models.structure import is_text, unwrap
from tl_course.models.tensors import (
    TensorsDoNotFitError,
    check_tensors,
    differences,
    load_tensors,
    portable,
    read_safetensors,
    write_safetensors,
)
from tl_course.models.zoo import MODELS, ModelSpec, architecture, equip
from tl_course.plain_numbers import for_json, real_number, whole_number

FORMAT = 1
# A picture of so many pixels takes 800 MB as float32.
MOST_PIXELS = 8_192


def save(
    model: nn.Module,
    path: str | Path,
    *,
    class_names: Sequence[str] | None = None,
    temperature: float | None = None,
) -> Path:
    """Save a model of :func:`~tl_course.models.create` with its preprocess; its weights may have changed.

    What is frozen is a matter of training and is not kept.

    Parameters
    ----------
    model : nn.Module
    path : path
        Folder to write; made if it is not there. A model saved there before is replaced.
    class_names : list of str, optional
        Names of the classes in the order of the outputs; those in ``model.spec`` if left out.
    temperature : float, optional
        What divides its logits before they become probabilities, from
        :func:`~tl_course.metrics.fit_temperature`; ``model.temperature`` if left out, and 1 without one.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ValueError
        When the model was not made by ``create``, the names are not as many as the classes, or the path is a file.
    TensorsDoNotFitError
        When layers were changed beyond the head, so that the file could not be loaded again.

    Examples
    --------
    >>> import tempfile
    >>> from tl_course import models
    >>> model = models.create("resnet_small", num_classes=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = models.save(model, f"{folder}/cats_and_dogs", class_names=["cat", "dog"])
    ...     models.load(path).spec.class_names
    ('cat', 'dog')
    """
    model = unwrap(model)
    spec = _spec_to_save(model, class_names)
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; give the name of a folder.")
    config = model.config.to_dict() if is_text(model) else getattr(model, "design", None)
    _check_layout(model, spec, config)
    told = {name: value for name, value in asdict(spec).items() if name != "licence" or value}
    card = {"format": FORMAT, "spec": told, "preprocess": model.preprocess.to_dict(), "config": config}
    card["temperature"] = _temperature(getattr(model, "temperature", 1.0) if temperature is None else temperature)
    written = json.dumps(card, indent=2, ensure_ascii=False, default=for_json)
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model.preprocess, TextPreprocess):
        model.preprocess.save_tokenizer(folder / "tokenizer")
    write_safetensors(portable(model), folder / "model.safetensors")
    temporary = folder / "model.json.part"
    temporary.write_text(written + "\n", encoding="utf-8")
    temporary.replace(folder / "model.json")
    return folder


def load(path: str | Path) -> nn.Module:
    """Load a model that :func:`save` wrote: in eval mode, on the CPU, all of it trainable.

    Parameters
    ----------
    path : path
        The folder.

    Returns
    -------
    nn.Module
        With ``preprocess``, ``embed`` and ``spec``, as :func:`~tl_course.models.create` gives it, and with
        ``temperature``: 1 where none was saved.

    Raises
    ------
    FileNotFoundError
        When the folder does not hold a saved model.
    ValueError
        When a file is damaged, was written by a newer version, asks for code of its own to be run, or for inputs that
        no memory can take.
    TensorsDoNotFitError
        When the tensors are not those of the model; the message names them.

    Examples
    --------
    >>> load("nowhere")
    Traceback (most recent call last):
    FileNotFoundError: nowhere holds no saved model (no model.json); give the folder that save wrote.
    """
    folder = Path(path)
    card = _read_card(folder)
    try:
        spec = ModelSpec(**card["spec"])
        spec = replace(
            spec,
            num_classes=whole_number("num_classes", spec.num_classes, least=1),
            class_names=None if spec.class_names is None else tuple(spec.class_names),
        )
        _check_names(spec, folder)
        preprocess = _preprocess(card["preprocess"], folder)
        temperature = _read_temperature(card, folder)
        with torch.device("meta"):  # takes no memory, however large the card says that the network is
            expected = architecture(spec.name, spec.num_classes, card["config"])
        _check_size(preprocess, expected, folder)
        tensors = read_safetensors(folder / "model.safetensors")
        check_tensors(expected, tensors, source=str(folder / "model.safetensors"))
        with seeded(0):
            model = architecture(spec.name, spec.num_classes, card["config"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{folder / 'model.json'} is damaged ({error}); save the model again.") from error
    load_tensors(model, tensors, source=str(folder / "model.safetensors"))
    equip(model, spec.name, spec.weights, preprocess)
    model.spec = spec
    model.temperature = temperature
    return model


def _temperature(value: object) -> float:
    """Return a temperature as a float; another value than a finite number above 0 is refused (ValueError)."""
    plain = real_number("temperature", value)
    if not (isinstance(plain, float) and 0 < plain < math.inf):
        raise ValueError(f"a temperature is a number above 0, not {value!r}.")
    return plain


def _read_temperature(card: dict[str, Any], folder: Path) -> float:
    try:
        return _temperature(card.get("temperature", 1.0))  # folders of older versions have none
    except ValueError as error:
        raise ValueError(f"{folder / 'model.json'} is damaged ({error}); save the model again.") from error


def _check_names(spec: ModelSpec, folder: Path) -> None:
    names = spec.class_names
    if names is not None and not (len(names) == spec.num_classes and all(isinstance(name, str) for name in names)):
        raise ValueError(
            f"{folder / 'model.json'} is damaged ({len(names)} class names for {spec.num_classes} outputs); save the "
            "model again."
        )


def _check_size(preprocess: ImagePreprocess | TextPreprocess, model: nn.Module, folder: Path) -> None:
    """Raise ValueError where the inputs would be larger than the network or a memory can take."""
    if isinstance(preprocess, TextPreprocess):
        size, most, unit = preprocess.max_length, most_tokens(model), "tokens"
    else:
        size, most, unit = round(preprocess.size / preprocess.crop), MOST_PIXELS, "pixels of a side"
    if size > most:
        raise ValueError(
            f"{folder / 'model.json'} asks for inputs of {size:,} {unit}, and {most:,} are the most; save the model "
            "again with a smaller preprocess."
        )


def _spec_to_save(model: nn.Module, class_names: Sequence[str] | None) -> ModelSpec:
    if not isinstance(getattr(model, "spec", None), ModelSpec):
        raise ValueError(
            f"this {type(model).__name__} was not made by tl.models.create; keep its state_dict with torch.save."
        )
    if class_names is None:
        return model.spec
    if len(class_names) != model.spec.num_classes:
        raise ValueError(f"{len(class_names)} class names do not name {model.spec.num_classes} outputs; give one each.")
    return replace(model.spec, class_names=tuple(class_names))


def _check_layout(model: nn.Module, spec: ModelSpec, config: dict[str, Any] | None) -> None:
    with torch.device("meta"):
        expected = architecture(spec.name, spec.num_classes, config).state_dict()
    difference = differences(expected, model.state_dict())
    if difference:
        raise TensorsDoNotFitError(
            f"this model is no longer the {spec.name} that create made ({difference}); "
            "undo the change or keep its state_dict with torch.save."
        )


def _read_card(folder: Path) -> dict[str, Any]:
    path = folder / "model.json"
    if not path.is_file():
        raise FileNotFoundError(f"{folder} holds no saved model (no model.json); give the folder that save wrote.")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        written, name = card["format"], card["spec"]["name"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}); save the model again.") from error
    by_name = isinstance(card.get("config"), dict) and ("/" in str(name))
    if written != FORMAT or not (name in MODELS or by_name):
        raise ValueError(
            f"{path} (format {written}, model {name!r}) was written by another version of this package; update it."
        )
    return card


def _preprocess(values: dict[str, Any], folder: Path) -> ImagePreprocess | TextPreprocess:
    if values["kind"] == "text":
        return TextPreprocess.from_dict(values, folder / "tokenizer")
    return ImagePreprocess.from_dict(values)
