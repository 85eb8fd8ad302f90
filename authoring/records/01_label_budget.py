"""Record 01_label_budget: letters → MNIST-M (rebuilt), three label budgets, learned features against hand-made ones.

``value`` is the accuracy on the 1,000 test digits, ``setting`` the labels a class, validation included. The seed draws
the labels, the new head, the order of the batches and, from scratch, the whole network. Within a budget the trained
methods take equally many steps of 32 examples; their optimiser, rates and schedule are those of the lesson. The two
hand-made features go to a logistic regression whose strength C is chosen on the validation labels. Seconds are those
of a run as a reader would start it: features included, loading and rendering not.

For the mini profile only: the network learned the course's own letters, and there is one size of it.
"""

import time
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, budgets, product, sizes
from tl_course.data import Split, Task

size = sizes()
BUDGETS = budgets(10, 30, 100)
# 80 pictures need few, and 800 do not pass by often enough in 100
STEPS = {10: size.steps(40), 30: size.steps(100), 100: size.steps(200)}
BATCH = 32
RATE, PROBE_RATE = 1e-3, 1e-2
WORDS = 64  # of the SIFT code book
STRENGTHS = (0.01, 0.1, 1.0, 10.0)

CELLS = product(["mnist_m"], ["scratch", "linear_probe", "fine_tune", "hog", "sift"], BUDGETS, range(5))
CHEAP = False


def train(model: nn.Module, task: Task, steps: int, rate: float, seed: int) -> tl.training.Run:
    """Train with the recipe of lesson 01."""
    return tl.training.fit(
        model,
        task,
        steps=steps,
        batch_size=BATCH,
        lr=rate,
        schedule="one_cycle",
        evaluate_every=steps,
        seed=seed,
        progress=False,
    )


def from_scratch(task: Task, steps: int, seed: int) -> float:
    """Test accuracy of a network that starts from random weights."""
    model = tl.models.create("resnet_small", num_classes=task.num_classes, seed=seed)
    return train(model, task, steps, RATE, seed).evaluate("test").value


def fine_tuned(model: nn.Module, task: Task, steps: int, seed: int) -> float:
    """Test accuracy after all layers of a pretrained network were trained."""
    tl.models.replace_head(model, task.num_classes, seed=seed)
    return train(model, task, steps, RATE, seed).evaluate("test").value


def probed(model: nn.Module, task: Task, steps: int, seed: int) -> float:
    """Test accuracy of a linear layer on frozen features, which are computed once."""
    points = tl.data.features(model, task)
    head = tl.models.replace_head(model, task.num_classes, seed=seed)
    return train(head, points, steps, PROBE_RATE, seed).evaluate("test").value


def hog_features(task: Task) -> list[np.ndarray]:
    """Histograms of oriented gradients of train, validation and test pictures (Dalal & Triggs 2005): N×324 each."""
    from skimage.feature import hog

    shape = {"orientations": 9, "pixels_per_cell": (8, 8), "cells_per_block": (2, 2), "channel_axis": -1}
    return [np.stack([hog(pixels, **shape) for pixels in _pictures(part)]) for part in _parts(task)]


def sift_features(task: Task) -> list[np.ndarray]:
    """Histograms over visual words, the k-means centres of the training pictures' SIFT descriptors: N×64 each."""
    from sklearn.cluster import KMeans

    found = [[_descriptors(pixels.tobytes()) for pixels in _pictures(part)] for part in _parts(task)]
    words = KMeans(WORDS, n_init=1, random_state=0).fit(np.concatenate(found[0]))
    return [np.stack([_histogram(words, descriptors) for descriptors in part]) for part in found]


def classify(features: list[np.ndarray], task: Task) -> float:
    """Test accuracy of a logistic regression on standardised features, C chosen on validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (train_x, held_x, test_x), (train_y, held_y, test_y) = features, [part.labels.numpy() for part in _parts(task)]
    fitted = [
        make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=2000)).fit(train_x, train_y)
        for strength in STRENGTHS
    ]
    return max(fitted, key=lambda model: model.score(held_x, held_y)).score(test_x, test_y)


def measure(cell: Cell) -> tuple[float, float]:
    """Accuracy of one method with one budget and one seed, and the seconds it took."""
    budget = BUDGETS[cell.setting]
    task = tl.data.load(cell.target, train_per_class=budget.labels, test=size.examples(None), seed=cell.seed)
    steps = STEPS[budget.mini]
    ways: dict[str, Callable[[], float]] = {
        "scratch": lambda: from_scratch(task, steps, cell.seed),
        "linear_probe": lambda: probed(letters_network(), task, steps, cell.seed),
        "fine_tune": lambda: fine_tuned(letters_network(), task, steps, cell.seed),
        "hog": lambda: classify(hog_features(task), task),
        "sift": lambda: classify(sift_features(task), task),
    }
    start = time.perf_counter()
    return ways[cell.method](), time.perf_counter() - start


def letters_network() -> nn.Module:
    """The small ResNet that the package ships, trained on rendered letters."""
    return tl.models.create("resnet_small", weights="letters")


def _parts(task: Task) -> tuple[Split, Split, Split]:
    return task.train, task.validation, task.test


def _pictures(part: Split) -> np.ndarray:
    return np.ascontiguousarray(torch.movedim(part.inputs, 1, -1).numpy())


@cache
def _descriptors(pixels: bytes) -> np.ndarray:
    """SIFT descriptors of a 32×32 colour picture, n×128; n may be 0."""
    from skimage.color import rgb2gray
    from skimage.feature import SIFT

    finder = SIFT()
    try:
        finder.detect_and_extract(rgb2gray(np.frombuffer(pixels, np.uint8).reshape(32, 32, 3)))
    except RuntimeError:  # scikit-image's way of saying that there is no corner in the picture
        return np.empty((0, 128))
    return finder.descriptors.astype(float)


def _histogram(words, descriptors: np.ndarray) -> np.ndarray:
    """Share of each word among the descriptors; all zero where there are none."""
    if not len(descriptors):
        return np.zeros(WORDS)
    return np.bincount(words.predict(descriptors), minlength=WORDS) / len(descriptors)
