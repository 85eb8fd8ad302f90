"""Record 01_domain_shift: how far may the source lie from the target before transfer hurts?

Every source is 2,000 rendered letters with the tiles of each picture in another order, one fixed order for all
pictures: tiles of 32 pixels leave a letter whole, tiles of 1 pixel leave only its colours. A small ResNet is trained
on them for three passes, then probed and fine-tuned on MNIST-M (rebuilt) with 30 labels a class, 100 steps of 32.

``setting`` is the side of a tile, or one of the controls: ``labels`` (whole letters, each label drawn by lot),
``random`` (a network that was trained on nothing), ``none`` and ``longer`` (from scratch in 100 and in 300 steps).
``value`` is test accuracy on the target; for method ``source`` on the source, over other photographs. There is one
source network for each setting, as there is one in the package; the seed draws the target's labels, the new head, the
order of the batches, the random networks, and which third of the test letters ``source`` is measured on.

Before a probe, features are standardised by the training examples: those of an untrained network are twenty times
smaller than a trained one's, and a source must not look useless because of its scale.

For the mini profile only: the small ResNet learns letters here, and no larger network has such a source.
"""

import dataclasses
import time
from functools import cache

import torch
from torch import Tensor, nn

import tl_course as tl
from authoring.records.common import Cell, fixed, load, sizes
from tl_course.data import Split, Task
from tl_course.environment import generator

size = sizes()
LETTERS, HELD_OUT, EPOCHS, SOURCE_RATE = fixed(2_000, least=37), fixed(600, least=37), 3, 2e-3
BUDGET, STEPS, LONGER = size.labels(30), size.steps(100), size.steps(300)
SEEDS = range(3)

recipe = load("01_label_budget")

CELLS = [
    Cell("mnist_m", method, setting, seed)
    for methods, settings in (
        (("scratch",), ("none",)),
        (("linear_probe",), ("random",)),
        (("source", "linear_probe", "fine_tune"), ("32", "1", "8", "labels", "4", "2")),
        (("scratch",), ("longer",)),
    )
    for setting in settings
    for method in methods
    for seed in SEEDS
]
CHEAP = False


def shuffled(images: Tensor, side: int) -> Tensor:
    """Put the tiles of every picture in one fixed random order: uint8 N×3×32×32, tiles of ``side`` pixels."""
    count = images.shape[-1] // side
    order = torch.randperm(count**2, generator=generator(1))
    tiles = images.unflatten(3, (count, side)).unflatten(2, (count, side)).transpose(3, 4).flatten(2, 3)
    mixed = tiles[:, :, order].unflatten(2, (count, count)).transpose(3, 4)
    return mixed.flatten(4, 5).flatten(2, 3)


def source_task(setting: str) -> Task:
    """The letters with their tiles in another order, or with labels drawn by lot."""
    task = tl.data.load("letters", count=LETTERS, test_count=HELD_OUT, validation=0)

    def changed(part: Split) -> Split:
        if setting == "labels":
            return Split(part.inputs, part.labels[torch.randperm(len(part), generator=generator(1))])
        return Split(shuffled(part.inputs, int(setting)), part.labels)

    return dataclasses.replace(task, train=changed(task.train), test=changed(task.test))


@cache
def source_run(setting: str) -> tl.training.Run:
    """A small ResNet trained on one of the sources; its model is not to be changed."""
    task = source_task(setting)
    model = tl.models.create("resnet_small", num_classes=task.num_classes).to(memory_format=torch.channels_last)
    return recipe.train(model, task, EPOCHS * -(-len(task.train) // recipe.BATCH), SOURCE_RATE, 0)


def source_network(setting: str, seed: int) -> nn.Module:
    """A network of its own with the weights of a source; random ones for "random"."""
    model = tl.models.create("resnet_small", num_classes=37, seed=seed)
    if setting != "random":
        model.load_state_dict(source_run(setting).model.state_dict())
    return model.to(memory_format=torch.channels_last)  # half as fast again on a CPU


def source_accuracy(setting: str, seed: int) -> float:
    """Accuracy on one of the thirds of the source's test letters."""
    run = source_run(setting)
    right = run.predictions("test") == run.task.test.labels
    return right[seed :: len(SEEDS)].float().mean().item()


def probed(model: nn.Module, task: Task, seed: int) -> float:
    """Test accuracy of a linear layer on frozen, standardised features."""
    points = tl.data.features(model, task)
    mean, spread = points.train.inputs.mean(dim=0), points.train.inputs.std(dim=0) + 1e-6
    scaled = {
        part: Split((split.inputs - mean) / spread, split.labels)
        for part in ("train", "validation", "test")
        for split in [getattr(points, part)]
    }
    head = tl.models.replace_head(model, task.num_classes, seed=seed)
    return recipe.train(head, dataclasses.replace(points, **scaled), STEPS, recipe.PROBE_RATE, seed).evaluate().value


def measure(cell: Cell) -> tuple[float, float]:
    """Accuracy, and the seconds it took once the source network was there (its training counts for ``source``)."""
    start = time.perf_counter()
    if cell.method == "source":
        return source_accuracy(cell.setting, cell.seed), time.perf_counter() - start
    task = tl.data.load(cell.target, train_per_class=BUDGET, test=size.examples(None), seed=cell.seed)
    if cell.method == "scratch":
        start = time.perf_counter()
        accuracy = recipe.from_scratch(task, LONGER if cell.setting == "longer" else STEPS, cell.seed)
    else:
        model = source_network(cell.setting, cell.seed)
        start = time.perf_counter()
        probe = cell.method == "linear_probe"
        accuracy = probed(model, task, cell.seed) if probe else recipe.fine_tuned(model, task, STEPS, cell.seed)
    return accuracy, time.perf_counter() - start
