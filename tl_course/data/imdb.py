"""IMDb: long film reviews, half of them positive (Maas et al. 2011)."""

from __future__ import annotations

import torch

from tl_course import assets
from tl_course.data.task import Dataset, Split

CLASS_NAMES = ("negative", "positive")
PARTS = {"train": "train-00000-of-00001.parquet", "test": "test-00000-of-00001.parquet"}


def imdb() -> Dataset:
    """Return IMDb: 25,000 reviews to train on and as many to test, of films that the other part does not have.

    A review that stands twice is kept once, and one that stands in both parts stays in the test.

    Raises
    ------
    tl_course.assets.AssetError
        When the files are not in the cache and cannot be fetched.
    """
    import pyarrow.parquet

    folder = assets.get("imdb")
    seen: set[str] = set()
    parts = {}
    for part in ("test", "train"):
        table = pyarrow.parquet.read_table(folder / PARTS[part], columns=["text", "label"])
        # breaks come as HTML, which no reader sees and every tokenizer counts
        texts = [text.replace("<br />", " ").strip() for text in table["text"].to_pylist()]
        once = {text: label for text, label in zip(texts, table["label"].to_pylist(), strict=True) if text not in seen}
        seen |= once.keys()
        parts[part] = Split(list(once), torch.tensor(list(once.values())))
    return Dataset(
        "imdb",
        "IMDb (long film reviews)",
        "text",
        CLASS_NAMES,
        parts["train"],
        "Maas et al. 2011, no licence stated by its authors",
        test=parts["test"],
    )
