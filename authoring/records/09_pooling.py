"""Record 09_pooling: which vector should stand for a text when the network is frozen?

The film reviews, the BERT and the logistic regression of record 09_label_budget. ``setting`` is the number of labels in
all, ``value`` the accuracy on the test sentences of a regression on

``mean``: the mean of the last hidden states over the tokens; ``first``: the last hidden state of the first token,
[CLS]; ``pooler``: what BERT's pooler makes of that, which is what its own head is given; ``random_mean``: the mean
again, of a network with random weights. DistilBERT, of the cpu profile, has no pooler.

The seed draws the labels, and the random weights.
"""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, budgets, load, network, product
from tl_course.data import Batch, Split
from tl_course.models.zoo import ARCHITECTURES

budget = load("09_label_budget")

env = tl.environment.current()
PROFILES = budget.PROFILES
BUDGETS = budgets(25, 100, 500, classes=2)
POOLER = ARCHITECTURES[env.text] == "bert"
WAYS = ("mean", "first", "pooler") if POOLER else ("mean", "first")
CELLS = product([budget.TARGET], [*WAYS, "random_mean"], BUDGETS, range(3))
CHEAP = False


def vectors(model: nn.Module, split: Split) -> dict[str, np.ndarray]:
    """Every way's N×D features of a split, from one pass through the backbone."""

    def look(batch: Batch) -> torch.Tensor:
        states, *pooled = model.base_model(**batch.inputs, return_dict=False)
        mask = batch.inputs["attention_mask"].unsqueeze(-1)
        return torch.stack([(states * mask).sum(dim=1) / mask.sum(dim=1), states[:, 0], *pooled], dim=1)

    task = replace(budget.tests(), test=split)
    with torch.no_grad():
        found = tl.data.per_example(tl.data.batches(task, model, "test", batch_size=256, buckets=True), look)
    return {way: found[:, place].cpu().numpy() for place, way in enumerate(WAYS)}


@cache
def backbone(weights: str | None, seed: int) -> nn.Module:
    """The frozen network, and of the pretrained one a single copy."""
    return network(env.text, weights=weights, seed=seed)


@cache
def test_vectors(weights: str | None, seed: int) -> dict[str, np.ndarray]:
    """Features of the test sentences, which are the same for all labels."""
    return vectors(backbone(weights, seed), budget.tests().test)


@cache
def features(weights: str | None, labels: int | None, seed: int) -> tuple[dict, dict, dict]:
    """Features of training, validation and test sentences."""
    draw = 0 if weights else seed
    task, model = budget.task_of(labels, seed), backbone(weights, draw)
    return vectors(model, task.train), vectors(model, task.validation), test_vectors(weights, draw)


def measure(cell: Cell) -> float:
    """Test accuracy of a regression on one kind of vector."""
    from sklearn.linear_model import LogisticRegression

    labels, weights = BUDGETS[cell.setting].labels, None if cell.method == "random_mean" else "pretrained"
    way = cell.method.removeprefix("random_")
    parts = [part[way] for part in features(weights, labels, cell.seed)]
    scale = np.sqrt(parts[0].var(0).mean())

    def make(strength):
        return LogisticRegression(C=strength, max_iter=2000, random_state=cell.seed)

    return budget.regression(make, *(part / scale for part in parts), budget.task_of(labels, cell.seed))
