"""Record 06_choosing: what it does to a score when the network was chosen by it.

64 heads on the frozen features of the profile's ResNet (ImageNet knowledge, on mini 50 labels a class) stand for the
attempts of a project: each has a learning rate, a start and a random half of the training labels of its own.
``setting`` attempts are taken, and the best of them is chosen by its accuracy on all validation pictures, on mini 100
(``by_validation``), or on equally many test pictures (``by_test``). ``…_score`` is the chosen one's accuracy on those
*test* pictures, ``…_rest`` on all other test pictures, which nobody chose by. Each value is a mean over 50 draws of
attempts and pictures; the seed draws everything.
"""

import time
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

import tl_course as tl
from authoring.records.common import Cell, network, product
from tl_course.data import Split, Task
from tl_course.environment import generator

env = tl.environment.current()
PROFILES = ("mini", "cpu", "gpu")
BUDGET, HEADS, STEPS, DRAWS = env.labels(50), 64, env.steps(60), 50
SLOWEST, FASTEST = -2.0, 0.0  # powers of ten between which learning rates are drawn

CELLS = product(
    ["cifar10", "mnist_m"],
    ["by_test_score", "by_test_rest", "by_validation_score", "by_validation_rest"],
    [1, 4, 16, 64],
    range(10),
)
CHEAP = False


def points_of(target: str, seed: int, test: int | None) -> Task:
    """Frozen features of the target, with ``test`` of its test pictures or all of them."""
    backbone = network(env.backbone, weights=env.weights, size=env.pixels)
    return tl.data.features(backbone, tl.data.load(target, train_per_class=BUDGET, test=test, seed=seed))


@cache
def test_points(target: str) -> Split:
    """Features of all test pictures, which are the same for every seed."""
    return points_of(target, 0, env.examples(None)).test


@cache
def attempts(target: str, seed: int) -> tuple[Tensor, Tensor]:
    """Which validation and test pictures each head gets right: bool HEADS×N each."""
    points, test = points_of(target, seed, env.examples(100)), test_points(target)
    mean, spread = points.train.inputs.mean(dim=0), points.train.inputs.std(dim=0) + 1e-6
    weights = heads((points.train.inputs - mean) / spread, points.train.labels, points.num_classes, seed)
    right = []
    for part in (points.validation, test):
        scores = torch.einsum("nd,kdc->knc", (part.inputs - mean) / spread, weights)
        right.append(scores.argmax(dim=2) == part.labels)
    return right[0], right[1]


def heads(inputs: Tensor, labels: Tensor, classes: int, seed: int) -> Tensor:
    """Train all heads at once by gradient descent: HEADS×D×C weights (features are centred, so no bias)."""
    random = generator(seed)
    rates = 10 ** (SLOWEST + (FASTEST - SLOWEST) * torch.rand(HEADS, generator=random))
    chosen = (torch.rand(HEADS, len(labels), generator=random) < 0.5).float()
    weights = (0.05 * torch.randn(HEADS, inputs.shape[1], classes, generator=random)).requires_grad_()
    optimizer = torch.optim.SGD([weights], lr=1.0, momentum=0.9)
    for _ in range(STEPS):
        scores = torch.einsum("nd,kdc->knc", inputs, weights).transpose(1, 2)
        losses = F.cross_entropy(scores, labels.expand(HEADS, -1), reduction="none")
        # the sum over heads keeps them apart, and a loss times a rate is a step times that rate
        (rates * (losses * chosen).sum(dim=1) / chosen.sum(dim=1)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return weights.detach()


def measure(cell: Cell) -> tuple[float, float]:
    """Mean accuracy of the chosen attempt, and the seconds to choose it."""
    held, test = attempts(cell.target, cell.seed)
    count = min(held.shape[1], test.shape[1] // 2)  # where all labels are taken, there are as many as test pictures
    start = time.perf_counter()
    random = generator(cell.seed)
    found = []
    for _ in range(DRAWS):
        tried = torch.randperm(HEADS, generator=random)[: int(cell.setting)]
        order = torch.randperm(test.shape[1], generator=random)
        part, rest = order[:count], order[count:]
        seen = test[tried][:, part] if cell.method.startswith("by_test") else held[tried]
        best = tried[seen.float().mean(dim=1).argmax()]
        found.append(test[best][part if cell.method.endswith("score") else rest].float().mean())
    return torch.stack(found).mean().item(), time.perf_counter() - start
