"""Record 05_longer: the control of 05_strategies. Does from scratch catch up when it may train for longer?

The profile's ResNet with the larger budget of record 05_strategies (on mini 100 labels a class, validation included).
``value`` is the accuracy on all test pictures at hand, ``setting`` the steps: those of record 05_strategies, and three
times as many for the network from random weights, at the rate that was better for these on 1,000 other training
pictures under a seed that is not used here. All else is as in that record, whose functions are used.
"""

import time

from authoring.records.common import Cell, load, product

strategies = load("05_strategies")

PROFILES = strategies.PROFILES
BUDGET, LONGER = list(strategies.BUDGETS.values())[-1], 3
STEPS = strategies.STEPS[BUDGET.mini]
TARGETS = strategies.TARGETS
RATE = {"cifar10": 1e-2, "mnist_m": 3e-3}
"""For the longer run, from among 1e-3, 3e-3, 1e-2 and 3e-2."""

CELLS = product(TARGETS, ["scratch", "fine_tune"], [STEPS], range(3)) + product(
    TARGETS, ["scratch"], [LONGER * STEPS], range(3)
)
CHEAP = False


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy of one method after so many steps with one seed, and the processor seconds of its training."""
    task = strategies.task_of(cell.target, BUDGET.labels, cell.seed)
    rates = dict(strategies.RATES[cell.target, BUDGET.mini])
    if int(cell.setting) > STEPS:
        rates["scratch"] = RATE[cell.target]
    recipe = strategies.Recipe(int(cell.setting), strategies.BATCH[BUDGET.mini], cell.seed, rates)
    start = time.process_time()
    trained = strategies.run(cell.method, task, recipe)
    seconds = time.process_time() - start
    return trained.evaluate("test").value, seconds
