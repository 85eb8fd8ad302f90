"""The learner's own images: a folder with one subfolder for each class."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from tl_course.data.class_folders import check_images, classes_of, listed_images, pass_over_beside, split_folders
from tl_course.data.image_files import Rescaled, Unreadable, read_image
from tl_course.data.preprocess import FITS
from tl_course.data.task import Dataset, Problems, Split, Task, check_classes
from tl_course.plain_numbers import whole_number

# Decoded images stay in memory, where a whole epoch costs no decoding.
LIMIT = 2 * 1024**3


def image_folder(
    path: str | os.PathLike,
    *,
    size: int | None = None,
    fit: str = "crop",
    train_per_class: int | None = None,
    validation: float = 0.2,
    test: float | int | None = None,
    seed: int = 0,
    augment: Sequence[str] = (),
    on_error: str = "raise",
) -> Task:
    """Make a task from a folder whose subfolders are the classes: ``path/cat/tom.jpg``.

    Subfolders named like splits (train, Testing, valid, seg_test …; see
    :func:`~tl_course.data.class_folders.part_of`) are taken as ready splits: ``path/train/cat/tom.jpg``; what is
    missing of them is drawn from train. Hidden files are passed over. Images are turned as their camera says, made
    RGB and kept decoded in memory, at most 2 GiB. Those of 16 bits, integers or floating-point numbers are scaled by
    their own range; a warning and ``task.notes`` say so.

    Parameters
    ----------
    path : path
    size : int, optional
        Make squares of this many pixels a side. Needed when sizes differ.
    fit : {"crop", "pad", "squish"}
        How: resize the shorter side and cut the middle square, resize the longer one and put black bars beside, or
        resize both, out of proportion.
    train_per_class, validation, seed, augment
        As in :func:`tl_course.data.load`.
    test : float or int, optional
        Share (or number) of the images held out for the test, one fifth by default; the same ones for every ``seed``.
    on_error : {"raise", "skip"}
        What to do with a file that is no readable image and a class without any: raise, or leave it out, list it in
        ``task.notes`` and warn once.

    Returns
    -------
    Task
        uint8 N×3×H×W, classes in alphabetical order.

    Raises
    ------
    FileNotFoundError
        When there is no such folder.
    ValueError
        When a file is no readable image, a class is empty or too small to be split, there is one class only, what
        seem to be classes are splits, sizes differ, or the decoded images would take more than 2 GiB: one sentence with
        the name and the way out.

    Examples
    --------
    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number, colour in enumerate(["red", "blue"] * 5):
    ...         (Path(folder) / "flags" / colour).mkdir(parents=True, exist_ok=True)
    ...         Image.new("RGB", (40, 30), colour).save(f"{folder}/flags/{colour}/{number}.png")
    ...     print(image_folder(f"{folder}/flags", size=16))
    flags: 6 train, 2 validation, 2 test images 16×16, 2 classes
    """
    dataset = read_image_folder(path, size=size, fit=fit, on_error=on_error)
    return dataset.draw(train_per_class=train_per_class, validation=validation, test=test, seed=seed, augment=augment)


def read_image_folder(
    path: str | os.PathLike, *, size: int | None = None, fit: str = "crop", on_error: str = "raise"
) -> Dataset:
    """Return the :class:`~tl_course.data.Dataset` that :func:`image_folder` draws its task from."""
    root = Path(path).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f"There is no folder {root}; give one with a subfolder of images for each class.")
    size = None if size is None else whole_number("size", size, least=1)
    if fit not in FITS or (fit != "crop" and size is None):
        raise ValueError(
            f"fit={fit!r} says how images become squares of size= pixels; give a size and one of {', '.join(FITS)}."
        )
    problems, rescaled = Problems(on_error), Rescaled()
    reader = partial(read_image, size=size, fit=fit, rescaled=rescaled)
    listed = {part: listed_images(folder) for part, folder in split_folders(root).items()}
    check_images(root, [file for entries in listed.values() for _, file in entries])
    found = {part: _decoded(entries, root, size, problems, reader) for part, entries in listed.items()}
    pass_over_beside(root, problems)
    class_names = classes_of({image.name for image in found["train"]}, root, problems)
    _check_one_size([image for images in found.values() for image in images])
    problems.warn()
    scaled = tuple(rescaled.sentences(root))
    for sentence in scaled:
        warnings.warn(sentence, stacklevel=3)
    splits = {part: _stacked(images, class_names) for part, images in found.items()}
    # Of every class at least one image must be left for each split that is still to be drawn.
    check_classes(splits["train"].labels, class_names, f"the folder {root}", at_least=4 - len(splits))
    return Dataset(
        "image_folder",
        root.resolve().name,
        "image",
        class_names,
        splits["train"],
        f"the reader's own images, folder {root.resolve().name}",
        test=splits.get("test"),
        validation=splits.get("validation"),
        augmentable=("flip", "crop"),
        notes=problems.notes + scaled,
    )


class _Found(NamedTuple):
    """An image file, the class it is of, and its pixels, uint8 3×H×W."""

    file: Path
    name: str
    pixels: Tensor


def _decoded(
    listed: list[tuple[str, Path]], root: Path, size: int | None, problems: Problems, reader: Callable
) -> list[_Found]:
    """Decode image files, several at a time."""
    found, total = [], 0
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        decoded = pool.map(lambda entry: reader(entry[1]), listed)
        for (name, file), image in zip(listed, decoded, strict=True):
            if isinstance(image, Unreadable):
                problems.add(image, image.way_out)
                continue
            found.append(_Found(file, name, image))
            total += image.numel()
            if total > LIMIT:
                pool.shutdown(wait=False, cancel_futures=True)
                raise ValueError(
                    f"The {len(listed):,} images of {root} take more than {LIMIT / 1024**3:.3g} GiB once decoded; "
                    f"pass a smaller size= (now {size}) or give fewer of them."
                )
    return found


def _check_one_size(found: list[_Found]) -> None:
    for image in found:
        if image.pixels.shape != found[0].pixels.shape:
            one, other = ("×".join(map(str, each.pixels.shape[1:])) for each in (found[0], image))
            raise ValueError(
                f"The images differ in size ({found[0].file} has {one} pixels, {image.file} {other}); pass size= to "
                "bring all to one, for example size=64."
            )


def _stacked(found: list[_Found], class_names: Sequence[str]) -> Split:
    number = {name: position for position, name in enumerate(class_names)}
    kept = [image for image in found if image.name in number]
    pixels = torch.stack([image.pixels for image in kept]) if kept else torch.empty(0, 3, 1, 1, dtype=torch.uint8)
    return Split(pixels, torch.tensor([number[image.name] for image in kept], dtype=torch.int64))
