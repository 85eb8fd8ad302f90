"""The reliability diagram: its points are the bins, its text gives what is drawn."""

import itertools

import numpy as np
import pytest
from draws import seeds

from tl_course import figures
from tl_course.figures import calibration
from tl_course.figures.style import METHODS, axes
from tl_course.metrics import calibration_error

SEEDS = seeds(3)


def answers(seed: int, bins: int = 10, sharpness: float = 2.0):
    """Return labels and the calibration of made-up probabilities for three classes."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, 200)
    scores = sharpness * (random.normal(size=(200, 3)) + np.eye(3)[labels])
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    return labels, probabilities, calibration_error(labels, probabilities, bins=bins)


@pytest.mark.parametrize("seed", SEEDS)
def test_points_are_the_bins_that_hold_examples(seed):
    _, _, result = answers(seed)
    _, ax = axes()
    calibration._draw_curves(ax, [(result, METHODS["fine_tune"])])
    diagonal, curve = ax.lines
    assert np.array_equal(*diagonal.get_data())
    full = result.count > 0
    assert np.array_equal(curve.get_xdata(), result.confidence[full])
    assert np.array_equal(curve.get_ydata(), result.accuracy[full])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("several", [1, 2, 3])
def test_bars_are_the_shares_and_none_hides_another(seed, several):
    looks = [(answers(seed + i)[2], style) for i, style in zip(range(several), METHODS.values(), strict=False)]
    _, ax = axes()
    calibration._draw_counts(ax, looks)
    for (result, _), bars in zip(looks, ax.containers, strict=True):
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1)
        assert all(bar.get_height() == count / 200 for bar, count in zip(bars, result.count, strict=True))
        for bar, left, right in zip(bars, result.edges, result.edges[1:], strict=False):
            assert left < bar.get_x() < bar.get_x() + bar.get_width() < right
    spans = sorted((bar.get_x(), bar.get_x() + bar.get_width()) for bar in ax.patches)
    assert all(end <= start + 1e-12 for (_, end), (start, _) in itertools.pairwise(spans))


@pytest.mark.parametrize("seed", SEEDS)
def test_the_text_gives_error_confidence_and_accuracy(seed):
    labels, probabilities, result = answers(seed)
    sure, right = probabilities.max(axis=1).mean(), (probabilities.argmax(axis=1) == labels).mean()
    said = f"Fine-tuning: calibration error {result.error:.1%}, on average {sure:.0%} sure and {right:.0%} right"
    assert figures.reliability({"fine_tune": result}).alt == f"Reliability diagram. {said}."


@pytest.mark.integration
def test_one_result_and_several_and_names_of_ones_own():
    one, other = answers(0)[2], answers(1, sharpness=6.0)[2]
    assert figures.reliability(one).png == figures.reliability({"Network": one}).png
    both = figures.reliability({"linear_probe": one, "sharper": other}, caption="You just ran this.")
    assert "Linear probe: calibration error" in both.alt
    assert "; sharper: calibration error" in both.alt
    assert both.caption == "You just ran this."
    assert figures.reliability(one, title="A finding", alt="A line close to the diagonal.").alt.startswith("A line")


def test_nothing_and_unequal_bins_are_refused():
    with pytest.raises(ValueError, match="there is no calibration to draw"):
        figures.reliability({})
    with pytest.raises(ValueError, match="the bins differ"):
        figures.reliability({"a": answers(0)[2], "b": answers(0, bins=15)[2]})
