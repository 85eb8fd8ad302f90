"""Record 06_statistics: what a test in train mode leaves behind in a network.

A linear probe of the target (that of record 06_judging) is run once over half of its test pictures in train mode, on
mini 500, under no_grad, in batches that ``setting`` describes, and then judged in eval mode on the same pictures:
``value`` is that accuracy. No parameter changes, only BatchNorm's running statistics. ``before``: no such run.
``shuffled_50``, ``shuffled_5``, ``sorted_50`` and ``sorted_5``: batches of so many pictures, in random order or sorted
by class; with ``sorted_5`` there are ten batches of each class, as in 10,000 pictures of ten classes in batches of 100,
and ``shuffled_5`` has batches as small without the sorting. ``single``: one by one, in random order. The seed draws
labels, head and order.
"""

import copy
import time

import torch

import tl_course as tl
from authoring.records.common import Cell, load, product
from tl_course.environment import generator

SIZES = {"before": 0, "shuffled_50": 50, "shuffled_5": 5, "sorted_50": 50, "sorted_5": 5, "single": 1}
CELLS = product(["cifar10", "mnist_m"], ["linear_probe"], SIZES, range(3))
CHEAP = False

recipe = load("06_judging")
PROFILES = recipe.PROFILES


def measure(cell: Cell) -> tuple[float, float]:
    """Accuracy in eval mode after the run in train mode, and the seconds of both."""
    task = recipe.task_of(cell.target, cell.seed)
    model = copy.deepcopy(recipe.trained(cell.target, "linear_probe", cell.seed)[0])
    start = time.perf_counter()
    by_class = task.test.labels.argsort(stable=True)[::2]
    shuffled = by_class[torch.randperm(len(by_class), generator=generator(cell.seed))]
    if SIZES[cell.setting]:
        order = by_class if cell.setting.startswith("sorted") else shuffled
        recipe.in_batches(model.train(), task.test.inputs, order, SIZES[cell.setting])
    said = recipe.in_batches(model.eval(), task.test.inputs, shuffled, recipe.BATCH)
    return tl.metrics.accuracy(task.test.labels[shuffled], said).value, time.perf_counter() - start
