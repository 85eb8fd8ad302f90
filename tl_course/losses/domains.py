"""Adapting to a target without its labels: CORAL, MMD and domain-adversarial training, in the loop."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tl_course.losses._added import AddedLoss
from tl_course.losses._features import Layer, caught, only
from tl_course.losses._inside import logits, module_named, unwrap
from tl_course.losses._unlabelled import Unlabelled
from tl_course.losses.adversarial import domain_loss, reversal_strength, reverse_gradient
from tl_course.losses.alignment import Kernel, check_kernel, coral, mmd2
from tl_course.losses.loop import Loss, cross_entropy

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
        self.weight, self.layer, self.batch_norm = weight, layer, batch_norm
        self._target = Unlabelled(target, batch_size=batch_size, seed=seed)

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms on the source, and the comparison with the target."""
        inputs = self._target.draw(unwrap(model), batch.labels.device)
        run = self._jointly if self.batch_norm == "joint" else self._apart
        terms, source, target = run(model, batch, inputs)
        return {**terms, self.term: self.weight * self.compare(source.flatten(1), target.flatten(1))}

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features."""
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
        with caught(model, [self.layer]) as found_target, _in_eval(quiet):
            logits(model, inputs)
        return terms, *(only(each, self.layer, type(self).__name__) for each in (found, found_target))


class CORAL(Adaptation):
    """Adds weight·‖C_s − C_t‖²_F/(4d²): the features of both domains get the same covariance.

    Parameters
    ----------
    model, target, weight, layer, batch_norm, batch_size, seed, base
        See `Adaptation`, which says what becomes of BatchNorm. The term is small: weights of 1 to 100 are usual.

    Raises
    ------
    ValueError
        As `Adaptation`; when called with a source batch of one example.

    Notes
    -----
    Sun and Saenko, "Deep CORAL", 2016, who align the logits (``layer="fc"`` of a ResNet). See `coral`; the term is
    called ``coral``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.randn(6, 8), torch.tensor([0, 1] * 3))
    >>> target = Task("t", "Target", "features", ("a", "b"), part, part, part, "made up")
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> list(CORAL(model, target, weight=10.0)(model, batch))
    ['cross_entropy', 'coral']
    """

    term = "coral"

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features."""
        return coral(source, target)


class MMD(Adaptation):
    """Adds weight·MMD²: the features of both domains get the same distribution, as far as a kernel sees it.

    Parameters
    ----------
    model, target, weight, layer, batch_norm, batch_size, seed, base
        See `Adaptation`, which says what becomes of BatchNorm.
    kernel, bandwidth, unbiased
        See `mmd2`. The unbiased estimate may be negative.

    Raises
    ------
    ValueError
        As `Adaptation`, and if there is no such kernel; when called with a source batch of one example.

    Notes
    -----
    Long et al., "Learning transferable features with deep adaptation networks", ICML 2015, in its form with one layer
    and one kernel. The term is called ``mmd``.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.randn(6, 8), torch.tensor([0, 1] * 3))
    >>> target = Task("t", "Target", "features", ("a", "b"), part, part, part, "made up")
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> list(MMD(model, target, kernel="laplacian")(model, batch))
    ['cross_entropy', 'mmd']
    """

    term = "mmd"

    def __init__(
        self,
        model: nn.Module,
        target: "Task",
        *,
        kernel: str | Kernel = "gaussian",
        bandwidth: float | None = None,
        unbiased: bool = True,
        **options: Any,
    ):
        super().__init__(model, target, **options)
        check_kernel(kernel, bandwidth)
        self.kernel, self.bandwidth, self.unbiased = kernel, bandwidth, unbiased

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features."""
        return mmd2(source, target, self.kernel, bandwidth=self.bandwidth, unbiased=self.unbiased)


class DomainAdversarial(Adaptation):
    """Adds the loss of a discriminator of the domains, with its gradient reversed in the features: DANN.

    The discriminator, two linear layers with a ReLU between, learns to tell target (label 1) from source (label 0) at
    rate 1; the features learn the opposite at rate λ. It is a part of this loss, so ``fit`` trains it and a checkpoint
    keeps it.

    Parameters
    ----------
    model, target, weight, layer, batch_norm, batch_size, seed, base
        See `Adaptation`, which says what becomes of BatchNorm. `weight` scales the discriminator's rate as well.
    steps : int, optional
        Length of the run, ``fit``'s: λ then follows `reversal_strength`.
    strength : float, optional
        A constant λ ≥ 0 in its place. Give one of the two.
    hidden : int
        Width of the discriminator's hidden layer; the paper has 100 for digits.

    Raises
    ------
    ValueError
        As `Adaptation`, and if neither or both of `steps` and `strength` are given, or one is impossible.

    Notes
    -----
    Ganin et al., "Domain-adversarial training of neural networks", JMLR 17 (2016). See `domain_loss`; the term is
    called ``domain``. At log 2 the discriminator is at chance, which means aligned features or a dead discriminator:
    train a fresh one on the features to know.

    Examples
    --------
    >>> import torch
    >>> from types import SimpleNamespace
    >>> from tl_course.data import Split, Task
    >>> part = Split(torch.randn(6, 8), torch.tensor([0, 1] * 3))
    >>> target = Task("t", "Target", "features", ("a", "b"), part, part, part, "made up")
    >>> model = torch.nn.Sequential(torch.nn.Linear(8, 4), torch.nn.Linear(4, 2))
    >>> batch = SimpleNamespace(inputs=torch.randn(4, 8), labels=torch.tensor([0, 1, 0, 1]))
    >>> loss = DomainAdversarial(model, target, steps=10)
    >>> list(loss(model, batch)), loss.discriminator[0].in_features, round(loss.strength, 3)
    (['cross_entropy', 'domain'], 4, 0.462)
    """

    term = "domain"

    def __init__(
        self,
        model: nn.Module,
        target: "Task",
        *,
        steps: int | None = None,
        strength: float | None = None,
        hidden: int = 100,
        **options: Any,
    ):
        super().__init__(model, target, **options)
        if (steps is None) == (strength is None):
            raise ValueError(
                "DomainAdversarial needs the run's length, steps=…, for the schedule of λ, or a constant strength=…: "
                "give one of them."
            )
        if (steps is not None and steps < 1) or (strength is not None and not strength >= 0):
            raise ValueError(f"steps={steps}, strength={strength}: give at least 1 step, or a λ from 0.")
        self.steps, self._constant, self._now = steps, strength, 0.0
        self.discriminator = _discriminator(_width(model, self._target, self.layer), hidden, options.get("seed", 0))

    @property
    def strength(self) -> float:
        """λ of the next step."""
        if self._constant is not None:
            return self._constant
        return reversal_strength(min(self._target.drawn / self.steps, 1.0))

    def forward(self, model: nn.Module, batch: "Batch") -> dict[str, Tensor]:
        """Return the base's terms on the source, and ``domain``."""
        self._now = self.strength  # before a batch is drawn: the first step's p is 0
        return super().forward(model, batch)

    def compare(self, source: Tensor, target: Tensor) -> Tensor:
        """The term, from n×d and m×d features."""
        answers = self.discriminator(reverse_gradient(torch.cat([source, target]), self._now))
        return domain_loss(answers[: len(source)], answers[len(source) :])


def _discriminator(width: int, hidden: int, seed: int) -> nn.Sequential:
    from tl_course.models.heads import seeded

    with seeded(seed):
        return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))


def _width(model: nn.Module, target: Unlabelled, layer: Layer) -> int:
    """How many features the layer gives for an example of the target; a module's output only shows when it is run."""
    from tl_course import data, models

    if layer is None:
        return models.head_of(unwrap(model))[1].in_features
    awake = [module for module in model.modules() if module.training]
    few = target.task.train.subset(range(min(2, len(target.task.train))))
    task = dataclasses.replace(target.task, train=few, augment=())
    with torch.no_grad(), _in_eval(awake), caught(model, [layer]) as found:
        for batch in data.batches(task, unwrap(model)):
            logits(model, batch.inputs)
    return only(found, layer, "DomainAdversarial").flatten(1).shape[1]


def _check_classes(model: nn.Module, target: "Task") -> None:
    from tl_course import models

    outputs = models.head_of(model)[1].out_features
    if outputs != target.num_classes:
        raise ValueError(
            f"The model tells {outputs} classes apart and {target.title} has {target.num_classes}: adaptation without "
            "target labels needs the same classes in both domains, so choose another target, or give the model a head "
            f"for them with tl.models.replace_head(model, {target.num_classes})."
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
            "one model needs inputs of one shape."
        )
    return torch.cat([source, target])


@contextmanager
def _in_eval(modules: list[nn.Module]) -> Iterator[None]:
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
