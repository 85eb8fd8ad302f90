"""Weighing and choosing source examples: properties on fresh inputs, and the manners of scikit-learn."""

import math
import warnings

import numpy as np
import pytest
import scipy.sparse
from draws import seeds
from scipy.optimize import minimize
from scipy.stats import norm
from sklearn import config_context
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import parametrize_with_checks

from tl_course import adaptation
from tl_course.adaptation import (
    DensityRatio,
    KernelMeanMatching,
    Reweighted,
    SourceSelection,
    TrAdaBoost,
    effective_sample_size,
    importance_weighted,
    negative_entropy,
    proxy_a_distance,
    source_accuracy,
)
from tl_course.adaptation.matching import _projected

SEEDS = seeds(4)
WEIGHERS = {
    "density": lambda: DensityRatio(),
    "cross-fitted density": lambda: DensityRatio(folds=4),
    "selection": lambda: SourceSelection(share=0.3),
    "matching": lambda: KernelMeanMatching(limit=10.0),
}


def shifted(seed, count=120, width=2, by=1.0):
    """Two normal samples, the target's mean moved by `by` in the first direction."""
    draw = np.random.default_rng(seed)
    source, target = draw.normal(size=(count, width)), draw.normal(size=(count // 2, width))
    target[:, 0] += by
    return source, target


# --- effective sample size


@pytest.mark.parametrize("seed", SEEDS)
def test_effective_sample_size(seed):
    weights = np.random.default_rng(seed).exponential(size=50)
    size = effective_sample_size(weights)
    assert size == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert 1 <= size <= 50
    assert effective_sample_size(1e200 * weights) == pytest.approx(size)
    assert effective_sample_size(np.append(weights, 0)) == pytest.approx(size)
    assert effective_sample_size(np.full(50, 0.3)) == pytest.approx(50)
    assert effective_sample_size(np.eye(50)[3]) == 1


@pytest.mark.parametrize("weights", [[-1.0, 2.0], [0.0, 0.0], [np.nan, 1.0], [[1.0]], []])
def test_effective_sample_size_refuses(weights):
    with pytest.raises(ValueError, match="finite numbers from 0"):
        effective_sample_size(weights)


# --- density ratio


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("folds", [0, 5])
def test_density_ratio_finds_the_true_weights(seed, folds):
    """Between N(0, 1) and N(½, 1) log w = x/2 − 1/8 exactly, which logistic regression can represent."""
    draw = np.random.default_rng(seed)
    source, target = draw.normal(size=(6000, 1)), draw.normal(0.5, 1, size=(3000, 1))
    model = DensityRatio(LogisticRegression(C=1e6), folds=folds, normalise=False).fit(source, target)
    true = norm.pdf(source[:, 0], 0.5) / norm.pdf(source[:, 0])
    assert np.corrcoef(np.log(model.weights_), np.log(true))[0, 1] > 0.99
    assert model.weights_.mean() == pytest.approx(1, abs=0.1)
    grid = np.array([[-1.0], [0.0], [1.0]])
    # a coefficient's standard error is about 1/√(n_s n_t/(n_s+n_t)) = 0.022; five of them
    np.testing.assert_allclose(np.log(model.ratio(grid)), grid[:, 0] / 2 - 1 / 8, atol=0.17)


@pytest.mark.parametrize("seed", SEEDS)
def test_density_ratio_is_its_formula(seed):
    source, target = shifted(seed)
    model = DensityRatio(folds=0, normalise=False).fit(source, target)
    domain = np.repeat([0, 1], [len(source), len(target)])
    chances = LogisticRegression().fit(np.vstack([source, target]), domain).predict_proba(source)
    np.testing.assert_allclose(model.weights_, len(source) / len(target) * chances[:, 1] / chances[:, 0])
    np.testing.assert_allclose(model.ratio(source), model.weights_)
    normal = DensityRatio(folds=0).fit(source, target).weights_
    np.testing.assert_allclose(normal, model.weights_ / model.weights_.mean())
    limited = DensityRatio(folds=0, normalise=False, limit=1.2).fit(source, target)
    np.testing.assert_allclose(limited.weights_, np.minimum(model.weights_, 1.2))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_many_features_do_to_equal_domains(seed):
    """The true weights are 1. A classifier that remembers gives too small ones, cross-fitted a few huge ones."""
    draw = np.random.default_rng(seed)
    source, target = draw.normal(size=(60, 80)), draw.normal(size=(60, 80))

    def weights(strength, folds):
        return DensityRatio(LogisticRegression(C=strength), folds=folds, normalise=False).fit(source, target).weights_

    assert weights(1.0, 0).mean() < 0.6
    assert effective_sample_size(weights(1.0, 5)) < 20
    for folds in (0, 5):
        assert weights(1e-5, folds).mean() == pytest.approx(1, abs=0.1)
        assert effective_sample_size(weights(1e-5, folds)) > 50
    assert abs(proxy_a_distance(source, target, seed=seed)) < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_proxy_a_distance(seed):
    source, target = shifted(seed, by=100.0)
    assert proxy_a_distance(source, target) == 2
    near, far = (proxy_a_distance(*shifted(seed, count=400, by=by), seed=seed) for by in (0.0, 2.0))
    assert abs(near) < 0.5 < far < 2
    lopsided = proxy_a_distance(np.repeat(shifted(seed)[0], 20, axis=0), shifted(seed, by=0.0)[1])
    assert lopsided < 0.5  # a classifier that always says source is wrong about half of both domains


@pytest.mark.parametrize("seed", SEEDS)
def test_domains_that_do_not_overlap_give_finite_weights(seed):
    source, target = shifted(seed, by=1e4)
    for folds in (0, 3):
        weights = DensityRatio(LogisticRegression(C=1e9, max_iter=1000), folds=folds, normalise=False)
        assert np.isfinite(weights.fit(source, target).weights_).all()
        assert np.isfinite(weights.ratio(target)).all()


# --- selection


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.01, 0.25, 1.0])
def test_selection_keeps_the_nearest_share(seed, share):
    source, target = shifted(seed, by=2.0)
    selection = SourceSelection(share, seed=seed).fit(source, target)
    kept = round(share * len(source))
    assert selection.support_.sum() == kept
    assert selection.weights_.mean() == pytest.approx(1)
    assert effective_sample_size(selection.weights_) == pytest.approx(kept)
    ratio = DensityRatio(folds=5, seed=seed).fit(source, target).weights_
    if share < 1:
        assert ratio[selection.support_].min() >= ratio[~selection.support_].max()


# --- kernel mean matching


def program(source, target, width):
    def k(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / (2 * width**2))

    return k(source, source), k(source, target).sum(1) * len(source) / len(target)


@pytest.mark.daily(6)
@pytest.mark.parametrize("seed", seeds(6))
@pytest.mark.parametrize("limit", [1.0, 2.0, 1000.0])
@pytest.mark.parametrize("tolerance", [None, 0.0, 0.1])
@pytest.mark.parametrize("iterations", [1, 20_000])
def test_matching_keeps_its_bounds(seed, limit, tolerance, iterations):
    source, target = shifted(seed, count=60, by=3.0 * (seed % 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KernelMeanMatching(limit=limit, tolerance=tolerance, iterations=iterations).fit(source, target)
    weights = model.weights_
    allowed = (math.sqrt(60) - 1) / math.sqrt(60) if tolerance is None else tolerance
    assert weights.min() >= 0
    assert weights.max() <= limit
    assert abs(weights.mean() - 1) <= allowed + 1e-9
    assert model.n_iter_ <= iterations


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("limit", "tolerance"), [(3.0, 0.05), (1000.0, 0.8), (1.5, 0.0)])
def test_matching_solves_the_program_as_scipy_does(seed, limit, tolerance):
    source, target = shifted(seed, count=30)
    kernel, pull = program(source, target, 1.5)

    def value(w):
        return w @ kernel @ w / 2 - pull @ w

    bounds = [
        {"type": "ineq", "fun": lambda w: tolerance - (w.mean() - 1), "jac": lambda w: -np.full(30, 1 / 30)},
        {"type": "ineq", "fun": lambda w: tolerance + (w.mean() - 1), "jac": lambda w: np.full(30, 1 / 30)},
    ]
    found = minimize(
        value,
        np.ones(30),
        jac=lambda w: kernel @ w - pull,
        bounds=[(0, limit)] * 30,
        constraints=bounds,
        method="SLSQP",
        options={"maxiter": 2000, "ftol": 1e-12},
    )
    assert found.success
    ours = KernelMeanMatching(bandwidth=1.5, limit=limit, tolerance=tolerance).fit(source, target).weights_
    assert (value(ours) - value(found.x)) * 2 / 30**2 == pytest.approx(0, abs=1e-5)  # in units of the squared distance


@pytest.mark.parametrize("seed", SEEDS)
def test_matching_lowers_the_distance_of_the_means(seed):
    from torch import from_numpy

    from tl_course import losses

    source, target = shifted(seed)
    model = KernelMeanMatching(bandwidth=1.0).fit(source, target)
    kernel, pull = program(source, target, 1.0)
    among = program(target, target, 1.0)[0].mean()

    def gap(w):  # ‖Σ w φ/n_s − mean φ_t‖²
        return (w @ kernel @ w - 2 * pull @ w) / len(source) ** 2 + among

    unweighted = losses.mmd2(from_numpy(source), from_numpy(target), bandwidth=1.0, unbiased=False).item()
    assert gap(np.ones(len(source))) == pytest.approx(unweighted)
    assert 0 <= gap(model.weights_) < unweighted / 2
    assert model.weights_[source[:, 0] > 1].mean() > 2 * model.weights_[source[:, 0] < -0.5].mean()


@pytest.mark.parametrize("seed", seeds(20))
def test_the_projection_is_the_nearest_point_within_the_bounds(seed):
    draw = np.random.default_rng(seed)
    values, limit, tolerance = draw.normal(draw.normal(), 2, 15), draw.uniform(1, 3), draw.uniform(0, 0.5)
    ours = _projected(values, limit, tolerance)
    assert (ours >= 0).all()
    assert (ours <= limit).all()
    assert abs(ours.mean() - 1) <= tolerance + 1e-12
    for _ in range(200):  # no allowed point is nearer: ⟨v − P(v), w − P(v)⟩ ≤ 0
        other = _projected(draw.normal(1, 2, 15), limit, tolerance)
        assert (values - ours) @ (other - ours) <= 1e-9
    np.testing.assert_allclose(_projected(ours, limit, tolerance), ours, atol=1e-12)


def test_matching_says_when_it_did_not_settle():
    source, target = shifted(0)
    with pytest.warns(ConvergenceWarning, match="did not settle in 2 steps"):
        KernelMeanMatching(iterations=2).fit(source, target)
    same = np.zeros((5, 2))
    assert KernelMeanMatching().fit(same, same).weights_.mean() == pytest.approx(1, abs=0.6)


# --- reweighting


@pytest.mark.parametrize("name", WEIGHERS)
@pytest.mark.parametrize("seed", SEEDS)
def test_reweighted_is_the_classifier_with_these_weights(name, seed):
    source, target = shifted(seed)
    labels = np.where(np.sin(2 * source[:, 0]) > 0, "yes", "no")
    model = Reweighted(LogisticRegression(), WEIGHERS[name]()).fit(source, labels, target=target)
    weights = WEIGHERS[name]().fit(source, target).weights_
    expected = LogisticRegression().fit(source, labels, sample_weight=weights)
    np.testing.assert_allclose(model.weights_, weights)
    np.testing.assert_allclose(model.predict_proba(target), expected.predict_proba(target))
    assert (model.predict(target) == expected.predict(target)).all()
    assert list(model.classes_) == ["no", "yes"]
    assert weights.mean() == pytest.approx(1, abs=0.91)


@pytest.mark.parametrize("routing", [False, True])  # skada switches it on when it is imported
def test_reweighted_takes_pipelines_and_refuses_what_takes_no_weights(routing):
    source, target = shifted(0)
    labels = (source[:, 0] > 0.5).astype(int)
    with config_context(enable_metadata_routing=routing):
        for learner in (DecisionTreeClassifier(max_depth=2), BaggingClassifier(LogisticRegression(), n_estimators=2)):
            model = Reweighted(make_pipeline(StandardScaler(), learner))
            assert model.fit(source, labels, target=target).predict(target).shape == (60,)
        with pytest.raises(ValueError, match="KNeighborsClassifier takes no sample_weight"):
            Reweighted(KNeighborsClassifier()).fit(source, labels, target=target)


@pytest.mark.parametrize("routing", [False, True])
def test_tradaboost_weighs_learners_within_learners(routing):
    source, target = shifted(0)
    labels = (source[:, 0] > 0.5).astype(int)
    with config_context(enable_metadata_routing=routing):
        model = TrAdaBoost(BaggingClassifier(LogisticRegression(), n_estimators=2), rounds=2)
        model.fit(target, (target[:, 0] > 0.5).astype(int), X_source=source, y_source=labels)
    assert model.predict(target).shape == (60,)


# --- TrAdaBoost


def published_tradaboost(source, y_source, target, y_target, test, rounds, learner):
    """The algorithm as Dai et al. print it (figure 1), with labels 0 and 1, loop by loop."""
    n, m = len(source), len(target)
    everything, labels = np.vstack([source, target]), np.concatenate([y_source, y_target])
    w, beta = np.ones(n + m), 1 / (1 + math.sqrt(2 * math.log(n) / rounds))
    betas, hypotheses = [], []
    for _ in range(rounds):
        p = w / w.sum()
        h = clone(learner).fit(everything, labels, sample_weight=p * (n + m))
        miss = np.abs(h.predict(everything) - labels)
        error = sum(w[i] * miss[i] / w[n:].sum() for i in range(n, n + m))
        if error >= 0.5 - 1e-9:  # a learner that repeats the last one has exactly ½, but for rounding
            break
        beta_t = max(error / (1 - error), 1e-10)
        w = np.array([w[i] * (beta ** miss[i] if i < n else beta_t ** (-miss[i])) for i in range(n + m)])
        betas.append(beta_t)
        hypotheses.append(h)
    first = math.ceil(len(betas) / 2)
    answers = [h.predict(test) for h in hypotheses]
    voting = range(first - 1, len(betas))
    left = np.prod([betas[t] ** -answers[t].astype(float) for t in voting], axis=0)
    right = np.prod([betas[t] ** -0.5 for t in voting])
    return (left >= right).astype(int), w


@pytest.mark.parametrize("seed", seeds(8))
@pytest.mark.parametrize("rounds", [1, 2, 9])
@pytest.mark.parametrize("learner", [LogisticRegression(tol=1e-10, max_iter=1000), GaussianNB()])
def test_tradaboost_is_the_published_algorithm(seed, rounds, learner):
    draw = np.random.default_rng(seed)
    source, target, test = (draw.normal(size=(count, 3)) for count in (80, 30, 50))
    y_source = (source[:, 0] + source[:, 1] > 0).astype(int)
    y_target, noise = (target[:, 0] - 0.3 * target[:, 1] > 0).astype(int), draw.random(30) < 0.1
    y_target = np.where(noise, 1 - y_target, y_target)
    model = TrAdaBoost(learner, rounds=rounds).fit(target, y_target, X_source=source, y_source=y_source)
    expected, weights = published_tradaboost(source, y_source, target, y_target, test, rounds, learner)
    assert (model.predict(test) == expected).all()
    ours = np.concatenate([model.source_weights_, model.target_weights_])
    np.testing.assert_allclose(ours / ours.sum(), weights / weights.sum(), rtol=1e-8)
    assert (model.errors_ < 0.5).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_tradaboost_trusts_misfitting_source_examples_less(seed):
    draw = np.random.default_rng(seed)
    target, source = draw.normal(size=(40, 2)), draw.normal(size=(200, 2))
    rule = [(x[:, 0] > 0).astype(int) for x in (target, source)]
    flipped = np.arange(200) < 60
    y_source = np.where(flipped, 1 - rule[1], rule[1])
    model = TrAdaBoost(DecisionTreeClassifier(max_depth=1), rounds=10)
    model.fit(target, rule[0], X_source=source, y_source=y_source)
    clear = np.abs(source[:, 0]) > 0.3
    assert model.source_weights_[flipped & clear].max() < model.source_weights_[~flipped & clear].min()
    assert (model.source_weights_ > 0).all()
    assert model.score(source[clear], rule[1][clear]) == 1


def test_tradaboost_refusals():
    draw = np.random.default_rng(0)
    X, y = draw.normal(size=(20, 2)), np.arange(20) % 2
    with pytest.raises(ValueError, match=r"Only binary classification is supported.*The labels name 3 classes"):
        TrAdaBoost().fit(X, y, X_source=X, y_source=np.arange(20) % 3)
    with pytest.raises(ValueError, match="all labels name one class: give examples of a second"):
        TrAdaBoost().fit(X, np.zeros(20), X_source=X, y_source=np.zeros(20))
    with pytest.raises(ValueError, match="rounds=0"):
        TrAdaBoost(rounds=0).fit(X, y, X_source=X, y_source=y)
    wrong = (X[:, 0] > 0).astype(int)
    with pytest.raises(ValueError, match="less than a half"):
        TrAdaBoost().fit(X, 1 - wrong, X_source=np.repeat(X, 50, axis=0), y_source=np.repeat(wrong, 50))
    with pytest.raises(ValueError, match="inconsistent numbers"):
        TrAdaBoost().fit(X, y[:5], X_source=X, y_source=y)


def test_tradaboost_keeps_the_names_of_labels():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(60, 2))
    y = np.where(X[:, 0] > 0, "up", "down")
    model = TrAdaBoost(rounds=4).fit(X[:20], y[:20], X_source=X[20:], y_source=y[20:])
    assert set(model.predict(X)) == {"up", "down"}
    assert model.score(X, y) > 0.8


# --- validators


@pytest.mark.parametrize("seed", SEEDS)
def test_source_accuracy_and_entropy(seed):
    draw = np.random.default_rng(seed)
    probabilities, labels = draw.dirichlet(np.ones(4), size=50), draw.integers(4, size=50)
    assert source_accuracy(probabilities, labels) == np.mean(probabilities.argmax(1) == labels)
    expected = np.mean([sum(p * math.log(p) for p in row) for row in probabilities])
    assert negative_entropy(probabilities) == pytest.approx(expected)
    assert -math.log(4) <= negative_entropy(probabilities) <= 0
    assert negative_entropy(np.full((3, 4), 0.25)) == pytest.approx(-math.log(4))
    assert negative_entropy(np.eye(4)) == 0
    assert negative_entropy(np.eye(4)[np.zeros(9, dtype=int)]) == 0  # one class for all: the best mark, and why


@pytest.mark.parametrize("seed", SEEDS)
def test_importance_weighting_is_unbiased_for_the_target(seed):
    """On a finite domain the expectation over the source is a sum, and equals the target's score exactly."""
    draw = np.random.default_rng(seed)
    p_source, p_target = draw.dirichlet(np.ones(6)), draw.dirichlet(np.ones(6))
    score, ratio = draw.normal(size=6), p_target / p_source
    assert p_source @ (ratio * score) == pytest.approx(p_target @ score)
    drawn = draw.choice(6, size=(3000, 40), p=p_source)
    estimates = np.array([importance_weighted(score[x], ratio[x]) for x in drawn])
    assert abs(estimates.mean() - p_target @ score) < 4 * estimates.std() / math.sqrt(len(estimates))
    assert importance_weighted(score, np.ones(6)) == pytest.approx(score.mean())


@pytest.mark.parametrize("seed", SEEDS)
def test_the_control_variate(seed):
    draw = np.random.default_rng(seed)
    scores, weights = draw.normal(size=500) + 2, draw.exponential(size=500)
    eta = -np.cov(weights * scores, weights)[0, 1] / np.var(weights, ddof=1)
    published = np.mean(weights * scores) + eta * np.mean(weights) - eta  # You et al., equation 9
    assert importance_weighted(scores, weights, control_variate=True) == pytest.approx(published)
    assert importance_weighted(np.full(500, 3.0), weights, control_variate=True) == pytest.approx(3.0)
    assert importance_weighted(scores, np.full(500, 1.0), control_variate=True) == pytest.approx(scores.mean())
    plain, controlled = (
        [
            importance_weighted(s, w, control_variate=control)
            for s, w in ((draw.normal(2, 0.3, 50), draw.exponential(size=50)) for _ in range(300))
        ]
        for control in (False, True)
    )
    assert np.std(controlled) < np.std(plain) / 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: source_accuracy([[0.5, 0.5]], [0, 1]), "give N×C and N"),
        (lambda: source_accuracy([0.5], [0]), "give N×C and N"),
        (lambda: negative_entropy([[2.0, 1.0]]), "apply a softmax"),
        (lambda: negative_entropy([0.5, 0.5]), "apply a softmax"),
        (lambda: importance_weighted([1.0], [1.0, 2.0]), "give N of each"),
        (lambda: importance_weighted([1.0], [-1.0]), "no weight below 0"),
        (lambda: importance_weighted([], []), "give N of each"),
        (lambda: DensityRatio(limit=0).fit(*shifted(0)), "limit=0"),
        (lambda: DensityRatio(folds=1).fit(*shifted(0)), "folds=1"),
        (lambda: DensityRatio(folds=99).fit(*shifted(0)), "folds=99"),
        (lambda: SourceSelection(share=0).fit(*shifted(0)), "share=0"),
        (lambda: KernelMeanMatching(limit=0.5).fit(*shifted(0)), r"limit=0\.5"),
        (lambda: KernelMeanMatching(tolerance=-1).fit(*shifted(0)), "tolerance=-1"),
        (lambda: KernelMeanMatching(bandwidth=0).fit(*shifted(0)), "bandwidth=0"),
        (lambda: KernelMeanMatching(iterations=0).fit(*shifted(0)), "iterations=0"),
        (lambda: proxy_a_distance(np.zeros((9, 2)), np.zeros((9, 3))), "same features"),
    ],
)
def test_impossible_values_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- the manners of scikit-learn


# Each of these hundreds of checks is short; together they take ten seconds, and say how estimators behave, not what
# they compute. scikit-learn knows no second domain, so that nearly every check gives none: the warning that says so is
# proven below, and would drown others here.
@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:.* was given no (target|source)")
@parametrize_with_checks(
    [
        DensityRatio(),
        DensityRatio(folds=2, normalise=False),
        SourceSelection(folds=2),
        KernelMeanMatching(),
        Reweighted(),
        Reweighted(DecisionTreeClassifier(random_state=0), KernelMeanMatching()),
        TrAdaBoost(),
        TrAdaBoost(DecisionTreeClassifier(max_depth=2, random_state=0), rounds=5),
    ]
)
def test_scikit_learns_own_checks(estimator, check):
    check(estimator)


def test_tags_say_what_is_taken():
    for estimator in (DensityRatio(), SourceSelection(), KernelMeanMatching(), Reweighted(), TrAdaBoost()):
        assert get_tags(estimator).input_tags.sparse
    assert not get_tags(Reweighted(GaussianNB())).input_tags.sparse
    assert not get_tags(TrAdaBoost(GaussianNB())).input_tags.sparse
    assert get_tags(Reweighted()).classifier_tags.multi_class
    assert not get_tags(TrAdaBoost()).classifier_tags.multi_class
    assert not hasattr(Reweighted(LinearSVC()), "predict_proba")


@pytest.mark.daily(2)
@pytest.mark.parametrize("name", WEIGHERS)
def test_the_target_is_given_in_the_second_place_or_by_name(name):
    source, target = shifted(3)
    labels = np.arange(len(source)) % 2
    weights = WEIGHERS[name]().fit(source, target).weights_
    for given in ({"target": target}, {"y": labels, "target": target}, {"y": target.tolist()}):
        np.testing.assert_array_equal(WEIGHERS[name]().fit(source, **given).weights_, weights)


@pytest.mark.parametrize("y", [None, np.arange(120) % 2])
def test_a_forgotten_target_or_source_is_said(y):
    source, _ = shifted(4)
    for make in (DensityRatio, KernelMeanMatching):
        with pytest.warns(UserWarning, match="was given no target and takes X for it"):
            weights = make().fit(source, y).weights_
        np.testing.assert_allclose(weights, 1, atol=1e-3)
    if y is not None:
        with pytest.warns(UserWarning, match="Reweighted was given no target"):
            model = Reweighted().fit(source, y)
        np.testing.assert_allclose(model.weights_, 1, atol=1e-3)
        with pytest.warns(UserWarning, match="TrAdaBoost was given no source"):
            TrAdaBoost(DecisionTreeClassifier(max_depth=1)).fit(source, y)
        with pytest.raises(ValueError, match="both X_source and y_source"):
            TrAdaBoost().fit(source, y, X_source=source)
        with pytest.raises(ValueError, match="Expected 2D array"):
            Reweighted().fit(source, y, target=source[:, 0])


def test_without_a_source_boosting_is_adaboost():
    draw = np.random.default_rng(1)
    X = draw.normal(size=(80, 2))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    rounds, weights, votes = 6, np.full(80, 1 / 80), np.zeros(80)
    for turn in range(1, rounds + 1):
        stump = DecisionTreeClassifier(max_depth=1, random_state=0).fit(X, y, sample_weight=weights)
        wrong = stump.predict(X) != y
        beta = weights[wrong].sum() / weights[~wrong].sum()
        weights = np.where(wrong, weights, weights * beta)  # AdaBoost.M1: those that are right lose weight
        weights /= weights.sum()
        if turn >= rounds / 2:
            votes += -np.log(beta) * (stump.predict(X) - 0.5)
    with pytest.warns(UserWarning, match="no source"):
        ours = TrAdaBoost(DecisionTreeClassifier(max_depth=1, random_state=0), rounds=rounds).fit(X, y)
    np.testing.assert_allclose(ours.decision_function(X), votes)


@pytest.mark.parametrize(
    ("make", "plain", "given"),
    [
        (
            DensityRatio,
            {"folds": 3, "limit": 2.0, "seed": 1},
            {"folds": np.int64(3), "limit": np.float32(2), "seed": np.int8(1)},
        ),
        (
            SourceSelection,
            {"share": 0.25, "folds": 3, "seed": 1},
            {"share": np.float16(0.25), "folds": np.int64(3), "seed": np.uint8(1)},
        ),
        (
            KernelMeanMatching,
            {"bandwidth": 1.5, "limit": 4.0, "tolerance": 0.25, "iterations": 3000},
            {
                "bandwidth": np.float32(1.5),
                "limit": np.int64(4),
                "tolerance": np.float16(0.25),
                "iterations": np.int32(3000),
            },
        ),
    ],
)
def test_parameters_may_be_numpys_and_nothing_but_numbers(make, plain, given):
    source, target = shifted(5)
    np.testing.assert_array_equal(
        make(**given).fit(source, target).weights_, make(**plain).fit(source, target).weights_
    )
    for name in plain:
        for wrong in ("3", True, np.True_):
            with pytest.raises(ValueError, match=rf"{name}=.* is not possible; give a (whole|finite) number"):
                make(**plain | {name: wrong}).fit(source, target)


def test_rounds_and_the_distance_take_numpys_numbers():
    source, target = shifted(6)
    assert proxy_a_distance(source, target, folds=np.int64(3), seed=np.int64(2)) == proxy_a_distance(
        source, target, folds=3, seed=2
    )
    labels = (source[:, 0] > 0).astype(int)
    model = TrAdaBoost(rounds=np.int64(3)).fit(source[:40], labels[:40], X_source=source[40:], y_source=labels[40:])
    assert 1 <= len(model.estimators_) <= 3
    for rounds in (True, 2.0, "3"):
        with pytest.raises(ValueError, match=r"rounds=.* is not possible; give a whole number from 1"):
            TrAdaBoost(rounds=rounds).fit(source, labels, X_source=source, y_source=labels)


def test_advice_about_too_few_examples_can_be_followed():
    with pytest.raises(ValueError, match="1 sample in the smaller domain: give 2 samples or more of each"):
        DensityRatio(folds=2).fit([[1.0]], [[2.0]])


@pytest.mark.parametrize("name", WEIGHERS)
@pytest.mark.parametrize("seed", seeds(2))
def test_weighers_are_deterministic_take_sparse_input_and_change_nothing(name, seed):
    source, target = shifted(seed)
    kept = source.copy(), target.copy()
    model = WEIGHERS[name]()
    parameters = model.get_params()
    assert model.fit(source, target) is model
    weights = model.weights_.copy()
    assert model.get_params() == parameters
    assert model.n_features_in_ == 2
    np.testing.assert_array_equal(clone(model).fit(source, target).weights_, weights)
    np.testing.assert_array_equal(model.fit(source, target).weights_, weights)  # fitted again, nothing is left over
    sparse = clone(model).fit(scipy.sparse.csr_matrix(source), scipy.sparse.csr_matrix(target)).weights_
    np.testing.assert_allclose(sparse, weights, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(source, kept[0])
    np.testing.assert_array_equal(target, kept[1])
    assert weights.shape == (len(source),)
    assert (weights >= 0).all()
    with pytest.raises(ValueError, match="same features"):
        model.fit(source, target[:, :1])
    with pytest.raises(ValueError, match="NaN"):
        model.fit(source, target * np.nan)


def test_nothing_is_predicted_before_fit_or_from_another_width():
    source, target = shifted(0)
    labels = (source[:, 0] > 0).astype(int)
    for model in (Reweighted(), TrAdaBoost()):
        with pytest.raises(NotFittedError):
            model.predict(source)
    with pytest.raises(NotFittedError):
        DensityRatio().ratio(source)
    fitted = [
        Reweighted().fit(source, labels, target=target),
        TrAdaBoost().fit(source[:30], labels[:30], X_source=source[30:], y_source=labels[30:]),
    ]
    for model in fitted:
        assert model.n_features_in_ == 2
        with pytest.raises(ValueError, match="features"):
            model.predict(source[:, :1])
        assert 0.8 < model.score(source, labels) <= 1
    with pytest.raises(ValueError, match="features"):
        DensityRatio().fit(source, target).ratio(source[:, :1])


def test_nested_parameters_are_set():
    model = Reweighted(LogisticRegression(), KernelMeanMatching())
    model.set_params(estimator__C=0.1, weigher__limit=3.0)
    assert model.estimator.C == 0.1
    assert clone(model).weigher.limit == 3.0


def test_every_public_name_is_documented_with_an_example():
    for name in adaptation.__all__:
        documentation = getattr(adaptation, name).__doc__
        assert "Examples" in documentation, name
        assert "Parameters" in documentation, name
