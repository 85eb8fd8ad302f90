"""Lesson 14: CORAL."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import with_gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import above, agrees, all_of, gives, on, zero


def _by_value(name: str, message: str, *forms: Callable) -> Wrong:
    """A wrong loss that is known by its values, in one of its forms."""
    return Wrong(name, message, forms[0], recognise=gives(*forms, name="value"))


def _features(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, other, width in ((9, 5, 3), (4, 12, 2), (6, 6, 5)):
        mixing = rng.normal(size=(2, width, width))
        source, target = rng.normal(size=(count, width)) @ mixing[0], rng.normal(size=(other, width)) @ mixing[1]
        cases.append({"source": 2 * source + rng.uniform(1, 3), "target": 2 * target - rng.uniform(1, 3)})
    moved = rng.permutation(cases[0]["source"]) + rng.uniform(2, 4, size=3)  # another place, the same covariance
    return [*cases, {"source": cases[0]["source"], "target": moved}]


def _covariance(x: Tensor, *, less: int = 1, centre: Tensor | None = None) -> Tensor:
    centred = x - (x.mean(dim=0) if centre is None else centre)
    return centred.T @ centred / (len(x) - less)


def _coral(source: Tensor, target: Tensor, covariance: Callable[[Tensor], Tensor] = _covariance) -> Tensor:
    gap = covariance(source) - covariance(target)
    return gap.square().sum() / (4 * source.shape[1] ** 2)


def _coral_times(factor: Callable[[int], float]) -> Callable:
    """CORAL, off by a factor of the features' width."""
    return lambda source, target: factor(source.shape[1]) * _coral(source, target)


def _entries(source: Tensor, target: Tensor, count: Callable[[Tensor], Tensor]) -> Tensor:
    """CORAL with something else in the place of the squared norm."""
    return count(_covariance(source) - _covariance(target)) / (4 * source.shape[1] ** 2)


def _not_centred(x: Tensor, less: int = 1) -> Tensor:
    return x.T @ x / (len(x) - less)


def _around_one_mean(source: Tensor, target: Tensor) -> Tensor:
    centre = torch.cat([source, target]).mean(dim=0)
    return _coral(source, target, lambda x: _covariance(x, centre=centre))


def _with_means(source: Tensor, target: Tensor) -> Tensor:
    return _coral(source, target) + (source.mean(dim=0) - target.mean(dim=0)).square().mean()


QUESTION = Question(
    slug="coral",
    lesson="14",
    title="Covariances that meet",
    kind="implement",
    difficulty=2,
    minutes=9,
    points=2,
    hints=(
        "A covariance first, of one batch: take the mean of each column away. What is left, transposed, times what is "
        "left, is d×d.",
        "Divide that by n − 1, with each batch's own n. The loss is the sum of all squared differences between the two "
        "matrices, over 4d².",
        "`x = x - x.mean(dim=0)`, then `x.T @ x / (len(x) - 1)`, for both; at last "
        "`(a - b).square().sum() / (4 * d ** 2)`.",
    ),
    inputs=_features,
    reference=_coral,
    why=(
        "Zero where the covariances are equal, wherever the means are, and its gradient brings the spreads of both "
        "batches together. It never asks which class a picture belongs to: that is why it may look at the target, "
        "and why it can also bring together what does not belong together."
    ),
    wrong=(
        _by_value(
            "not centred",
            "You left the means in: x transposed times x is a covariance only after the mean of each column is taken "
            "away. Features behind a ReLU are never negative, and their means would drown what you want to compare.",
            lambda source, target: _coral(source, target, _not_centred),
            lambda source, target: _coral(source, target, lambda x: _not_centred(x, less=0)),
        ),
        _by_value(
            "divided by n",
            "Both covariances are divided by n, where n − 1 was asked for. The factor is another one for each batch "
            "size, so two batches of one domain, a large and a small one, would look different.",
            lambda source, target: _coral(source, target, lambda x: _covariance(x, less=0)),
        ),
        _by_value(
            "sums of squares",
            "The products are added up and not divided by n − 1. The larger batch then has the larger matrix, equal "
            "domains or not.",
            lambda source, target: _coral(source, target, lambda x: (len(x) - 1) * _covariance(x)),
        ),
        _by_value(
            "4d² missing",
            "The division by 4d² is missing. Wider features then count by the square of their width, and a weight that "
            "was found on one backbone means nothing on the next.",
            _coral_times(lambda d: 4 * d**2),
        ),
        _by_value(
            "4 missing",
            "The 4 is missing: this is four times the loss of the paper. Some published code has it so, and its "
            "weights are then a quarter of yours.",
            _coral_times(lambda d: 4),
        ),
        _by_value(
            "d not squared",
            "You divide by 4d, and the matrices have d² entries: square the width, so that the loss does not grow with "
            "it.",
            _coral_times(lambda d: d),
            _coral_times(lambda d: d / 4),
        ),
        _by_value(
            "norm not squared",
            "The Frobenius norm is not squared. Without the square the pull is as strong near the goal as far from it, "
            "and has no direction at the goal itself.",
            lambda source, target: _entries(source, target, torch.linalg.norm),
        ),
        _by_value(
            "differences not squared",
            "The differences are added up with their signs, and those above zero cancel those below. Square each of "
            "them first.",
            lambda source, target: _entries(source, target, torch.sum),
            lambda source, target: _entries(target, source, torch.sum),
        ),
        _by_value(
            "variances only",
            "You compare the variances of the single features, the diagonal. Features that rise together in one domain "
            "and against each other in the other one would pass as aligned.",
            lambda source, target: _entries(source, target, lambda gap: gap.diagonal().square().sum()),
        ),
        _by_value(
            "one mean for both",
            "You centre both batches by one mean, that of all examples. Then the distance between the two means is "
            "left in both matrices. Centre each batch by its *own* mean.",
            _around_one_mean,
        ),
        Wrong(
            "means compared",
            "Your loss is above zero for a batch and its shifted copy, whose covariances are equal: it sees the means. "
            "CORAL does not; leave out the term for the means.",
            _with_means,
            recognise=on(-1, above(1e-4, "value")),
        ),
        Wrong(
            "gradient lost",
            "The value is right, and nothing flows back from it: no feature can be moved by this loss. Stay with "
            "tensors to the end, without `detach()`, `item()` or numpy.",
            lambda source, target: _coral(source, target).detach(),
            recognise=all_of(agrees("value"), zero("gradient*")),
        ),
    ),
    probe=with_gradients("source", "target"),
)
