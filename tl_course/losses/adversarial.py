"""Domain-adversarial training: gradient reversal, its schedule, the domains' loss, and DANN made of them."""

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course import data, models
from tl_course.losses._features import Layer, caught, only
from tl_course.losses._model import logits
from tl_course.losses._precision import in_full_precision
from tl_course.losses._unlabelled import Unlabelled
from tl_course.losses.adaptation import Adaptation, in_eval
from tl_course.models.heads import seeded
from tl_course.models.structure import unwrap
from tl_course.plain_numbers import real_number, whole_number

if TYPE_CHECKING:
    from tl_course.data import Batch, Task


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, features: Tensor, strength: float) -> Tensor:
        ctx.strength = strength  # a number, and so that of this forward pass whatever the schedule does before backward
        return features.view_as(features)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.strength * gradient, None


def reverse_gradient(features: Tensor, strength: float) -> Tensor:
    """Forward the identity, backward −λ times the gradient: what follows learns one thing, what precedes the opposite.

    Parameters
    ----------
    features : Tensor
        Of any shape.
    strength : float
        λ ≥ 0, taken now, in the forward pass. At 0 nothing flows back.

    Returns
    -------
    Tensor
        The same values.

    Raises
    ------
    ValueError
        If λ is negative: the reversal would be undone.

    Notes
    -----
    Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", ICML 2015, equations 11 and 12.

    Examples
    --------
    >>> import torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> (3 * reverse_gradient(x, 0.5)).sum().backward(); x.grad
    tensor([-1.5000, -1.5000])
    """
    strength = real_number("strength", strength)
    if not strength >= 0:
        raise ValueError(f"strength={strength} must not be negative: λ reverses the gradient by itself.")
    return _Reversal.apply(features, strength)


def reversal_strength(progress: float, gamma: float = 10.0) -> float:
    """λ_p = 2/(1 + e^{−γp}) − 1: the reversal is switched on slowly, from 0 to almost 1.

    Early on the discriminator knows nothing, and its reversed gradient would only be noise in the features.

    Parameters
    ----------
    progress : float
        p in [0, 1], the share of the training that is done.
    gamma : float
        How soon; 10 in the paper.

    Returns
    -------
    float
        λ for the *features*. The discriminator itself learns at rate 1 from the start.

    Raises
    ------
    ValueError
        If p is not in [0, 1].

    Notes
    -----
    Ganin et al., "Domain-adversarial training of neural networks", JMLR 17 (2016), section 5.2.2.

    Examples
    --------
    >>> [round(reversal_strength(p), 3) for p in (0, 0.1, 0.5, 1)]
    [0.0, 0.462, 0.987, 1.0]
    """
    progress = real_number("progress", progress)
    if not 0 <= progress <= 1:
        raise ValueError(f"progress={progress} is no share of the training: give a number from 0 (start) to 1 (end).")
    return 2 / (1 + math.exp(-real_number("gamma", gamma) * progress)) - 1


@in_full_precision
def domain_loss(source_logits: Tensor, target_logits: Tensor) -> Tensor:
    """½·mean log(1 + e^{z_s}) + ½·mean log(1 + e^{−z_t}): how well a discriminator tells the domains apart.

    Parameters
    ----------
    source_logits, target_logits : Tensor, n and m (or n×1 and m×1)
        The discriminator's answers. **The target is label 1, the source label 0**: z > 0 says target.

    Returns
    -------
    Tensor
        A scalar: the binary cross-entropy with each domain counted a half, however many examples it has. log 2 is
        chance; it is also what a discriminator gives that learned nothing. Train a fresh one on fixed features to know
        which it is.

    Raises
    ------
    ValueError
        If a side has no examples.

    Notes
    -----
    Ganin et al. (2016), whose domain label is 1 for the target as well; their equation 9 adds the two means, which is
    twice this. Published code takes the half, the mean over a joint batch.

    Examples
    --------
    >>> import torch
    >>> domain_loss(torch.zeros(3), torch.zeros(5)), domain_loss(torch.full((3,), -20.0), torch.full((5,), 20.0)) < 1e-6
    (tensor(0.6931), tensor(True))
    """
    if not len(source_logits) or not len(target_logits):
        raise ValueError(
            f"A discriminator needs both domains and has {len(source_logits)} source and {len(target_logits)} target "
            "examples: give at least one of each."
        )
    return (F.softplus(source_logits).mean() + F.softplus(-target_logits).mean()) / 2


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
        steps = None if steps is None else whole_number("steps", steps)
        strength = None if strength is None else real_number("strength", strength)
        if (steps is not None and steps < 1) or (strength is not None and not strength >= 0):
            raise ValueError(f"steps={steps}, strength={strength}: give at least 1 step, or a λ from 0.")
        self.steps, self._constant, self._now = steps, strength, 0.0
        hidden, seed = whole_number("hidden", hidden, least=1), whole_number("seed", options.get("seed", 0))
        self.discriminator = _discriminator(_width(model, self._target, self.layer), hidden, seed)

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
        features = torch.cat([source, target]).to(self.discriminator[0].weight.dtype)
        answers = self.discriminator(reverse_gradient(features, self._now))
        return domain_loss(answers[: len(source)], answers[len(source) :])


def _discriminator(width: int, hidden: int, seed: int) -> nn.Sequential:
    with seeded(seed):
        return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, 1))


def _width(model: nn.Module, target: Unlabelled, layer: Layer) -> int:
    """How many features the layer gives for an example of the target; a module's output only shows when it is run."""
    if layer is None:
        return models.head_of(unwrap(model))[1].in_features
    awake = [module for module in model.modules() if module.training]
    few = target.task.train.subset(range(min(2, len(target.task.train))))
    task = dataclasses.replace(target.task, train=few, augment=())
    with torch.no_grad(), in_eval(awake), caught(model, [layer]) as found:
        for batch in data.batches(task, unwrap(model)):
            logits(model, batch.inputs)
    return only(found, layer, "DomainAdversarial").flatten(1).shape[1]
