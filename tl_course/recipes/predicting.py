"""Ask a saved model about new images or texts: the verb behind ``tl-course predict``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import environment, models
from tl_course.data.class_folders import IMAGE_SUFFIXES, check_images, listed_below
from tl_course.data.image_files import Rescaled, Unreadable, read_image
from tl_course.data.preprocess import TextPreprocess
from tl_course.data.tables import is_blank, table_format, table_rows
from tl_course.recipes.confidence import UNSURE, is_sure, probabilities
from tl_course.recipes.prepared import Skips, counted
from tl_course.recipes.texts import lines_told, tell_fault
from tl_course.training.run import autocast, in_eval

# So many are asked about at a time, and large images in smaller blocks: 200 MB as float32.
BLOCK, BLOCK_PIXELS = 64, 2**24
TABLE_SUFFIXES = {".csv", ".tsv"}
# What ends so is a file's name, and no text.
FILE_SUFFIXES = {
    *IMAGE_SUFFIXES, *TABLE_SUFFIXES, ".xlsx", ".xls", ".ods", ".parquet", ".feather", ".json", ".jsonl", ".xml",
    ".txt", ".md", ".htm", ".html", ".doc", ".docx", ".odt", ".rtf", ".pdf", ".zip", ".gz", ".tar",
    ".sqlite", ".db", ".pkl",
}  # fmt: skip
MOST_WORDS_IN_A_PATH = 4


@dataclass(frozen=True)
class Prediction:
    """The answer about one input.

    Attributes
    ----------
    name : str
        The file, or the text itself.
    classes : tuple of (str, float)
        Class and probability, the most likely first; empty for a row without a text.
    columns : tuple of (str, str)
        Name and cell of the other columns of a text's table, an id for example.
    answer : str
        The class, or "unsure" where it is less probable than was asked for; "" for a row without a text.
    unsure : bool
    """

    name: str
    classes: tuple[tuple[str, float], ...]
    columns: tuple[tuple[str, str], ...] = ()
    answer: str = ""
    unsure: bool = False


def predict(
    model: str | Path,
    inputs: Sequence[str],
    *,
    top: int = 3,
    text: str | None = None,
    encoding: str = "utf-8-sig",
    on_error: str = "raise",
    unsure_below: float = 0.0,
    say: Callable[[str], None] = warnings.warn,
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
    encoding : str
        Of tables.
    on_error : {"raise", "skip"}
        What to do with an image that cannot be read, and with a row of more cells than its header.
    unsure_below : float
        Answers of a lower probability are "unsure"; their classes are named all the same.
    say : callable
        Is told in a sentence for each kind which images were scaled by their own range.

    Returns
    -------
    predictions : list of Prediction
        In the order of the inputs; one for each row of a table, without classes where it has no text.
    skipped : tuple of str
        A sentence for each image and row that was passed over.

    Raises
    ------
    ValueError
        When the folder holds no model, an input is not there, or it is not of the kind the model was trained on.

    Examples
    --------
    >>> predict("photos-finetuned", ["new.jpg"])
    Traceback (most recent call last):
    ValueError: photos-finetuned holds no saved model; give the folder that tl-course finetune wrote.
    """
    if top < 1:
        raise ValueError(f"--top {top} names no class; give at least 1.")
    network, problems = _loaded(model), Skips(on_error)
    names = network.spec.class_names or tuple(f"class {number}" for number in range(network.spec.num_classes))
    _check_threshold(unsure_below, names)
    network.to(environment.current().device)

    def ask(batch: Tensor | list[str]) -> list[dict]:
        table = probabilities(_logits(network, batch), network.temperature)
        likely = table.topk(min(top, len(names)))
        ranked = [
            tuple((names[place], value) for place, value in zip(places, values, strict=True))
            for values, places in zip(likely.values.tolist(), likely.indices.tolist(), strict=True)
        ]
        sure = is_sure(table, unsure_below).tolist()
        return [
            {"classes": each, "answer": each[0][0] if enough else UNSURE, "unsure": not enough}
            for each, enough in zip(ranked, sure, strict=True)
        ]

    if isinstance(network.preprocess, TextPreprocess):
        asked = _rows(inputs, text, encoding, problems) if text is not None else list(map(_checked, inputs))
        return _about_texts(asked, ask), problems.notes
    found, rescaled = [], Rescaled()
    for files, pixels in _images(network, inputs, text, problems, rescaled):
        found += [Prediction(file, **said) for file, said in zip(files, ask(pixels), strict=True)]
    for sentence in rescaled.sentences():
        say(sentence)
    return found, problems.notes


def _loaded(model: str | Path) -> nn.Module:
    folder = Path(model).expanduser()
    if not (folder / "model.json").is_file():
        raise ValueError(f"{folder} holds no saved model; give the folder that tl-course finetune wrote.")
    try:
        return models.load(folder)
    except FileNotFoundError as error:
        raise ValueError(f"{folder} is incomplete: {error}") from error


def _check_threshold(unsure_below: float, names: Sequence[str]) -> None:
    if not 0 <= unsure_below <= 1:
        raise ValueError(
            f"--unsure-below {unsure_below:g} is no probability; give a number from 0 to 1, such as 0.6 for 60 %."
        )
    if unsure_below and UNSURE in names:
        raise ValueError(
            f"The model has a class {UNSURE!r}, which could not be told from an answer; leave --unsure-below out."
        )


def _logits(network: nn.Module, batch: Tensor | list[str]) -> Tensor:
    device = environment.current().device
    ready = batch.to(device) if isinstance(batch, Tensor) else batch
    ready = network.preprocess(ready)
    if isinstance(ready, dict):
        ready = {name: values.to(device) for name, values in ready.items()}
    with in_eval(network), autocast(device):
        return models.logits(network, ready).float().cpu()


def _images(
    network: nn.Module, inputs: Sequence[str], text: str | None, problems: Skips, rescaled: Rescaled
) -> Iterator[tuple[list[str], Tensor]]:
    if text is not None:
        raise ValueError("This model was trained on images; --text is for models of texts.")
    files = [file for given in inputs for file in _files(given)]
    look = network.preprocess
    block = max(1, min(BLOCK, BLOCK_PIXELS // look.size**2))
    names, pixels = [], []
    for file in tqdm(files, desc="predicting", unit="image", leave=False, disable=len(files) < BLOCK):
        image = read_image(file, look.size, fit=look.fit, fill=look.fill, rescaled=rescaled)
        if isinstance(image, Unreadable):
            problems.add(image, image.way_out)
            continue
        names.append(str(file))
        pixels.append(image)
        if len(pixels) == block:
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
        check_images(path, files)
        return files
    if not path.is_file():
        raise ValueError(
            f"There is no image or folder {given}; give the path of one: this model was trained on images."
        )
    return [path]


def _about_texts(asked: list[Prediction], ask: Callable) -> list[Prediction]:
    """Fill in the answers; what is blank or broken stays without one."""
    found = list(asked)
    places = [place for place, each in enumerate(asked) if not is_blank(each.name)]
    for start in tqdm(range(0, len(places), BLOCK), desc="predicting", leave=False, disable=len(places) <= BLOCK):
        block = places[start : start + BLOCK]
        for place, said in zip(block, ask([asked[place].name for place in block]), strict=True):
            found[place] = replace(asked[place], **said)
    return found


def _checked(text: str) -> Prediction:
    """Return the question about a text; a path is read or refused, never taken for a text."""
    if not text.strip():
        raise ValueError("One of the texts is empty; give at least a word.")
    path = _existing(text)
    if path is None and not looks_like_a_path(text):
        return Prediction(text, ())
    suffix = Path(text).suffix.lower()
    if path is None:
        raise ValueError(
            f"There is no file or folder {text}; correct the path, or write a full stop behind it if it is a text."
        )
    if path.is_dir():
        raise ValueError(
            f"{text} is a folder, and this model was trained on texts; give texts, or tables (CSV) with --text COLUMN."
        )
    if suffix in IMAGE_SUFFIXES:
        raise ValueError(f"{text} is an image, and this model was trained on texts; give texts, or CSVs with --text.")
    if suffix in TABLE_SUFFIXES:
        raise ValueError(f"{text} is a table: name its column of texts, --text COLUMN.")
    raise ValueError(
        f"{text} is a file; save it as a table (CSV UTF-8) and name its column of texts, --text COLUMN, or give the "
        "text itself in quotation marks."
    )


def _existing(text: str) -> Path | None:
    try:
        path = Path(text).expanduser()
        return path if path.exists() else None
    except (OSError, ValueError, RuntimeError):  # longer than a name may be, or with letters that no name has
        return None


def looks_like_a_path(text: str) -> bool:
    """Say whether a text was meant as the path of a file or folder.

    >>> [looks_like_a_path(text) for text in ("new reviews.csv", "reviews/", "./reviews", "C:\\\\new")]
    [True, True, True, True]
    >>> [looks_like_a_path(text) for text in ("A fine film.", "10/10", "I saw its plot explained in plot.txt")]
    [False, False, False]
    """
    words = text.split()
    if len(words) > MOST_WORDS_IN_A_PATH or "\n" in text.strip():
        return False
    text = text.strip()
    if Path(text).suffix.lower() in FILE_SUFFIXES:
        return True
    if len(words) == 1 and (re.match(r"~?/|\.{1,2}[/\\]|[A-Za-z]:[/\\]", text) or text.endswith(("/", "\\"))):
        return True
    parent = Path(text).parent
    return parent != Path() and _existing(str(parent)) is not None


def _rows(inputs: Sequence[str], text: str, encoding: str, problems: Skips) -> list[Prediction]:
    """Return a question for each row of all tables, in their order, with the other columns."""
    found: list[Prediction] = []
    for given in inputs:
        file = Path(given).expanduser()
        if not file.is_file():
            what = f"{given} is a folder" if file.is_dir() else f"There is no file {given}"
            raise ValueError(f"{what}; with --text give the paths of tables (CSV).")
        table = table_format(file, [text], encoding=encoding)
        others, blank, before = table.other_columns([text]), [], len(found)
        for row in table_rows(table, [text]):
            if row.fault and row.fault.kind != "empty":
                tell_fault(file, row, table.encoding, problems)
            elif row.fault:
                blank.append(row.line)
            name = "" if row.fault else row.values[text]
            found.append(Prediction(name, (), tuple(zip(others, row.others, strict=True))))
        if len(found) == before:
            raise ValueError(f"{file.name} has no row below its header; give a table with texts.")
        if blank:
            problems.pass_over(
                f"{counted(len(blank), 'row')} of {file.name} without a text, left without an answer "
                f"({lines_told(blank)})"
            )
    return found
