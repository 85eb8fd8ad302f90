"""Record 09_label_budget: sentiment of film reviews with 50 to 2,000 labels in all, half of them of each class.

``value`` is the accuracy on the test sentences, ``setting`` the labels in all, validation included. The seed draws the
labels, the new head, the order, and the random weights where there are any. Within a budget the two networks that
train all their layers take equally many steps. TF-IDF and the linear probe go to a logistic regression whose strength C
is chosen on the validation labels. VADER needs no labels and no seed: its row is the same in every budget. Seconds are
those of a run as a reader would start it.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, product
from tl_course.data import Task

BUDGETS = (50, 200, 1000, 2000)
STEPS = {50: 40, 200: 60, 1000: 100, 2000: 200}
BATCH = 16
RATE = 1e-4
GRU_RATE, GRU_BATCH = 2e-3, 16
STRENGTHS = (0.01, 0.1, 1.0, 10.0)

CELLS = product(["sentiment"], ["tfidf", "vader", "linear_probe", "gru", "scratch", "fine_tune"], BUDGETS, range(3))
CHEAP = False


@cache
def task_of(labels: int, seed: int) -> Task:
    """Film reviews with so many labels."""
    return tl.data.load("sentiment", domain="movies", train_per_class=labels // 2, seed=seed)


def trained(model: nn.Module, task: Task, labels: int, seed: int, *, rate: float = RATE, batch: int = BATCH) -> float:
    """Test accuracy after all layers were trained with the recipe of the lesson."""
    run = tl.training.fit(
        model,
        task,
        steps=STEPS[labels],
        batch_size=batch,
        lr=rate,
        schedule="linear",
        warmup=0.1,
        evaluate_every=STEPS[labels],
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


def tfidf(task: Task, labels: int, seed: int) -> float:
    """Words and pairs of words, weighted by how rare they are."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    def make(strength):
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        return make_pipeline(words, LogisticRegression(C=100 * strength, max_iter=1000, random_state=seed))

    return regression(make, task.train.inputs, task.validation.inputs, task.test.inputs, task)


def linear_probe(task: Task, labels: int, seed: int) -> float:
    """A logistic regression on mean-pooled features of the frozen network."""
    from sklearn.linear_model import LogisticRegression

    points = tl.data.features(tl.models.create("minilm", weights="pretrained"), task)

    def make(strength):
        return LogisticRegression(C=strength, max_iter=2000, random_state=seed)

    parts = (points.train.inputs.numpy(), points.validation.inputs.numpy(), points.test.inputs.numpy())
    scale = np.sqrt(parts[0].var(0).mean())
    return regression(make, *(part / scale for part in parts), task)


def vader(task: Task, labels: int, seed: int) -> float:
    """The lexicon's verdict: positive where its compound score is above 0."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    score = SentimentIntensityAnalyzer().polarity_scores
    said = np.array([score(text)["compound"] > 0 for text in task.test.inputs], dtype=int)
    return float((said == task.test.labels.numpy()).mean())


def fine_tune(task: Task, labels: int, seed: int) -> float:
    """All layers of the pretrained BERT and a new head."""
    return trained(tl.models.create("minilm", weights="pretrained", num_classes=2, seed=seed), task, labels, seed)


def scratch(task: Task, labels: int, seed: int) -> float:
    """The same network from random weights."""
    return trained(tl.models.create("minilm", num_classes=2, seed=seed), task, labels, seed)


def gru(task: Task, labels: int, seed: int) -> float:
    """The small recurrent language model, fine-tuned (ULMFiT in small)."""
    model = tl.models.create("gru_small", weights="language_model", num_classes=2, seed=seed)
    return trained(model, task, labels, seed, rate=GRU_RATE, batch=GRU_BATCH)


METHODS = {one.__name__: one for one in (tfidf, vader, linear_probe, fine_tune, scratch, gru)}


def measure(cell: Cell) -> float:
    """Accuracy on the test sentences."""
    labels = int(cell.setting)
    return METHODS[cell.method](task_of(labels, cell.seed), labels, cell.seed)
