"""Record 14_alignment: from MNIST to MNIST-M (rebuilt) without a target label, by a small network with BatchNorm.

Source and target hold 2,000 training digits each, and no digit stands in both. Every method takes the same steps, with
32 source and 32 target pictures in each; what is made alike are the features where the convolutions end, as in the DANN
paper's network for digits, each domain normalised by its own statistics (``batch_norm="separate"``). ``method`` is
source_only, dann, coral, mmd, or target_only (the same training with the target's labels). ``setting`` says what
``value`` is, of one trained network:

* "target": accuracy on the target's 1,000 test digits, with the statistics that training left in BatchNorm;
* "own statistics": the same after BatchNorm's statistics were computed again from the target's training inputs. For
  source_only that is all that the target's inputs did, and so the control of the others;
* "source": accuracy on the source's 1,000 test digits, with the source's own statistics;
* "distance": the proxy A-distance of the aligned features of 500 test digits of each domain, each with its own
  statistics: about 0 where a fresh linear discriminator is at chance, 2 where it never errs;
* "entropy": negative entropy of the answers to the target's training inputs; "weighted": deep embedded validation on
  the source's test digits, the weights from a discriminator of the head's inputs.

Layer, BatchNorm, batch and steps were settled in trial runs of seed 0 whose accuracy on the target was seen.

For the mini profile only: a small network on small digits is the same toy in every profile.
"""

import copy
import time
from functools import cache

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

import tl_course as tl
from authoring.records.common import Cell, sizes
from tl_course import adaptation, losses
from tl_course.adaptation import DensityRatio
from tl_course.data import Task
from tl_course.losses.loss import Loss
from tl_course.models.heads import seeded

STEPS, BATCH, RATE = sizes().steps(1500), 32, 1e-3
METHODS = ("source_only", "dann", "target_only", "coral", "mmd")
SETTINGS = ("target", "own statistics", "source", "distance", "entropy", "weighted")
CELLS = [Cell("mnist_m", method, setting, seed) for seed in range(3) for method in METHODS for setting in SETTINGS]
CHEAP = False
TOLERANCE = 0.05


@cache
def domains() -> tuple[Task, Task]:
    """Source and target, of disjoint training digits."""
    load = tl.data.load
    return load("mnist", pad=2, half=0, validation=0.0), load("mnist_m", half=1, validation=0.0)


def network(seed: int) -> nn.Sequential:
    """Two convolutions and two linear layers; the module "alike" returns the features that are to be made alike."""
    with seeded(seed):
        layers = {
            "conv1": nn.Conv2d(3, 16, 5, stride=2, padding=2, bias=False),
            "bn1": nn.BatchNorm2d(16),
            "relu1": nn.ReLU(),
            "pool1": nn.MaxPool2d(2),
            "conv2": nn.Conv2d(16, 32, 3, padding=1, bias=False),
            "bn2": nn.BatchNorm2d(32),
            "relu2": nn.ReLU(),
            "pool2": nn.MaxPool2d(2),
            "alike": nn.Flatten(),
            "hidden": nn.Linear(32 * 16, 100),
            "bn3": nn.BatchNorm1d(100),
            "relu3": nn.ReLU(),
            "head": nn.Linear(100, 10),
        }
        model = nn.Sequential()
        for name, layer in layers.items():
            model.add_module(name, layer)
    model.preprocess = tl.data.ImagePreprocess(size=32, mean=(0.5,) * 3, std=(0.5,) * 3)
    return model


def loss_of(method: str, model: nn.Module, target: Task, steps: int, seed: int) -> Loss:
    """What is minimised beside the cross-entropy on the labelled batch."""
    options = {"layer": "alike", "batch_norm": "separate", "batch_size": BATCH, "seed": seed}
    if method == "dann":
        return losses.DomainAdversarial(model, target, steps=steps, **options)
    if method == "coral":
        return losses.CORAL(model, target, weight=300.0, **options)
    if method == "mmd":
        return losses.MMD(model, target, weight=1.0, **options)
    return losses.cross_entropy


def with_statistics(model: nn.Module, task: Task) -> nn.Module:
    """A copy whose BatchNorm statistics are those of a task's training inputs; no label is looked at."""
    other = copy.deepcopy(model).eval()
    for module in other.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches
            module.train()
    with torch.no_grad():
        for batch in tl.data.batches(task, other, batch_size=200, shuffle=False, augment=()):
            other(batch.inputs)
    return other.eval()


def answers(model: nn.Module, task: Task, part: str) -> dict[str, Tensor]:
    """What a network says about one part of a task: aligned features, the head's inputs, logits."""
    cuts = [list(dict(model.named_children())).index(name) for name in ("hidden", "head")]
    found: dict[str, list[Tensor]] = {"alike": [], "features": [], "logits": []}
    with torch.no_grad():
        for batch in tl.data.batches(task, model, part, batch_size=200, shuffle=False, augment=()):
            alike = model[: cuts[0]](batch.inputs)
            features = model[cuts[0] : cuts[1]](alike)
            for name, value in zip(found, (alike, features, model[cuts[1] :](features)), strict=True):
                found[name].append(value)
    return {name: torch.cat(values) for name, values in found.items()}


@cache
def trained(method: str, seed: int) -> tuple[dict[str, float], float]:
    """Every value of one network, and the seconds of its training."""
    source, target = domains()
    model = network(seed)
    task = target if method == "target_only" else source
    start = time.perf_counter()
    loss = loss_of(method, model, target, STEPS, seed)
    tl.training.fit(model, task, loss=loss, steps=STEPS, batch_size=BATCH, lr=RATE, seed=seed, progress=False)
    seconds = time.perf_counter() - start
    return judged(model, source, target), seconds


def judged(model: nn.Module, source: Task, target: Task) -> dict[str, float]:
    """The values of a trained network, by their settings."""

    def right(found: dict[str, Tensor], task: Task) -> np.ndarray:
        return (found["logits"].argmax(1) == task.test.labels).numpy().astype(float)

    own = {task.name: with_statistics(model, task) for task in (source, target)}
    tests = {task.name: answers(own[task.name], task, "test") for task in (source, target)}
    inputs = {task.name: answers(own[task.name], task, "train") for task in (source, target)}
    alike = [tests[source.name]["alike"][:500], tests[target.name]["alike"][500:]]
    ratio = DensityRatio(LogisticRegression(C=0.01, max_iter=1000)).fit(
        *(inputs[task.name]["features"].numpy() for task in (source, target))
    )
    hits = right(tests[source.name], source)
    weights = ratio.ratio(tests[source.name]["features"].numpy())
    return {
        "target": right(answers(model.eval(), target, "test"), target).mean(),
        "own statistics": right(tests[target.name], target).mean(),
        "source": hits.mean(),
        "distance": adaptation.proxy_a_distance(
            *(part.numpy() for part in alike), classifier=LogisticRegression(C=0.01, max_iter=1000)
        ),
        "entropy": adaptation.negative_entropy(inputs[target.name]["logits"].softmax(1).numpy()),
        "weighted": adaptation.importance_weighted(hits, weights, control_variate=True),
    }


def measure(cell: Cell) -> tuple[float, float]:
    """One value of one network, and the seconds of its training."""
    values, seconds = trained(cell.method, cell.seed)
    return values[cell.setting], seconds
