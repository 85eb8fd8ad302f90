"""The features of a frozen backbone, computed once for a whole task."""

from __future__ import annotations

import torch
from torch import nn

from tl_course.data.batches import batches, per_example
from tl_course.data.enough_memory import enough_memory
from tl_course.data.task import SPLITS, Split, Task


def features(model: nn.Module, task: Task, *, batch_size: int = 256, pooling: str | None = None) -> Task:
    """Run the backbone once over a task and return what comes out as a task of its own.

    Training a head on it equals training the head behind the frozen backbone, many times faster. The model is put in
    evaluation mode for it and every part of it restored to the mode it had.

    Parameters
    ----------
    model : nn.Module
        With ``model.preprocess`` and ``model.embed(inputs) -> N×D``, as ``tl.models.create`` makes it.
    task : Task
        Images or texts.
    batch_size : int
    pooling : str, optional
        For texts: passed on to ``model.embed`` ("mean" or "cls", see :func:`tl_course.models.embed`).

    Returns
    -------
    Task
        Kind "features": float32 N×D on the CPU, same labels, groups and splits.

    Raises
    ------
    ValueError
        When the task augments (each image would have to be embedded again every epoch), is made of features already,
        or the model has no ``embed``.
    torch.OutOfMemoryError
        When the memory does not suffice, with what to turn.

    Examples
    --------
    >>> from tl_course.data.preprocess import ImagePreprocess
    >>> model = nn.Flatten()
    >>> model.preprocess, model.embed = ImagePreprocess(2, (0.5,) * 3, (0.5,) * 3), model.forward
    >>> part = Split(torch.zeros(4, 3, 2, 2, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    >>> print(features(model, Task("toy", "Toy", "image", ("a", "b"), part, part, part, "made up")))
    Toy: 4 train, 4 validation, 4 test vectors of 12 features, 2 classes
    """
    if task.augment:
        raise ValueError(
            f"{task.title} is augmented with {', '.join(task.augment)}, so its features change every epoch and cannot "
            "be computed once; load it without augment, or train through the backbone."
        )
    if task.kind == "features":
        raise ValueError(f"{task.title} is made of features already; give the task of images or texts.")
    if not hasattr(model, "embed"):
        raise ValueError(
            f"This {type(model).__name__} has no embed(inputs); make it with tl.models.create, or set model.embed to a "
            "function that returns N×D features."
        )
    modes = {module: module.training for module in model.modules()}
    model.eval()
    knobs = "give features a smaller batch_size, or take smaller pictures or texts, or a smaller profile (TL_PROFILE)"
    try:
        filled = [part for part in SPLITS if len(getattr(task, part))]
        with enough_memory(f"features with a batch_size of {batch_size}", knobs):
            splits = {part: _embedded(model, task, part, batch_size, pooling) for part in filled}
    finally:
        # One by one: model.train() would also wake parts that were frozen before.
        for module, training in modes.items():
            module.training = training
    for part in SPLITS:
        if part not in splits:
            splits[part] = splits["train"].subset([])
    return Task(task.name, task.title, "features", task.class_names, source=task.source, notes=task.notes, **splits)


@torch.no_grad()
def _embedded(model: nn.Module, task: Task, part: str, batch_size: int, pooling: str | None) -> Split:
    data: Split = getattr(task, part)
    loader = batches(task, model, part, batch_size=batch_size, shuffle=False, buckets=True)
    options = {} if pooling is None else {"pooling": pooling}
    outputs = per_example(loader, lambda batch: model.embed(batch.inputs, **options).float(), said="features")
    return Split(outputs.cpu(), data.labels, data.groups)
