"""Record 09_label_budget: sentiment of film reviews with few and with many labels, half of them of each class.

The profile's BERT on its film reviews; on mini MiniLM on sentences, with 50 to 2,000 labels. ``value`` is the accuracy
on the test texts, ``setting`` the labels in all, validation included. The seed draws the labels, the new head, the
order, and the random weights where there are any. Within a budget the two networks that train all their layers take
equally many steps. TF-IDF and the linear probe go to a logistic regression whose strength C is chosen on the validation
labels. VADER needs no labels and no seed: its row is the same in every budget. Seconds are those of a run as a reader
would start it.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
from torch import nn

import tl_course as tl
from authoring.records.common import Budget, Cell, budgets, network, product
from tl_course.data import Task

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
TARGET = env.reviews["name"]
BUDGETS = budgets(25, 100, 500, 1000, classes=2)
STEPS = {25: env.steps(40), 100: env.steps(60), 500: env.steps(100), 1000: env.steps(200)}
BATCH = 16
RATE = 1e-4
GRU_RATE, GRU_BATCH = 2e-3, 16
STRENGTHS = (0.01, 0.1, 1.0, 10.0)

CELLS = product([TARGET], ["tfidf", "vader", "linear_probe", "gru", "scratch", "fine_tune"], BUDGETS, range(3))
CHEAP = False


@cache
def task_of(labels: int | None, seed: int) -> Task:
    """Film reviews with so many labels a class."""
    return tl.data.load(**env.reviews, train_per_class=labels, test=env.examples(None), seed=seed)


def tests() -> Task:
    """All test texts, which are the same for every seed, and next to nothing to train on."""
    task = task_of(env.labels(25), 0)
    return replace(task, train=task.train[:1], validation=task.validation[:0])


def bert(seed: int, weights: str | None = "pretrained") -> nn.Module:
    """The profile's BERT with a new head."""
    return network(env.text, weights=weights, num_classes=2, seed=seed)


def trained(
    model: nn.Module, task: Task, budget: Budget, seed: int, *, rate: float = RATE, batch: int = BATCH
) -> float:
    """Test accuracy after all layers were trained with the recipe of the lesson."""
    steps = STEPS[budget.mini]
    run = tl.training.fit(
        model,
        task,
        steps=steps,
        batch_size=batch,
        lr=rate,
        schedule="linear",
        warmup=0.1,
        evaluate_every=steps,
        seed=seed,
        progress=False,
    )
    return run.evaluate("test").value


def regression(make: Callable, train, validation, test, task: Task) -> float:
    """Test accuracy of the logistic regression that did best on the validation labels."""
    best = max(
        (make(strength).fit(train, task.train.labels.numpy()) for strength in STRENGTHS),
        key=lambda model: model.score(validation, task.validation.labels.numpy()),
    )
    return best.score(test, task.test.labels.numpy())


def tfidf(task: Task, _budget: Budget, seed: int) -> float:
    """Words and pairs of words, weighted by how rare they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def make(strength):
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(words, LogisticRegression(C=100 * strength, max_iter=1000, random_state=seed))

    return regression(make, task.train.inputs, task.validation.inputs, task.test.inputs, task)


def linear_probe(task: Task, _budget: Budget, seed: int) -> float:
    """A logistic regression on mean-pooled features of the frozen network."""
    from sklearn.linear_model import LogisticRegression

    points = tl.data.features(network(env.text, weights="pretrained"), task)

    def make(strength):
        return LogisticRegression(C=strength, max_iter=2000, random_state=seed)

    parts = (points.train.inputs.numpy(), points.validation.inputs.numpy(), points.test.inputs.numpy())
    scale = np.sqrt(parts[0].var(0).mean())
    return regression(make, *(part / scale for part in parts), task)


def vader(task: Task, _budget: Budget, _seed: int) -> float:
    """The lexicon's verdict: positive where its compound score is above 0."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = SentimentIntensityAnalyzer().polarity_scores
    said = np.array([score(text)["compound"] > 0 for text in task.test.inputs], dtype=int)
    return float((said == task.test.labels.numpy()).mean())


def fine_tune(task: Task, budget: Budget, seed: int) -> float:
    """All layers of the pretrained BERT and a new head."""
    return trained(bert(seed), task, budget, seed)


def scratch(task: Task, budget: Budget, seed: int) -> float:
    """The same network from random weights."""
    return trained(bert(seed, None), task, budget, seed)


def gru(task: Task, budget: Budget, seed: int) -> float:
    """The small recurrent language model, fine-tuned (ULMFiT in small)."""
    model = network("gru_small", weights="language_model", num_classes=2, seed=seed)
    return trained(model, task, budget, seed, rate=GRU_RATE, batch=GRU_BATCH)


METHODS = {one.__name__: one for one in (tfidf, vader, linear_probe, fine_tune, scratch, gru)}


def measure(cell: Cell) -> float:
    """Accuracy on the test texts."""
    budget = BUDGETS[cell.setting]
    return METHODS[cell.method](task_of(budget.labels, cell.seed), budget, cell.seed)
