"""Record 07_layers: which part of a pretrained ResNet is worth what to its fine-tuning?

The profile's ResNet with a hundred labels a class (on mini), the recipe and the augmentation of record 05_strategies at
fewer and smaller steps. ``value`` is the accuracy on the test pictures (mini: 2,000, of MNIST-M all 1,000).
``setting`` is the number of groups of layers that are kept from the input on; 5 are all but the head. All layers train
afterwards, but for the probe's.

* ``reuse``: the groups after the kept ones are re-initialised. Keeping 0 is training from scratch, keeping all is
  fine-tuning.
* ``statistics``: the numbers of each tensor after the kept groups are shuffled, so that their mean and spread stay.
* ``convolutions``: the same for convolutions alone; what belongs to BatchNorm stays where it is.
* ``letters``: all groups from a network that learned rendered letters (mini's; the other profiles have none).
* ``linear_probe``: all groups kept and frozen; a head on features computed once.
* ``longer``: from scratch with four times the steps, the control for too few.

Each way and number of groups has a rate of its own on each target, chosen by ``validated``: accuracy on 1,000 other
training pictures under a seed that is not used here, of three rates or more, so that neither neighbour of the best is
better (the probe's on MNIST-M is the largest tried). The seed draws labels, batches, head, what is re-initialised, and
the order of the shuffle. Seconds are processor seconds of training on one thread, the features of the probe included.
"""

import dataclasses
import time

from torch import nn

import tl_course as tl
from authoring.records.common import Cell, load, network
from tl_course.data import Task

strategies = load("05_strategies")

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
LABELS, STEPS, BATCH, LONGER = env.labels(100), env.steps(80), 32, 4
TEST = {"cifar10": env.examples(2000), "mnist_m": env.examples(1000)}
ALL = 5
"""Groups of a ResNet before its head: the stem and four stages."""
WAYS = {
    "reuse": range(ALL + 1),
    "statistics": (0, 3),
    "convolutions": (0, 3),
    "letters": (ALL,),
    "linear_probe": (ALL,),
    "longer": (0,),
}
SEEDS = {"cifar10": range(5), "mnist_m": range(5)}
RATES = {
    target: dict(zip(((way, kept) for way, settings in WAYS.items() for kept in settings), rates, strict=True))
    for target, rates in {
        "cifar10": (3e-3, 1e-3, 1e-3, 1e-3, 1e-3, 3e-3, 1e-2, 3e-3, 3e-3, 3e-3, 1e-3, 3e-2, 1e-3),
        "mnist_m": (3e-3, 3e-3, 1e-2, 3e-3, 3e-3, 1e-2, 3e-3, 1e-2, 1e-2, 1e-2, 1e-3, 1e-1, 1e-2),
    }.items()
}

CELLS = [
    Cell(target, way, str(kept), seed)
    for target, seeds in SEEDS.items()
    for seed in seeds
    for way, settings in WAYS.items()
    for kept in settings
    if way != "letters" or env.weights != "imagenet"
]
CHEAP = False


def prepared(way: str, kept: int, classes: int, seed: int) -> nn.Module:
    """The network as it is before training."""
    options = {"num_classes": classes, "size": env.pixels, "seed": seed}
    if way == "longer":
        return network(env.backbone, **options)
    if way == "letters":
        return network(env.backbone, weights="letters", **options)
    model = network(env.backbone, weights=env.weights, **options)
    if way == "reuse" and kept < ALL:
        tl.models.reinitialise(model, keep=kept, donor=network(env.backbone, **options))
    elif way in ("statistics", "convolutions"):
        tl.models.shuffle_weights(model, keep=kept, convolutions=way == "convolutions", seed=seed)
    return model


def trained(way: str, kept: int, task: Task, seed: int, rate: float) -> tl.training.Run:
    """Prepare and train one network."""
    model = prepared(way, kept, task.num_classes, seed)
    recipe = strategies.Recipe(STEPS, BATCH, seed, {way: rate})
    if way == "linear_probe":
        return recipe.probe(model, task)
    return recipe.train(model, task, way, LONGER * STEPS if way == "longer" else STEPS)


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy of one network, and the seconds of its training."""
    way, kept = cell.method, int(cell.setting)
    options = {"seed": cell.seed, "augment": strategies.AUGMENT[cell.target], "test": TEST[cell.target]}
    task = tl.data.load(cell.target, train_per_class=LABELS, **options)
    start = time.process_time()
    run = trained(way, kept, task, cell.seed, RATES[cell.target][way, kept])
    seconds = time.process_time() - start
    return run.evaluate("test").value, seconds


def validated(target: str, way: str, kept: int, rate: float, seed: int = 100) -> float:
    """Accuracy on 1,000 other training pictures, which is what the rates of the mini profile were chosen by."""
    task = tl.data.load(target, train_per_class=2 * LABELS, validation=0.5, seed=seed)
    task = dataclasses.replace(task, augment=strategies.AUGMENT[target])
    few = dataclasses.replace(task, validation=task.validation[:1])
    run = trained(way, kept, few, seed, rate)
    if way == "linear_probe":
        model = network(env.backbone, weights=env.weights, num_classes=task.num_classes, size=env.pixels, seed=seed)
        task = tl.data.features(model, dataclasses.replace(task, augment=()))
    return dataclasses.replace(run, task=task).evaluate("validation").value
