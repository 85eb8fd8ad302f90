"""Record 10_a_distance: how far apart two domains of sentiment are, for a linear classifier on a frozen BERT.

``value`` is the proxy A-distance 2·(1 − 2ε) between the domains named by ``method`` and ``setting``: ε is the error of
a logistic regression that tells the two apart by mean-pooled features of the profile's BERT, five-fold. It sees texts
and no sentiment. 0 means that it cannot tell them apart, 2 that it never errs; the distance is the same in both
directions, so each pair stands here once. A domain with itself is the control: two halves of the same draw.

Each seed draws 230 texts of a domain, each from another document, none from a document of the test texts. So no fold
is recognised by a review that it shares with another. The seed draws the texts and the folds.
"""

from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement

import torch
from torch import Tensor

import tl_course as tl
from authoring.records.common import Cell, fixed, load, network
from tl_course.data import Split
from tl_course.environment import generator

matrix = load("10_matrix")

PROFILES = matrix.PROFILES
TEXTS = fixed(230)
SEEDS = range(5)

CELLS = [Cell("sentiment", *pair, seed) for seed in SEEDS for pair in combinations_with_replacement(matrix.DOMAINS, 2)]
CHEAP = False


def one_each(split: Split, seed: int) -> Split:
    """Texts in random order, one of each document; where no documents are known, every text is its own."""
    order = torch.randperm(len(split), generator=generator(seed)).tolist()
    documents = order if split.groups is None else split.groups[order].tolist()
    first = {}
    for document, place in zip(documents, order, strict=True):
        first.setdefault(document, place)
    return split.subset(list(first.values())[:TEXTS])


@cache
def bert() -> torch.nn.Module:
    """The profile's BERT as it was pretrained."""
    return network(matrix.env.text, weights="pretrained")


@cache
def features(domain: str, seed: int) -> Tensor:
    """Mean-pooled features of one draw, 230×D."""
    task = tl.data.load("sentiment", domain=domain, three_class=True, neutral_up_to=0.0, validation=0)
    points = tl.data.features(bert(), replace(task, train=one_each(task.train, seed), test=task.test[:0]))
    return points.train.inputs


def measure(cell: Cell) -> float:
    """Proxy A-distance between two domains."""
    one, other = features(cell.method, cell.seed), features(cell.setting, cell.seed)
    if cell.method == cell.setting:
        one, other = one.chunk(2)
    return tl.adaptation.proxy_a_distance(one.numpy(), other.numpy(), seed=cell.seed)
