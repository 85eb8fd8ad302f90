"""Domain-adversarial training, as pure functions: gradient reversal, its schedule, and the domains' loss."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.losses._precision import in_full_precision


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
    if not strength >= 0:
        raise ValueError(f"strength={strength} must not be negative: λ reverses the gradient by itself.")
    return _Reversal.apply(features, float(strength))


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
    if not 0 <= progress <= 1:
        raise ValueError(f"progress={progress} is no share of the training: give a number from 0 (start) to 1 (end).")
    return 2 / (1 + math.exp(-gamma * progress)) - 1


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
            "examples."
        )
    return (F.softplus(source_logits).mean() + F.softplus(-target_logits).mean()) / 2
