"""A network by name, found: its settings and weights, wherever they lie, and what makes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from tl_course.assets import hub
from tl_course.data.preprocess import ImagePreprocess, TextPreprocess
from tl_course.models import encoders, timm_backbones
from tl_course.models.naming import Named, named

PRETRAINED = "pretrained"


@dataclass(frozen=True)
class Found:
    """A network that can be made.

    Attributes
    ----------
    title : str
        What it is called; a saved model keeps it as its name.
    licence : str or None
        Of its weights, where it is known.
    make : callable
        ``make(num_classes, seed)`` gives network and preprocess.
    """

    title: str
    licence: str | None
    make: Callable[[int | None, int], tuple[nn.Module, ImagePreprocess | TextPreprocess]]


def find(name: Named, weights: str | None) -> Found:
    """Find a network's files, fetched if they have to be.

    Parameters
    ----------
    name : Named
    weights : {"pretrained", None}
        None for random weights: then settings and tokenizer are enough.

    Raises
    ------
    ValueError
        When there is no such network, it is none that can be trained here, or ``weights`` is something else.
    AssetError
        When files are missing and cannot be fetched.
    """
    if weights not in (None, PRETRAINED):
        raise ValueError(f"{name.title} has no weights {weights!r}; choose None (random) or {PRETRAINED}.")
    if name.kind == "timm":
        return _of_timm(name, weights)
    return _in_folder(name, weights) if name.kind == "folder" else _of_hub(name, weights)


def weights_of(name: str) -> tuple[str, ...]:
    """Return what weights a network by name has, without looking for them: none where timm lists none.

    >>> weights_of("timm/resnet18"), weights_of("timm/test_mambaout"), weights_of("OWNER/NAME")
    (('pretrained',), (), ('pretrained',))
    """
    other = named(name)
    if other and other.kind == "timm" and "." not in other.name:
        return (PRETRAINED,) if timm_backbones.has_weights(other.name) else ()
    return (PRETRAINED,)


def _of_timm(name: Named, weights: str | None) -> Found:
    design = timm_backbones.design_of(name.name)
    repo = design.cfg.pop("repo", None)
    licence = design.cfg.get("license")
    tag = design.cfg.get("tag")
    if weights is None:
        return _timm_network(f"timm/{design.architecture}", design, None, None)
    title = f"timm/{design.architecture}" + (f".{tag}" if tag else "")
    if not repo:
        raise ValueError(
            f"{title} has its weights only as a pickle, which may run code when it is read; choose another tag or "
            "network, or --weights none for random ones."
        )
    folder = hub.repository(repo, missing=hub.weights_missing, size=_bytes(design))
    return _timm_network(title, design, folder / hub.WEIGHTS, licence or hub.licence_of(folder))


def _of_hub(name: Named, weights: str | None) -> Found:
    def look(config: Path) -> None:
        if timm_backbones.design_in(config, name.title) is None:
            encoders.settings_of(config, name.title)

    def missing(folder: Path) -> str:
        if not (folder / "config.json").is_file():
            return "config.json"
        no_words = timm_backbones.design_in(folder / "config.json", name.title) is not None
        return (weights and hub.weights_missing(folder)) or ("" if no_words else encoders.tokenizer_missing(folder))

    return _made_of(hub.repository(name.name, missing=missing, look=look), name.title, weights)


def _in_folder(name: Named, weights: str | None) -> Found:
    folder = Path(name.name)
    if not folder.is_dir():
        raise ValueError(
            f"there is no folder {name.name}; give the folder of a network, or a name without ./ before it."
        )
    if (folder / "model.json").is_file() and not (folder / "config.json").is_file():
        raise ValueError(
            f"{name.name} is a model that tl-course saved; give --model the network it was made from, or ask it with "
            "tl-course predict."
        )
    return _made_of(folder, name.title, weights)


def _made_of(folder: Path, title: str, weights: str | None) -> Found:
    """Make a network of a folder with config.json, as timm or transformers wrote it."""
    design = timm_backbones.design_in(folder / "config.json", title)
    licence = hub.licence_of(folder) if weights else None
    if design is None:
        encoders.settings_of(folder / "config.json", title)

        def make(num_classes: int | None, seed: int) -> tuple[nn.Module, TextPreprocess]:
            return encoders.create(folder, title, pretrained=bool(weights), num_classes=num_classes or 2, seed=seed)

        return Found(title, licence, make)
    if weights is None:
        return _timm_network(title, design, None, None)
    hub.refuse_pickles((path.name for path in folder.iterdir()), title)
    if not (folder / hub.WEIGHTS).is_file():
        raise ValueError(
            f"{title} has no {hub.WEIGHTS}; save or fetch it again, or pass --weights none for random ones."
        )
    return _timm_network(title, design, folder / hub.WEIGHTS, licence or design.cfg.get("license"))


def _timm_network(title: str, design: timm_backbones.Design, weights: Path | None, licence: str | None) -> Found:
    def make(num_classes: int | None, seed: int) -> tuple[nn.Module, ImagePreprocess]:
        return timm_backbones.create(design, title, weights=weights, num_classes=num_classes, seed=seed)

    return Found(title, licence, make)


def _bytes(design: timm_backbones.Design) -> int:
    import torch

    with torch.device("meta"):
        network = timm_backbones.build(design.to_dict(), design.cfg.get("num_classes") or 2)
    return 4 * sum(parameter.numel() for parameter in network.parameters())
