"""Lesson 14: MMD."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import gradients, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, gives, zero
from tl_course.exercises.values import Data, plain, tensors


def _samples(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = [
        {
            "source": rng.normal(scale=1.5, size=(count, width)),
            "target": rng.normal(loc=rng.uniform(0.3, 1), scale=1.2, size=(other, width)),
        }
        for count, other, width in ((6, 4, 3), (3, 7, 2), (5, 5, 4))
    ]
    again = rng.permutation(cases[0]["source"])  # one batch in both places: the estimate is below zero
    return [*cases, {"source": cases[0]["source"], "target": again}]


def _measured_width(source: Tensor, target: Tensor) -> Tensor:
    """The median of the distances that are not zero, as autograd sees it."""
    pooled = torch.cat([source, target])
    distances = torch.cdist(pooled, pooled, compute_mode="donot_use_mm_for_euclid_dist")
    return distances[distances > 0].median()


def _loss_with_measured_width(answer: object, case: Case) -> Data:
    """The loss, and its gradient by both samples, from which the width was measured."""
    need_function(answer, "answer_mmd(source, target, width)")
    given = [tensor.requires_grad_() for tensor in tensors(case).values()]
    loss = answer(*given, _measured_width(*given))
    found = gradients(loss, given)
    return {"value": plain(loss), "gradient by source": found[0], "gradient by target": found[1]}


def _gaussian(x: Tensor, y: Tensor, width: Tensor) -> Tensor:
    return torch.exp(-(x[:, None] - y).square().sum(dim=2) / (2 * width**2))


def _mean_of_others(values: Tensor) -> Tensor:
    """The mean of a square table without its diagonal."""
    return (values.sum() - values.diagonal().sum()) / (len(values) * (len(values) - 1))


def _mmd(source: Tensor, target: Tensor, width: Tensor, kernel=_gaussian, within=_mean_of_others, cross: float = 2):
    width = width.detach()
    inside = within(kernel(source, source, width)) + within(kernel(target, target, width))
    return inside - cross * kernel(source, target, width).mean()


def _mmd_with(**parts: object) -> Callable:
    return lambda source, target, width: _mmd(source, target, width, **parts)


def _width_followed(source: Tensor, target: Tensor, width: Tensor) -> Tensor:
    return _mmd(source, target, width, kernel=lambda x, y, _: _gaussian(x, y, width))


def _distance(x: Tensor, y: Tensor) -> Tensor:
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def _mmd_by_value(name: str, message: str, *forms: Callable) -> Wrong:
    """A wrong loss that is known by its values, in one of its forms; the width is measured again, as a number."""

    def with_width(form: Callable) -> Callable:
        return lambda source, target: form(source, target, _measured_width(source, target))

    return Wrong(name, message, forms[0], recognise=gives(*map(with_width, forms), name="value"))


def _exponents(*exponents: Callable[[Tensor, Tensor], Tensor]) -> list[Callable]:
    """MMD² with other functions of distance and width in the kernel's exponent."""

    def form(exponent: Callable) -> Callable:
        return _mmd_with(kernel=lambda x, y, width: torch.exp(-exponent(_distance(x, y), width)))

    return [form(exponent) for exponent in exponents]


QUESTION = Question(
    slug="mmd",
    lesson="14",
    title="Neighbours, but not oneself",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=4,
    hints=(
        "Three tables of kernels: source with source, target with target, source with target. Which entries of the "
        "first two say nothing about the domain?",
        "The diagonals compare an example with itself, and are always 1. Take them away from the sum and divide by "
        "n(n − 1). The third table has no such entries: a plain mean, twice, with a minus.",
        "`width = width.detach()` first; `torch.cdist(x, y).square()` are the squared distances; `(k.sum() - "
        "k.diagonal().sum()) / (n * (n - 1))` is the mean of a table without its diagonal.",
    ),
    inputs=_samples,
    reference=_mmd,
    why=(
        "On two batches of one domain this is zero on average, so that what is left over is the domains' own. It may "
        "be below zero, and for one batch in both places it always is. And its kernel's width is a number: training "
        "can bring the features together, but not look away."
    ),
    wrong=(
        _mmd_by_value(
            "diagonal kept",
            "This is the biased estimate: the diagonals are in it, each example compared with itself, and add 1/n for "
            "each batch even if the domains are one. With small batches that is most of what a loss would see.",
            _mmd_with(within=lambda table: table.mean()),
        ),
        _mmd_by_value(
            "diagonal added",
            "You divide by n(n − 1), but the diagonal is still in the sum: n ones too many. Subtract it, or fill it "
            "with zeros.",
            _mmd_with(within=lambda table: table.sum() / (len(table) * (len(table) - 1))),
        ),
        _mmd_by_value(
            "divided by all",
            "The diagonal is gone from the sum, and still counted in the division: n(n − 1) entries are left, not n². "
            "The domains look nearer to each other than they are.",
            _mmd_with(within=lambda table: (table.sum() - table.diagonal().sum()) / len(table) ** 2),
        ),
        _mmd_by_value(
            "distance not squared",
            "The exponent has the distance where a Gaussian has its *square*. `torch.cdist` gives distances: square "
            "them.",
            *_exponents(
                lambda d, width: d / (2 * width**2), lambda d, width: d / (2 * width), lambda d, width: d / width
            ),
        ),
        _mmd_by_value(
            "another width",
            "The distance is squared, and the divisor is not 2σ²: look whether the width is squared, and whether the 2 "
            "is there. With another unit of the features this kernel would see something else.",
            *_exponents(
                lambda d, width: d**2 / (2 * width), lambda d, width: d**2 / width**2, lambda d, width: d**2 / width
            ),
        ),
        _mmd_by_value(
            "cross term once",
            "The third term is subtracted once. Two means come in, of source and of target, so it has to go out twice: "
            "else equal domains are far from zero.",
            _mmd_with(cross=1),
        ),
        _mmd_by_value(
            "cross term added",
            "The third term has the wrong sign. Kernels are large between *near* examples, so that domains that lie "
            "near each other must make the loss small.",
            _mmd_with(cross=-2),
        ),
        _mmd_by_value(
            "root taken",
            "You took the root. MMD² without bias may be below zero, and its root is then NaN in the middle of a "
            "training run. Give back the square.",
            lambda *given: _mmd(*given).sqrt(),
        ),
        _mmd_by_value(
            "cut off at zero",
            "You cut off below zero. The average is right only *because* some values are below: cut them off, and "
            "equal domains look different again.",
            lambda *given: _mmd(*given).clamp(min=0),
        ),
        Wrong(
            "gradient lost",
            "The value is right, and nothing flows back from it: no feature can be moved by this loss. Detach only the "
            "width.",
            lambda *given: _mmd(*given).detach(),
            recognise=all_of(agrees("value"), zero("gradient*")),
        ),
        Wrong(
            "width followed",
            "The value is right, but the gradient also runs through `width`, which was measured on these features. "
            "Training could then lower the loss by spreading the features until the kernel sees nothing. Detach it.",
            _width_followed,
        ),
    ),
    probe=_loss_with_measured_width,
)
