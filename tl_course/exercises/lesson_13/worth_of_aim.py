"""Lesson 13: what the aim is worth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import shows
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _weighed_runs(seed: int) -> list[Case]:
    """A curved rule on a line, a target to the right, true weights, and ways to shuffle them."""
    rng = np.random.default_rng(seed)
    cases = []
    for count, lots in ((20, 4), (30, 6), (25, 3)):
        x, target_x = rng.normal(size=count), rng.normal(loc=1.0, size=40)
        rule = rng.uniform(0.5, 1.5)
        cases.append(
            {
                "x": x,
                "y": rule * x**2 + 0.3 * rng.normal(size=count),
                "target_x": target_x,
                "target_y": rule * target_x**2,
                "weights": np.exp(x - 0.5),
                "orders": np.stack([rng.permutation(count) for _ in range(lots)]),
            }
        )
    return cases


def _runner(given: Case) -> Callable[[object], float]:
    """A function that fits a straight line by weighed least squares, and gives its mean squared error on the target."""

    def run(weights: object) -> float:
        weights = torch.as_tensor(weights, dtype=torch.float64)
        if weights.shape != given["x"].shape or not bool((weights >= 0).all()):
            raise ValueError(f"run takes {len(given['x'])} weights, one for each source example, none below 0")
        root, (x, target_x) = weights.sqrt(), (_line(given[name]) for name in ("x", "target_x"))
        slope = torch.linalg.lstsq(root[:, None] * x, (root * given["y"])[:, None]).solution
        return float(((target_x @ slope)[:, 0] - given["target_y"]).square().mean())

    return run


def _line(x: Tensor) -> Tensor:
    return torch.stack([torch.ones_like(x), x], dim=1)


def _worth(answer: object, case: Case) -> Data:
    if not callable(answer):
        raise Unfit("It is no function: write `def answer_worth_of_aim(run, weights, orders):`.")
    given = tensors(case)
    return plain(answer(_runner(given), given["weights"], given["orders"]))


def _by_lot(run: Callable, weights: Tensor, orders: Tensor) -> list[float]:
    return [run(weights[order]) for order in orders]


def _worth_of_aim(run: Callable, weights: Tensor, orders: Tensor) -> float:
    return float(np.mean(_by_lot(run, weights, orders))) - run(weights)


def _ratio(run: Callable, weights: Tensor, orders: Tensor) -> float:
    return float(np.mean(_by_lot(run, weights, orders))) / run(weights)


QUESTION = Question(
    slug="worth_of_aim",
    lesson="13",
    title="What the aim is worth",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Weights do two things at once: they aim, and they cost effective examples. In the broken comparison, which of "
        "the two differs?",
        "The control has the same weights on other points: `weights[order]` for an `order` drawn at random. Its "
        "effective sample size is the same.",
        "One order may be lucky: the mean of `run(weights[order])` over all `orders`, minus `run(weights)`.",
    ),
    inputs=_weighed_runs,
    reference=_worth_of_aim,
    why=(
        "Both sides now have the same effective sample size, and differ in nothing but where the weight lies. On the "
        "texts of the lesson two ratios were tested so, the plain and the cautious one. Their aim was worth about "
        "nothing in this sense. The control of a selection is built in the same way: as many examples, chosen at "
        "random."
    ),
    wrong=(
        Wrong(
            "against no weights",
            "Still compared with no weights at all. The two differ in aim *and* in effective sample size, and a good "
            "aim may hide behind the price of the lost examples. Shuffle the same weights by `orders`.",
            lambda run, weights, orders: run(torch.ones_like(weights)) - run(weights),
        ),
        Wrong(
            "sign",
            "The sign is turned: where aiming lowers the error, its worth must be above zero. Random minus aimed.",
            lambda run, weights, orders: -_worth_of_aim(run, weights, orders),
        ),
        Wrong(
            "first lot",
            "This looks at the first order only. A single one may be lucky or not: take the mean over all `orders`.",
            lambda run, weights, orders: _by_lot(run, weights, orders)[0] - run(weights),
        ),
        Wrong(
            "luckiest lot",
            "This is the *best* of the orders, chosen by its error on the target. With enough orders one will beat any "
            "aim. Take their mean.",
            lambda run, weights, orders: min(_by_lot(run, weights, orders)) - run(weights),
        ),
        Wrong(
            "lots averaged first",
            "You averaged the shuffled weights and ran once. Averaged over many orders all weights are nearly equal, "
            "so this is nearly a run without weights. Run each order, then average the errors.",
            lambda run, weights, orders: run(weights[orders].mean(dim=0)) - run(weights),
        ),
        Wrong(
            "aim not in it",
            "The weights as they were aimed do not occur: this compares shuffled weights with no weights. That "
            "is what the lost effective examples cost.",
            lambda run, weights, orders: float(np.mean(_by_lot(run, weights, orders))) - run(torch.ones_like(weights)),
        ),
        Wrong(
            "ratio",
            "This is a ratio of two errors. The difference was asked for: differences can be averaged over seeds, and "
            "do not explode where an error is small.",
            _ratio,
            recognise=shows(_worth, _ratio, lambda *given: 1 / _ratio(*given)),
        ),
    ),
    probe=_worth,
)
