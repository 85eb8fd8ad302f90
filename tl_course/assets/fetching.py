"""Bring assets into the cache, and hand out only what is right."""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

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
from tl_course.assets.stand_ins import stand_in
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
    if environment.is_rehearsal():
        return _stand_in(asset, cache)
    if store.missing_files(asset, cache):
        fetch([asset], cache=cache)
    return store.folder_of(asset, cache)


def paths(name: str) -> list[Path]:
    """Return the files of an asset that has several forms: those of the form that the cache holds, checked by hash.

    What is missing or damaged is fetched first, with the errors of :func:`get`.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of pathlib.Path

    Examples
    --------
    >>> paths("mini_lm")
    Traceback (most recent call last):
    KeyError: "There is no asset called 'mini_lm'; the registry has minilm, efficientnet_lite0, ..."
    """
    folder = get(name)
    if environment.is_rehearsal():
        return [folder / file.name for file in lookup(name).files]
    return store.right_files(lookup(name), environment.cache_dir())


def _stand_in(asset: Asset, cache: Path) -> Path:
    folder = stand_in(asset, cache)
    if folder is None:
        raise AssetError(
            f"A rehearsal (TL_REHEARSE=1) has no stand-in for {asset.name}; unset it to fetch the real one."
        )
    return folder


def lookup(name: str) -> Asset:
    """Return an asset of the registry; a wrong name is answered with the right ones."""
    if name not in registry():
        raise KeyError(f"There is no asset called {name!r}; the registry has {', '.join(registry())}.")
    return registry()[name]


def status(asset: Asset, *, deep: bool = False) -> str:
    """Return ``"cached"``, ``"missing"`` or ``"damaged"``; only ``deep`` reads the files through.

    A copy that somebody brought in another form counts; :func:`describe` tells which.

    >>> status(registry()["minilm"]) in {"cached", "missing", "damaged"}
    True
    """
    cache = environment.cache_dir()
    if environment.is_rehearsal():
        return "cached" if store.folder_of(asset, cache).is_dir() else "missing"
    if not store.is_absent(asset, cache):
        right = not store.missing_files(asset, cache) if deep else store.is_present(asset, cache)
        if right:
            return "cached"
    if brought := store.brought(asset, cache):
        return "damaged" if deep and not _local(asset).is_intact(brought) else "cached"
    return "missing" if store.is_absent(asset, cache) else "damaged"


def describe(asset: Asset) -> str:
    """Say in which form an asset lies in the cache, where it may have several; nothing where it is not there.

    >>> describe(registry()["minilm"])
    ''
    """
    cache = environment.cache_dir()
    for form in asset.forms if asset.alternatives else ():
        if all((store.folder_of(asset, cache) / file.name).is_file() for file in form):
            names = [file.name for file in form]
            return ", ".join(names) if len(names) < 4 else f"{names[0]} and {len(names) - 1} other files"
    brought = store.brought(asset, cache)
    note = store.brought_note(brought) if brought else {}
    return f"brought: {note['summary']}" if "summary" in note else ""


def _local(asset: Asset) -> ModuleType:
    """Return the module that knows an asset in other forms. Some decode pictures, so it is loaded late."""
    return importlib.import_module(f"tl_course.assets.{asset.local}")


def fetch_optional(wanted: Iterable[Asset], *, cache: Path | None = None, say=print) -> None:
    """Bring assets into the cache that lessons use where they can be had; else say what is missing, and go on.

    Sources are waited for less long than by :func:`fetch`.

    Parameters
    ----------
    wanted : iterable of Asset
    cache, say
        As :func:`fetch` takes them.

    Examples
    --------
    >>> fetch_optional([])
    """
    if environment.is_rehearsal():
        return
    for asset in wanted:
        if environment.is_offline() and all(source.kind in NEEDS_NETWORK for source in asset.sources):
            say(f"{asset.name} is not fetched, since TL_OFFLINE or HF_HUB_OFFLINE forbids it: {lacking(asset)}.")
            continue
        try:
            _fetch_one(asset, None, cache or environment.cache_dir(), {}, say, hurried=True)
        except _NotHad as failure:
            why = "; ".join(dict.fromkeys(failure.reasons))
            say(f"{asset.name} could not be had ({why}): {lacking(asset)}.")
        except AssetError as error:
            say(str(error))


def lacking(asset: Asset) -> str:
    """Say what lessons do without an asset, and how to bring it.

    >>> lacking(registry()["cifar10"])
    'the vision lessons run on MNIST-M (rebuilt); `tl-course fetch cifar10` brings it, or with `--from DIR` your copy'
    """
    return f"{asset.without}; `tl-course fetch {asset.name}` brings it, or with `--from DIR` your copy"


def fetch(wanted: Iterable[Asset], *, place: Path | None = None, cache: Path | None = None, say=print) -> None:
    """Bring assets into the cache; what is already there and right is left alone.

    Parameters
    ----------
    wanted : iterable of Asset
    place : path, optional
        A folder or zip to take the files from instead of the network. Where the registry knows the asset in other
        forms (CIFAR-10), a copy in one of these does as well; it is read through before it is taken, and replaces a
        copy that was brought earlier.
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
    if environment.is_rehearsal():
        made = [asset.name for asset in wanted if stand_in(asset, cache)]
        if made:
            say(f"A rehearsal: stand-ins for {', '.join(made)} are in {environment.shorten_home(cache)}.")
        return
    if place is not None and not place.exists():
        raise AssetError(f"There is no folder or zip at {place}; give --from the path of one.")
    if place is not None and place.is_file() and place.suffix.lower() == ".zip" and not zipfile.is_zipfile(place):
        raise AssetError(f"{place} is no zip, or only a part of one; copy it again.")
    messages: list[str] = []
    not_had: list[_NotHad] = []
    unreachable: dict[tuple, str] = {}  # by kind and host
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


def _fetch_one(asset: Asset, place: Path | None, cache: Path, unreachable: dict, say, *, hurried: bool = False) -> None:
    if not store.missing_files(asset, cache):
        return
    kept = store.brought(asset, cache)
    if kept and place is None and store.is_absent(asset, cache):
        say(f"{asset.title}: the copy that was brought is kept ({describe(asset)}); delete {kept} to download another.")
        return
    with store.writing(asset, cache, say) as staging:
        wanted = store.missing_files(asset, cache)  # another process may have fetched it while we waited
        if not wanted:
            return
        if store.free_bytes(cache) < 2 * sum(file.size for file in wanted):
            raise store.disk_full(asset, cache)
        say(f"{asset.title}: {megabytes(sum(file.size for file in wanted))}, licence {asset.licence}")
        reasons: list[str] = []
        if _obtained(asset, place, cache, staging, unreachable, reasons, hurried):
            return
        if place and asset.local and _brought(asset, place, cache, staging, reasons, say):
            return
    if kept:
        say(f"{asset.title}: {place} holds none, so the copy that was brought earlier is kept ({describe(asset)}).")
        return
    raise _NotHad(asset, wanted, reasons)


def _obtained(
    asset: Asset, place: Path | None, cache: Path, staging: Path, unreachable: dict, reasons: list[str], hurried: bool
) -> bool:
    """Try the sources in order until one form of the asset is whole; collect why not."""
    missing = {form: [file for file in form if not store.is_good(asset, file, cache)] for form in asset.forms}
    for label, form, stage in _stages(asset, place, staging, unreachable, hurried):
        try:
            staged = stage(missing[form])
        except SourceError as error:
            reasons.append(f"{label}: {error}")
            continue
        missing[form] = [
            file for file in missing[form] if not _accept(file, staged, asset, cache, staging, reasons, label)
        ]
        if not missing[form]:
            return True
    return False


def _brought(asset: Asset, place: Path, cache: Path, staging: Path, reasons: list[str], say) -> bool:
    """Take a copy in a form that no hash tells; it is judged by being read. False where the place holds none."""
    try:
        found = _local(asset).bring(place, staging)
    except (ValueError, FileNotFoundError) as error:
        raise AssetError(str(error)) from error
    if found is None:
        reasons.append(f"{place}: nor does it hold {_local(asset).FORMS}")
        return False
    path, what = found
    store.put(path, store.folder_of(asset, cache) / store.BROUGHT)
    say(f"{asset.title}: {what}, found in {place}")
    return True


def _stages(asset: Asset, place: Path | None, staging: Path, unreachable: dict, hurried: bool):
    """Yield a label, a form of the asset and a function for each source to be tried, in order.

    The function takes the files of that form which are still wanted.
    """
    if place is not None:
        for form in asset.forms:
            for look in (from_loose_files, from_carriers):

                def stage(files, look=look):
                    return look(place, asset, [each for file in files for each in _forms(file)], staging)

                yield str(place), form, stage
        return
    for source in asset.sources:

        def stage(files, source=source):
            if source.kind in NEEDS_NETWORK and environment.is_offline():
                raise SourceError("offline by your setting (TL_OFFLINE or HF_HUB_OFFLINE)")
            host = (source.kind, source.options.get("base"))
            if host in unreachable:
                raise Unreachable(unreachable[host])
            try:
                options = {**source.options, "hurried": hurried}
                return obtain(source.kind, options, asset, [file.published for file in files], staging)
            except Unreachable as error:
                unreachable[host] = str(error)
                raise

        yield str(source), asset.carried_by(source), stage


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
