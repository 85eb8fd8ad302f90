"""Adapting to a target by weighing or choosing source examples, in the style of scikit-learn.

==================== ============================================================ ==================
Estimator            What it does                                                 Needs of the target
==================== ============================================================ ==================
`DensityRatio`       weights p_t(x)/p_s(x) by a classifier of the domains         inputs
`SourceSelection`    keeps the share of the source that looks most like it        inputs
`KernelMeanMatching` weights that match the means in a kernel's feature space     inputs
`Reweighted`         any classifier, trained on a source weighed by one of these  inputs
`TrAdaBoost`         boosting that trusts misfitting source examples less         some labels
==================== ============================================================ ==================

The three weighers have ``fit(X, target=target)``, in short ``fit(X, target)``, and then ``weights_``, one for each row
of X, for any estimator's ``sample_weight``. All five pass scikit-learn's ``check_estimator``, whose ``fit(X, y)`` knows
of no target: then an estimator takes X for it (`TrAdaBoost` goes without a source), and a warning says so.

`effective_sample_size` says what the weights leave of the source, `proxy_a_distance` how far apart the domains are.
`source_accuracy`, `negative_entropy` and `importance_weighted` judge a model without target labels.
"""

from tl_course.adaptation.boosting import TrAdaBoost
from tl_course.adaptation.density import DensityRatio, SourceSelection, effective_sample_size, proxy_a_distance
from tl_course.adaptation.matching import KernelMeanMatching
from tl_course.adaptation.reweighting import Reweighted
from tl_course.adaptation.validators import importance_weighted, negative_entropy, source_accuracy

__all__ = [
    "DensityRatio",
    "KernelMeanMatching",
    "Reweighted",
    "SourceSelection",
    "TrAdaBoost",
    "effective_sample_size",
    "importance_weighted",
    "negative_entropy",
    "proxy_a_distance",
    "source_accuracy",
]
