"""Record 09_learning_rate: one rate for a new head alone, another for the whole of BERT.

The networks and film reviews of record 09_label_budget, on mini with 200 labels in all, validation included; 60 steps
of 16 with AdamW, as in that record. ``setting`` is the peak rate, ``value`` the accuracy on the test sentences.
``head_only`` trains BERT's own head behind the frozen backbone and its pooler; ``head_on_mean`` trains the same head on
mean-pooled features; ``end_to_end`` trains all layers; ``scratch`` does so from random weights. The seed draws the
labels, the new head, the order, and the random weights where there are any.
"""

import time
from dataclasses import replace
from functools import cache

import tl_course as tl
from authoring.records.common import Cell, budgets, load, product
from tl_course.data import Task

budget = load("09_label_budget")

PROFILES = budget.PROFILES
(BUDGET,) = budgets(100).values()
RATES = ("2e-5", "1e-4", "1e-3", "1e-2")
POOLING = {"head_only": "cls", "head_on_mean": "mean"}
CELLS = product([budget.TARGET], [*POOLING, "end_to_end", "scratch"], RATES, range(3))
CHEAP = False


@cache
def tested(pooling: str) -> Task:
    """Features of the test sentences, the same for all seeds."""
    return tl.data.features(budget.bert(0), budget.tests(), pooling=pooling)


@cache
def points(pooling: str, seed: int) -> Task:
    """Features of a seed's labels and of all test sentences."""
    task = budget.task_of(BUDGET.labels, seed)
    some = tl.data.features(budget.bert(0), replace(task, test=task.test[:1]), pooling=pooling)
    return replace(some, test=tested(pooling).test)


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy, and the seconds of training and test."""
    task = budget.task_of(BUDGET.labels, cell.seed)
    model = budget.bert(cell.seed, None if cell.method == "scratch" else "pretrained")
    if cell.method in POOLING:
        model, task = tl.models.head_of(model)[1], points(POOLING[cell.method], cell.seed)
    began = time.perf_counter()
    accuracy = budget.trained(model, task, BUDGET, cell.seed, rate=float(cell.setting))
    return accuracy, time.perf_counter() - began
