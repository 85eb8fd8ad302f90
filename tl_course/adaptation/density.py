"""How much likelier an example is in the target than in the source, by a classifier that tells the domains apart."""

from typing import Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.utils.validation import check_is_fitted, validate_data

from tl_course.adaptation._inputs import Matrix, TakesSparse, stacked, target_of, two_domains
from tl_course.plain_numbers import real_number, whole_number

# A classifier that is quite sure gives 0 or 1 to the last bit; the ratio is to stay a number.
SURE = 1e-12


class DensityRatio(TakesSparse):
    """Weights w(x) = p_t(x)/p_s(x) = (n_s/n_t)·P(target | x)/P(source | x), from a classifier of the domains.

    Parameters
    ----------
    classifier : estimator with ``predict_proba``, optional
        Logistic regression if not given. Not one that balances the classes: n_s/n_t is put in here.
    folds : int
        0: the source is weighed by the classifier that learned from it. 2 or more: each example by one that did not see
        it, one of so many (cross-fitting). With many features a classifier remembers its examples. Then the first way
        makes all raw weights too small, which normalising hides, and the second gives a few examples huge ones, as the
        classifier is sure of itself and wrong. Against both: a stronger regulariser, fewer features, `limit`.
    limit : float, optional
        Cut larger ratios to this one: a little bias for much less variance.
    normalise : bool
        Divide the weights by their mean. Raw ones also change the strength of the loss against a regulariser, and with
        it the learning rate.
    seed : int
        Of the folds.

    Attributes
    ----------
    weights_ : array of n_s
        One for each source example.
    classifier_ : estimator
        Trained on all examples, source 0 and target 1.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if the widths differ, a domain has fewer examples than folds, or a setting is impossible.

    Notes
    -----
    Shimodaira, "Improving predictive inference under covariate shift by weighting the log-likelihood function", 2000;
    the classifier: Bickel, Brückner and Scheffer, "Discriminative learning for differing training and test
    distributions", ICML 2007. It is right where P(y | x) is the same in both domains, and where the source has
    examples wherever the target has: no weight makes up for what is not there.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> source, target = draw.normal(0, 1, (400, 1)), draw.normal(1, 1, (400, 1))
    >>> weights = DensityRatio().fit(source, target).weights_
    >>> bool(weights[source[:, 0] > 1].mean() > 3 * weights[source[:, 0] < 0].mean())
    True
    """

    def __init__(
        self,
        classifier: ClassifierMixin | None = None,
        *,
        folds: int = 0,
        limit: float | None = None,
        normalise: bool = True,
        seed: int = 0,
    ):
        self.classifier = classifier
        self.folds = folds
        self.limit = limit
        self.normalise = normalise
        self.seed = seed

    def fit(self, X: Matrix, y: Matrix | np.ndarray | None = None, *, target: Matrix | None = None) -> Self:
        """Weigh the source X, n_s×d, by the target, n_t×d (dense or sparse).

        ``fit(source, target)`` is short for ``fit(source, target=target)``: a matrix in the place of y is the target.
        Labels y, as scikit-learn's tools give them, change nothing.
        """
        folds, seed, limit = (
            whole_number("folds", self.folds),
            whole_number("seed", self.seed),
            real_number("limit", self.limit),
        )
        if limit is not None and limit <= 0:
            raise ValueError(f"limit={self.limit} would leave no weight: give a number above 0, or None.")
        X, target = two_domains(self, X, target_of(self, X, y, target))
        both, domain = _labelled(X, target)
        classifier = LogisticRegression() if self.classifier is None else self.classifier
        self.classifier_ = clone(classifier).fit(both, domain)
        self._prior_ = X.shape[0] / target.shape[0]
        if folds:
            chances = _out_of_fold(classifier, both, domain, folds, seed)[: X.shape[0]]
        else:
            chances = self.classifier_.predict_proba(X)[:, 1]
        weights = self._ratio(chances)
        self.weights_ = weights / weights.mean() if self.normalise else weights
        return self

    def ratio(self, X: Matrix) -> np.ndarray:
        """The ratio at other examples, m×d, neither cross-fitted nor normalised: m numbers."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        return self._ratio(self.classifier_.predict_proba(X)[:, 1])

    def _ratio(self, chances: np.ndarray) -> np.ndarray:
        chances = chances.clip(SURE, 1 - SURE)
        limit = real_number("limit", self.limit)
        return np.minimum(self._prior_ * chances / (1 - chances), np.inf if limit is None else limit)


class SourceSelection(TakesSparse):
    """Keeps the share of the source that a classifier of the domains finds most like the target.

    Parameters
    ----------
    share : float
        In (0, 1].
    classifier, seed
        As for `DensityRatio`.
    folds : int
        As for `DensityRatio`. Here cross-fitting does no harm: only the order counts, and not the size of the ratio.

    Attributes
    ----------
    support_ : bool array of n_s
        Which source examples are kept.
    weights_ : array of n_s
        n_s/kept for those, 0 for the others: their mean is 1.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if the share is not in (0, 1], or as for `DensityRatio`.

    Notes
    -----
    The control is a *random* selection of the same size. Fewer examples are trained on for longer at equal steps, and
    the nearest are often the easiest and least varied.

    Examples
    --------
    >>> import numpy as np
    >>> source, target = np.linspace(-2, 2, 100)[:, None], np.linspace(1, 3, 50)[:, None]
    >>> selection = SourceSelection(share=0.25).fit(source, target)
    >>> int(selection.support_.sum()), bool(source[selection.support_].min() > source[~selection.support_].mean())
    (25, True)
    """

    def __init__(self, share: float = 0.5, *, classifier: ClassifierMixin | None = None, folds: int = 5, seed: int = 0):
        self.share = share
        self.classifier = classifier
        self.folds = folds
        self.seed = seed

    def fit(self, X: Matrix, y: Matrix | np.ndarray | None = None, *, target: Matrix | None = None) -> Self:
        """Choose from the source X, n_s×d, by the target, n_t×d (dense or sparse); y as for `DensityRatio`."""
        share = real_number("share", self.share)
        if share is None or not 0 < share <= 1:
            raise ValueError(f"share={self.share} is no part of the source: give a number above 0 and at most 1.")
        X, target = two_domains(self, X, target_of(self, X, y, target))
        ratio = DensityRatio(self.classifier, folds=self.folds, seed=self.seed).fit(X, target=target).weights_
        kept = max(round(share * len(ratio)), 1)
        self.support_ = np.zeros(len(ratio), dtype=bool)
        self.support_[np.argsort(-ratio, kind="stable")[:kept]] = True
        self.weights_ = self.support_ * len(ratio) / kept
        return self


def effective_sample_size(weights: np.ndarray) -> float:
    """(Σw)²/Σw²: how many equally weighed examples tell as much as these.

    Parameters
    ----------
    weights : array of n numbers, none negative

    Returns
    -------
    float
        Between 1 (one example has all the weight) and n (all have the same); the same for any multiple of the weights.

    Raises
    ------
    ValueError
        If a weight is negative or not finite, or all are 0.

    Notes
    -----
    Kish, *Survey Sampling*, 1965. It is the first thing to report beside importance weights.

    Examples
    --------
    >>> effective_sample_size([1, 1, 1, 1]), effective_sample_size([5, 0, 0, 0])
    (4.0, 1.0)
    """
    weights = np.asarray(weights, dtype=np.float64)
    if weights.ndim != 1 or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise ValueError("Weights must be a row of finite numbers from 0, not all of them 0.")
    weights = weights / weights.max()
    return float(weights.sum() ** 2 / (weights**2).sum())


def proxy_a_distance(
    source: Matrix,
    target: Matrix,
    *,
    classifier: ClassifierMixin | None = None,
    folds: int = 5,
    seed: int = 0,
) -> float:
    """2·(1 − 2ε): how far apart two domains are for a classifier, with ε its error in telling them apart.

    Parameters
    ----------
    source, target : matrices, n_s×d and n_t×d
    classifier : estimator, optional
        Logistic regression if not given. The distance is one for this kind of classifier only.
    folds : int
        ε is the error on held-out examples, each domain counted a half.
    seed : int

    Returns
    -------
    float
        2 for domains that are told apart without error; about 0 for equal ones, and by chance a little below 0.

    Raises
    ------
    ValueError
        If the widths differ or a domain has fewer examples than folds.

    Notes
    -----
    Ben-David et al., "Analysis of representations for domain adaptation", NIPS 2006. An error on the examples that the
    classifier was trained on would give 2 for any two samples with more features than examples.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> proxy_a_distance(draw.normal(0, 1, (100, 2)), draw.normal(50, 1, (100, 2)))
    2.0
    """
    source, target = two_domains(BaseEstimator(), source, target)
    folds, seed = whole_number("folds", folds), whole_number("seed", seed)
    both, domain = _labelled(source, target)
    chances = _out_of_fold(LogisticRegression() if classifier is None else classifier, both, domain, folds, seed)
    wrong = (chances > 0.5) != domain
    return float(2 * (1 - 2 * (wrong[domain == 0].mean() + wrong[domain == 1].mean()) / 2))


def _labelled(source: Matrix, target: Matrix) -> tuple[Matrix, np.ndarray]:
    return stacked(source, target), np.repeat([0, 1], [source.shape[0], target.shape[0]])


def _out_of_fold(classifier: ClassifierMixin, both: Matrix, domain: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """P(target | x) of each example, from a classifier that did not see it."""
    smaller = np.bincount(domain).min()
    if smaller < 2:
        raise ValueError(
            f"folds={folds} is not possible with 1 sample in the smaller domain: give 2 samples or more of each domain."
        )
    if folds is None or not 2 <= folds <= smaller:
        raise ValueError(
            f"folds={folds} is not possible with {smaller} samples in the smaller domain: give 2 to {smaller}."
        )
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    return cross_val_predict(clone(classifier), both, domain, cv=parts, method="predict_proba")[:, 1]
