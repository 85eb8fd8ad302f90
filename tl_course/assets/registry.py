"""What can be fetched, read from ``registry.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

REGISTRY_FILE = Path(__file__).with_name("registry.toml")


@dataclass(frozen=True)
class Original:
    """The published file that a cached one is converted from."""

    name: str
    sha256: str
    size: int
    converter: str


@dataclass(frozen=True)
class File:
    """One file of an asset as it lies in the cache: its name, its sha256 and its size in bytes."""

    name: str
    sha256: str
    size: int
    original: Original | None = None

    @property
    def published(self) -> File | Original:
        """The file that sources carry: the original where the cached file is a conversion."""
        return self.original or self


@dataclass(frozen=True)
class Source:
    """A place an asset can come from; ``kind`` names the function of ``sources.py`` that reads it."""

    kind: str
    options: dict = field(default_factory=dict)

    @property
    def carries(self) -> str:
        """Which of the asset's alternatives this place has; empty where it has the usual files."""
        return self.options.get("carries", "")

    def __str__(self) -> str:
        names = {"index": "package index", "hub": "hub", "url": "web", "torch_cache": "PyTorch's own cache"}
        return names.get(self.kind, self.kind)


@dataclass(frozen=True)
class Asset:
    """Data or weights that can be fetched: a folder of files in the cache.

    Attributes
    ----------
    name, title, licence, homepage : str
        How it is called on the command line, in tables, and where it comes from.
    profiles : tuple of str
        The profiles whose lessons use it.
    files : tuple of File
    sources : tuple of Source
        In the order they are tried.
    alternatives : dict
        Other files with the same contents, by the name under which sources say that they carry them. Any set will do.
    local : str
        Names the function of ``local.py`` that makes the asset from a copy in another form, known by no hash.
    redistribute : bool
        Whether a bundle may carry it. What never had a licence that allows it is fetched by everybody for themselves.
    licence_stated : bool
        Whether its authors state a licence at all; what carries it into a class says so where they do not.
    optional_for : tuple of str
        Profiles whose lessons use it where it can be had, and do without it where it cannot.
    without : str
        What those lessons do without it.
    """

    name: str
    title: str
    licence: str
    homepage: str
    profiles: tuple[str, ...]
    files: tuple[File, ...]
    sources: tuple[Source, ...]
    alternatives: dict[str, tuple[File, ...]] = field(default_factory=dict)
    local: str = ""
    redistribute: bool = True
    licence_stated: bool = True
    optional_for: tuple[str, ...] = ()
    without: str = ""

    @property
    def forms(self) -> tuple[tuple[File, ...], ...]:
        """The sets of files each of which is the whole asset, the usual one first."""
        return (self.files, *self.alternatives.values())

    def carried_by(self, source: Source) -> tuple[File, ...]:
        """Return the files that a source has of it."""
        return self.alternatives[source.carries] if source.carries else self.files

    @property
    def size(self) -> int:
        """Bytes the asset takes in the cache."""
        return sum(file.size for file in self.files)


@cache
def registry(path: Path = REGISTRY_FILE) -> dict[str, Asset]:
    """Return every known asset by name.

    >>> [file.name for file in registry()["efficientnet_lite0"].files]
    ['model.safetensors']
    """
    return {name: _asset(name, entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def for_profile(profile: str) -> list[Asset]:
    """Return the assets the lessons of a profile use.

    >>> [asset.name for asset in for_profile("mini")]
    ['minilm', 'efficientnet_lite0', 'sentiment']
    """
    return [asset for asset in registry().values() if profile in asset.profiles]


def optional_for(profile: str) -> list[Asset]:
    """Return the assets that the lessons of a profile use where they can be had, and do without elsewhere.

    >>> [asset.name for asset in optional_for("mini")]
    ['cifar10']
    """
    return [asset for asset in registry().values() if profile in asset.optional_for]


def _asset(name: str, entry: dict) -> Asset:
    return Asset(
        name=name,
        title=entry["title"],
        licence=entry["licence"],
        homepage=entry["homepage"],
        profiles=tuple(entry["profiles"]),
        files=tuple(_file(file) for file in entry["files"]),
        sources=tuple(Source(kind=source.pop("kind"), options=source) for source in entry["sources"]),
        alternatives={
            name: tuple(_file(file) for file in files) for name, files in entry.get("alternatives", {}).items()
        },
        local=entry.get("local", ""),
        redistribute=entry.get("redistribute", True),
        licence_stated=entry.get("licence_stated", True),
        optional_for=tuple(entry.get("optional_for", ())),
        without=entry.get("without", ""),
    )


def _file(entry: dict) -> File:
    original = entry.get("original")
    return File(entry["name"], entry["sha256"], entry["size"], Original(**original) if original else None)
