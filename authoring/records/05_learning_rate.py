"""Record 05_learning_rate: how fast may the backbone move, and what does it forget of its source?

The profile's ResNet (on mini ``resnet_small``) is fine-tuned on 30 labels a class, validation included, for 30 steps of
64 pictures; larger profiles take more of both. The new head always learns at the same rate; ``setting`` is the rate of
everything before it. Setting "0" moves no weight there, but leaves BatchNorm in train mode, as somebody does who only
sets ``requires_grad``.

``target_from_S`` is the test accuracy on the target, ``kept_from_S`` what is left of the source S afterwards, with the
old head put back: for ``letters`` the accuracy on letters over photographs that no training has seen; for ``imagenet``
(the distilled backbone, whose source pictures are not at hand) the share of CIFAR-10 test pictures for which its
1,000-class head still names the class that it named before. Both are measured on one and the same network, and the
seconds are processor seconds of its training. The seed draws labels, head and order of the batches.
"""

import time
from functools import cache

import torch
from torch import nn

import tl_course as tl
from authoring.records.common import Cell, network
from tl_course.data import Task

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
BUDGET, STEPS, BATCH = env.labels(30), env.steps(30), 64
HEAD_RATE = 1e-2
RATES = ("0", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1")
WEIGHTS = {
    source: weights
    for source, weights in {"letters": "letters", "imagenet": env.weights}.items()
    if weights in tl.models.MODELS[env.backbone].weights  # letters taught the course's own networks alone
}
HELD_OUT = env.examples(500)  # pictures on which what was kept is measured, and the test of the target
PHOTOGRAPHS = "mnist_m" if env.rehearsal else "cifar10"
NEEDS_CIFAR10 = True  # on either target, for what was kept of ImageNet

CELLS = [
    Cell(target, f"{what}_from_{source}", rate, seed)
    for source in WEIGHTS
    for seed in range(3)
    for target in ("cifar10", "mnist_m")
    for rate in RATES
    for what in ("target", "kept")  # neighbours: one training serves both
]
CHEAP = False


def fine_tuned(model: nn.Module, task: Task, rate: float, seed: int) -> tl.training.Run:
    """Train a network whose new head learns at its own rate; a rate of 0 stands for a backbone without gradients."""
    return tl.training.fit(
        model,
        task,
        steps=STEPS,
        batch_size=BATCH,
        lr=rate or HEAD_RATE,
        head_lr=HEAD_RATE,
        schedule="one_cycle",
        evaluate_every=STEPS,
        seed=seed,
        progress=False,
    )


@cache
def held_out(source: str) -> Task:
    """The task whose test pictures say what was kept of a source."""
    if source == "letters":
        # one of each letter at least, in a rehearsal too
        return tl.data.load("letters", count=100, test_count=max(HELD_OUT, 37))
    return tl.data.load(PHOTOGRAPHS, train_per_class=env.labels(10), test=HELD_OUT)


def answers(model: nn.Module, head: nn.Module, source: str) -> torch.Tensor:
    """What a backbone with a head of the source says about the held-out pictures."""
    task = held_out(source)
    with torch.no_grad():
        features = [model.embed(batch.inputs) for batch in tl.data.batches(task, model, "test", batch_size=250)]
        return torch.cat([head(part) for part in features]).argmax(dim=1).cpu()


@cache
def said_before(source: str) -> torch.Tensor:
    """The right answers of the letters; of ImageNet, what the untouched network says."""
    if source == "letters":
        return held_out(source).test.labels
    model = network(env.backbone, weights=WEIGHTS[source], size=env.pixels)
    return answers(model, tl.models.head_of(model)[1], source)


@cache
def tuned(target: str, source: str, rate: str, seed: int) -> tuple[float, float, float]:
    """Accuracy on the target, what was kept of the source, and the seconds of the training."""
    task = tl.data.load(target, train_per_class=BUDGET, test=HELD_OUT, seed=seed)
    model = network(env.backbone, weights=WEIGHTS[source], size=env.pixels)
    old_head = tl.models.head_of(model)[1]
    if rate == "0":
        model.requires_grad_(False)  # and not tl.models.freeze, which would put BatchNorm in eval
    tl.models.replace_head(model, task.num_classes, seed=seed)
    start = time.process_time()
    run = fine_tuned(model, task, float(rate), seed)
    seconds = time.process_time() - start
    kept = (answers(model, old_head, source) == said_before(source)).float().mean().item()
    return run.evaluate("test").value, kept, seconds


def measure(cell: Cell) -> tuple[float, float]:
    """One of the two numbers of a fine-tuned network, and the seconds of its training."""
    what, source = cell.method.split("_from_")
    accuracy, kept, seconds = tuned(cell.target, source, cell.setting, cell.seed)
    return (accuracy if what == "target" else kept), seconds
