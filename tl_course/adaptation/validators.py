"""Judging a model for a target whose labels are unknown. Of each, more is better."""

import numpy as np
from numpy.typing import ArrayLike

from tl_course.metrics.arrays import array


def source_accuracy(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """The accuracy on held-out *source* examples: source validation.

    Parameters
    ----------
    probabilities : N×C
        The model's answers for source examples that it was not trained on (logits do as well).
    labels : N class numbers
        The source's.

    Returns
    -------
    float
        In [0, 1]. It does not see the target: a model that gave up the target for the source gets the best mark.

    Raises
    ------
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> source_accuracy([[0.9, 0.1], [0.4, 0.6]], [0, 0])
    0.5
    """
    probabilities, labels = array(probabilities), array(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1] or not len(labels):
        raise ValueError(
            f"Probabilities of shape {probabilities.shape} and labels of shape {labels.shape}: give N×C and N."
        )
    return float((probabilities.argmax(axis=1) == labels).mean())


def negative_entropy(probabilities: ArrayLike) -> float:
    """Mean of Σ_c p_c·log p_c over *target* examples: how sure the model is of its answers there.

    Parameters
    ----------
    probabilities : N×C
        The model's probabilities for target inputs; each row sums to 1, to within the rounding of its precision.

    Returns
    -------
    float
        Between −log C (undecided everywhere) and 0 (sure everywhere), in nats. Sure is not right: a model that puts the
        whole target into one class gets the best mark.

    Raises
    ------
    ValueError
        If the rows are no probabilities.

    Notes
    -----
    The entropy that Morerio, Cavazza and Murino, "Minimal-entropy correlation alignment", ICLR 2018, choose by.

    Examples
    --------
    >>> round(negative_entropy([[0.5, 0.5]]), 4), negative_entropy([[1.0, 0.0]])
    (-0.6931, 0.0)
    """
    from scipy.special import xlogy

    half = str(getattr(probabilities, "dtype", "")).removeprefix("torch.") in ("float16", "bfloat16")
    p = array(probabilities).astype(np.float64)
    if p.ndim != 2 or not len(p) or (p < 0).any() or not np.allclose(p.sum(axis=1), 1, atol=1e-2 if half else 1e-4):
        raise ValueError(
            f"The entropy needs probabilities N×C whose rows sum to 1, not {p.shape}: apply a softmax first."
        )
    return float(xlogy(p, p).sum(axis=1).mean()) + 0.0


def importance_weighted(scores: ArrayLike, weights: ArrayLike, *, control_variate: bool = False) -> float:
    """Mean of w·s over held-out *source* examples: an estimate of the mean score on the target.

    Parameters
    ----------
    scores : N numbers
        Of the model on each held-out source example: 1 where it is right and 0 where not, or minus its loss.
    weights : N numbers
        w(x) = p_t(x)/p_s(x) at these examples, raw: `DensityRatio.ratio`.
    control_variate : bool
        Subtract what the weights' own scatter does, η·(mean w − 1) with η = Cov(w·s, w)/Var(w), as the mean of w should
        be 1: less variance, a little bias.

    Returns
    -------
    float
        In the unit of the scores. Without the control variate its mean is the target's score, if the weights are the
        true ones, P(y | x) is the same in both domains, and the source covers the target. With few large weights it is
        the score of those few: look at `effective_sample_size`.

    Raises
    ------
    ValueError
        If the lengths differ, there are no examples, or a weight is negative.

    Notes
    -----
    Sugiyama, Krauledat and Müller, "Covariate shift adaptation by importance weighted cross validation", JMLR 8 (2007);
    with control variate You et al., "Towards accurate model selection in deep unsupervised domain adaptation", ICML
    2019 (deep embedded validation).

    Examples
    --------
    >>> importance_weighted([1, 1, 0, 0], [3.0, 1.0, 0.5, 0.5])
    1.0
    """
    scores, weights = (array(values).astype(np.float64) for values in (scores, weights))
    if scores.ndim != 1 or scores.shape != weights.shape or not len(scores) or (weights < 0).any():
        raise ValueError(
            f"Scores of shape {scores.shape} and weights of shape {weights.shape}: give N of each, no weight below 0."
        )
    weighted = weights * scores
    spread = weights.var()
    if not control_variate or spread == 0:
        return float(weighted.mean())
    eta = np.mean((weighted - weighted.mean()) * (weights - weights.mean())) / spread
    return float(weighted.mean() - eta * (weights.mean() - 1))
