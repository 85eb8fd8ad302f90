"""Lesson 13: effective sample size."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _weights(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = rng.lognormal(sigma=1.0, size=9)
    ends = np.full(7, 0.3), np.array([0.0, 5.0, 0.0, 0.0]), np.array([2.0])
    rows = (drawn, 20 * rng.lognormal(size=6), drawn / drawn.sum(), np.array([0.0, 0.0, *rng.uniform(1, 3, 4)]), *ends)
    return [{"weights": row} for row in rows]


QUESTION = Question(
    slug="examples_left",
    lesson="13",
    title="How many are left?",
    kind="implement",
    difficulty=1,
    minutes=4,
    points=1,
    hints=(
        "Two checks by hand: equal weights must give their number, and a single weight above zero must give one.",
        "The square of the sum, over the sum of the squares.",
        "`weights.sum()` and `(weights**2).sum()`: square the one, and divide.",
    ),
    inputs=_weights,
    reference=lambda weights: weights.sum() ** 2 / (weights**2).sum(),
    why=(
        "Equal weights give their number, one weight alone gives one, and a common factor changes nothing. Report it "
        "beside every result that comes from weights: twelve in effect of five thousand is a warning that no accuracy "
        "shows."
    ),
    wrong=(
        Wrong(
            "only for a sum of one",
            "One over the sum of the squares is the same thing only where the weights sum to one. Yours changes when "
            "all weights are doubled, and a common factor must not matter: put the square of the sum above the line.",
            lambda weights: 1 / (weights**2).sum(),
        ),
        Wrong(
            "sum not squared",
            "The sum above the line is not squared. Double all weights and yours is halved, while the examples still "
            "tell as much as before.",
            lambda weights: weights.sum() / (weights**2).sum(),
        ),
        Wrong(
            "share",
            "This is the share that is left, between 0 and 1 (means in the place of sums give it). Say how *many* "
            "are left: multiply it by the number of weights.",
            lambda weights: weights.mean() ** 2 / (weights**2).mean(),
        ),
        Wrong(
            "upside down",
            "Upside down: for seven equal weights this is one seventh, and seven are left.",
            lambda weights: (weights**2).sum() / weights.sum() ** 2,
        ),
        Wrong(
            "counted",
            "This counts the weights above zero. An example with a thousandth of another's weight is not gone, and it "
            "does not count as one either.",
            lambda weights: (weights > 0).sum(),
        ),
        Wrong(
            "by the heaviest",
            "The sum over the largest weight looks at a single example. It is a bound, and too low: where one weight "
            "is twice the others, the others still tell something.",
            lambda weights: weights.sum() / weights.max(),
        ),
    ),
)
