"""Record 01_patience: does from scratch catch up with few labels, when it may train for long and chooses its rate?

MNIST-M (rebuilt), the small ResNet from random weights, 10, 30 and 100 labels a class, validation included; the labels
of record 01_label_budget, drawn by the same seeds. 300 steps of 32 pictures, seven and three times those of that
record, and with 100 labels 450 steps of 64, those of record 05_longer. AdamW and one cycle; pictures shifted by up to a
few pixels as a remedy against few labels. ``setting`` is the labels a class and the peak rate; ``scratch`` is the
accuracy on the 1,000 test digits, ``validation`` that of the same network on the validation digits that the seed drew,
two in ten of the labels. The rate to compare with others is the one that is better on validation, on average over the
seeds. Seconds are processor seconds of the training.

For the mini profile only: it is the control of record 01_label_budget, whose network has one size.
"""

import time
from functools import cache

import tl_course as tl
from authoring.records.common import Cell, product

STEPS, BATCH = {10: 300, 30: 300, 100: 450}, {10: 32, 30: 32, 100: 64}
BUDGETS, RATES = (10, 30, 100), ("1e-3", "3e-3")

CELLS = product(
    ["mnist_m"], ["scratch", "validation"], [f"{budget}, {rate}" for budget in BUDGETS for rate in RATES], range(3)
)
CHEAP = False


@cache
def trained(target: str, setting: str, seed: int) -> tuple[tl.training.Run, float]:
    """A network from random weights, and the processor seconds of its training."""
    labels, rate = setting.split(", ")
    budget = int(labels)
    task = tl.data.load(target, train_per_class=budget, seed=seed, augment=("crop",))
    model = tl.models.create("resnet_small", num_classes=task.num_classes, seed=seed)
    options = {"steps": STEPS[budget], "batch_size": BATCH[budget], "lr": float(rate), "schedule": "one_cycle"}
    start = time.process_time()
    run = tl.training.fit(model, task, **options, evaluate_every=STEPS[budget], seed=seed, progress=False)
    return run, time.process_time() - start


def measure(cell: Cell) -> tuple[float, float]:
    """Accuracy of one network on the test or on its validation pictures."""
    run, seconds = trained(cell.target, cell.setting, cell.seed)
    return run.evaluate("test" if cell.method == "scratch" else "validation").value, seconds
