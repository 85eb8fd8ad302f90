"""Record 09_class_weights: three classes of film reviews of which one is rare, and what weights change.

A head on mean-pooled features of the profile's frozen BERT learns negative, neutral and positive from labels as they
come, on mini 800, about one in twenty of them neutral, with plain cross-entropy (``plain``) or with every class
weighing the same (``weighted``). ``majority`` always answers with the most frequent class. ``setting`` names what is
measured on the test sentences: accuracy, macro F1, weighted F1, and precision and recall of the neutral class. The seed
draws the labels, the head and the order.
"""

from dataclasses import replace
from functools import cache

import torch

import tl_course as tl
from authoring.records.common import Cell, network, product
from tl_course.data import Task

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
LABELS, STEPS, BATCH, RATE = env.examples(800), env.steps(300), 50, 3e-3
SCORES = ("accuracy", "macro_f1", "weighted_f1", "neutral_precision", "neutral_recall")
NEUTRAL = 1
CELLS = product(["sentiment"], ["majority", "plain", "weighted"], SCORES, range(3))
CHEAP = False


@cache
def texts(seed: int) -> Task:
    """A seed's labels: the first of the shuffled training part."""
    task = tl.data.load("sentiment", domain="movies", three_class=True, test=env.examples(None), seed=seed)
    return replace(task, train=task.train[:LABELS], validation=task.validation[:1])


@cache
def tested() -> Task:
    """Features of the test sentences, the same for all seeds."""
    task = texts(0)
    return tl.data.features(network(env.text, weights="pretrained"), replace(task, train=task.train[:1]))


@cache
def points(seed: int) -> Task:
    """Features of a seed's labels and of all test sentences."""
    task = texts(seed)
    model = network(env.text, weights="pretrained")
    return replace(tl.data.features(model, replace(task, test=task.test[:1])), test=tested().test)


@cache
def said(method: str, seed: int) -> torch.Tensor:
    """A class for each test sentence."""
    task = points(seed)
    if method == "majority":
        return torch.bincount(task.train.labels).argmax().expand(len(task.test))
    loss = tl.losses.ClassWeighted(task.train.labels) if method == "weighted" else tl.losses.cross_entropy
    with tl.models.heads.seeded(seed):
        head = torch.nn.Linear(task.train.inputs.shape[1], task.num_classes)
    run = tl.training.fit(
        head, task, loss=loss, steps=STEPS, batch_size=BATCH, lr=RATE, seed=seed, progress=False, evaluate_every=STEPS
    )
    return run.predictions("test")


def measure(cell: Cell) -> float:
    """One score on the test sentences."""
    task, answers = texts(cell.seed), said(cell.method, cell.seed)
    report = tl.metrics.precision_recall_f1(task.test.labels, answers, class_names=task.class_names)
    return {
        "accuracy": tl.metrics.accuracy(task.test.labels, answers).value,
        "macro_f1": report.macro.f1,
        "weighted_f1": report.weighted.f1,
        "neutral_precision": report.precision[NEUTRAL],
        "neutral_recall": report.recall[NEUTRAL],
    }[cell.setting]
