"""Bring assets into the cache, and hand out only what is right."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tl_course import environment
from tl_course.assets import store
from tl_course.assets.registry import Asset, File, Original, registry
from tl_course.assets.sources import (
    NEEDS_NETWORK,
    SourceError,
    Unreachable,
    from_carriers,
    from_loose_files,
    obtain,
)
from tl_course.assets.store import AssetError, megabytes


def get(name: str) -> Path:
    """Return the folder of an asset, every file of it checked by hash.

    What is missing or damaged is fetched first.

    Parameters
    ----------
    name : str
        A name of :func:`registry`, for example ``"minilm"``.

    Returns
    -------
    pathlib.Path
        A folder in the cache that holds the asset's files.

    Raises
    ------
    KeyError
        When no asset has this name.
    AssetError
        When it cannot be had: one sentence that says what is missing, how big it is and how to get it.

    Examples
    --------
    >>> get("mini_lm")
    Traceback (most recent call last):
    KeyError: "There is no asset called 'mini_lm'; the registry has minilm, efficientnet_lite0, ..."
    """
    asset = lookup(name)
    cache = environment.cache_dir()
    if store.missing_files(asset, cache):
        fetch([asset], cache=cache)
    return store.folder_of(asset, cache)


def lookup(name: str) -> Asset:
    """Return an asset of the registry; a wrong name is answered with the right ones."""
    if name not in registry():
        raise KeyError(f"There is no asset called {name!r}; the registry has {', '.join(registry())}.")
    return registry()[name]


def status(asset: Asset, *, deep: bool = False) -> str:
    """Return ``"cached"``, ``"missing"`` or ``"damaged"``; only ``deep`` reads the files through.

    >>> status(registry()["minilm"]) in {"cached", "missing", "damaged"}
    True
    """
    cache = environment.cache_dir()
    if store.is_absent(asset, cache):
        return "missing"
    right = not store.missing_files(asset, cache) if deep else store.is_present(asset, cache)
    return "cached" if right else "damaged"


def fetch(wanted: Iterable[Asset], *, place: Path | None = None, cache: Path | None = None, say=print) -> None:
    """Bring assets into the cache; what is already there and right is left alone.

    Parameters
    ----------
    wanted : iterable of Asset
    place : path, optional
        A folder or zip to take the files from instead of the network.
    cache : path, optional
        Where to put them; the environment's cache folder by default.
    say : callable
        Takes each line that tells the user what happens.

    Raises
    ------
    AssetError
        When an asset cannot be had. The others were tried all the same.

    Examples
    --------
    >>> fetch([registry()["minilm"]], place=Path("no/such/folder"))
    Traceback (most recent call last):
    tl_course.assets.store.AssetError: There is no folder or zip at no/such/folder; give --from the path of one.
    """
    cache = cache or environment.cache_dir()
    if place is not None and not place.exists():
        raise AssetError(f"There is no folder or zip at {place}; give --from the path of one.")
    messages: list[str] = []
    not_had: list[_NotHad] = []
    unreachable: dict[str, str] = {}
    for asset in wanted:
        try:
            _fetch_one(asset, place, cache, unreachable, say)
        except _NotHad as failure:
            not_had.append(failure)
        except AssetError as error:
            messages.append(str(error))
    if not_had:
        messages.append(_sentence(not_had, place))
    if messages:
        raise AssetError("\n".join(messages))


class _NotHad(Exception):
    """No source gave these files of an asset."""

    def __init__(self, asset: Asset, files: list[File], reasons: list[str]):
        super().__init__(asset.name)
        self.asset, self.files, self.reasons = asset, files, reasons


def _fetch_one(asset: Asset, place: Path | None, cache: Path, unreachable: dict[str, str], say) -> None:
    if not store.missing_files(asset, cache):
        return
    with store.writing(asset, cache, say) as staging:
        wanted = store.missing_files(asset, cache)  # another process may have fetched it while we waited
        if not wanted:
            return
        if store.free_bytes(cache) < 2 * sum(file.size for file in wanted):
            raise store.disk_full(asset, cache)
        say(f"{asset.title}: {megabytes(sum(file.size for file in wanted))}, licence {asset.licence}")
        reasons: list[str] = []
        for label, stage in _stages(asset, place, staging, unreachable):
            try:
                staged = stage(wanted)
            except SourceError as error:
                reasons.append(f"{label}: {error}")
                continue
            wanted = [file for file in wanted if not _accept(file, staged, asset, cache, staging, reasons, label)]
            if not wanted:
                return
    raise _NotHad(asset, wanted, reasons)


def _stages(asset: Asset, place: Path | None, staging: Path, unreachable: dict[str, str]):
    """Yield a label and a function for each source to be tried, in order; it takes the files still wanted."""
    if place is not None:
        for look in (from_loose_files, from_carriers):

            def stage(files, look=look):
                forms = [form for file in files for form in _forms(file)]
                return look(place, asset, forms, staging)

            yield str(place), stage
        return
    for source in asset.sources:

        def stage(files, source=source):
            if source.kind in NEEDS_NETWORK and environment.is_offline():
                raise SourceError("offline by your setting (TL_OFFLINE or HF_HUB_OFFLINE)")
            if source.kind in unreachable:
                raise Unreachable(unreachable[source.kind])
            try:
                return obtain(source.kind, source.options, asset, [file.published for file in files], staging)
            except Unreachable as error:
                unreachable[source.kind] = str(error)
                raise

        yield str(source), stage


def _forms(file: File) -> tuple[File | Original, ...]:
    """Return the forms that somebody may bring a file in: as the cache keeps it, and as it was published."""
    return tuple(dict.fromkeys((file, file.published)))


def _accept(
    file: File, staged: dict[str, Path], asset: Asset, cache: Path, staging: Path, reasons: list, label: str
) -> bool:
    """Check a staged file, convert it where the cache wants another form, and put it in place."""
    forms = [form for form in _forms(file) if form.name in staged]
    right = next((form for form in forms if store.has_content(staged[form.name], form)), None)
    if right is None:
        fault = "wrong bytes for" if forms else "does not have"
        reasons.append(f"{label}: {fault} {file.published.name}")
        return False
    path = staged[right.name]
    if right != file:
        from tl_course.assets.convert import CONVERTERS

        path = CONVERTERS[file.original.converter](path, staging / file.name)
    if not store.install(path, asset, file, cache):
        reasons.append(f"{label}: converting {file.published.name} did not give the file that is known to be right")
        return False
    return True


def _sentence(failures: list[_NotHad], place: Path | None) -> str:
    """Say in one sentence what is missing, how big it is, why it could not be had, and what to do."""
    names = [failure.asset.name for failure in failures]
    sizes = [megabytes(sum(file.size for file in failure.files)) for failure in failures]
    missing = ", ".join(f"{name} ({size})" for name, size in zip(names, sizes, strict=True))
    why = "; ".join(dict.fromkeys(reason for failure in failures for reason in failure.reasons))
    way_out = (
        f"connect this machine and run `tl-course fetch {' '.join(names)}`, or bring the files from a machine that "
        "has them and run `tl-course fetch --from FOLDER_OR_ZIP`"
        if place is None
        else "give a folder or zip that holds them, or leave out --from to download"
    )
    return f"Missing {missing}, which could not be had ({why}): {way_out}."
