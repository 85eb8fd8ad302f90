"""Stand-ins for a rehearsal: files of the right names and shapes, made here from a seed, that know nothing.

They let every cell of every lesson run in any profile, without a network, and no number that comes out means anything.
They lie in a folder of their own (:func:`tl_course.environment.cache_dir`), so nothing takes them for the real files.
"""

from __future__ import annotations

import io
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

from tl_course.assets.registry import Asset
from tl_course.assets.store import folder_of

if TYPE_CHECKING:
    from torch import nn

VOCABULARY = Path(__file__).parent.parent / "weights" / "gru_small-vocabulary.txt"
# The sizes that the published BERTs have.
BERTS = {
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536},
    "distilbert": {},
    "bert": {},
}
TEXTS, REVIEWS = 700, 200
"""So many made-up texts stand for a domain, and so many for each part of IMDb."""
GOOD, BAD, PLAIN = (
    ("good", "great", "best", "love"),
    ("bad", "worst", "boring", "poor"),
    ("film", "story", "new", "time"),
)


def stand_in(asset: Asset, cache: Path) -> Path | None:
    """Return the folder of an asset's stand-in, which is made where it is not there; None for what needs none.

    >>> from tl_course.assets import registry
    >>> stand_in(registry()["cifar10"], Path("nowhere")) is None      # MNIST-M takes its place
    True
    """
    make = MAKERS.get(asset.name)
    if make is None:
        return None
    folder = folder_of(asset, cache)
    if not folder.is_dir():
        unfinished = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        with _seeded(asset.name):
            make(asset, unfinished)
        unfinished.replace(folder)
    return folder


@contextmanager
def _seeded(name: str) -> Iterator[None]:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(crc32(name.encode()))
        yield


def _torchvision(asset: Asset, folder: Path) -> None:
    import torch
    import torchvision

    options = {"init_weights": False} if asset.name == "inception_v3" else {}
    network = torchvision.models.get_model(asset.name, weights=None, **options)
    torch.save(network.state_dict(), folder / asset.files[0].name)


def _timm(asset: Asset, folder: Path) -> None:
    import timm

    _save(timm.create_model("tf_efficientnet_lite0"), folder / asset.files[0].name)


def _bert(asset: Asset, folder: Path) -> None:
    import transformers

    kind = "distilbert" if asset.name == "distilbert" else "bert"
    config = transformers.AutoConfig.for_model(kind, **BERTS[asset.name])
    network = transformers.AutoModel.from_config(config)
    config.architectures = [type(network).__name__]
    config.save_pretrained(folder)
    _save(network, folder / "model.safetensors")
    transformers.BertTokenizer(vocab=str(VOCABULARY)).save_pretrained(folder)
    shutil.copyfile(VOCABULARY, folder / "vocab.txt")


def _save(network: nn.Module, file: Path) -> None:
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, file)


def _made_up(rng: random.Random, mood: float) -> str:
    """Return a few words, more good ones the higher the mood (from −1 to 1)."""
    words = [rng.choice(GOOD if rng.uniform(-1, 1) < mood else BAD) for _ in range(3)]
    words += [rng.choice(PLAIN) for _ in range(rng.randrange(2, 12))]
    rng.shuffle(words)
    return " ".join([*words, f"{rng.randrange(10**6)}", "."])


def _sentiment(asset: Asset, folder: Path) -> None:
    stems = ("movieReviewSnippets", "tweets", "amazonReviewSnippets", "nytEditorialSnippets")
    with tarfile.open(folder / asset.files[0].name, "w:gz") as archive:
        for stem in stems:
            rng = random.Random(stem)
            rows = []
            for number in range(TEXTS):
                rating = rng.uniform(-4, 4) if number % 5 else rng.choice((0.0, rng.uniform(-0.4, 0.4)))
                rows.append(f"{number // 3 + 1}_{number % 3 + 1}\t{rating:.6f}\t{_made_up(rng, rating / 4)}\n")
            member = tarfile.TarInfo(f"hutto_ICWSM_2014/{stem}_GroundTruth.txt")
            content = "".join(rows).encode()
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def _imdb(asset: Asset, folder: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    for file in asset.files:
        rng = random.Random(file.name)
        labels = [number % 2 for number in range(REVIEWS)]
        texts = [_made_up(rng, 2 * label - 1) for label in labels]
        pyarrow.parquet.write_table(pyarrow.table({"text": texts, "label": labels}), folder / file.name)


MAKERS: dict[str, Callable[[Asset, Path], None]] = {
    **dict.fromkeys(("vgg16", "resnet18", "resnet50", "inception_v3"), _torchvision),
    **dict.fromkeys(BERTS, _bert),
    "efficientnet_lite0": _timm,
    "sentiment": _sentiment,
    "imdb": _imdb,
}
