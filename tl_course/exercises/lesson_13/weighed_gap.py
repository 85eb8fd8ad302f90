"""Lesson 13: the middle term of the bound, weighed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, on


def _lines(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for n_s, n_t, shift, width in ((15, 9, 1.0, 1.0), (24, 12, 0.3, 0.4), (10, 14, -0.8, 1.5)):
        z = rng.normal(size=n_s)
        cases.append(
            {
                "z_source": z,
                "weights": rng.uniform(0.5, 3) * np.exp(0.6 * z) * rng.lognormal(sigma=0.4, size=n_s),
                "z_target": shift + width * rng.normal(size=n_t),
            }
        )
    tied = {
        "z_source": rng.permutation(np.array([0.0, 0.0, 1.0, 1.0, 2.0, 3.0])),
        "weights": rng.uniform(1, 4, size=6),
        "z_target": np.array([1.0, 1.0, 0.0, 2.0, 2.0]),
    }
    apart = {"z_source": rng.uniform(-3, -1, 5), "weights": rng.uniform(1, 4, 5), "z_target": rng.uniform(1, 3, 4)}
    return [*cases, tied, apart]


def _gaps(z_source: Tensor, weights: Tensor, z_target: Tensor, cuts: Tensor | None = None) -> Tensor:
    """Difference of the cumulative shares at every cut; zero before the first."""
    cuts = torch.cat([z_source, z_target]) if cuts is None else cuts
    source = (weights * (z_source <= cuts[:, None])).sum(dim=1) / weights.sum()
    target = (z_target <= cuts[:, None]).double().mean(dim=1)
    return torch.cat([source - target, torch.zeros(1, dtype=torch.float64)])


def _spread(gaps: Tensor) -> Tensor:
    return gaps.max() - gaps.min()


def _one_by_one(z_source: Tensor, weights: Tensor, z_target: Tensor) -> Tensor:
    """Steps up and down along the sorted points, ties taken one by one."""
    steps = torch.cat([weights / weights.sum(), torch.full_like(z_target, -1 / len(z_target))])
    return _spread(torch.cat([torch.zeros(1), steps[torch.cat([z_source, z_target]).argsort(stable=True)].cumsum(0)]))


def _unscaled(divided_by: Callable[[Tensor], float]) -> Callable:
    """The source's shares, divided by something other than the total weight."""

    def answer(z_source: Tensor, weights: Tensor, z_target: Tensor) -> Tensor:
        cuts = torch.cat([z_source, z_target])
        source = (weights * (z_source <= cuts[:, None])).sum(dim=1) / divided_by(weights)
        gaps = source - (z_target <= cuts[:, None]).double().mean(dim=1)
        return _spread(torch.cat([gaps, torch.zeros(1)]))

    return answer


def _has_ties(case: Case) -> bool:
    points = np.concatenate([case["z_source"], case["z_target"]])
    return len(np.unique(points)) < len(points)


QUESTION = Question(
    slug="weighed_gap",
    lesson="13",
    title="Do the weights bring the domains together?",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "Which share of the source's *weight* lies at or below a cut? Which share of the target's points? Take their "
        "difference at every cut that matters: at each point of either sample.",
        "An interval is what lies below one cut and not below another: its two shares differ by the difference of two "
        "such differences. The largest is the highest minus the lowest.",
        "`(weights * (z_source <= cut)).sum() / weights.sum() - (z_target <= cut).double().mean()` for each cut; then "
        "`max` minus `min`. Far to the left the difference is zero.",
    ),
    inputs=_lines,
    reference=lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target)),
    why=(
        "Good weights make this smaller, and now you can say by how much, before any model is trained and without a "
        "single label. That is its strength and its limit: it is the middle term of the bound only, and weights that "
        "bring the inputs together say nothing about whether one rule serves both."
    ),
    wrong=(
        Wrong(
            "one threshold",
            "This is the largest difference at *one* cut. It would do for thresholds, which are rays; two thresholds "
            "disagree on an *interval*. Where the target lies in the middle of a wide source you miss up to a half.",
            lambda z_source, weights, z_target: _gaps(z_source, weights, z_target).abs().max(),
        ),
        Wrong(
            "weights forgotten",
            "The weights are not in it: this is the gap before weighing.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, torch.ones_like(weights), z_target)),
        ),
        Wrong(
            "total forgotten",
            "You added up the weights below a cut and did not divide by all of the weight. So these are not shares: "
            "over all of the source they do not sum to one.",
            _unscaled(lambda weights: 1.0),
        ),
        Wrong(
            "divided by the number",
            "Divided by the number of points, this is a share only where the weights have a mean of one. These have "
            "not: divide by their sum.",
            _unscaled(len),
        ),
        Wrong(
            "doubled",
            "Twice too large: the definition of d has a factor two in front, and the bound takes half of it. Give the "
            "half: it is a difference of two shares, and never above one.",
            lambda z_source, weights, z_target: 2 * _spread(_gaps(z_source, weights, z_target)),
        ),
        Wrong(
            "halved",
            "Half of what it should be. The highest minus the lowest difference *is* already ½d: its ½ is no further "
            "factor.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target)) / 2,
        ),
        Wrong(
            "means",
            "This is the distance of the two means. A target in the middle of a wide source has the same mean, and any "
            "narrow interval tells them apart.",
            lambda z_source, weights, z_target: ((weights * z_source).sum() / weights.sum() - z_target.mean()).abs(),
        ),
        Wrong(
            "cuts at the source only",
            "You cut at the source's points only. Between two of them the target's share goes on rising, and the "
            "extreme may lie at one of its points: cut at the points of both.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target, z_source)),
        ),
        Wrong(
            "cuts at the target only",
            "You cut at the target's points only. Between two of them the source's share goes on rising, and the "
            "extreme may lie at one of its points: cut at the points of both.",
            lambda z_source, weights, z_target: _spread(_gaps(z_source, weights, z_target, z_target)),
        ),
        Wrong(
            "ties one by one",
            "It agrees where all points differ. Where points of both samples coincide, you step through them one by "
            "one, as if a cut could part them: add up all steps of one place before you look.",
            _one_by_one,
            recognise=all_of(on(_has_ties, differs()), on(lambda case: not _has_ties(case), agrees())),
        ),
    ),
)
