"""Any classifier, trained on a weighed source."""

from typing import Self

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from tl_course.adaptation._inputs import Matrix, target_of, two_domains
from tl_course.adaptation.density import DensityRatio


class Reweighted(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier for a target whose labels are unknown: trained on the source, weighed by a weigher.

    Parameters
    ----------
    estimator : classifier or Pipeline, optional
        Its ``fit`` (a pipeline's last step's) takes ``sample_weight``. Logistic regression if not given.
    weigher : `DensityRatio`, `SourceSelection`, `KernelMeanMatching`, or another with ``weights_``, optional
        `DensityRatio` if not given.

    Attributes
    ----------
    estimator_, weigher_ : fitted copies
    weights_ : array of n_s
    classes_ : array of C
    n_features_in_ : int

    Raises
    ------
    ValueError
        In ``fit``, if matrices do not fit each other or the estimator takes no weights.

    Notes
    -----
    Shimodaira (2000). Weights lower the bias of learning on the wrong inputs and raise the variance; a model that is
    right everywhere needs none.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(0)
    >>> source = draw.normal(0, 1, (200, 2))
    >>> labels = (source[:, 0] > 0).astype(int)
    >>> model = Reweighted().fit(source, labels, target=draw.normal(1, 1, (100, 2)))
    >>> model.predict([[2.0, 0.0], [-2.0, 0.0]])
    array([1, 0])
    """

    def __init__(self, estimator: ClassifierMixin | Pipeline | None = None, weigher: BaseEstimator | None = None):
        self.estimator = estimator
        self.weigher = weigher

    def fit(self, X: Matrix, y: np.ndarray, *, target: Matrix | None = None) -> Self:
        """Train on the source X, n_s×d, with its labels y, weighed by the target's inputs, n_t×d.

        Without a target, as scikit-learn's tools call it, the source is its own, and a warning says so.
        """
        target = target_of(self, X, None, target)
        X, y = validate_data(self, X, y, accept_sparse="csr")
        check_classification_targets(y)
        _, target = two_domains(self, X, target)
        estimator = clone(self._classifier())
        self.weigher_ = clone(DensityRatio() if self.weigher is None else self.weigher).fit(X, target)
        self.weights_ = self.weigher_.weights_
        name = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
        try:
            with config_context(enable_metadata_routing=False):  # the weights go to the classifier by name
                self.estimator_ = estimator.fit(X, y, **{name: self.weights_})
        except TypeError as error:
            raise ValueError(
                f"{type(estimator).__name__} takes no sample_weight, and so cannot be weighed: choose another "
                f"classifier ({error})."
            ) from error
        self.classes_ = self.estimator_.classes_
        return self

    def predict(self, X: Matrix) -> np.ndarray:
        """The predicted classes of m×d inputs: m labels."""
        check_is_fitted(self)
        return self.estimator_.predict(self._checked(X))

    @available_if(lambda self: hasattr(self._classifier(), "predict_proba"))
    def predict_proba(self, X: Matrix) -> np.ndarray:
        """The probabilities of m×d inputs: m×C, in the order of ``classes_``."""
        check_is_fitted(self)
        return self.estimator_.predict_proba(self._checked(X))

    def __sklearn_tags__(self):
        """What scikit-learn's tools need to know: what the classifier takes."""
        tags, inner = super().__sklearn_tags__(), get_tags(self._classifier())
        tags.input_tags.sparse = inner.input_tags.sparse
        if inner.classifier_tags is not None:
            tags.classifier_tags.multi_class = inner.classifier_tags.multi_class
        return tags

    def _classifier(self) -> ClassifierMixin | Pipeline:
        return LogisticRegression() if self.estimator is None else self.estimator

    def _checked(self, X: Matrix) -> Matrix:
        return validate_data(self, X, accept_sparse="csr", reset=False)
