"""Lesson 12: two equal rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import gradients, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, agrees, all_of, gives, has_nan, none_of, on
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _batches(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    plain_one, twins, pairs = rng.normal(size=(4, 3)), rng.normal(size=(5, 2)), rng.normal(scale=4, size=(6, 4))
    twins[3] = twins[1]
    pairs[[2, 5]] = pairs[[0, 4]]
    equal = np.repeat(rng.normal(size=(1, 3)), 3, axis=0)
    return [{"x": x, "weights": rng.normal(size=(len(x), len(x)))} for x in (plain_one, twins, pairs, equal)]


def _pulls(answer: object, case: Case) -> Data:
    """The table, and the gradient of a weighted sum of it."""
    need_function(answer, "answer_equal_rows(x)")
    given = tensors(case)
    x = given["x"].requires_grad_()
    table = answer(x)
    if not isinstance(table, Tensor) or table.shape != given["weights"].shape:
        shown = f"a tensor of shape {tuple(table.shape)}" if isinstance(table, Tensor) else type(table).__name__
        raise Unfit(f"It gave back {shown}; give back the table of distances, a tensor of shape N×N.")
    return {"value": plain(table), "gradient": gradients((table * given["weights"]).sum(), [x])[0]}


def _squares(x: Tensor) -> Tensor:
    return (x[:, None] - x[None]).square().sum(dim=2)


def _distances(x: Tensor) -> Tensor:
    """Distances with no slope at zero."""
    squares = _squares(x)
    return squares.where(squares > 0, 1).sqrt().where(squares > 0, 0)


def _over(distances: Tensor, *, mean: Callable[[Tensor], Tensor]) -> Tensor:
    divisor = mean(distances)
    return distances / divisor.where(divisor > 0, 1)


def _mean_apart(distances: Tensor) -> Tensor:
    return distances.sum() / (distances > 0).sum().clamp(min=1)


def _mean_of_others(distances: Tensor) -> Tensor:
    return distances.sum() / (len(distances) * (len(distances) - 1))


def _equal_rows(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=_mean_apart)


def _masked_too_late(x: Tensor) -> Tensor:
    squares = _squares(x)
    return _over(squares.sqrt().where(squares > 0, 0), mean=_mean_apart)


def _only_the_diagonal(x: Tensor) -> Tensor:
    itself = torch.eye(len(x), dtype=torch.bool)
    return _over(_squares(x).masked_fill(itself, 1).sqrt().masked_fill(itself, 0), mean=_mean_apart)


def _unguarded(x: Tensor) -> Tensor:
    distances = _distances(x)
    return distances / distances[distances > 0].mean()


def _constant_mean(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=lambda distances: _mean_apart(distances).detach())


def _like(distances: Callable[[Tensor], Tensor]) -> Recogniser:
    """Recognise a table by its values, where not all rows are equal: there everybody divides by something else."""
    return on(slice(-1), gives(distances, name="value", without=("weights",)))


def _mean_of_all(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=torch.mean)


def _mean_of_pairs(x: Tensor) -> Tensor:
    return _over(_distances(x), mean=_mean_of_others)


def _squared(x: Tensor) -> Tensor:
    return _over(_squares(x), mean=_mean_apart)


QUESTION = Question(
    slug="equal_rows",
    lesson="12",
    title="Two equal rows",
    kind="repair",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "The root of 0 is 0, and its slope there is infinite. In the backward pass that meets a factor 0, and "
        "`inf * 0` is `nan`.",
        "A mask *after* the root comes too late: its zero is multiplied by the infinite slope. Put a harmless number, "
        "such as 1, in the place of the zeros *before* the root, and take it out again afterwards.",
        "`apart = squares > 0`, then `squares.where(apart, 1).sqrt().where(apart, 0)`. The mean: the sum over "
        "`apart.sum()`, and where that is 0, divide by 1.",
    ),
    inputs=_batches,
    reference=_equal_rows,
    why=(
        "Equal rows have the distance 0, count in no mean, and pull at no weight. Take care of the "
        "diagonal alone, and you train well until a picture is in a batch twice, or two rows of dead ReLUs meet. Then "
        "every weight is NaN at once, at a step that you cannot foresee."
    ),
    wrong=(
        Wrong(
            "only the diagonal",
            "You took care of the diagonal, and not of equal rows elsewhere: a batch with twins in it has the gradient "
            "NaN. Ask which distances are 0, not which stand on the diagonal.",
            _only_the_diagonal,
            recognise=all_of(on(0, agrees("gradient")), on(1, has_nan("gradient")), on(2, has_nan("gradient"))),
        ),
        Wrong(
            "masked too late",
            "The table is right, and its gradient is NaN: the root's slope at 0 is infinite, and a mask after the root "
            "multiplies it by zero. The zeros have to be gone *before* the root.",
            _masked_too_late,
            recognise=all_of(agrees("value"), has_nan("gradient")),
        ),
        Wrong(
            "constant mean",
            "The table is right, but its gradient is not: the mean distance was cut from the graph. It depends on "
            "every row, and the scale could run away otherwise.",
            _constant_mean,
            recognise=all_of(agrees("value"), none_of(has_nan("gradient"))),
        ),
        Wrong(
            "nobody apart",
            "One batch is wrong: the one in which all rows are equal. The mean of no distances is NaN. There the "
            "table is 0 everywhere, and nothing is pulled.",
            _unguarded,
            recognise=all_of(on(slice(-1), agrees("value", "gradient")), on(-1, has_nan("value"))),
        ),
        Wrong(
            "zeros in the mean",
            "The zeros count in your mean, the diagonal's among them. The mean is over the distances that are not "
            "zero, or every twin in a batch makes all other distances look longer.",
            _mean_of_all,
            recognise=_like(_mean_of_all),
        ),
        Wrong(
            "twins in the mean",
            "You left the diagonal out of the mean, and the zeros of equal rows are still in it. They are no distances "
            "either.",
            _mean_of_pairs,
            recognise=_like(_mean_of_pairs),
        ),
        Wrong(
            "not divided",
            "The distances are not divided by their mean. Student and teacher have features of different size, and the "
            "loss should compare their *relations*.",
            _distances,
            recognise=_like(_distances),
        ),
        Wrong(
            "squares",
            "These are squared distances: the root is missing. It was the root that made trouble, but without it far "
            "pairs count too much.",
            _squared,
            recognise=_like(_squared),
        ),
    ),
    probe=_pulls,
)
