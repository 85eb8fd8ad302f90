"""Record 05_strategies: six ways to use the same pretrained ResNet, at equal labels and equal steps.

The profile's ResNet (on mini ``resnet_small``), from random weights or from ImageNet's. ``value`` is the accuracy on
all test pictures at hand, ``setting`` the labels a class, validation included. The seed draws the labels, the new head,
the order of the batches and, from scratch, the whole network.

Within a budget every method takes equally many steps of equally many pictures, 32 with ten labels a class and 64 with a
hundred, with AdamW and a one-cycle schedule, and sees them augmented as the target allows (shifted, and mirrored on
CIFAR-10). The probe is the exception: its features are computed once, so it sees the pictures as they are. "Probe, then
fine-tune" spends a third of its steps on that probe.

The rates below were chosen for each target, budget and method apart among three to five (``validated``), by accuracy on
1,000 other training pictures under three seeds that are not used here; those of CIFAR-10 with 100 labels under one. Of
two that agreed to a tenth of a point the smaller was taken.
Seconds are processor seconds on one thread (the machine had other work), features included, loading and testing not.
"""

import dataclasses
import time
from collections.abc import Mapping

from torch import nn

import tl_course as tl
from authoring.records.common import Cell, budgets, network, product
from tl_course.data import Task

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
BUDGETS = budgets(10, 100)
STEPS = {10: env.steps(60), 100: env.steps(150)}
BATCH = {10: 32, 100: 64}
AUGMENT = {"cifar10": ("flip", "crop"), "mnist_m": ("crop",)}
METHODS = ("scratch", "linear_probe", "fine_tune", "layer_wise", "gradual", "lp_ft")
TARGETS = ("cifar10", "mnist_m")
RATES = {
    (target, labels): dict(zip(METHODS, rates, strict=True))
    for (target, labels), rates in {
        ("cifar10", 10): (1e-3, 1e-2, 1e-3, 3e-3, 3e-3, 3e-4),
        ("cifar10", 100): (1e-3, 1e-2, 1e-3, 3e-3, 3e-3, 1e-3),
        ("mnist_m", 10): (3e-3, 1e-1, 1e-2, 1e-1, 1e-2, 3e-3),
        ("mnist_m", 100): (3e-3, 3e-2, 3e-2, 1e-1, 3e-2, 1e-2),
    }.items()
}
LAYER_DECAY = 0.5
PROBE_SHARE = 1 / 3

CELLS = product(TARGETS, METHODS, BUDGETS, range(5))
CHEAP = False


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What all methods share within a budget."""

    steps: int
    batch: int
    seed: int
    rates: Mapping[str, float]
    """The peak rate of each method."""

    def train(self, model: nn.Module, task: Task, method: str, steps: int | None = None, **options) -> tl.training.Run:
        """Train with the rate of one method, for all the steps unless told otherwise."""
        steps = steps or self.steps
        settings = {"batch_size": self.batch, "schedule": "one_cycle", "evaluate_every": steps, "progress": False}
        return tl.training.fit(model, task, steps=steps, lr=self.rates[method], seed=self.seed, **settings | options)

    def probe(self, model: nn.Module, task: Task, steps: int | None = None) -> tl.training.Run:
        """Train the model's new head, in its place, on features computed once."""
        points = tl.data.features(model, dataclasses.replace(task, augment=()))
        return self.train(tl.models.head_of(model)[1], points, "linear_probe", steps)


def run(method: str, task: Task, recipe: Recipe) -> tl.training.Run:
    """Train the ResNet in one of the six ways."""
    options = {"num_classes": task.num_classes, "size": env.pixels, "seed": recipe.seed}
    if method == "scratch":
        return recipe.train(network(env.backbone, **options), task, method)
    model = network(env.backbone, weights=env.weights, **options)
    if method == "linear_probe":
        return recipe.probe(model, task)
    if method == "lp_ft":
        first = max(1, round(recipe.steps * PROBE_SHARE))
        recipe.probe(model, task, first)
        return recipe.train(model, task, method, recipe.steps - first)
    woken = tl.training.gradual(model, every=max(1, recipe.steps // 6))
    ways = {
        "fine_tune": {},
        "layer_wise": {"layer_decay": LAYER_DECAY},
        "gradual": {"unfreeze": {step: groups for step, groups in woken.items() if step < recipe.steps}},
    }
    return recipe.train(model, task, method, **ways[method])


def task_of(target: str, labels: int | None, seed: int) -> Task:
    """The labels that a seed draws, augmented as the target allows."""
    options = {"seed": seed, "augment": AUGMENT[target]}
    return tl.data.load(target, train_per_class=labels, test=env.examples(None), **options)


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy of one method with one budget and one seed, and the seconds of its training."""
    budget = BUDGETS[cell.setting]
    task = task_of(cell.target, budget.labels, cell.seed)
    start = time.process_time()
    rates = RATES[cell.target, budget.mini]
    trained = run(cell.method, task, Recipe(STEPS[budget.mini], BATCH[budget.mini], cell.seed, rates))
    seconds = time.process_time() - start
    return trained.evaluate("test").value, seconds


def validated(target: str, labels: int, method: str, rate: float, seed: int = 100) -> float:
    """Accuracy on 1,000 other training pictures, which is what the rates were chosen by."""
    task = tl.data.load(target, train_per_class=labels + 100, validation=100 / (labels + 100), seed=seed)
    task = dataclasses.replace(task, augment=AUGMENT[target])
    few = dataclasses.replace(task, validation=task.validation[:1])
    recipe = Recipe(STEPS[labels], BATCH[labels], seed, RATES[target, labels] | {method: rate})
    trained = run(method, few, recipe)
    if method == "linear_probe":
        model = network(env.backbone, weights=env.weights, num_classes=task.num_classes, size=env.pixels, seed=seed)
        task = tl.data.features(model, dataclasses.replace(task, augment=()))
    return dataclasses.replace(trained, task=task).evaluate("validation").value
