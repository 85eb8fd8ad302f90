"""Record 05_minute: how far a thousand labels of CIFAR-10 go in a minute of two cores.

Two networks that know ImageNet, each first a probe and then fine-tuned, each for about 120 processor seconds, which is
a minute of two cores. ``efficientnet_lite0`` sees the pictures at 128 pixels, takes 120 steps of 32 and keeps BatchNorm
in eval; ImageNet is all it ever saw. ``resnet_small`` sees them at 32 pixels and takes as many steps of 64 as the same
seconds allow; its weights were distilled on CIFAR-10's training pictures, without labels.

The probe is a logistic regression on the features of each picture and of its mirror image, with one scale for all
features, put in the place of the head. Then all layers learn from shifted and mirrored pictures, with labels smoothed
by .1 and a one-cycle schedule.

The recipes were chosen on 2,000 other training pictures (``validated``), with seeds that the record does not use: for
each network the rate among ``RATES``, with one seed for the first and three for the second; for the first also 128
pixels against 96, the smoothing against none, and this probe against one trained as in record 05_strategies. ``value``
is the accuracy on 2,000 test pictures, ``setting`` the labels a class. Seconds are processor seconds on one thread,
features included, loading and testing not.

For the mini profile only: the record is about two networks of the course's own and about the time of a laptop.
"""

import dataclasses
import time
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tl_course as tl
from authoring.records.common import Cell, fixed, network, product
from tl_course.data import Task
from tl_course.data.batches import Batch

LABELS, TEST, VALIDATION = 100, 2000, 200
AUGMENT = ("flip", "crop")
STRENGTH, SMOOTHING = 0.01, 0.1
RATES = {"efficientnet_lite0": (3e-4, 5e-4, 1e-3), "resnet_small": (2.5e-4, 5e-4, 1e-3)}
"""Among these the rates of ``RECIPES`` were chosen; see ``validated``."""


class Recipe(NamedTuple):
    """How one network is trained."""

    weights: str
    pixels: int
    steps: int
    batch: int
    rate: float
    still: tuple[type[nn.Module], ...]
    """Kinds of layers that are frozen."""


RECIPES = {
    "efficientnet_lite0": Recipe("imagenet", 128, 120, 32, 5e-4, (nn.BatchNorm2d, nn.Dropout)),
    "resnet_small": Recipe("imagenet_distilled", 32, 400, 64, 2.5e-4, ()),
}
CELLS = product(["cifar10"], RECIPES, [LABELS], range(5))
CHEAP = False
NEEDS_CIFAR10 = True


def task_of(seed: int, others: int = 0) -> Task:
    """The labels that a seed draws, all for training; with ``others``, so many more pictures a class to choose by."""
    labels = LABELS + others
    how = {"validation": others / labels, "test": fixed(TEST), "augment": AUGMENT}
    return tl.data.load("cifar10", train_per_class=labels, seed=seed, **how)


def smoothed(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy with smoothed labels."""
    return {"smoothed": F.cross_entropy(model(batch.inputs).float(), batch.labels, label_smoothing=SMOOTHING)}


def probe(model: nn.Module, task: Task) -> None:
    """Put a logistic regression on the features of pictures and mirror images in the place of the head."""
    from sklearn.linear_model import LogisticRegression

    plain = dataclasses.replace(task, augment=(), test=task.test[:1], validation=task.validation[:0])
    mirrored = dataclasses.replace(plain.train, inputs=plain.train.inputs.flip(-1))
    both = [tl.data.features(model, one).train for one in (plain, dataclasses.replace(plain, train=mirrored))]
    x, y = torch.cat([one.inputs for one in both]), torch.cat([one.labels for one in both])
    centre = x.mean(0)
    scale = (x - centre).square().mean().sqrt()
    found = LogisticRegression(C=STRENGTH, max_iter=200).fit(((x - centre) / scale).numpy(), y.numpy())
    weight, bias = (torch.tensor(one, dtype=torch.float32) for one in (found.coef_, found.intercept_))
    head = tl.models.head_of(model)[1]
    with torch.no_grad():
        head.weight.copy_(weight / scale)
        head.bias.copy_(bias - (weight / scale) @ centre)


def train(task: Task, method: str, recipe: Recipe, seed: int) -> tuple[tl.training.Run, float]:
    """A network after both stages, and the processor seconds that they took."""
    options = {"weights": recipe.weights, "num_classes": task.num_classes, "size": recipe.pixels, "seed": seed}
    model = network(method, **options)
    start = time.process_time()
    probe(model, task)
    if recipe.still:
        tl.models.freeze(model, parts=[name for name, part in model.named_modules() if isinstance(part, recipe.still)])
    few = dataclasses.replace(task, validation=task.validation[:0])  # no second of training is spent on it
    settings = {"batch_size": recipe.batch, "schedule": "one_cycle", "seed": seed, "progress": False}
    run = tl.training.fit(model, few, loss=smoothed, steps=recipe.steps, lr=recipe.rate, **settings)
    return dataclasses.replace(run, task=task), time.process_time() - start


def validated(method: str, seeds: range = range(100, 103)) -> dict[float, list[float]]:
    """Accuracy on other training pictures for each rate and seed: what the rates were chosen by."""
    recipe = RECIPES[method]
    return {
        rate: [
            train(task_of(seed, VALIDATION), method, recipe._replace(rate=rate), seed)[0].evaluate("validation").value
            for seed in seeds
        ]
        for rate in RATES[method]
    }


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy of one network with one seed, and the processor seconds of its training."""
    run, seconds = train(task_of(cell.seed), cell.method, RECIPES[cell.method], cell.seed)
    return run.evaluate("test").value, seconds
