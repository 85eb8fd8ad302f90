"""TrAdaBoost: boosting in which source examples that do not fit the target lose their say."""

import warnings
from typing import Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils import get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from tl_course.adaptation._inputs import Matrix, stacked, two_domains
from tl_course.plain_numbers import whole_number

# β_t of a learner without any error on the target would be 0, and its say in the vote infinite.
LEAST = 1e-10
# The new weights give the last learner an error of exactly ½; where the next one answers the same, rounding must not
# decide whether the training goes on.
HALF = 0.5 - 1e-9


class TrAdaBoost(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Boosting over a few labelled target examples and many of the source, for two classes.

    In each round a learner h is trained on all examples with their weights. Then, with |h − c| = 1 where it is wrong
    and 0 where it is right,

    - ε_t is its weighted error on the *target* examples alone; β_t = ε_t/(1 − ε_t); β = 1/(1 + √(2·ln(n_s)/N));
    - a source example's weight is multiplied by β^{|h − c|}: wrong ones lose weight, round after round;
    - a target example's weight is multiplied by β_t^{−|h − c|}: wrong ones gain, as in AdaBoost.

    The learners of rounds ⌈N/2⌉ … N vote, each with weight −ln β_t.

    Parameters
    ----------
    estimator : classifier, optional
        The learner; its ``fit`` takes ``sample_weight``. Logistic regression if not given.
    rounds : int
        N ≥ 1.

    Attributes
    ----------
    classes_ : array of 2
    estimators_ : list
        One for each round that was done: the first whose ε_t is ½ or more ends the training, and is not kept.
    errors_ : array
        ε_t of each.
    source_weights_, target_weights_ : arrays of n_s and n_t
        The weights after the last round; all together they sum to n_s + n_t.
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if there are not two classes, a domain has none, or the first learner is no better than chance on
        the target.

    Notes
    -----
    Dai, Yang, Xue and Yu, "Boosting for transfer learning", ICML 2007. Source weights only ever fall against the
    target's: with many rounds nothing is left of the source, useful or not. The learner gets weights with a mean of 1,
    as a regularised one learns next to nothing from weights that sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> source, target = draw.normal(0, 1, (200, 2)), draw.normal(0, 1, (20, 2))
    >>> model = TrAdaBoost(rounds=10).fit(target, target[:, 0] > 0, X_source=source, y_source=source.sum(1) > 0)
    >>> bool(model.score(source, source[:, 0] > 0) > 0.8)  # the target's rule, not the source's
    True
    """

    def __init__(self, estimator: ClassifierMixin | None = None, *, rounds: int = 20):
        self.estimator = estimator
        self.rounds = rounds

    def fit(
        self, X: Matrix, y: np.ndarray, *, X_source: Matrix | None = None, y_source: np.ndarray | None = None
    ) -> Self:
        """Train on the target X, n_t×d, with its labels y, and on the source (dense or sparse).

        Without a source, as scikit-learn's tools call it, what is left is AdaBoost on the target, and a warning says
        so.
        """
        rounds = whole_number("rounds", self.rounds, least=1)
        if (X_source is None) != (y_source is None):
            raise ValueError("the source needs both X_source and y_source, one label for each row.")
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=np.float64)
        if X_source is None:
            warnings.warn(
                "TrAdaBoost was given no source, and boosts the target's examples alone: give X_source and y_source.",
                stacklevel=2,
            )
            X_source, y_source = X[:0], y[:0]
        else:
            X, X_source = two_domains(self, X, X_source, what="source")
        count = X_source.shape[0]
        wanted = self._coded(y_source, y, X_source, X)
        everything = stacked(X_source, X)
        weights = np.ones(len(wanted))
        fading = 1 / (1 + np.sqrt(2 * np.log(max(count, 1)) / rounds))
        self.estimators_, errors = [], []
        for _ in range(rounds):
            weights *= len(weights) / weights.sum()  # shares times n_s + n_t
            learner = clone(self._learner())
            with config_context(enable_metadata_routing=False):  # the weights are for this learner
                learner.fit(everything, wanted, sample_weight=weights)
            wrong = learner.predict(everything) != wanted
            error = float(weights[count:] @ wrong[count:] / weights[count:].sum())
            if error >= HALF:
                break
            self.estimators_.append(learner)
            errors.append(error)
            weights[:count] *= fading ** wrong[:count]
            weights[count:] *= _beta(error) ** -wrong[count:].astype(float)
        if not errors:
            raise ValueError(
                f"The first learner's error on the target is {error:.2f}, and boosting needs less than a half: take "
                "another estimator, or more target examples."
            )
        weights *= len(weights) / weights.sum()
        self.errors_, self.source_weights_, self.target_weights_ = np.array(errors), weights[:count], weights[count:]
        return self

    def __sklearn_tags__(self):
        """What scikit-learn's tools need to know: two classes, and matrices that the learner takes."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = get_tags(self._learner()).input_tags.sparse
        return tags

    def _learner(self) -> ClassifierMixin:
        return LogisticRegression() if self.estimator is None else self.estimator

    def decision_function(self, X: Matrix) -> np.ndarray:
        """The vote, m numbers: Σ −ln β_t·(h_t(x) − ½) over the second half of the rounds; from 0 on it is class 1."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=np.float64, reset=False)
        first = -(-len(self.estimators_) // 2) - 1  # round ⌈N/2⌉, counted from 1
        voters = zip(self.estimators_[first:], self.errors_[first:], strict=True)
        return sum(-np.log(_beta(error)) * (learner.predict(X) - 0.5) for learner, error in voters)

    def predict(self, X: Matrix) -> np.ndarray:
        """The predicted classes of m×d inputs: m labels."""
        check_is_fitted(self)
        return self.classes_[(self.decision_function(X) >= 0).astype(int)]

    def _coded(self, y_source: np.ndarray, y: np.ndarray, X_source: Matrix, X: Matrix) -> np.ndarray:
        """The labels of source and target, one after the other, as 0 and 1."""
        y_source, y = column_or_1d(y_source), column_or_1d(y)
        check_consistent_length(X_source, y_source)
        check_consistent_length(X, y)
        check_classification_targets(y)
        self.classes_, coded = np.unique(np.concatenate([y_source, y]), return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                "TrAdaBoost tells two classes apart, and all labels name one class: give examples of a second one."
            )
        if len(self.classes_) > 2:
            raise ValueError(
                "Only binary classification is supported. The type of the target is multiclass. The labels name "
                f"{len(self.classes_)} classes: train a TrAdaBoost for each class against the others."
            )
        return coded


def _beta(error: float) -> float:
    return max(error / (1 - error), LEAST)
