"""Transfer losses as pure functions of tensors: no model, no loop, no state."""

from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Lazy = Tensor | Callable[[], Tensor]


def transfer_risk(source_loss: Lazy, target_loss: Lazy, alpha: float) -> Tensor:
    """α·L_source + (1−α)·L_target, where α is the weight of the *source*.

    Parameters
    ----------
    source_loss, target_loss : scalar Tensor, or a callable that returns one
        Each a mean over its own examples. At α = 0 and α = 1 the other one is left out altogether: a callable is not
        called, and a tensor stays out of the graph, so that even NaN in it does no harm.
    alpha : float
        0 learns from the target alone, 1 from the source alone.

    Returns
    -------
    Tensor
        A scalar; at α = 0 and α = 1 exactly the one loss.

    Raises
    ------
    ValueError
        If α is not in [0, 1].

    Notes
    -----
    Ben-David et al., "A theory of learning from different domains", Machine Learning 79 (2010), whose α weighs the
    target instead. The two losses can teach each other only through weights that they share.

    Examples
    --------
    >>> import torch
    >>> transfer_risk(torch.tensor(1.0), torch.tensor(3.0), 0.25)
    tensor(2.5000)
    >>> transfer_risk(lambda: torch.tensor(float("nan")), lambda: torch.tensor(3.0), 0)
    tensor(3.)
    """
    check_share("alpha", alpha, "the target alone", "the source alone")
    if alpha == 0:
        return _value(target_loss)
    if alpha == 1:
        return _value(source_loss)
    return alpha * _value(source_loss) + (1 - alpha) * _value(target_loss)


def l2_sp(
    shared: Iterable[Tensor], source: Iterable[Tensor], new: Iterable[Tensor] = (), *, alpha: float, beta: float
) -> Tensor:
    """(α/2)·‖w_S − w_S⁰‖² + (β/2)·‖w_new‖²: weight decay towards the source's weights, and to zero for new ones.

    Parameters
    ----------
    shared, source : tensors, pairwise of equal shapes
        The weights w_S now and their values w_S⁰ at the source. The values must be a *copy*: ``w.detach()`` shares
        memory with w, and the penalty would be zero for ever.
    new : tensors of any shapes
        Weights that the source does not have, such as a new head's.
    alpha, beta : float
        Strengths; each is the gradient's factor, as in weight decay.

    Returns
    -------
    Tensor
        A scalar, 0 where w_S = w_S⁰ and nothing is new; its gradient is α(w_S − w_S⁰) and β·w_new.

    Raises
    ------
    ValueError
        If the numbers of tensors or the shapes of a pair differ, or there is no tensor at all.

    Notes
    -----
    Li, Grandvalet and Davoine, "Explicit inductive bias for transfer learning with convolutional networks", ICML 2018.

    Examples
    --------
    >>> import torch
    >>> w, start = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([1.0, 1.0])
    >>> penalty = l2_sp([w], [start], alpha=0.1, beta=0.01)
    >>> penalty.backward(); penalty.item(), w.grad
    (0.05..., tensor([0.0000, 0.1000]))
    """
    shared, source, new = list(shared), list(source), list(new)
    shapes, source_shapes = ([tuple(w.shape) for w in weights] for weights in (shared, source))
    if shapes != source_shapes:
        raise ValueError(
            f"L2-SP needs pairs of equal shapes, not {shapes} with {source_shapes}: pass the others as new weights."
        )
    if not shared and not new:
        raise ValueError("L2-SP was given no weights at all: pass the parameters that are trained.")
    terms = [alpha / 2 * (w - start).square().sum() for w, start in zip(shared, source, strict=True)]
    terms += [beta / 2 * w.square().sum() for w in new]
    return torch.stack(terms).sum()


def delta(
    maps: Sequence[Tensor], source_maps: Sequence[Tensor], channel_weights: Sequence[Tensor] | None = None
) -> Tensor:
    """Σ_j W_j·‖FM_j(w) − FM_j(w⁰)‖² over all channels j of all layers, as a mean over the batch.

    Parameters
    ----------
    maps, source_maps : sequences of tensors N×C×…, one for each layer
        Feature maps of the model and of the source on the same N examples. No gradient flows to the source's.
    channel_weights : sequence of tensors of C numbers, optional
        W_j of each layer's channels; all 1 if not given.

    Returns
    -------
    Tensor
        A scalar, 0 where the maps are equal. It sums over channels and positions, so it grows with the maps' size.

    Raises
    ------
    ValueError
        If layers are missing or the shapes of maps or weights do not fit.

    Notes
    -----
    Li et al., "DELTA: Deep learning transfer using feature map with attention for convolutional networks", ICLR 2019.
    Published code sums over the batch, which ties the strength to the batch size; the mean does not.

    Examples
    --------
    >>> import torch
    >>> delta([torch.ones(8, 2, 3, 3)], [torch.zeros(8, 2, 3, 3)])
    tensor(18.)
    >>> delta([torch.ones(8, 2, 3, 3)], [torch.zeros(8, 2, 3, 3)], [torch.tensor([1.0, 0.5])])
    tensor(13.5000)
    """
    weights = channel_weights if channel_weights is not None else [None] * len(maps)
    if not (len(maps) == len(source_maps) == len(weights) and maps):
        raise ValueError(
            f"DELTA needs the same layers on every side, at least one: found {len(maps)} maps, "
            f"{len(source_maps)} of the source and {len(weights)} channel weights."
        )
    return torch.stack([_delta_layer(*layer) for layer in zip(maps, source_maps, weights, strict=True)]).sum()


def _delta_layer(now: Tensor, source: Tensor, weights: Tensor | None) -> Tensor:
    if now.shape != source.shape or now.ndim < 2:
        raise ValueError(
            f"Feature maps of shapes {tuple(now.shape)} and {tuple(source.shape)} cannot be compared: "
            "DELTA needs N×C×… of the same layer on the same examples."
        )
    squares = (_full_precision(now) - _full_precision(source.detach())).square()
    if weights is not None:
        if weights.shape != now.shape[1:2]:
            raise ValueError(f"{tuple(weights.shape)} channel weights do not fit a layer of {now.shape[1]} channels.")
        squares = squares * weights.to(squares).view(-1, *[1] * (now.ndim - 2))
    return squares.sum() / len(now)


def bss(features: Tensor, k: int = 1) -> Tensor:
    """Σ_{i≤k} σ²_{−i}: the squares of the k smallest singular values of a batch's features, to be shrunk.

    Directions in which the features hardly spread are where the source's knowledge fits the target least.

    Parameters
    ----------
    features : Tensor, N×D
        One row for each example of the batch. Half precision is computed in float32.
    k : int
        How many singular values, 1 ≤ k ≤ min(N, D).

    Returns
    -------
    Tensor
        A scalar. Its gradient is finite also where singular values are equal or zero, as it needs the values alone.
        Features that are not finite give NaN, as any other loss does, and no error of the decomposition.

    Raises
    ------
    ValueError
        If the features are no matrix or k does not fit it.

    Notes
    -----
    Chen et al., "Catastrophic forgetting meets negative transfer: Batch spectral shrinkage for safe transfer learning",
    NeurIPS 2019, with k = 1 and strength 0.001. On a GPU the decomposition waits for the device.

    Examples
    --------
    >>> import torch
    >>> bss(torch.diag(torch.tensor([3.0, 2.0, 1.0])), k=2)
    tensor(5.)
    """
    if features.ndim != 2 or not 1 <= k <= min(features.shape):
        raise ValueError(
            f"k={k} smallest singular values of features of shape {tuple(features.shape)}: "
            "BSS needs an N×D matrix and 1 ≤ k ≤ min(N, D)."
        )
    features = _full_precision(features)
    finite = features.isfinite()
    values = torch.linalg.svdvals(features.where(finite, 0))  # largest first
    return values[-k:].square().sum().where(finite.all(), torch.nan)


def soft_target_divergence(student_logits: Tensor, teacher_logits: Tensor, temperature: float) -> Tensor:
    """T²·KL(softmax(z_t/T) ‖ softmax(z_s/T)): how far the student is from the teacher's softened probabilities.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor, N×C
        Logits for the same N examples and the same C classes. No gradient flows to the teacher's.
    temperature : float
        T > 0. High temperatures show how the teacher ranks the wrong classes.

    Returns
    -------
    Tensor
        A scalar: the sum over classes, the mean over examples. 0 where the probabilities are equal.

    Raises
    ------
    ValueError
        If the shapes differ or T ≤ 0.

    Notes
    -----
    Hinton, Vinyals and Dean, "Distilling the knowledge in a neural network", 2015. The gradient of the divergence
    shrinks as 1/T²; the factor T² keeps the balance with other losses when T changes. ``F.kl_div`` takes the *student's
    log*-probabilities first, and its default reduction would divide by the number of classes as well.

    Examples
    --------
    >>> import torch
    >>> teacher = torch.tensor([[4.0, 1.0, 0.0]])
    >>> soft_target_divergence(teacher + 7, teacher, temperature=2.0).abs().item() < 1e-6
    True
    """
    if temperature <= 0:
        raise ValueError(
            f"temperature={temperature}: a temperature is a number above 0; 1 leaves the logits as they are."
        )
    if student_logits.ndim != 2 or student_logits.shape[0] != teacher_logits.shape[0]:
        raise ValueError(
            f"Logits of shapes {tuple(student_logits.shape)} (student) and {tuple(teacher_logits.shape)} (teacher) do "
            "not belong together: give N×C logits of the same N examples."
        )
    if student_logits.shape[1:] != teacher_logits.shape[1:]:
        raise ValueError(
            f"The student tells {student_logits.shape[-1]} classes apart and the teacher {teacher_logits.shape[-1]}: "
            "soft targets are compared class by class, so train the teacher with a head for the student's classes."
        )
    student = F.log_softmax(student_logits / temperature, dim=-1)
    teacher = F.log_softmax(teacher_logits.detach() / temperature, dim=-1)
    return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def distillation(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor | None = None,
    *,
    temperature: float = 4.0,
    weight: float = 0.9,
) -> Tensor:
    """(1−a)·CE(z_s, y) + a·T²·KL(softmax(z_t/T) ‖ softmax(z_s/T)): learn from labels and from a teacher.

    Parameters
    ----------
    student_logits, teacher_logits : Tensor, N×C
    labels : int64 Tensor, N, optional
        Class numbers; not needed at a = 1.
    temperature : float
        T > 0.
    weight : float
        a in [0, 1]: 0 is cross-entropy on the labels alone, 1 the teacher alone (the examples then need no labels).

    Returns
    -------
    Tensor
        A scalar; no gradient flows to the teacher's logits.

    Raises
    ------
    ValueError
        If shapes do not fit, T ≤ 0, a is not in [0, 1], or labels are missing where a < 1.

    Notes
    -----
    Hinton, Vinyals and Dean (2015); see `soft_target_divergence` for the second term.

    Examples
    --------
    >>> import torch, torch.nn.functional as F
    >>> student, teacher, labels = torch.eye(3), 5 * torch.eye(3), torch.tensor([0, 1, 2])
    >>> distillation(student, teacher, labels, weight=0.0) == F.cross_entropy(student, labels)
    tensor(True)
    """
    check_share("weight", weight, "the labels alone", "the teacher alone")
    if labels is None and weight < 1:
        raise ValueError(f"weight={weight} leaves a part to the labels, but there are none: pass labels or weight=1.")
    return transfer_risk(
        lambda: soft_target_divergence(student_logits, teacher_logits, temperature),
        lambda: F.cross_entropy(student_logits, labels),
        weight,
    )


def check_share(name: str, value: float, at_zero: str, at_one: str) -> None:
    """Refuse a weight outside [0, 1], by its name and what the ends mean (ValueError).

    Examples
    --------
    >>> check_share("alpha", 2, "the target alone", "the source alone")
    Traceback (most recent call last):
    ValueError: alpha=2 must lie between 0 (the target alone) and 1 (the source alone).
    """
    if not 0 <= value <= 1:
        raise ValueError(f"{name}={value} must lie between 0 ({at_zero}) and 1 ({at_one}).")


def _value(loss: Lazy) -> Tensor:
    return loss() if callable(loss) else loss


def _full_precision(values: Tensor) -> Tensor:
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
