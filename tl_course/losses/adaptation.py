"""Adapting to a target without its labels: what CORAL, MMD and domain-adversarial training share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tl_course import models
from tl_course.losses._features import Layer, caught, only
from tl_course.losses._model import logits, module_named
from tl_course.losses._processes import of_whole_batch
from tl_course.losses._unlabelled import Unlabelled
from tl_course.losses.cross_entropy import cross_entropy
from tl_course.losses.loss import AddedLoss, Loss
from tl_course.models.structure import unwrap
from tl_course.plain_numbers import real_number

if TYPE_CHECKING:
    from tl_course.data import Batch, Task

BATCH_NORM = ("joint", "separate", "source")


class Adaptation(AddedLoss):
    """What CORAL, MMD and domain-adversarial training share: each step also reads target inputs, and no target label.

    ``fit`` trains on the *source* task; this loss draws a batch of the target's training inputs each step, runs the
    model on both, and compares the features of the two. It drops the target's labels before anything is drawn.

    Parameters
    ----------
    model : nn.Module
        The model that will be trained; it is looked at, not kept.
    target : Task
        Of the same classes as the source, in the same order. Only ``target.train.inputs`` are used.
    weight : float
        Strength of the term.
    layer : str, optional
        Name of the module whose output is aligned, flattened; the features that go into the head if not given.
    batch_norm : {"joint", "separate", "source"}
        What BatchNorm makes of two domains in train mode.

        - "joint": one pass over both batches together, normalised by the statistics of the mixture. The running
          statistics are those of the mixture too, so the test sees what training saw, in either domain.
        - "separate": two passes, each domain normalised by its own statistics. That alone removes a part of the shift,
          but at test time both domains get the running mean of the two, which neither was trained with.
        - "source": two passes, and the target's takes the running statistics and leaves them alone. The target then
          moves nothing but through the term: with weight 0 the training is exactly that on the source.

        Layers that are frozen in eval, and networks without BatchNorm, give the same in all three.
    batch_size : int
        Target examples in a step; the source's are ``fit``'s.
    seed : int
        Of the target's order.
    base : loss for the loop
        What is learned from the labelled source batch, in one forward pass through ``model(...)``.

    Raises
    ------
    ValueError
        If the model has more or fewer outputs than the target has classes, the layer is unknown, or an option is.

    Examples
    --------
    A comparison of your own, of the means alone:

    >>> import torch
    >>> from types import SimpleNamespace
    >>> from tl_course.data import Split, Task
    >>> class Means(Adaptation):
    ...     term = "means"
    ...     def compare(self, source, target):
    ...         return (source.mean(0) - target.mean(0)).square().sum()
    >>> part = Split(torch.ones(6, 8), torch.tensor([0, 1] * 3))
    >>> target = Task("t", "Target", "features", ("a", "b"), part, part, part, "made up")
    >>> model, labels = torch.nn.Linear(8, 2), torch.tensor([0, 1, 0, 1])
    >>> Means(model, target)(model, SimpleNamespace(inputs=torch.zeros(4, 8), labels=labels))["means"]
    tensor(8.)
    """

    term: str

    def __init__(
        self,
        model: nn.Module,
        target: "Task",
        *,
        weight: float = 1.0,
        layer: Layer = None,
        batch_norm: str = "joint",
        batch_size: int = 128,
        seed: int = 0,
        base: Loss = cross_entropy,
    ):
        super().__init__(base)
        if batch_norm not in BATCH_NORM:
            raise ValueError(f"batch_norm={batch_norm!r} is unknown: choose one of {', '.join(BATCH_NORM)}.")
        if layer is not None:
            module_named(model, layer)
        _check_classes(unwrap(model), target)
        self.weight, self.layer, self.batch_norm = real_number("weight", weight), layer, batch_norm
        self._target = Unlabelled(target, batch_size=batch_size, seed=seed)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms on the source, and the comparison with the target."""
        inputs = self._target.draw(unwrap(model), batch.labels.device)
        run = self._jointly if self.batch_norm == "joint" else self._apart
        terms, source, target = run(model, batch, inputs)
        source = of_whole_batch(source.flatten(1), batch)
        return {**terms, self.term: self.weight * self.compare(source, target.flatten(1))}

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features: of the whole batches, also where several processes train together."""
        raise TypeError(f"{type(self).__name__} compares nothing: use CORAL, MMD or DomainAdversarial.")

    def get_extra_state(self) -> dict[str, Any]:
        """What a checkpoint keeps beside the weights: how many target batches were drawn, and what the base keeps."""
        return {**super().get_extra_state(), "drawn": self._target.drawn}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go on from what `get_extra_state` returned."""
        super().set_extra_state(state)
        self._target.go_to(state["drawn"])

    def _jointly(self, model: nn.Module, batch: "Batch", inputs: Tensor | dict[str, Tensor]):
        with caught(model, [self.layer]) as found, _together(unwrap(model), inputs):
            terms = self.base(model, batch)
        features = only(found, self.layer, type(self).__name__)
        return terms, features[: len(batch.labels)], features[len(batch.labels) :]

    def _apart(self, model: nn.Module, batch: "Batch", inputs: Tensor | dict[str, Tensor]):
        with caught(model, [self.layer]) as found:
            terms = self.base(model, batch)
        quiet = [module for module in model.modules() if self.batch_norm == "source" and _is_batch_norm(module)]
        with caught(model, [self.layer]) as found_target, in_eval(quiet):
            logits(model, inputs)
        return terms, *(only(each, self.layer, type(self).__name__) for each in (found, found_target))


def _check_classes(model: nn.Module, target: "Task") -> None:
    outputs = models.head_of(model)[1].out_features
    if outputs != target.num_classes:
        raise ValueError(
            f"The model tells {outputs} classes apart and {target.title} has {target.num_classes}. Adaptation without "
            "target labels needs the same classes in both domains. Choose another target, or give the model a head for "
            f"its classes with tl.models.replace_head(model, {target.num_classes})."
        )


@contextmanager
def _together(model: nn.Module, extra: Tensor | dict[str, Tensor]) -> Iterator[None]:
    """Let the model see `extra` behind its inputs while the context is open, and its caller only the own answers."""
    rows = []

    def append(_module: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        if isinstance(extra, Tensor):
            rows.append(len(args[0]))
            return (_one_after_the_other(args[0], extra), *args[1:]), kwargs
        rows.append(len(kwargs["input_ids"]))
        joined = {name: _one_after_the_other(value, extra[name]) for name, value in kwargs.items() if name in extra}
        return args, {**kwargs, **joined}

    def cut(_module: nn.Module, _args: tuple, _kwargs: dict[str, Any], output: Any) -> Tensor:
        return getattr(output, "logits", output)[: rows[-1]]

    hooks = [
        model.register_forward_pre_hook(append, with_kwargs=True, prepend=True),
        model.register_forward_hook(cut, with_kwargs=True),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _one_after_the_other(source: Tensor, target: Tensor) -> Tensor:
    """Join two batches; token sequences are filled up with 0 to the longer of the two (the mask is 0 there as well)."""
    if source.ndim == 2 and not source.is_floating_point():
        length = max(source.shape[1], target.shape[1])
        source, target = (nn.functional.pad(each, (0, length - each.shape[1])) for each in (source, target))
    if source.shape[1:] != target.shape[1:]:
        raise ValueError(
            f"A source input has the shape {tuple(source.shape[1:])} and a target input {tuple(target.shape[1:])}: "
            "one model needs inputs of one shape, so load both tasks with the same size."
        )
    return torch.cat([source, target])


@contextmanager
def in_eval(modules: list[nn.Module]) -> Iterator[None]:
    """Put these modules, and not what they hold, in eval while the context is open."""
    before = [module.training for module in modules]
    for module in modules:
        module.training = False
    try:
        yield
    finally:
        for module, training in zip(modules, before, strict=True):
            module.training = training


def _is_batch_norm(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.batchnorm._BatchNorm)
