"""Scores that guess, without training, how well a source will serve a target; and how well such guesses rank.

All look at the target's labels. LEEP and NCE need the *head* of the source: what it says of the target's examples. The
H-score and LogME need only features. A higher score promises a higher accuracy; the numbers of two different scores
cannot be compared.
"""

from collections.abc import Sequence

import numpy as np

from tl_course.metrics._class_numbers import class_numbers
from tl_course.metrics.arrays import array, finite
from tl_course.metrics.interval import Interval, normal_quantile
from tl_course.plain_numbers import real_number, whole_numbers


def leep(probabilities, labels) -> float:
    """LEEP: how likely the target's labels are, if all that is known of an example is what the source's head says.

    Parameters
    ----------
    probabilities : N×Z numbers
        θ: what the *source's* head gives for the target's examples, after the softmax. Logits are refused.
    labels : N class numbers
        The target's.

    Returns
    -------
    float
        The mean log-likelihood in nats, at most 0.

    Raises
    ------
    ValueError
        If the rows are no probabilities, or do not fit the labels.

    Notes
    -----
    Nguyen, Hassner, Seeger and Archambeau (2020): (1/N) Σᵢ log Σ_z P(yᵢ|z)·θ(xᵢ)_z, where P(y|z) = P(y, z)/P(z) and
    P(y, z) is the mean of θ(x)_z over the examples with the label y, counted among all N. A source class that is never
    used adds nothing.

    Examples
    --------
    >>> labels = [0, 0, 1, 1]
    >>> leep(np.eye(3)[[2, 2, 0, 0]], labels) == 0  # the source's classes 2 and 0 tell all
    True
    >>> round(leep(np.full((4, 3), 1 / 3), labels), 3)  # it says nothing: minus the entropy of the labels
    -0.693
    """
    probabilities = finite(
        probabilities, 2, "probabilities", "a row for each example and a column for each source class"
    )
    if (probabilities < 0).any() or not np.allclose(probabilities.sum(axis=1), 1, atol=1e-3):
        raise ValueError("The rows are no probabilities: put the source's logits through a softmax first.")
    truth = _one_hot(labels, len(probabilities))
    joint = truth.T @ probabilities
    used = joint.sum(axis=0)
    given_z = joint[:, used > 0] / used[used > 0]
    expected = (truth @ given_z * probabilities[:, used > 0]).sum(axis=1)
    return float(np.log(expected).mean())


def nce(source_labels, labels) -> float:
    """Negative conditional entropy: what the source's answers leave unknown of the target's labels.

    Parameters
    ----------
    source_labels : N class numbers
        What the source's head takes each of the target's examples for.
    labels : N class numbers
        The target's.

    Returns
    -------
    float
        −H(Y|Z) in nats, at most 0.

    Raises
    ------
    ValueError
        If the lengths differ, or what is given are no class numbers.

    Notes
    -----
    Tran, Nguyen and Hassner (2019). Mind the order: H(Z|Y) is another number, which asks the opposite question. LEEP
    with one-hot probabilities is NCE.

    Examples
    --------
    >>> nce([5, 5, 7, 7], [0, 0, 1, 1]) == 0
    True
    >>> round(nce([5, 5, 5, 5], [0, 0, 1, 1]), 3)
    -0.693
    """
    source_labels = class_numbers(source_labels, "source labels")
    if not len(source_labels):
        raise ValueError("There are no examples: give at least one.")
    return leep(np.eye(source_labels.max() + 1)[source_labels], labels)


def h_score(features, labels, *, shrinkage: bool = False) -> float:
    """H-score: how far the classes' mean features lie apart, measured by the spread of all features.

    Parameters
    ----------
    features : N×D numbers
    labels : N class numbers
    shrinkage : bool
        Take the covariance of Ledoit and Wolf, and the between-class term as much smaller. Without it, N must be
        larger than D: else the covariance cannot be inverted, and the score is C − 1 for pure noise.

    Returns
    -------
    float
        Plain: between 0 and C − 1 for C classes, the same after any invertible linear map of the features. With
        shrinkage: the same after rotations and one scale.

    Raises
    ------
    ValueError
        If the shapes do not fit, a feature is not finite, or the plain form is asked for with N ≤ D.

    Notes
    -----
    Bao and others (2019): tr(cov(f)⁻¹·cov(E[f|y])). With shrinkage (Ibrahim, Ponomareva and Mazumder 2021) by α:
    tr(((1−α)·cov(f) + α·σ·I)⁻¹·(1−α)·cov(E[f|y])), σ the mean variance.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(3, size=500)
    >>> told, noise = np.eye(3)[labels] + 0.01 * rng.normal(size=(500, 3)), rng.normal(size=(500, 3))
    >>> f"{h_score(told, labels):.2f}", f"{h_score(noise, labels):.2f}"
    ('2.00', '0.01')
    """
    features = finite(features, 2, "features", "a row for each example and a column for each feature")
    n, width = features.shape
    truth = _one_hot(labels, n)
    if not shrinkage and n <= width:
        raise ValueError(
            f"{n} examples of {width} features: the plain H-score needs more examples than features, "
            "else it says C − 1 for pure noise. Give shrinkage=True."
        )
    centred = features - features.mean(axis=0)
    means = (truth.T @ centred) / np.maximum(truth.sum(axis=0), 1)[:, None]
    between = (means * truth.sum(axis=0)[:, None]).T @ means / n
    covariance, kept = centred.T @ centred / n, 1.0
    if shrinkage:
        from sklearn.covariance import ledoit_wolf

        covariance, alpha = ledoit_wolf(centred, assume_centered=True)
        kept = 1 - alpha
    return float(kept * np.trace(np.linalg.pinv(covariance, hermitian=True) @ between))


def log_me(features, labels) -> float:
    """LogME: the evidence that a linear model of the features could have made the labels.

    Parameters
    ----------
    features : N×D numbers
    labels : N class numbers

    Returns
    -------
    float
        The log of the largest marginal likelihood, divided by N, as a mean over classes (one against the rest).

    Raises
    ------
    ValueError
        If the shapes do not fit, or a feature is not finite.

    Notes
    -----
    You, Liu, Wang and Long (2021). For each class, y ~ N(0, β⁻¹·I + α⁻¹·FFᵀ) with y one where the label is that
    class and zero elsewhere, and α and β chosen to make y likeliest. In the basis of FFᵀ's eigenvectors, with
    eigenvalues sᵢ and λ = α/β, the best α for a given λ is known. So the search is for λ alone, on a grid first and
    then by golden section. This holds for any N and D; the fixed-point iteration of the authors' first code did not
    converge to the maximum for D > N. Labels that the features predict without error have a likelihood without bound:
    λ then stays at its smallest value, 10⁻¹⁰ times the largest eigenvalue.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = rng.integers(2, size=200)
    >>> told, noise = labels[:, None] + 0.1 * rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    >>> log_me(told, labels) > log_me(noise, labels)
    True
    """
    features = finite(features, 2, "features", "a row for each example and a column for each feature")
    truth = _one_hot(labels, len(features))
    vectors, singular, _ = np.linalg.svd(features, full_matrices=False)
    coordinates = vectors.T @ truth
    beyond = np.maximum((truth**2).sum(axis=0) - (coordinates**2).sum(axis=0), 0)  # what no feature reaches
    evidence = [
        _largest_evidence(singular**2, along**2, rest, len(features))
        for along, rest, count in zip(coordinates.T, beyond, truth.sum(axis=0), strict=True)
        if count
    ]
    return float(np.mean(evidence))


def _largest_evidence(eigenvalues: np.ndarray, squares: np.ndarray, rest: float, n: int) -> float:
    from scipy.optimize import minimize_scalar

    largest = eigenvalues.max() if eigenvalues.max() > 0 else 1.0

    def negative(log_ratio: float) -> float:
        ratio = largest * np.exp(log_ratio)
        spread = ratio + eigenvalues
        scale = ((squares / spread).sum() + rest / ratio) / n  # the best 1/α
        logs = np.log(spread).sum() + (n - len(eigenvalues)) * np.log(ratio)
        return 0.5 * (np.log(2 * np.pi * max(scale, 1e-300)) + 1 + logs / n)

    grid = np.linspace(np.log(1e-10), np.log(1e10), 93)
    values = [negative(point) for point in grid]
    best = int(np.argmin(values))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, len(grid) - 1)]
    found = minimize_scalar(negative, bounds=(low, high), method="bounded", options={"xatol": 1e-8})
    return -min(float(found.fun), values[best])


def rank_agreement(
    scores: Sequence[float], accuracies: Sequence[float], *, draws: int = 2000, seed: int = 0, confidence: float = 0.95
) -> Interval:
    """Weighted Kendall's τ of scores and accuracies, with a bootstrap interval over the sources.

    Parameters
    ----------
    scores, accuracies : sequences of n numbers
        What a score said of each of n sources, and what each reached.
    draws : int
        Bootstrap samples: n sources drawn with replacement.
    seed : int
    confidence : float

    Returns
    -------
    Interval
        1 where the score ranks the sources as their accuracies do, −1 where it ranks them the other way round. Pairs
        with a source near the top count for more. `n` counts sources.

    Raises
    ------
    ValueError
        If the lengths differ, there are fewer than three sources, a number is not finite, or all scores or all
        accuracies are equal.

    Notes
    -----
    Vigna (2015), as in SciPy: hyperbolic weights by the rank of both. The percentile interval treats the sources as a
    sample of sources. With about ten of them it is wide, and it knows nothing of other targets. Samples in which all
    scores or all accuracies are equal say nothing of a ranking and are left out.

    Examples
    --------
    >>> print(rank_agreement([0.1, 0.2, 0.3, 0.4, 0.5], [0.5, 0.6, 0.7, 0.8, 0.9]))
    1.000 [1.000, 1.000], n=5
    """
    from scipy.stats import weightedtau

    draws, seed = whole_numbers(draws=draws, seed=seed)
    confidence = real_number("confidence", confidence)
    normal_quantile(confidence)  # refuses what is no level
    scores, accuracies = (np.asarray(array(values), dtype=float) for values in (scores, accuracies))
    if scores.ndim != 1 or scores.shape != accuracies.shape:
        raise ValueError(
            f"Shapes {scores.shape} and {accuracies.shape} do not fit: give one score and one accuracy a source."
        )
    if len(scores) < 3:
        raise ValueError(f"{len(scores)} source(s) are too few to speak of a ranking: compare at least three.")
    if not (np.isfinite(scores).all() and np.isfinite(accuracies).all()):
        raise ValueError("A score or an accuracy is NaN or infinite: leave that source out, and say so.")
    if not (np.ptp(scores) and np.ptp(accuracies)):
        raise ValueError("All scores or all accuracies are equal, so nothing is ranked.")
    rng = np.random.default_rng(seed)
    found = []
    for chosen in rng.integers(len(scores), size=(draws, len(scores))):
        if np.ptp(scores[chosen]) and np.ptp(accuracies[chosen]):
            found.append(weightedtau(scores[chosen], accuracies[chosen]).statistic)
    tail = 50 * (1 - confidence)
    low, high = np.percentile(found, [tail, 100 - tail]) if found else (np.nan, np.nan)
    return Interval(float(weightedtau(scores, accuracies).statistic), float(low), float(high), len(scores), confidence)


def _one_hot(labels, n: int) -> np.ndarray:
    """N×C, a column for each class from 0 to the largest."""
    labels = class_numbers(labels, "labels")
    if len(labels) != n:
        raise ValueError(f"{len(labels)} labels do not fit {n} rows: give one label an example.")
    return np.eye(labels.max() + 1)[labels]
