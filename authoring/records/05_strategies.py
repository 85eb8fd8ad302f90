"""Record 05_strategies: six ways to use the same pretrained ResNet, at equal labels and equal steps.

``resnet_small``, from random weights or from ``imagenet_distilled``. ``value`` is the accuracy on all test pictures at
hand, ``setting`` the labels a class, validation included. The seed draws the labels, the new head, the order of the
batches and, from scratch, the whole network.

Within a budget every method takes equally many steps of equally many pictures, 32 with ten labels a class and 64 with a
hundred, with AdamW and a one-cycle schedule, and sees them augmented as the target allows (shifted, and mirrored on
CIFAR-10). The probe is the exception: its features are computed once, so it sees the pictures as they are. "Probe, then
fine-tune" spends a third of its steps on that probe.

The rates below were chosen for each method apart among a few (from scratch 1e-3 to 3e-3, probe 3e-3 and 1e-2,
fine-tuning 3e-4 to 3e-3, probe-then-fine-tune 1e-4 to 1e-3, layer-wise and gradual 3e-3 and 1e-2), by accuracy on 1,000
to 2,000 other training pictures of CIFAR-10 under a seed that is not used here, all in batches of 64; they serve both
targets and budgets.
Seconds are processor seconds on one thread (the machine had other work), features included, loading and testing not.
"""

import dataclasses
import time

from torch import nn

import tl_course as tl
from authoring.records.common import Cell, product
from tl_course.data import Task

STEPS = {10: 60, 100: 150}
BATCH = {10: 32, 100: 64}
AUGMENT = {"cifar10": ("flip", "crop"), "mnist_m": ("crop",)}
RATES = {"scratch": 1e-3, "linear_probe": 1e-2, "fine_tune": 1e-3, "layer_wise": 3e-3, "gradual": 3e-3, "lp_ft": 1e-3}
LAYER_DECAY = 0.5
PROBE_SHARE = 1 / 3

CELLS = product(["cifar10", "mnist_m"], RATES, STEPS, range(5))
CHEAP = False


def train(model: nn.Module, task: Task, method: str, steps: int, seed: int, **options) -> tl.training.Run:
    """Train with what all methods share, and the rate of one."""
    batch = BATCH[task.labels_used // task.num_classes]
    settings = {"batch_size": batch, "schedule": "one_cycle", "evaluate_every": steps, "progress": False}
    return tl.training.fit(model, task, steps=steps, lr=RATES[method], seed=seed, **settings | options)


def probe(model: nn.Module, task: Task, steps: int, seed: int) -> tl.training.Run:
    """Train the model's new head, in its place, on features computed once."""
    points = tl.data.features(model, dataclasses.replace(task, augment=()))
    return train(tl.models.head_of(model)[1], points, "linear_probe", steps, seed)


def run(method: str, task: Task, steps: int, seed: int) -> tl.training.Run:
    """Train the small ResNet in one of the six ways."""
    if method == "scratch":
        return train(
            tl.models.create("resnet_small", num_classes=task.num_classes, seed=seed), task, method, steps, seed
        )
    model = tl.models.create("resnet_small", weights="imagenet_distilled", num_classes=task.num_classes, seed=seed)
    if method == "linear_probe":
        return probe(model, task, steps, seed)
    if method == "lp_ft":
        first = round(steps * PROBE_SHARE)
        probe(model, task, first, seed)
        return train(model, task, method, steps - first, seed)
    ways = {
        "fine_tune": {},
        "layer_wise": {"layer_decay": LAYER_DECAY},
        "gradual": {"unfreeze": tl.training.gradual(model, every=steps // 6)},
    }
    return train(model, task, method, steps, seed, **ways[method])


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy of one method with one budget and one seed, and the seconds of its training."""
    labels = int(cell.setting)
    task = tl.data.load(cell.target, train_per_class=labels, seed=cell.seed, augment=AUGMENT[cell.target])
    start = time.process_time()
    trained = run(cell.method, task, STEPS[labels], cell.seed)
    seconds = time.process_time() - start
    return trained.evaluate("test").value, seconds
