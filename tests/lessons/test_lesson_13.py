"""Lesson 13: its functions against the package, its record scripts and brute force, on other seeds than it shows."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from draws import seeds
from lesson_code import functions_of
from sklearn.linear_model import LogisticRegression

from authoring.records.common import Cell, load
from tl_course.adaptation import TrAdaBoost, effective_sample_size
from tl_course.data import Split

SEEDS = seeds(4)


@pytest.fixture(scope="module")
def lesson():
    return functions_of("13")


@pytest.fixture(scope="module")
def bound():
    return load("13_bound")


# --- weights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weighed_line_is_scikit_learns(lesson, seed):
    rng = np.random.default_rng(seed)
    x = lesson["bell"](80, 0.5, rng)
    y, w = lesson["classes"](x, lambda x1: x1 / 2, rng), rng.exponential(size=80)
    verb = LogisticRegression(tol=1e-8).fit(x, y, sample_weight=w)
    np.testing.assert_allclose(lesson["straight_line"](x, y, w), [*verb.coef_[0], verb.intercept_[0]], atol=1e-3)


@pytest.mark.parametrize("shift", [0.5, 1.0])
def test_the_formula_of_the_weights_turns_source_means_into_target_means(lesson, shift):
    rng = np.random.default_rng(0)
    source, target = lesson["bell"](400_000, 0, rng), lesson["bell"](400_000, shift, rng)
    w = np.exp(shift * source[:, 0] - shift**2 / 2)
    assert w.mean() == pytest.approx(1, abs=0.02)
    for f in (lambda x: x[:, 0], lambda x: x[:, 0] * x[:, 1] ** 2, lambda x: x[:, 1] > x[:, 0]):
        assert (w * f(source)).mean() == pytest.approx(f(target).mean(), abs=0.03)
    assert effective_sample_size(w) / len(w) == pytest.approx(np.exp(-(shift**2)), rel=0.05)


def test_a_sample_flatters_its_effective_size(lesson):
    sizes = [
        effective_sample_size(np.exp(2 * lesson["bell"](200, 0, np.random.default_rng(k))[:, 0])) for k in range(50)
    ]
    assert np.mean(sizes) > 2 * 200 * np.exp(-4)


def test_one_label_in_ten_is_wrong(lesson):
    x = lesson["bell"](100_000, 0, np.random.default_rng(0))
    y = lesson["classes"](x, lambda x1: x1 / 2, np.random.default_rng(1))
    assert (y != (x[:, 1] > x[:, 0] / 2)).mean() == pytest.approx(0.1, abs=0.005)


# --- the record of known weights --------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", SEEDS)
def test_recorded_weights_have_a_mean_of_one_and_their_controls_are_controls(draw):
    script = load("13_known_weights")
    found = {method: script.weights(method, 1.0, draw) for method in script.WEIGHERS}
    assert all(w.mean() == pytest.approx(1) and (w >= 0).all() for w in found.values())
    np.testing.assert_allclose(np.sort(found["shuffled"]), np.sort(found["true_weights"]))
    assert not np.allclose(found["shuffled"], found["true_weights"])
    assert script.measured(Cell("curved", "true_weights", "misplaced, 1.0", 0), draw) == 0
    assert 0 < script.measured(Cell("curved", "density_ratio", "misplaced, 1.0", 0), draw) < 1


# --- the record of sentiment, on made-up features ---------------------------------------------------------------------


@pytest.fixture
def sentiment(monkeypatch):
    script = load("13_sentiment")

    def part(domain, count):
        rng = np.random.default_rng([count, script.DOMAINS.index(domain)])
        labels = torch.from_numpy(rng.integers(0, 2, count))
        inputs = torch.from_numpy(rng.normal(size=(count, 6)) + script.DOMAINS.index(domain) / 3)
        inputs[:, 0] += 2 * labels
        return Split(inputs.float(), labels)

    monkeypatch.setattr(
        script, "embedded", lambda domain: SimpleNamespace(train=part(domain, 1000), test=part(domain, 300))
    )
    cached = (script.drawn, script.weights, script.trained, script.of_pair)
    for function in cached:
        function.cache_clear()
    yield script
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize("seed", seeds(2))
def test_recorded_draws_are_half_and_half_from_their_start(sentiment, seed):
    for domain in sentiment.DOMAINS:
        x, y = sentiment.drawn(domain, seed)
        assert x.shape == (600, 6)
        assert y[:20].sum() == 10
        assert y.sum() == 300
        assert len(np.unique(x, axis=0)) == 600


@pytest.mark.integration
def test_recorded_means_are_those_of_the_pairs(sentiment):
    pairs = [sentiment.measure(Cell("sentiment", "selection", pair, 0)) for pair in sentiment.PAIRS]
    assert len(pairs) == 12
    assert sentiment.measure(Cell("sentiment", "selection", "all", 0)) == pytest.approx(np.mean(pairs))
    for method, setting in (("pooled", "all, 20"), ("target_only", "all, 600"), ("joint", "all, source")):
        assert 0.5 < sentiment.measure(Cell("sentiment", method, setting, 0)) <= 1
    assert 0 < sentiment.measure(Cell("sentiment", "tradaboost", "share, 20", 0)) < 1


@pytest.mark.parametrize(
    ("aimed", "control"), [("density_ratio", "shuffled"), ("cautious_cross_fitted", "cautious_shuffled")]
)
def test_recorded_controls_are_the_same_weights_shuffled(sentiment, aimed, control):
    true, lot = (sentiment.weights(name, "movies", "tweets", 0) for name in (aimed, control))
    np.testing.assert_array_equal(np.sort(true), np.sort(lot))
    assert (true != lot).any()
    assert sentiment.weights("random_half", "movies", "tweets", 0).mean() == 1


@pytest.mark.parametrize("seed", seeds(2))
def test_each_recorded_repair_of_the_ratio_leaves_more_examples(sentiment, seed):
    names = ("cross_fitted", "clipped", "tempered")
    plain, clipped, tempered = (sentiment.weights(name, "movies", "editorials", seed) for name in names)
    assert all(w.mean() == pytest.approx(1) and (w >= 0).all() for w in (plain, clipped, tempered))
    assert effective_sample_size(clipped) >= effective_sample_size(plain) - 1e-9
    assert effective_sample_size(tempered) > effective_sample_size(plain)
    np.testing.assert_allclose(tempered**2 / (tempered**2).mean(), plain)


# --- TrAdaBoost -------------------------------------------------------------------------------------------------------


@pytest.mark.daily(1)
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("features", "rounds"), [(20, 10), (5, 20), (2, 20)])
def test_tradaboost_by_hand_is_the_packages(lesson, seed, features, rounds):
    rng = np.random.default_rng(seed)
    source, target = rng.normal(size=(150, features)), rng.normal(size=(20, features))
    y_s, y_t = np.where(np.arange(150) < 100, source[:, 0] > 0, source[:, 1] > 0), target[:, 0] > 0
    history = lesson["tradaboost"](source, y_s, target, y_t, rounds)
    model = TrAdaBoost(rounds=rounds).fit(target, y_t, X_source=source, y_source=y_s)
    np.testing.assert_allclose(history[-1], [*model.source_weights_, *model.target_weights_])
    np.testing.assert_allclose(history.sum(axis=1), 170)


# --- the bound --------------------------------------------------------------------------------------------------------


def _line(seed, count=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=count), rng.integers(0, 2, count), rng.normal(0.7, 1, count), rng.integers(0, 2, count)


@pytest.mark.parametrize("seed", seeds(8))
def test_every_term_is_what_trying_all_thresholds_finds(lesson, seed):
    z_s, y_s, z_t, y_t = _line(seed)
    cuts = [-np.inf, *z_s, *z_t]
    rules = [lambda z, c=cut, s=side: (z > c) == s for cut, side in product(cuts, (True, False))]
    on_source = np.array([(rule(z_s) != y_s).mean() for rule in rules])
    on_target = np.array([(rule(z_t) != y_t).mean() for rule in rules])
    apart = max(abs((a(z_s) != b(z_s)).mean() - (a(z_t) != b(z_t)).mean()) for a, b in product(rules, rules))
    parts, target_error = lesson["terms"](z_s, y_s, z_t, y_t)
    np.testing.assert_allclose(parts, [on_source.min(), apart, (on_source + on_target).min()])
    assert any(target_error == pytest.approx(e) for e in on_target[on_source == on_source.min()])
    assert (on_target <= on_source + parts[1] + parts[2] + 1e-12).all()  # for every rule, not only the best


@pytest.mark.parametrize(("target", "alignment"), [*product(["shifted", "flipped"], [0.0, 0.5, 1.0])])
def test_the_records_terms_are_the_lessons(lesson, bound, target, alignment):
    for seed in range(4):
        parts, _ = lesson["terms"](*bound.draw(target, alignment, 60, seed))
        found = bound.terms(target, alignment, 60, seed)
        np.testing.assert_allclose(parts, [found[name] for name in bound.TERMS[:3]])
        assert found["bound"] == pytest.approx(parts.sum())


@pytest.mark.parametrize(("target", "side", "cut"), [*product(["shifted", "flipped"], [0, 1], [-0.4, 0.3, 1.8])])
def test_the_recorded_target_error_is_that_of_the_population(bound, target, side, cut):
    _, _, z, y = bound.draw(target, 0.3, 200_000, 0)
    counted = bound.errors(z, y, np.array([cut]))[side, 0]
    assert bound.target_error(target, 0.3, cut, side) == pytest.approx(counted, abs=0.005)


@pytest.mark.parametrize("seed", SEEDS)
def test_flipped_labels_change_nothing_that_can_be_seen_without_them(bound, seed):
    for alignment in (0.0, 0.5, 1.0):
        one, other = (bound.terms(target, alignment, 100, seed) for target in ("shifted", "flipped"))
        assert one["source_error"] == other["source_error"]
        assert one["half_divergence"] == other["half_divergence"]
        assert one["target_error"] == pytest.approx(1 - other["target_error"])


@pytest.mark.parametrize("seed", SEEDS)
def test_perfect_alignment_of_flipped_labels_has_a_joint_error_of_one(lesson, seed):
    z, y, _, _ = _line(seed, 50)
    (source_error, apart, joint), target_error = lesson["terms"](z, y, z, 1 - y)
    assert (apart, joint, target_error) == (0, pytest.approx(1), pytest.approx(1 - source_error))


def test_alignment_can_create_the_joint_error():
    """The pair of Zhao and others (2019): an interval serves both domains without error; aligned, nothing does."""
    rng = np.random.default_rng(0)
    x_s, x_t = rng.uniform(-1, 0, 500), rng.uniform(1, 2, 500)
    y_s, y_t = x_s > -0.5, x_t < 1.5
    assert (((x_s > -0.5) & (x_s < 1.5)) == y_s).all()
    assert (((x_t > -0.5) & (x_t < 1.5)) == y_t).all()
    grid = np.linspace(0, 1, 11)[1:-1]
    s, t = x_s + 1, x_t - 1  # both are uniform on (0, 1) now
    for place in grid:
        assert ((s > place) != y_s).mean() + ((t > place) != y_t).mean() == pytest.approx(1, abs=0.1)
