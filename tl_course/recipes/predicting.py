"""Ask a saved model about new images or texts: the verb behind ``tl-course predict``."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import environment, models
from tl_course.data.class_folders import listed_below
from tl_course.data.own_images import read_image
from tl_course.data.preprocess import TextPreprocess
from tl_course.data.tables import table_format, table_rows
from tl_course.recipes.prepared import Skips
from tl_course.training.run import autocast, in_eval

BLOCK = 64
IMAGES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp"}


@dataclass(frozen=True)
class Prediction:
    """The answer about one input.

    Attributes
    ----------
    name : str
        The file, or the text itself.
    classes : tuple of (str, float)
        Class and probability, the most likely first.
    """

    name: str
    classes: tuple[tuple[str, float], ...]


def predict(
    model: str | Path, inputs: Sequence[str], *, top: int = 3, text: str | None = None, on_error: str = "raise"
) -> tuple[list[Prediction], tuple[str, ...]]:
    """Ask a saved model.

    Parameters
    ----------
    model : path
        A folder that ``tl-course finetune`` or ``tl.models.save`` wrote.
    inputs : list of str
        Images and folders of images, or texts and tables, as the model wants.
    top : int
        How many classes to name.
    text : str, optional
        Column with the texts; then the inputs are tables (CSV).
    on_error : {"raise", "skip"}
        What to do with an image that cannot be read.

    Returns
    -------
    predictions : list of Prediction
        In the order of the inputs.
    skipped : tuple of str
        A sentence for each image that was passed over.

    Raises
    ------
    ValueError
        When the folder holds no model, an input is not there, or it is not of the kind the model was trained on.
    """
    if top < 1:
        raise ValueError(f"--top {top} names no class; give at least 1.")
    network, problems = _loaded(model), Skips(on_error)
    names = network.spec.class_names or tuple(f"class {number}" for number in range(network.spec.num_classes))
    network.to(environment.current().device)
    given = _texts if isinstance(network.preprocess, TextPreprocess) else _images
    found = []
    for labels, batch in given(network, inputs, text, problems):
        likely = _probabilities(network, batch).topk(min(top, len(names)))
        for label, values, places in zip(labels, likely.values.tolist(), likely.indices.tolist(), strict=True):
            ranked = tuple((names[place], value) for place, value in zip(places, values, strict=True))
            found.append(Prediction(label, ranked))
    return found, problems.notes


def _loaded(model: str | Path) -> nn.Module:
    folder = Path(model).expanduser()
    if not (folder / "model.json").is_file():
        raise ValueError(f"{folder} holds no saved model; give the folder that tl-course finetune wrote.")
    try:
        return models.load(folder)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} is incomplete: {error}") from error


def _probabilities(network: nn.Module, batch: Tensor | list[str]) -> Tensor:
    device = environment.current().device
    ready = batch.to(device) if isinstance(batch, Tensor) else batch
    ready = network.preprocess(ready)
    if isinstance(ready, dict):
        ready = {name: values.to(device) for name, values in ready.items()}
    with in_eval(network), autocast(device):
        return models.logits(network, ready).float().softmax(1).cpu()


def _images(
    network: nn.Module, inputs: Sequence[str], text: str | None, problems: Skips
) -> Iterator[tuple[list[str], Tensor]]:
    if text is not None:
        raise ValueError("This model was trained on images; --text is for models of texts.")
    files = [file for given in inputs for file in _files(given)]
    names, pixels = [], []
    for file in tqdm(files, desc="predicting", unit="image", leave=False, disable=len(files) < BLOCK):
        image = read_image(file, network.preprocess.size)
        if isinstance(image, str):
            problems.add(image, "remove or replace it")
            continue
        names.append(str(file))
        pixels.append(image)
        if len(pixels) == BLOCK:
            yield names, torch.stack(pixels)
            names, pixels = [], []
    if pixels:
        yield names, torch.stack(pixels)


def _files(given: str) -> list[Path]:
    path = Path(given).expanduser()
    if path.is_dir():
        files = listed_below(path)
        if not files:
            raise ValueError(f"The folder {path} holds no image; give a folder of images, such as JPEG or PNG.")
        return files
    if not path.is_file():
        raise ValueError(
            f"There is no image or folder {given}; give the path of one: this model was trained on images."
        )
    return [path]


def _texts(
    network: nn.Module, inputs: Sequence[str], text: str | None, problems: Skips
) -> Iterator[tuple[list[str], list[str]]]:
    texts = _columns(inputs, text) if text is not None else [_checked(each) for each in inputs]
    for start in tqdm(range(0, len(texts), BLOCK), desc="predicting", leave=False, disable=len(texts) <= BLOCK):
        yield texts[start : start + BLOCK], texts[start : start + BLOCK]


def _checked(text: str) -> str:
    suffix = Path(text).suffix.lower() if len(text) < 255 else ""
    if suffix in IMAGES and Path(text).is_file():
        raise ValueError(f"{text} is an image, and this model was trained on texts; give texts, or CSVs with --text.")
    if suffix in {".csv", ".tsv"} and Path(text).is_file():
        raise ValueError(f"{text} is a table: name its column of texts, --text COLUMN.")
    if not text.strip():
        raise ValueError("One of the texts is empty; give at least a word.")
    return text


def _columns(inputs: Sequence[str], text: str) -> list[str]:
    """Return the column of all tables; an empty text stays, so that rows keep their order."""
    found = []
    for given in inputs:
        file = Path(given).expanduser()
        if not file.is_file():
            raise ValueError(f"There is no file {given}; with --text give the paths of tables (CSV).")
        for row in table_rows(table_format(file, [text]), [text]):
            if row.fault is not None and row.fault.kind == "encoding":
                raise ValueError(f"{file.name}, line {row.line}, is not written in UTF-8; save the file as UTF-8.")
            found.append(row.values[text] or "")
    return found


def write_csv(predictions: Sequence[Prediction], path: Path) -> None:
    """Write predictions as a table: input, then class and probability, the most likely first.

    Raises
    ------
    ValueError
        When the file cannot be written.
    """
    count = max((len(each.classes) for each in predictions), default=0)
    head = ["input", *(name for place in range(1, count + 1) for name in (f"class_{place}", f"probability_{place}"))]
    try:
        with path.open("w", encoding="utf-8", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(head)
            for each in predictions:
                table.writerow([each.name, *(cell for name, value in each.classes for cell in (name, f"{value:.4f}"))])
    except OSError as error:
        raise ValueError(f"{path} cannot be written ({error.strerror}); choose another file.") from error
