"""Four domains of sentiment rated by people (Hutto & Gilbert, ICWSM 2014): films, tweets, products, editorials."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from tl_course import assets
from tl_course.data.task import TEST_FRACTION, TEST_SEED, Dataset, Split, partition
from tl_course.plain_numbers import real_number

FILES = {
    "movies": "movieReviewSnippets",
    "tweets": "tweets",
    "products": "amazonReviewSnippets",
    "editorials": "nytEditorialSnippets",
}
TITLES = {
    "movies": "film reviews",
    "tweets": "tweets",
    "products": "product reviews",
    "editorials": "newspaper editorials",
}
# These ids are document_sentence: two sentences of one review may not stand on two sides of a split.
BY_DOCUMENT = ("products", "editorials")
NEUTRAL_UP_TO = 0.5
ARCHIVE = "hutto_ICWSM_2014.tar.gz"


@dataclass(frozen=True)
class RatedText:
    """A text, its mean rating from −4 to 4 by about twenty people, and the number of its document."""

    text: str
    rating: float
    document: int


def ratings(domain: str) -> list[RatedText]:
    """Return every text of a domain as published, repeated ones included.

    Parameters
    ----------
    domain : {"movies", "tweets", "products", "editorials"}

    Raises
    ------
    ValueError
        When the domain is unknown.
    tl_course.assets.AssetError
        When the archive is not in the cache and cannot be fetched.

    Examples
    --------
    >>> ratings("films")
    Traceback (most recent call last):
    ValueError: There is no sentiment domain 'films'; the four are movies, tweets, products, editorials.
    """
    if domain not in FILES:
        raise ValueError(f"There is no sentiment domain {domain!r}; the four are {', '.join(FILES)}.")
    with tarfile.open(assets.get("sentiment") / ARCHIVE) as archive:
        member = archive.extractfile(f"hutto_ICWSM_2014/{FILES[domain]}_GroundTruth.txt")
        # UTF-8: latin-1 would read it as well, and turn every accent and curly quote into two wrong letters.
        lines = member.read().decode("utf-8").split("\n")
    rows = (line.split("\t") for line in lines if line)
    return [RatedText(text.strip(), float(rating), int(name.split("_")[0])) for name, rating, text in rows]


def sentiment(*, domain: str = "movies", three_class: bool = False, neutral_up_to: float = NEUTRAL_UP_TO) -> Dataset:
    """Return one domain as a classification data set.

    Binary: texts with |rating| > ``neutral_up_to``, positive or negative. Three classes: all texts, neutral up to
    there. A text that stands twice in a domain is kept once. Products and editorials are split by whole documents. The
    test texts of all variants are from one fixed fifth of the domain: what one of them trains on, none tests on.

    Parameters
    ----------
    domain : {"movies", "tweets", "products", "editorials"}
    three_class : bool
    neutral_up_to : float
        In [0, 4). 0 takes the sign of the rating, as the paper's own metric does; the few texts rated exactly 0 then
        belong to neither class of the binary task.

    Raises
    ------
    ValueError
        When the domain is unknown or ``neutral_up_to`` is not in [0, 4).
    tl_course.assets.AssetError
        As :func:`ratings`.
    """
    if not 0 <= real_number("neutral_up_to", neutral_up_to) < 4:
        raise ValueError(f"neutral_up_to={neutral_up_to}: ratings go from -4 to 4, so take a number from 0 to below 4.")
    neutral_up_to = real_number("neutral_up_to", neutral_up_to)
    once: dict[str, RatedText] = {}
    for one in ratings(domain):
        once.setdefault(one.text, one)
    rated = list(once.values())
    values = torch.tensor([one.rating for one in rated], dtype=torch.float64)
    groups = torch.tensor([one.document for one in rated]) if domain in BY_DOCUMENT else None
    everything = Split([one.text for one in rated], _side(values, neutral_up_to), groups)
    # Split before anything is left out: no text is for training in one variant of the task and for testing in another.
    parts = partition(_side(values, NEUTRAL_UP_TO), groups, TEST_FRACTION, TEST_SEED)
    if not three_class:
        parts = [part[everything.labels[part] != 0] for part in parts]
    pool, test = (everything.subset(part) for part in parts)
    pool, test = (
        replace(part, labels=part.labels + 1 if three_class else (part.labels + 1) // 2) for part in (pool, test)
    )
    class_names = ("negative", "neutral", "positive") if three_class else ("negative", "positive")
    kind = "three classes" if three_class else "binary" if neutral_up_to else "sign of the rating"
    return Dataset(
        f"sentiment_{domain}" + "_three_class" * three_class + "_sign" * (neutral_up_to == 0),
        f"sentiment of {TITLES[domain]} ({kind})",
        "text",
        class_names,
        pool,
        "Hutto & Gilbert 2014, rated by people; MIT",
        test=test,
    )


def _side(ratings: Tensor, neutral_up_to: float) -> Tensor:
    """−1, 0 or 1 for negative, neutral and positive ratings."""
    return (ratings > neutral_up_to).long() - (ratings < -neutral_up_to).long()
