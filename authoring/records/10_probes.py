"""Record 10_probes: the matrix of record 10_matrix in small, by linear probes, and how far a few target labels go.

``value`` is the weighted F1 of the paper's metric on all test texts of the domain in ``setting``, as in 10_matrix. The
profile's BERT is frozen: a logistic regression is trained on its mean-pooled features, standardised, with the recipe of
the lesson. The seed draws the labels, half of them negative and half positive. ``method`` says what was learned from:

* a domain's name: 400 of its labels;
* ``20_labels`` … ``200_labels``: so many of the domain tested;
* ``three_others``: 400 labels of each of the three domains that are not tested;
* ``three_others_and_20`` … ``three_others_and_400``: these, and so many of the domain tested, in one pool;
* ``labels_by_lot``: 400 texts of the domain tested whose labels were drawn by lot;
* ``always_positive``: nothing; the constant answer.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import torch

import tl_course as tl
from authoring.records.common import Cell, fixed, load, network, product
from tl_course.data import Split, Task
from tl_course.environment import generator

matrix = load("10_matrix")
DOMAINS, PROFILES = matrix.DOMAINS, matrix.PROFILES

LABELS, BUDGETS = 400, (20, 50, 100, 200, 400)
POOL = fixed(1600)  # texts of a domain whose features are computed; labels are drawn from these
STRENGTH = 0.003  # did best at home, on training texts that were held out
METHODS = [
    *DOMAINS,
    *(f"{budget}_labels" for budget in BUDGETS if budget != LABELS),
    "three_others",
    *(f"three_others_and_{budget}" for budget in BUDGETS),
    "labels_by_lot",
    "always_positive",
]

CELLS = product(["sentiment"], METHODS, DOMAINS, range(5))
CHEAP = False


@cache
def points(domain: str) -> Task:
    """Features of a part of the training texts and of all test texts."""
    task = matrix.whole(domain)
    chosen = torch.randperm(len(task.train), generator=generator(0))[:POOL]
    task = replace(task, train=task.train.subset(chosen), validation=task.validation[:0])
    return tl.data.features(network(matrix.env.text, weights="pretrained"), task, batch_size=64)


def learned_from(method: str, to: str, seed: int) -> list[Split]:
    """The labelled features that a method learns from when ``to`` is tested."""
    train = {domain: points(domain).train for domain in DOMAINS}
    if method in DOMAINS:
        return [matrix.drawn(train[method], LABELS, seed)]
    if method == "labels_by_lot":
        part = matrix.drawn(train[to], LABELS, seed)
        return [Split(part.inputs, part.labels[torch.randperm(len(part), generator=generator(seed))])]
    others = [matrix.drawn(train[domain], LABELS, seed) for domain in DOMAINS if domain != to]
    if method == "three_others":
        return others
    own = matrix.drawn(train[to], int("".join(filter(str.isdigit, method))), seed)
    return [*others, own] if method.startswith("three_others_and") else [own]


def answers(parts: list[Split], to: str) -> np.ndarray:
    """A probe's answers for the test texts of a domain."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    inputs = torch.cat([part.inputs for part in parts]).numpy()
    labels = torch.cat([part.labels for part in parts]).numpy()
    scaler = StandardScaler().fit(inputs)
    head = LogisticRegression(C=STRENGTH, max_iter=1000).fit(scaler.transform(inputs), labels)
    return head.predict(scaler.transform(points(to).test.inputs.numpy()))


def measure(cell: Cell) -> float:
    """Weighted F1 on the test texts of a domain."""
    from sklearn.metrics import f1_score

    labels = points(cell.setting).test.labels.numpy()
    if cell.method == "always_positive":
        said = np.full_like(labels, matrix.POSITIVE)
    else:
        said = answers(learned_from(cell.method, cell.setting, cell.seed), cell.setting)
    return float(f1_score(labels, said, average="weighted", zero_division=0))
