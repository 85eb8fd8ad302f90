"""Record 05_frozen_layers: how much of the backbone to freeze, and how fast the rest of it may move.

The profile's ResNet with ImageNet's weights is fine-tuned by the function of record 05_learning_rate, on as many
labels, in as many steps, with a new head that always learns at one rate. ``frozen_G`` freezes the groups of
layers from the input up to G, with ``tl.models.freeze``, so that their BatchNorm stands still too; ``frozen_nothing``
freezes none. ``setting`` is the rate of the layers between G and the head; with all of them frozen it means nothing,
and one training serves all rates.

``value`` is the accuracy on the test pictures of that record. The seed draws labels, head and order of the batches.
Seconds are processor seconds of the training on one thread.
"""

import time
from functools import cache

import tl_course as tl
from authoring.records.common import Cell, load, network, product

sweep = load("05_learning_rate")
env = sweep.env

PROFILES = sweep.PROFILES
RATES = ("1e-4", "1e-3", "1e-2")
DEPTHS = ("nothing", "layer1", "layer2", "layer3", "layer4")

CELLS = product(["cifar10", "mnist_m"], [f"frozen_{depth}" for depth in DEPTHS], RATES, range(3))
CHEAP = False


@cache
def tuned(target: str, depth: str, rate: str | None, seed: int) -> tuple[float, float]:
    """Accuracy of the network that was trained with so much of it frozen, and the seconds of the training."""
    task = tl.data.load(target, train_per_class=sweep.BUDGET, test=sweep.HELD_OUT, seed=seed)
    options = {"num_classes": task.num_classes, "size": env.pixels, "seed": seed}
    model = network(env.backbone, weights=env.weights, **options)
    if depth != "nothing":
        tl.models.freeze(model, until=depth)
    start = time.process_time()
    run = sweep.fine_tuned(model, task, float(rate or 0), seed)
    seconds = time.process_time() - start
    return run.evaluate("test").value, seconds


def measure(cell: Cell) -> tuple[float, float]:
    """Test accuracy with so much frozen, at one rate of the rest with one seed, and the seconds of its training."""
    depth = cell.method.removeprefix("frozen_")
    return tuned(cell.target, depth, cell.setting if depth != DEPTHS[-1] else None, cell.seed)
