"""CIFAR-10 from whatever form of it is at hand.

Its own host has been slow or dead, so a copy is looked for in this order: the path given, the path in ``TL_CIFAR10``,
the folder ``cifar10`` of the cache (put there by hand, or fetched from the hub by ``tl-course fetch cifar10``). Each
place may hold

* the official Python batches, as a folder or inside ``cifar-10-python.tar.gz``;
* image files ``train/cat/0001.png`` (or jpg), as folders or inside tars;
* the hub's parquet files.

Decoding 60,000 small files takes seconds to minutes, so the pixels are kept in the cache once decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import pickle
import re
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from tl_course import assets, environment
from tl_course.data.task import Dataset, Split, check_classes

CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
PUBLISHED = {"train": 50_000, "test": 10_000}
SIDE = 32
SOURCE = "CIFAR-10 (Krizhevsky 2009), no licence stated: never redistribute it"
FORMS = (
    "the Python batches (data_batch_1 … test_batch), image files split/class/name.png or .jpg, tars of either, "
    "or the hub's parquet files"
)
BATCH = re.compile(r"(?:^|/)(data_batch_\d|test_batch)$")
IMAGE = re.compile(r"(?:^|/)(train|test)/([^/]+)/([^/]+\.(?:png|jpe?g))$", re.IGNORECASE)
PARQUET = re.compile(r"(?:^|/)(train|test)[^/]*\.parquet$")
TAR = re.compile(r"\.(?:tar|tar\.gz|tgz)$")


def cifar10(*, path: str | os.PathLike | None = None) -> Dataset:
    """Return CIFAR-10: uint8 N×3×32×32 in 10 classes, with the test split of the copy that was found.

    Parameters
    ----------
    path : path, optional
        A folder or tar in one of the forms above; the environment variable ``TL_CIFAR10`` does the same.

    Raises
    ------
    FileNotFoundError
        When the path given holds no CIFAR-10.
    tl_course.assets.AssetError
        When no path is given, the cache has none, and none can be fetched.
    ValueError
        When a file of the copy cannot be read, has another size, or belongs to no class; or a class is missing.

    Notes
    -----
    The task's notes say when the copy is not complete or was re-encoded as JPEG (which costs a little accuracy).
    """
    source = _located(path)
    parts, how = _kept(source)
    splits = {}
    notes = [f"Read from {how}."]
    for part, count in PUBLISHED.items():
        images, labels = parts[f"{part}_images"], parts[f"{part}_labels"].long()
        check_classes(labels, CLASS_NAMES, f"the {part} part of the CIFAR-10 copy")
        splits[part] = Split(images, labels)
        if len(labels) != count:
            notes.append(f"This copy has {len(labels):,} of the {count:,} {part} images.")
    return Dataset(
        "cifar10",
        "CIFAR-10",
        "image",
        CLASS_NAMES,
        splits["train"],
        SOURCE,
        test=splits["test"],
        augmentable=("flip", "crop"),
        notes=tuple(notes),
    )


def available() -> bool:
    """Tell without a network whether a copy of CIFAR-10 is at hand (``TL_CIFAR10`` or the cache).

    A ``TL_CIFAR10`` that points nowhere counts as a copy: loading it then says what is wrong, and nobody gets results
    on another data set by a typing error.
    """
    if os.environ.get("TL_CIFAR10"):
        return True
    return assets.status(assets.registry()["cifar10"]) == "cached" or _by_hand() is not None


def _located(path: str | os.PathLike | None) -> Path:
    given = path or os.environ.get("TL_CIFAR10")
    if given:
        source = Path(given).expanduser()
        if not source.exists() or _form(source) is None:
            found = "holds no CIFAR-10" if source.exists() else "does not exist"
            raise FileNotFoundError(f"{source} {found}; give the path of {FORMS}.")
        return source
    if (source := _by_hand()) is not None:
        return source
    try:
        return assets.get("cifar10")
    except assets.AssetError as error:
        raise assets.AssetError(
            f"{error} A copy you already have does as well: set TL_CIFAR10 to the folder or tar that holds it."
        ) from error


def _by_hand() -> Path | None:
    """Return the cache's folder where someone put a copy there that is not the fetched one."""
    folder = environment.cache_dir() / "cifar10"
    by_hand = folder.is_dir() and assets.status(assets.registry()["cifar10"]) == "missing" and _form(folder)
    return folder if by_hand else None


# --- the forms ----------------------------------------------------------------------------------------------------


def _form(source: Path) -> str | None:
    """Name the form in which a place holds CIFAR-10: "parquet", "batches", "images" or "tars"; None for none."""
    if source.is_file():
        return "tars" if TAR.search(source.name) else None
    shallow = [path.relative_to(source).as_posix() for depth in ("*", "*/*") for path in source.glob(depth)]
    if any(PARQUET.search(name) for name in shallow):
        return "parquet"
    if any(BATCH.search(name) for name in shallow):
        return "batches"
    if any(IMAGE.search(path.relative_to(source).as_posix()) for path in source.glob("*/*/*")):
        return "images"
    return "tars" if any(TAR.search(name) for name in shallow) else None


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

    if _form(source) != "tars":
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


def _decoded(source: Path) -> tuple[dict[str, Tensor], str]:
    """Return ``{train,test}_{images,labels}`` and, in words, the form they were read from."""
    if _form(source) == "parquet":
        return _from_parquet(source), "the hub's parquet files"
    images: dict[str, list[Tensor]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    how = set()
    for name, content in _contents(source):
        if match := BATCH.search(name):
            part = "test" if match[1] == "test_batch" else "train"
            pixels, numbers = _batch(content, name)
            images[part].append(pixels)
            labels[part] += numbers
            how.add("the official Python batches")
        elif match := IMAGE.search(name):
            images[match[1]].append(_image(content, name)[None])
            labels[match[1]].append(_class_number(match[2], name))
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


def _class_number(name: str, path: str) -> int:
    if name not in CLASS_NAMES:
        raise ValueError(f"{path} lies in the folder {name!r}; the classes of CIFAR-10 are {', '.join(CLASS_NAMES)}.")
    return CLASS_NAMES.index(name)


def _from_parquet(source: Path) -> dict[str, Tensor]:
    """Read the hub's files with `datasets`: columns ``img`` (an encoded image) and ``label``."""
    import datasets

    images: dict[str, list[Tensor]] = {"train": [], "test": []}
    labels: dict[str, list[int]] = {"train": [], "test": []}
    for name, path in _files(source):
        if match := PARQUET.search(name):
            with tempfile.TemporaryDirectory() as scratch:
                rows = datasets.Dataset.from_parquet(str(path), cache_dir=scratch, keep_in_memory=True)
                rows = rows.cast_column("img", datasets.Image(decode=False))
                for number, row in enumerate(rows):
                    images[match[1]].append(_image(row["img"]["bytes"], f"{number} of {path.name}")[None])
                    labels[match[1]].append(row["label"])
    if not (images["train"] and images["test"]):
        raise FileNotFoundError(f"{source} has not both a train and a test parquet file; fetch CIFAR-10 again.")
    return _joined(images, labels)


# --- decoded once -------------------------------------------------------------------------------------------------


def _kept(source: Path) -> tuple[dict[str, Tensor], str]:
    """Return the decoded copy from the cache if it was made from this source as it is now; else make it."""
    import safetensors.torch

    file = environment.cache_dir() / "decoded" / "cifar10.safetensors"
    mark = _fingerprint(source)
    with contextlib.suppress(OSError, safetensors.SafetensorError), safetensors.safe_open(file, "pt") as kept:
        if kept.metadata()["source"] == mark:
            return {name: kept.get_tensor(name) for name in kept.keys()}, kept.metadata()["how"]  # noqa: SIM118
    parts, how = _decoded(source)
    # A cache that cannot be written only means decoding again next time.
    with contextlib.suppress(OSError, safetensors.SafetensorError):
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}.part")
        try:
            safetensors.torch.save_file(parts, temporary, metadata={"source": mark, "how": how})
            temporary.chmod(0o644)  # a cache may be shared by a class
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    return parts, how


def _fingerprint(source: Path) -> str:
    """Hash where a copy lies and the size and time of its files; of class folders only the folders themselves."""
    places = [source] if source.is_file() else [source, *sorted(source.glob("*")), *sorted(source.glob("*/*"))]
    facts = [f"{place} {(stat := place.stat()).st_size} {stat.st_mtime_ns}" for place in (p.resolve() for p in places)]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()
