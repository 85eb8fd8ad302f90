"""Record 13_known_weights: weighing a source whose true weights p_t/p_s have a formula.

Source inputs are N(0, I) in the plane, target inputs the same bell moved by ``shift`` along the first axis: then
p_t(x)/p_s(x) = exp(shift·x₁ − shift²/2). Both domains share one rule for the classes, and one label in ten is wrong.
``target`` names the rule: ``curved`` (class 1 above the parabola x₂ = (x₁² − 1)/2), which no straight line follows, or
``straight`` (above the line x₂ = x₁/2). A logistic regression learns from 200 labelled source examples; 200 target
inputs without labels may be used to weigh them. One such draw is a lottery, so ``value`` is the mean over ten, and a
seed stands for its ten draws. ``setting`` is "what, shift":

* ``error``: on 5,000 fresh target examples;
* ``ess``: the effective sample size of the weights;
* ``misplaced``: ½·Σ|v − v*|, with v and v* the estimated and the true weights, each divided by their sum: the part of
  the weight that lies on the wrong examples.

``method``: ``source_only`` (all weights 1), ``true_weights``, ``density_ratio`` (logistic regression on the domains),
``kmm`` (Gaussian kernel of median width, no weight above 10), ``selection`` (the half most like the target),
``shuffled`` (the true weights, dealt out to the examples by lot: the same effective sample size, and no aim).

For the mini profile only: points in the plane are the same toy in every profile.
"""

from functools import cache

import numpy as np
from sklearn.linear_model import LogisticRegression

from authoring.records.common import Cell, product
from tl_course.adaptation import DensityRatio, KernelMeanMatching, SourceSelection, effective_sample_size

COUNT, TEST, WRONG, DRAWS = 200, 5000, 0.1, 10
SHIFTS = (0.5, 1.0, 1.5, 2.0)
WEIGHERS = ("source_only", "true_weights", "density_ratio", "kmm", "selection", "shuffled")
CELLS = [
    *product(["curved", "straight"], WEIGHERS, [f"error, {shift}" for shift in SHIFTS], range(5)),
    *product(["curved"], ["true_weights", "density_ratio", "kmm"], ["ess, 1.0", "ess, 2.0"], range(5)),
    *product(["curved"], ["source_only", "density_ratio", "kmm"], ["misplaced, 1.0", "misplaced, 2.0"], range(5)),
]
CHEAP = False


def labels(x: np.ndarray, rule: str, rng: np.random.Generator) -> np.ndarray:
    """The classes 0 and 1 of n×2 inputs, one in ten of them wrong."""
    edge = (x[:, 0] ** 2 - 1) / 2 if rule == "curved" else x[:, 0] / 2
    return ((x[:, 1] > edge) ^ (rng.random(len(x)) < WRONG)).astype(int)


@cache
def inputs(shift: float, draw: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source inputs, target inputs, target inputs for the test."""
    rng = np.random.default_rng(draw)
    source, target, test = (rng.normal(size=(count, 2)) for count in (COUNT, COUNT, TEST))
    moved = np.array([shift, 0.0])
    return source, target + moved, test + moved


@cache
def weights(method: str, shift: float, draw: int) -> np.ndarray:
    """One weight for each source example, with a mean of 1."""
    source, target, _ = inputs(shift, draw)
    true = np.exp(shift * source[:, 0] - shift**2 / 2)
    found = {
        "source_only": lambda: np.ones(COUNT),
        "true_weights": lambda: true,
        "density_ratio": lambda: DensityRatio().fit(source, target).weights_,
        "kmm": lambda: KernelMeanMatching(limit=10.0).fit(source, target).weights_,
        "selection": lambda: SourceSelection(share=0.5).fit(source, target).weights_,
        "shuffled": lambda: np.random.default_rng(draw + 1000).permutation(true),
    }[method]()
    return found / found.mean()


def error(method: str, rule: str, shift: float, draw: int) -> float:
    """The target error of the weighed classifier, in one draw."""
    rng = np.random.default_rng(draw + 2000)
    source, _, test = inputs(shift, draw)
    y, wanted = labels(source, rule, rng), labels(test, rule, rng)
    model = LogisticRegression().fit(source, y, sample_weight=weights(method, shift, draw))
    return 1 - float(model.score(test, wanted))


def measured(cell: Cell, draw: int) -> float:
    """One of the three measures, for one draw."""
    what, shift = cell.setting.split(", ")
    if what == "error":
        return error(cell.method, cell.target, float(shift), draw)
    found, true = (weights(name, float(shift), draw) for name in (cell.method, "true_weights"))
    if what == "ess":
        return effective_sample_size(found)
    return float(np.abs(found - true).sum() / 2 / COUNT)


def measure(cell: Cell) -> float:
    """The mean over the draws of a seed."""
    return float(np.mean([measured(cell, DRAWS * cell.seed + k) for k in range(DRAWS)]))
