"""Record 09_longer: the control of 09_label_budget. Does BERT from scratch learn if it may train for longer?

The profile's BERT on film reviews with the largest budget of record 09_label_budget (on mini 2,000 labels, validation
included), from random weights. ``value`` is the accuracy on all test texts, ``setting`` the steps: three times those of
record 09_label_budget. The peak rate was best among ``RATES`` by the validation labels of a seed that is not used here
(``validated``); it is the largest of them. All else is as in that record, whose functions are used. Seconds are
processor seconds on one thread, testing not included.
"""

import time

import tl_course as tl
from authoring.records.common import Cell, load, product

short = load("09_label_budget")

PROFILES = short.PROFILES
BUDGET, LONGER = list(short.BUDGETS.values())[-1], 3
STEPS = LONGER * short.STEPS[BUDGET.mini]
RATES = (3e-5, 1e-4, 3e-4)
RATE = 3e-4
CELLS = product([short.TARGET], ["scratch"], [STEPS], range(3))
CHEAP = False


def train(seed: int, rate: float) -> tuple[tl.training.Run, float]:
    """A run from random weights, and its processor seconds."""
    settings = {"batch_size": short.BATCH, "schedule": "linear", "warmup": 0.1, "progress": False}
    start = time.process_time()
    task = short.task_of(BUDGET.labels, seed)
    run = tl.training.fit(
        short.bert(seed, None), task, steps=STEPS, lr=rate, seed=seed, evaluate_every=STEPS, **settings
    )
    return run, time.process_time() - start


def validated(seed: int = 100) -> dict[float, float]:
    """Validation accuracy at each rate, with a seed of its own."""
    return {rate: train(seed, rate)[0].evaluate("validation").value for rate in RATES}


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy after so many steps with one seed, and the processor seconds of its training."""
    run, seconds = train(cell.seed, RATE)
    return run.evaluate("test").value, seconds
