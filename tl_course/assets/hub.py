"""A repository of the Hugging Face hub by its name: from the hub's own cache on this machine, else fetched into it.

What the course itself needs stands in ``registry.toml`` with its hashes. This is for networks that a user names: they
are taken as the hub gives them, and only as data. Weights are read from safetensors alone, since a pickle
(``pytorch_model.bin``) may run code when it is read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from tl_course import environment
from tl_course.assets.sources import CONNECT_SECONDS
from tl_course.assets.store import AssetError, megabytes

WEIGHTS, INDEX, CARD = "model.safetensors", "model.safetensors.index.json", "README.md"
# The files of a tokenizer, the whole one and the older ones that it can be made from.
TOKENIZER = (
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.txt",
    "vocab.json", "merges.txt",
)  # fmt: skip
PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".npz", ".h5", ".msgpack")
OFFLINE = "downloads are forbidden by your setting (TL_OFFLINE or HF_HUB_OFFLINE)"


def repository(
    repo: str, *, missing: Callable[[Path], str], look: Callable[[Path], None] | None = None, size: int | None = None
) -> Path:
    """Return the folder with a repository's files, fetched first where the cache lacks some.

    Parameters
    ----------
    repo : str
        ``OWNER/NAME``.
    missing : callable
        Is given a folder and names what the caller still needs in it; an empty str where all is there.
    look : callable, optional
        Is given the path of ``config.json`` before the weights are fetched; raises where they would be of no use.
    size : int, optional
        Bytes of the weights, where the caller knows them, for the message when they cannot be had.

    Raises
    ------
    ValueError
        When the hub has no such repository, it has pickles only, or ``look`` refuses it.
    AssetError
        When files are missing here and cannot be fetched.
    """
    folder = cached(repo)
    if folder and look and (folder / "config.json").is_file():
        look(folder / "config.json")
    if folder and not missing(folder):
        return folder
    if environment.is_offline():
        raise _not_here(repo, folder, missing, size, OFFLINE)
    return _fetched(repo, folder, missing, look, size)


def cached(repo: str) -> Path | None:
    """Return the folder in which the hub's cache holds a repository, all of it or a part; None without one.

    >>> cached("nobody/nothing") is None
    True
    """
    from huggingface_hub import constants, try_to_load_from_cache

    for name in ("config.json", WEIGHTS, INDEX, "pytorch_model.bin"):
        try:
            found = try_to_load_from_cache(repo, name, cache_dir=constants.HF_HUB_CACHE)
        except ValueError as error:
            raise ValueError(f"{repo!r} is no name of a repository ({_line(error)}); give OWNER/NAME.") from None
        if isinstance(found, str):
            return Path(found).parent
    return None


def cached_names() -> list[str]:
    """List the repositories of models in the hub's cache, for the near names of a misspelled one."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE)
    found = folder.glob("models--*") if folder.is_dir() else ()
    return sorted(path.name.removeprefix("models--").replace("--", "/") for path in found)


def weights_missing(folder: Path) -> str:
    """Name the file of weights that a folder lacks; an empty str where model.safetensors or all its parts are there.

    Raises
    ------
    ValueError
        When the folder has pickles only, or its list of parts is damaged.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     weights_missing(Path(folder))
    'model.safetensors'
    """
    if (folder / WEIGHTS).is_file():
        return ""
    if not (folder / INDEX).is_file():
        return WEIGHTS
    return next((name for name in parts_of(folder / INDEX) if not (folder / name).is_file()), "")


def parts_of(index: Path) -> list[str]:
    """Read the names of the files that the weights of a large network are divided into.

    Raises
    ------
    ValueError
        When the list is damaged, or names a file outside of its folder.
    """
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        whole = all(Path(name).name == name and name.endswith(".safetensors") for name in names)
    except (ValueError, KeyError, TypeError, AttributeError):
        whole = False
    if not whole:
        raise ValueError(f"{index} is damaged (no list of safetensors files); fetch the network again.")
    return names


def refuse_pickles(names: Iterable[str], place: str) -> None:
    """Raise ValueError where there are weights, and only in forms that may run code.

    >>> refuse_pickles(["pytorch_model.bin"], "a/b")
    Traceback (most recent call last):
    ValueError: a/b has its weights only as pytorch_model.bin, and reading such a file may run code; take ...
    """
    names = list(names)
    pickles = sorted(name for name in names if name.endswith(PICKLES) and "training_args" not in name)
    if pickles and not any(name in (WEIGHTS, INDEX) for name in names):
        raise ValueError(
            f"{place} has its weights only as {pickles[0]}, and reading such a file may run code; take one with "
            f"{WEIGHTS}, or load it where you trust it with its own library, save it as safetensors (save_pretrained), "
            "and give that folder."
        )


def licence_of(folder: Path) -> str | None:
    """Return the licence that a repository's card (README.md) names; None where it has none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "README.md").write_text("---\\nlicense: apache-2.0\\n---\\nA network.")
    ...     licence_of(Path(folder))
    'apache-2.0'
    """
    from huggingface_hub import metadata_load

    try:
        said = metadata_load(folder / CARD) if (folder / CARD).is_file() else None
    except Exception:  # of whichever library reads it; a card that cannot be read names no licence
        return None
    said = said if isinstance(said, dict) else {}
    name = said.get("license_name") if said.get("license") == "other" else said.get("license")
    name = name[0] if isinstance(name, list) and name else name
    return name[:80] if isinstance(name, str) and name.isprintable() else None


def _fetched(
    repo: str, folder: Path | None, missing: Callable, look: Callable[[Path], None] | None, size: int | None
) -> Path:
    from huggingface_hub import HfApi, hf_hub_download, snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        told = HfApi().model_info(repo, files_metadata=True, timeout=CONNECT_SECONDS)
        files = {file.rfilename: file.size or 0 for file in told.siblings or () if "/" not in file.rfilename}
        refuse_pickles(files, repo)
        wanted = _wanted(files)
        total = sum(files[name] for name in wanted)
        if look and "config.json" in files:
            look(Path(hf_hub_download(repo, "config.json", etag_timeout=CONNECT_SECONDS)))
        _check_room(repo, total)
        found = Path(snapshot_download(repo, allow_patterns=wanted, etag_timeout=CONNECT_SECONDS))
    except GatedRepoError:
        raise ValueError(
            f"the repository {repo} asks for consent to its terms: give it on its page, sign in with `hf auth login`, "
            "and try again."
        ) from None
    except RepositoryNotFoundError:
        near = near_names(repo, cached_names())
        raise ValueError(f"the hub has no repository {repo}{near}, or it is not open to you; check the name.") from None
    except (ValueError, AssetError):
        raise
    except Exception as error:  # which HTTP library raises here, and what, changes with the hub's version
        raise _not_here(repo, folder, missing, size, f"fetching failed: {_line(error)}") from None
    if still := missing(found):
        raise ValueError(f"the repository {repo} has no {still}; choose another network.")
    return found


def _wanted(files: Iterable[str]) -> list[str]:
    """Return which files are fetched: settings, tokenizer, card, and the weights once."""
    files = list(files)
    weights = (
        [WEIGHTS] if WEIGHTS in files else [INDEX, *(n for n in files if n.endswith(".safetensors") and "-of-" in n)]
    )
    return [name for name in files if name in ("config.json", CARD, *TOKENIZER, *weights)]


def _check_room(repo: str, total: int) -> None:
    import shutil

    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    place = next((each for each in (place, *place.parents) if each.exists()), Path())
    if total > shutil.disk_usage(place).free:
        raise AssetError(f"{repo} takes {megabytes(total)}, and the disk of {place} has less free; make room.")


def _not_here(repo: str, folder: Path | None, missing: Callable, size: int | None, why: str) -> AssetError:
    if folder:
        refuse_pickles((path.name for path in folder.iterdir()), f"the cached copy of {repo}")
    lacks = f"{missing(folder)} of {repo}" if folder else repo
    large = f" ({megabytes(size)})" if size else ""
    near = near_names(repo, cached_names())
    return AssetError(
        f"{lacks}{large} is not in the Hugging Face cache of this machine{near}, and {why}; where there is a "
        f"connection, `hf download {repo} --local-dir FOLDER` fetches it, and --model ./FOLDER takes it from there."
    )


def near_names(name: str, known: Iterable[str], most: int = 3) -> str:
    """Say in brackets which known names are spelt like a name; an empty str where none is.

    >>> near_names("resnet_smal", ["resnet_small", "minilm"]), near_names("xyz", ["minilm"])
    (' (near it: resnet_small)', '')
    """
    import difflib

    spelt = {each.casefold(): each for each in known if each != name}
    found = difflib.get_close_matches(name.casefold(), spelt, n=most, cutoff=0.7)
    return f" (near it: {', '.join(spelt[each] for each in found)})" if found else ""


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
