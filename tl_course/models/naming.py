"""What a network's name means: one of the course's, one of timm's, a repository of the Hugging Face hub, a folder."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tl_course.assets.hub import near_names

OWNER_AND_NAME = re.compile(r"[\w.-]+/[\w.-]+")
# Names that people know without their owner, and the owner that the hub has moved them to.
KNOWN_OWNERS = {"bert-": "google-bert", "roberta-": "FacebookAI", "xlm-roberta-": "FacebookAI",
                "distilbert-": "distilbert", "distilroberta-": "distilbert", "albert-": "albert"}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """A network that is not in the course's own table.

    Attributes
    ----------
    kind : {"timm", "hub", "folder"}
    name : str
        timm's name with its tag, if any; OWNER/NAME; or the path of the folder.
    """

    kind: str
    name: str

    @property
    def title(self) -> str:
        """What it is called in titles, and in a saved model: of a folder its last name alone.

        >>> Named("timm", "resnet10t").title, Named("folder", "nets/bert").title
        ('timm/resnet10t', './bert')
        """
        return {"timm": f"timm/{self.name}", "folder": f"./{Path(self.name).name}"}.get(self.kind, self.name)


def named(name: str) -> Named | None:
    """Read a name; None where it has no form that leads out of the course's table.

    ``timm/NAME``, with a tag or without, is timm's; ``hf/OWNER/NAME`` and ``OWNER/NAME`` are the hub's, pasted with
    its address or not; ``./FOLDER`` is a folder, as is any path of a folder that is there.

    >>> [str(named(name)) for name in ("resnet_small", "timm/resnet18.a1_in1k")]
    ['None', "Named(kind='timm', name='resnet18.a1_in1k')"]
    >>> named("https://the.hub/google/bert_uncased_L-2_H-128_A-2")
    Named(kind='hub', name='google/bert_uncased_L-2_H-128_A-2')
    """
    name = re.sub(r"/(tree|blob)/[^/]+/?.*$", "", re.sub(r"^https?://[^/]+/", "", name.strip()))
    for prefix in ("hf-hub:", "hf_hub:", "hf/"):
        if name.startswith(prefix):
            name = name.removeprefix(prefix)
            return named(name) if name.startswith("timm/") else Named("hub", name.rstrip("/"))
    if name.startswith("timm/"):
        return Named("timm", name.removeprefix("timm/").rstrip("/"))
    path = name.removeprefix("local-dir:")
    if path != name or re.match(r"[.~/\\]|[A-Za-z]:[/\\]", path) or ("/" in path and Path(path).is_dir()):
        return Named("folder", str(Path(path).expanduser()))
    if OWNER_AND_NAME.fullmatch(name):
        return Named("hub", name)
    return None


def unknown(name: str, table: Iterable[str]) -> ValueError:
    """Return the error for a name that means nothing, with the near ones.

    >>> print(unknown("resnet_smal", ["resnet_small", "minilm"]))
    there is no model 'resnet_smal' (near it: resnet_small); choose one of resnet_small, minilm, or name one of ...
    """
    table = list(table)
    return ValueError(
        f"there is no model {name!r}{_near(name, table)}; choose one of {', '.join(table)}, or name one of timm's, "
        "timm/NAME, one of the Hugging Face hub, OWNER/NAME, or a folder, ./FOLDER."
    )


def _near(name: str, table: list[str]) -> str:
    import timm

    owner = next((owner for start, owner in KNOWN_OWNERS.items() if name.startswith(start)), None)
    if owner:
        return f" (near it: {owner}/{name})"
    if Path(name).is_dir():
        return f" (near it: ./{name})"
    if timm.is_model(name.partition(".")[0]):
        return f" (near it: timm/{name})"
    return near_names(name, [*table, *(f"timm/{each}" for each in timm.list_models())])
