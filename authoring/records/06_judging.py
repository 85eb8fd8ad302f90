"""Record 06_judging: three networks of lesson 06, judged rightly and in the ways that go wrong.

The profile's ResNet; on mini 50 labels a class, 40 of them for training. ``linear_probe`` is a head on frozen features,
``lp_ft`` goes on from there with all layers; the recipe is the lesson's. ``scratch`` starts from random weights and
takes as many steps as these two stages have together, all with all layers. Its rate was best on 1,000 other training
pictures of the target under three seeds that are not used here: on CIFAR-10 1e-4, of that, 3e-4 and 1e-3 (the first two
differ by a third of a point), on MNIST-M 1e-1, of six from 1e-3 to 3e-1. The rates of the others were chosen on
CIFAR-10.

``setting`` says how a network was judged, on 1,000 test pictures, 100 a class, unless said otherwise:

* ``eval``: accuracy as it should be measured;
* ``train_shuffled``, ``train_sorted``, ``train_pairs``, ``train_single``: accuracy with the network left in train mode
  under no_grad, on 500 of the pictures: batches of 50 in random order, of 50 sorted by class, of two, of one;
* ``eval_before`` and ``eval_after``: accuracy in eval mode on these 500, before and after the sorted pass, which moves
  the running statistics;
* ``ece`` and ``ece_scaled``: expected calibration error in 10 bins, before and after temperature scaling on validation.

The seed draws labels, heads, order and, from scratch, the network. Seconds are those of training, or of the test.
"""

import copy
import time
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tl_course as tl
from authoring.records.common import Cell, network
from tl_course.data import Task
from tl_course.environment import generator

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
BUDGET, TEST, BATCH = env.labels(50), env.examples(1000), 50
STEPS, PROBE_STEPS = env.steps(32), env.steps(200)
RATE, PROBE_RATE = 1e-3, 1e-2
SCRATCH_STEPS, SCRATCH_RATE = PROBE_STEPS + STEPS, {"cifar10": 1e-4, "mnist_m": 1e-1}
BINS, TEMPERATURES = 10, torch.linspace(0.5, 5, 91)
MODES = {"train_shuffled": 50, "train_sorted": 50, "train_pairs": 2, "train_single": 1}

WAYS = {
    "scratch": ("eval",),
    "linear_probe": ("eval", "ece", "ece_scaled"),
    "lp_ft": ("eval", "eval_before", *MODES, "eval_after", "ece", "ece_scaled"),
}
CELLS = [
    Cell(target, method, setting, seed)
    for seed in range(5)
    for target in ("cifar10", "mnist_m")
    for method, settings in WAYS.items()
    for setting in settings
]
CHEAP = False


@cache
def task_of(target: str, seed: int) -> Task:
    """The target with its label budget."""
    return tl.data.load(target, train_per_class=BUDGET, test=TEST, seed=seed)


@cache
def trained(target: str, method: str, seed: int) -> tuple[nn.Module, float]:
    """A network trained as in lesson 06, and the seconds it took; it is not to be changed."""
    task = task_of(target, seed)
    settings = {"batch_size": BATCH, "schedule": "one_cycle", "seed": seed, "progress": False}
    start = time.perf_counter()
    if method == "linear_probe":
        model = network(env.backbone, weights=env.weights, size=env.pixels)
        points = tl.data.features(model, task)
        head = tl.models.replace_head(model, task.num_classes, seed=seed)
        tl.training.fit(head, points, steps=PROBE_STEPS, lr=PROBE_RATE, **settings)
        return model, time.perf_counter() - start
    before, steps, rate = 0.0, STEPS, RATE
    if method == "lp_ft":
        model, before = trained(target, "linear_probe", seed)
        model = copy.deepcopy(model)
    else:
        model = network(env.backbone, num_classes=task.num_classes, size=env.pixels, seed=seed)
        steps, rate = SCRATCH_STEPS, SCRATCH_RATE[target]
    start = time.perf_counter()
    tl.training.fit(model, task, steps=steps, lr=rate, evaluate_every=steps, **settings)
    return model, before + time.perf_counter() - start


@torch.no_grad()
def in_batches(model: nn.Module, images: Tensor, order: Tensor, size: int) -> Tensor:
    """Predicted classes of the uint8 pictures in the order given, by the network in the mode it is in."""
    parts = (images[index].to(env.device) for index in order.split(size))
    return torch.cat([model(model.preprocess(part)).argmax(dim=1) for part in parts]).cpu()


def on_half(cell: Cell) -> float:
    """Accuracy on 500 pictures: in eval mode, in train mode, or in eval mode again after the sorted pass."""
    task = task_of(cell.target, cell.seed)
    model = copy.deepcopy(trained(cell.target, cell.method, cell.seed)[0])
    by_class = task.test.labels.argsort(stable=True)[::2]
    shuffled = by_class[torch.randperm(len(by_class), generator=generator(cell.seed))]
    order = by_class if cell.setting in ("train_sorted", "eval_after") else shuffled
    model.train(cell.setting != "eval_before")
    said = in_batches(model, task.test.inputs, order, MODES.get(cell.setting, BATCH))
    if cell.setting == "eval_after":
        said = in_batches(model.eval(), task.test.inputs, order, BATCH)
    return tl.metrics.accuracy(task.test.labels[order], said).value


def calibration(cell: Cell) -> float:
    """Expected calibration error on the test pictures; the temperature minimises the validation cross-entropy."""
    task = task_of(cell.target, cell.seed)
    run = tl.training.Run(trained(cell.target, cell.method, cell.seed)[0], task, BATCH, None)
    temperature = 1.0
    if cell.setting == "ece_scaled":
        held, truth = run.logits("validation"), task.validation.labels
        temperature = min(TEMPERATURES.tolist(), key=lambda t: F.cross_entropy(held / t, truth).item())
    probabilities = (run.logits("test") / temperature).softmax(dim=1)
    return tl.metrics.calibration_error(task.test.labels, probabilities, bins=BINS).error


def measure(cell: Cell) -> float | tuple[float, float]:
    """What ``setting`` says, for one network; with the seconds of its training for ``eval``."""
    if cell.setting == "eval":
        task = task_of(cell.target, cell.seed)
        model, seconds = trained(cell.target, cell.method, cell.seed)
        return tl.training.Run(model, task, BATCH, None).evaluate("test").value, seconds
    trained(cell.target, cell.method, cell.seed)  # so that the seconds are those of the test alone
    return calibration(cell) if cell.setting.startswith("ece") else on_half(cell)
