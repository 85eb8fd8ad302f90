"""Record 04_vgg_features: a VGG as a feature extractor, its controls, and what wrong preparation costs.

``value`` is the accuracy on all test pictures at hand. A ``setting`` that is a number gives the labels a class, one
fifth of them for validation, for the profile's VGG (on mini ``vgg_small``): probes of ImageNet's and of random
features, all layers from ImageNet's weights (``fine_tune``) and from random ones (``scratch``). Within a budget all
take equally many steps of equally many examples, with one recipe for probes and one for whole networks; features are
standardised by the training pictures', so that none look useless only because they are small. The other settings are
probes with the larger budget that differ in one thing: ``plain`` feeds the VGG pixels from 0 to 1, ``test`` does so for
the test pictures alone; ``two_layers`` puts two new layers on its last convolution in place of its two linear ones;
``lite0_SIZE`` is EfficientNet-Lite0 with pictures enlarged to SIZE pixels, ``lite0_64_imagenet`` with ImageNet's
statistics, not its own.

The seed draws labels, order, new layers and random weights. Seconds include the features, not the loading of data; for
EfficientNet-Lite0 those of the test pictures are computed for the first seed and kept.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Budget, Cell, budgets, network, product, standardised
from tl_course.data import Split, Task
from tl_course.training.run import autocast

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
TARGETS, SEEDS, BUDGETS = ("cifar10", "mnist_m"), range(3), budgets(10, 100)
MOST = list(BUDGETS.values())[-1]
STEPS, BATCH = {10: env.steps(60), 100: env.steps(200)}, 32
RATE, PROBE_RATE = 1e-3, 1e-2

STATISTICS = {
    "plain": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
VARIANTS = ["plain", "test", "two_layers"]
LITE0 = ["lite0_32", "lite0_64", "lite0_96", "lite0_64_imagenet"]

CELLS = product(TARGETS, ["random_features", "linear_probe", "fine_tune", "scratch"], BUDGETS, SEEDS) + product(
    TARGETS, ["linear_probe"], VARIANTS + LITE0, SEEDS
)
CHEAP = False


@cache
def task_of(target: str, labels: int | None, seed: int) -> Task:
    """The labels that a seed draws, the same for every method."""
    return tl.data.load(target, train_per_class=labels, test=env.examples(None), seed=seed)


def vgg(weights: str | None, seed: int) -> nn.Module:
    """The profile's VGG with its weights; random ones where there are none."""
    options = {"num_classes": None if weights else 10, "size": env.pixels, "seed": seed}
    return network(env.extractor, weights=weights, **options)


def prepared(model: nn.Module, setting: str) -> nn.Module:
    """The model with the statistics of a setting; with its own where the setting names none."""
    mean, std = STATISTICS.get(setting, (model.preprocess.mean, model.preprocess.std))
    model.preprocess = replace(model.preprocess, mean=mean, std=std)
    return model


def train(model: nn.Module, task: Task, rate: float, budget: Budget, seed: int, augment: tuple[str, ...] = ()) -> float:
    """Test accuracy after the steps of a budget."""
    run = tl.training.fit(
        model,
        task,
        steps=STEPS[budget.mini],
        batch_size=BATCH,
        lr=rate,
        schedule="one_cycle",
        augment=augment,
        evaluate_every=STEPS[budget.mini],
        seed=seed,
        progress=False,
    )
    return run.evaluate("test").value


def probed(points: Task, budget: Budget, seed: int) -> float:
    """Test accuracy of a linear layer on standardised features."""
    return train(new_layer(points, seed), standardised(points), PROBE_RATE, budget, seed)


def new_layer(points: Task, seed: int) -> nn.Linear:
    """A linear layer from features to classes, its weights drawn by the seed."""
    with tl.models.heads.seeded(seed):
        return nn.Linear(points.train.inputs.shape[1], points.num_classes)


def trained(weights: str | None, task: Task, budget: Budget, seed: int) -> float:
    """Test accuracy of the whole network with a new head; digits are not mirrored, photographs are."""
    model = vgg(weights, seed)
    tl.models.replace_head(model, task.num_classes, seed=seed)
    augment = ("flip", "crop") if task.name == "cifar10" else ("crop",)
    return train(model, task, RATE, budget, seed, augment)


def without_hidden_layer(model: nn.Module) -> nn.Module:
    """The network cut after its last convolution: ``embed`` gives what the first linear layer was given."""
    model.embed = lambda images: torch.flatten(model.avgpool(model.features(images)), 1)
    return model


def two_layers(task: Task, seed: int) -> float:
    """Test accuracy of two new layers, as wide as those that they replace, on the last convolution."""
    model = vgg(env.weights, seed)
    width = tl.models.head_of(model)[1].in_features
    points = standardised(tl.data.features(without_hidden_layer(model), task))
    with tl.models.heads.seeded(seed):
        layers = nn.Sequential(
            nn.Linear(points.train.inputs.shape[1], width),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(width, task.num_classes),
        )
    return train(layers, points, RATE, MOST, seed)


def test_alone_plain(task: Task) -> Task:
    """Features whose test pictures were not normalised, while those for training were."""
    right, wrong = (tl.data.features(prepared(vgg(env.weights, 0), setting), task) for setting in ("own", "plain"))
    return replace(right, test=wrong.test)


def lite0(setting: str) -> nn.Module:
    """EfficientNet-Lite0 with the size, and the statistics, that a setting names."""
    size, _, statistics = setting.removeprefix("lite0_").partition("_")
    model = prepared(network("efficientnet_lite0", weights="imagenet"), statistics)
    model.preprocess = replace(model.preprocess, size=int(size))
    return model.to(memory_format=torch.channels_last)


def fast_features(model: nn.Module, task: Task) -> Task:
    """Features in the precision of this process; ``tl.data.features`` alone always computes in full."""
    with autocast(env.device):
        return tl.data.features(model, task)


@cache
def lite0_test(setting: str, target: str) -> Split:
    """Features of the test pictures, which are the same for every seed."""
    task = task_of(target, MOST.labels, 0)
    return fast_features(lite0(setting), replace(task, train=task.test, validation=task.test[:0])).train


def lite0_features(setting: str, task: Task) -> Task:
    """Features of EfficientNet-Lite0 for a setting."""
    points = fast_features(lite0(setting), replace(task, test=task.test[:0]))
    return replace(points, test=lite0_test(setting, task.name))


def measure(cell: Cell) -> tuple[float, float]:
    """Accuracy of one cell, and the seconds it took."""
    budget = BUDGETS.get(cell.setting, MOST)
    task, seed = task_of(cell.target, budget.labels, cell.seed), cell.seed
    imagenet = env.weights
    ways: dict[str, Callable[[], float]] = {
        "random_features": lambda: probed(tl.data.features(vgg(None, seed), task), budget, seed),
        "linear_probe": lambda: probed(tl.data.features(vgg(imagenet, seed), task), budget, seed),
        "fine_tune": lambda: trained(imagenet, task, budget, seed),
        "scratch": lambda: trained(None, task, budget, seed),
        "plain": lambda: probed(tl.data.features(prepared(vgg(imagenet, seed), "plain"), task), budget, seed),
        "test": lambda: probed(test_alone_plain(task), budget, seed),
        "two_layers": lambda: two_layers(task, seed),
    }
    ways |= {name: lambda: probed(lite0_features(cell.setting, task), budget, seed) for name in LITE0}
    way = ways[cell.method if cell.setting in BUDGETS else cell.setting]
    start = time.perf_counter()
    return way(), time.perf_counter() - start
