"""Record 03_backbones: what the distilled ImageNet weights are worth, and how much of it came from ImageNet.

``value`` is the accuracy on all test pictures at hand with 100 labels a class, 20 of them for validation; ``setting``
is the network. The seed draws the labels, the new head, the order and, where there are any, the random weights. Probes
are trained on features computed once; whole networks take equally many steps with one recipe. The control's weights
are made by ``python -m authoring.weights.imagenet_distilled --control`` and are not shipped. Seconds include the
features and leave out the loading of data.

For the mini profile only: what is judged are the course's own distilled weights, which its small networks alone have.
"""

from dataclasses import replace
from functools import cache

from torch import nn

import tl_course as tl
from authoring.records.common import Cell, product, sizes, standardised
from authoring.weights.imagenet_distilled import weights_path
from tl_course.data import Task
from tl_course.models.tensors import load_tensors, read_safetensors

size = sizes()
LABELS, SEEDS = size.labels(100), range(3)
STEPS, BATCH, RATE = size.steps(300), 64, 1e-3
PROBE_STEPS, PROBE_BATCH, PROBE_RATE = size.steps(400), 128, 1e-2

PROBES = {"random_features": None, "control": "control", "linear_probe": "imagenet_distilled"}
TRAINED = {"scratch": None, "control_fine_tune": "control", "fine_tune": "imagenet_distilled"}

CELLS = [
    *product(["cifar10"], ["random_features", "linear_probe"], ["resnet_small", "vgg_small"], SEEDS),
    *product(["cifar10"], ["control", *TRAINED], ["resnet_small"], SEEDS),
    *product(["mnist_m"], ["random_features", "linear_probe", "scratch", "fine_tune"], ["resnet_small"], SEEDS),
]
CHEAP = False


@cache
def task_of(target: str, seed: int) -> Task:
    """The labels that a seed draws; mirrored digits are no digits, so only photographs are."""
    augment = ("flip", "crop") if target == "cifar10" else ("crop",)
    return tl.data.load(target, train_per_class=LABELS, test=size.examples(None), seed=seed, augment=augment)


def network(name: str, weights: str | None, seed: int) -> nn.Module:
    """A small network with random, distilled or control weights, and a 1,000-class head."""
    if weights != "control" or size.rehearsal:  # whose weights are not shipped
        weights = None if weights == "control" else weights
        return tl.models.create(name, weights=weights, num_classes=None if weights else 1000, seed=seed)
    model = tl.models.create(name, num_classes=1000)
    path = weights_path(name, control=True)
    load_tensors(model, read_safetensors(path), source=path.name)
    return model


def probed(model: nn.Module, task: Task, seed: int) -> tl.training.Run:
    """A linear layer on the features of a network that stays as it is; features are standardised by the training set's.

    Standardising is done by folding it into the features, so that no network looks useless because its features are
    small.
    """
    points = standardised(tl.data.features(model, plain(task)))
    head = tl.models.replace_head(model, task.num_classes, seed=seed)
    return tl.training.fit(
        head,
        points,
        steps=PROBE_STEPS,
        batch_size=PROBE_BATCH,
        lr=PROBE_RATE,
        weight_decay=0.05,
        schedule="one_cycle",
        evaluate_every=PROBE_STEPS,
        seed=seed,
        progress=False,
    )


def plain(task: Task) -> Task:
    """The task without augmentation, for features that are computed once."""
    return replace(task, augment=())


def trained(model: nn.Module, task: Task, seed: int) -> tl.training.Run:
    """All layers and a new head, with one rate."""
    tl.models.replace_head(model, task.num_classes, seed=seed)
    return tl.training.fit(
        model,
        task,
        steps=STEPS,
        batch_size=BATCH,
        lr=RATE,
        schedule="one_cycle",
        evaluate_every=STEPS,
        seed=seed,
        progress=False,
    )


def measure(cell: Cell) -> float:
    """Accuracy on the test pictures."""
    task = task_of(cell.target, cell.seed)
    weights = (PROBES | TRAINED)[cell.method]
    model = network(cell.setting, weights, cell.seed)
    run = (probed if cell.method in PROBES else trained)(model, task, cell.seed)
    return run.evaluate("test").value
