"""Batches of a task for a model, from tensors that already lie on the device.

Images are a few kilobytes each, so a whole task fits on the device. An epoch is then a row of index operations: no
worker processes, no copying, no Python loop over images, nothing that waits for the device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import environment
from tl_course.data.lengths import bucketed
from tl_course.data.task import SPLITS, Split, Task
from tl_course.plain_numbers import whole_numbers

AUGMENTATIONS = ("flip", "crop")
BAR_AFTER_SECONDS = 2
"""A pass that is over sooner shows no progress bar."""
CROP_SHARE = 8  # a random crop moves by up to an eighth of the side: 4 pixels of 32, as is usual for CIFAR-10


@dataclass(frozen=True, eq=False)
class Batch:
    """What one training step sees, on the device.

    Attributes
    ----------
    inputs : Tensor or dict of Tensor
        Preprocessed: float32 N×3×h×w, features N×D, or ``input_ids`` and ``attention_mask``, int64 N×length.
    labels : Tensor
        int64 N.
    index : Tensor
        int64 N, positions in the split.
    """

    inputs: Tensor | dict[str, Tensor]
    labels: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.labels)


class Batches:
    """Iterable over the batches of one split; every pass is one epoch. Made by :func:`batches`.

    Attributes
    ----------
    epoch : int
        The number of the next pass, counted up when a pass *begins*. Order and augmentation depend on seed and epoch
        alone: set it to resume.
    """

    def __init__(
        self,
        split: Split,
        fetch: Callable[[Tensor, Tensor, dict[str, Tensor]], Any],
        *,
        batch_size: int,
        shuffle: bool,
        augment: tuple[str, ...],
        seed: int,
        device: torch.device,
        lengths: Tensor | None = None,
    ):
        self.batch_size, self.shuffle, self.augment, self.seed = batch_size, shuffle, augment, seed
        self.device, self.epoch = device, 0
        self._labels = split.labels.to(device)
        self._fetch, self._lengths = fetch, lengths
        self._image_shape = split.inputs.shape[-2:] if augment else None

    def __len__(self) -> int:
        return -(-len(self._labels) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, self.epoch = self.epoch, self.epoch + 1
        order, moves = self._plan(epoch)
        # Once an epoch, so that no step has to bring random numbers to the device.
        there = _sent(order, self.device)
        moves = {name: _sent(move, self.device) for name, move in moves.items()}
        for start in range(0, len(order), self.batch_size):
            part = slice(start, start + self.batch_size)
            inputs = self._fetch(there[part], order[part], {name: move[part] for name, move in moves.items()})
            yield Batch(inputs, self._labels[there[part]], there[part])

    def _plan(self, epoch: int) -> tuple[Tensor, dict[str, Tensor]]:
        """Draw an epoch on the CPU, whose generator gives the same numbers on every machine."""
        count = len(self._labels)
        random = environment.generator(epoch_seed(self.seed, epoch))
        order, moves = self._order(count, random), {}
        if "flip" in self.augment:
            moves["flip"] = torch.rand(count, generator=random) < 0.5
        if "crop" in self.augment:
            for name, side in zip(("down", "right"), self._image_shape, strict=True):
                reach = side // CROP_SHARE
                moves[name] = torch.randint(-reach, reach + 1, (count,), generator=random)
        return order, moves

    def _order(self, count: int, random: torch.Generator) -> Tensor:
        if self._lengths is None:
            return torch.randperm(count, generator=random) if self.shuffle else torch.arange(count)
        return bucketed(self._lengths, self.batch_size, random) if self.shuffle else self._lengths.argsort(stable=True)


def _sent(values: Tensor, device: torch.device) -> Tensor:
    """Copy from the CPU to the device; a GPU fetches it from pinned memory without being waited for."""
    return values.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else values.to(device)


def epoch_seed(seed: int, epoch: int) -> int:
    """Mix seed and epoch, so that epoch 1 of seed 0 is not epoch 0 of seed 1.

    >>> epoch_seed(0, 1) != epoch_seed(1, 0)
    True
    """
    return int(numpy.random.SeedSequence([seed % 2**63, epoch]).generate_state(1)[0])


def batches(
    task: Task,
    model: nn.Module,
    split: str = "train",
    *,
    batch_size: int = 128,
    shuffle: bool | None = None,
    augment: Sequence[str] | None = None,
    buckets: bool | None = None,
    seed: int = 0,
    device: torch.device | str | None = None,
) -> Batches:
    """Batches of a split as a model wants them: what ``model.preprocess`` makes of the raw inputs, on the device.

    The raw tensors go to the device once, here; preprocessing and augmentation are done batch by batch on the device.
    Texts are tokenised once, here, and padded to the longest of their batch; texts of similar length share a batch.
    Every pass is a new epoch with its own order and augmentation, decided by ``seed`` and ``epoch``. The last batch may
    be smaller.

    Parameters
    ----------
    task : Task
    model : nn.Module
        With ``model.preprocess`` for images and texts; features are passed on as they are.
    split : {"train", "validation", "test"}
    batch_size : int
    shuffle : bool, optional
        By default only training batches are shuffled.
    augment : tuple of str, optional
        Subset of ``("flip", "crop")``; by default ``task.augment`` for training batches and nothing for others. A
        flip mirrors an image with probability ½; a crop moves it by up to an eighth of its side in each direction and
        fills the border by reflection.
    buckets : bool, optional
        Put texts of similar length together, so that little is padded; by default where batches are shuffled. Batches
        that are not shuffled then go from short texts to long ones: :func:`per_example` puts what comes out back in
        the order of the split. Images and features are all of one length, and nothing changes for them.
    seed : int
    device : torch.device or str, optional
        By default where the model's parameters are.

    Returns
    -------
    Batches
        ``len()`` is the number of batches in a pass; ``epoch`` can be set to resume.

    Raises
    ------
    ValueError
        When the split or an augmentation is unknown, the split is empty, or the model has no ``preprocess``.

    Examples
    --------
    >>> part = Split(torch.eye(5), torch.tensor([0, 1, 0, 1, 0]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> loader = batches(task, nn.Linear(5, 2), batch_size=2)
    >>> [len(batch) for batch in loader], loader.epoch
    ([2, 2, 1], 1)
    """
    batch_size, seed = whole_numbers(batch_size=batch_size, seed=seed)
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}; the three are {', '.join(SPLITS)}.")
    if batch_size < 1:
        raise ValueError(f"batch_size={batch_size} is not a number of examples; give at least 1.")
    data: Split = getattr(task, split)
    if not len(data):
        raise ValueError(f"The {split} split of {task.title} is empty; load the task with a {split} share above 0.")
    training = split == "train"
    augment = tuple((task.augment if training else ()) if augment is None else augment)
    if augment and (task.kind != "image" or not set(augment) <= set(AUGMENTATIONS)):
        raise ValueError(
            f"augment={augment!r} is not possible for the {task.kind} task {task.title}; images know 'flip' and 'crop'."
        )
    device = torch.device(device) if device is not None else device_of(model)
    shuffle = training if shuffle is None else shuffle
    fetch, lengths = _fetcher(task, data, model, device)
    return Batches(
        data,
        fetch,
        lengths=lengths if (shuffle if buckets is None else buckets) else None,
        batch_size=batch_size,
        shuffle=shuffle,
        augment=augment,
        seed=seed,
        device=device,
    )


def device_of(model: nn.Module) -> torch.device:
    """Return where a model's first parameter or buffer is; the environment's device for a model that has none.

    >>> device_of(nn.Linear(1, 1))
    device(type='cpu')
    """
    first = next(iter(model.parameters()), next(iter(model.buffers()), None))
    return environment.current().device if first is None else first.device


def _fetcher(task: Task, data: Split, model: nn.Module, device: torch.device):
    """Return ``fetch(index on the device, index on the CPU, moves)``, which gives a batch's inputs, and lengths."""
    if task.kind == "text":
        return _texts(data.inputs, _preprocess(task, model), device)
    inputs = data.inputs.to(device)
    if task.kind == "features":
        return (lambda there, here, moves: inputs[there]), None
    preprocess = _preprocess(task, model)
    return (lambda there, here, moves: preprocess(moved(inputs[there], **moves))), None


def _preprocess(task: Task, model: nn.Module):
    preprocess = getattr(model, "preprocess", None)
    if preprocess is None:
        raise ValueError(
            f"This {type(model).__name__} does not say what its inputs must be like, which the {task.kind} task "
            f"{task.title} needs to know; make it with tl.models.create, or set model.preprocess to "
            f"tl.data.{'ImagePreprocess' if task.kind == 'image' else 'TextPreprocess'}(…)."
        )
    return preprocess


def _texts(texts: list[str], preprocess, device: torch.device):
    encoded = preprocess(texts)
    # Lengths stay on the CPU: to cut a batch to its longest text must not wait for the device.
    lengths = encoded["attention_mask"].sum(dim=1)
    encoded = {name: values.to(device) for name, values in encoded.items()}

    def fetch(there: Tensor, here: Tensor, moves: dict[str, Tensor]) -> dict[str, Tensor]:
        longest = int(lengths[here].max())
        return {name: values[there, :longest] for name, values in encoded.items()}

    return fetch, lengths


def per_example(loader: Batches, function: Callable[[Batch], Tensor], *, said: str = "") -> Tensor:
    """Compute something for each batch of a pass and return its rows in the order of the split.

    Parameters
    ----------
    loader : Batches
        In any order; the pass counts as an epoch.
    function : callable
        ``function(batch) -> N×…``, one row for each example of the batch.
    said : str
        The name of a progress bar, which appears where the pass takes longer than a few seconds; none without a name.

    Returns
    -------
    Tensor
        One row for each example of the split.

    Examples
    --------
    >>> part = Split(torch.arange(5.0).unsqueeze(1), torch.tensor([0, 1, 0, 1, 0]))
    >>> task = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up")
    >>> loader = batches(task, nn.Linear(1, 2), batch_size=2, shuffle=True)
    >>> per_example(loader, lambda batch: batch.inputs).flatten()
    tensor([0., 1., 2., 3., 4.])
    """
    bar = tqdm(loader, desc=said, unit="batch", delay=BAR_AFTER_SECONDS, leave=False, disable=not said)
    parts = [(batch.index, function(batch)) for batch in bar]
    index, rows = (torch.cat(column) for column in zip(*parts, strict=True))
    return rows[index.argsort()]


def moved(
    images: Tensor, *, flip: Tensor | None = None, down: Tensor | None = None, right: Tensor | None = None
) -> Tensor:
    """Mirror and shift every image on its own, all at once, by one gather; borders are filled by reflection.

    Parameters
    ----------
    images : Tensor
        N×C×H×W, any type.
    flip : Tensor, optional
        bool N: mirror left and right.
    down, right : Tensor, optional
        int64 N: row and column of the crop's corner relative to the image's, below H and W in size.

    Returns
    -------
    Tensor
        Like ``images``.

    Examples
    --------
    >>> moved(torch.tensor([[[[1, 2, 3]]]]), flip=torch.tensor([True]))
    tensor([[[[3, 2, 1]]]])
    >>> moved(torch.tensor([[[[1, 2, 3]]]]), down=torch.tensor([0]), right=torch.tensor([1]))
    tensor([[[[2, 3, 2]]]])
    """
    if flip is None and down is None:
        return images
    count, channels, height, width = images.shape
    rows, columns = (torch.arange(side, device=images.device).expand(count, -1) for side in (height, width))
    if down is not None:
        rows, columns = _reflected(rows + down[:, None], height), _reflected(columns + right[:, None], width)
    if flip is not None:
        columns = torch.where(flip[:, None], columns.flip(1), columns)
    places = (rows[:, :, None] * width + columns[:, None, :]).reshape(count, 1, -1).expand(-1, channels, -1)
    return images.reshape(count, channels, -1).gather(2, places).reshape(images.shape)


def _reflected(positions: Tensor, side: int) -> Tensor:
    """Fold positions that lie up to side − 1 outside 0…side−1 back inside, the edge itself not repeated."""
    return (side - 1) - ((side - 1) - positions.abs()).abs()
