"""Lesson 02: L2-SP."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.probes import gradients, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, zero
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _moves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"weight": rng.normal(size=(2, 3)), "bias": rng.normal(size=2), "move": float(move), "strength": strength}
        for move, strength in ((rng.uniform(0.2, 1), 0.1), (-rng.uniform(0.2, 1), 0.7), (0.5, 2.0))
    ]


def _pull_after_a_move(answer: object, case: Case) -> Data:
    """Make the penalty, move the weights in place as an optimiser does, and see how the penalty pulls back."""
    if not callable(answer):
        raise Unfit("It is no function: write `def answer_l2_sp(model, strength):`.")
    given = tensors(case)
    model = nn.Linear(3, 2, dtype=torch.float64)
    model.load_state_dict({"weight": given["weight"], "bias": given["bias"]})
    penalty = answer(model, case["strength"])
    if not callable(penalty):
        raise Unfit("It must give back a function, the penalty, which is called again after each step.")
    start = plain(penalty())
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(case["move"])
    after = penalty()
    pull = gradients(after, list(model.parameters()))
    return {"penalty at the start": start, "penalty after the move": plain(after), "gradient": pull, **state(model)}


def _l2_sp(model: nn.Module, strength: float):
    start = [weight.detach().clone() for weight in model.parameters()]

    def penalty() -> Tensor:
        pairs = zip(model.parameters(), start, strict=True)
        return strength / 2 * sum((weight - source).square().sum() for weight, source in pairs)

    return penalty


def _of_distance(keep, of_difference, factor: float = 0.5):
    """Wrong penalties: what is kept as the start, and what is made of the difference."""

    def answer(model: nn.Module, strength: float):
        start = [keep(weight) for weight in model.parameters()]
        return lambda: (
            factor * strength * sum(of_difference(w - s) for w, s in zip(model.parameters(), start, strict=True))
        )

    return answer


def _square(difference: Tensor) -> Tensor:
    return difference.square().sum()


def _copied(weight: Tensor) -> Tensor:
    return weight.detach().clone()


def _grows_with_the_move(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether the penalty, over the strength, is one multiple of |move| in all cases, as norms and sums of |.| are."""
    scale = [
        float(one["penalty after the move"]) / case["strength"] / abs(case["move"])
        for one, case in zip(found, cases, strict=True)
    ]
    return scale[0] > 0 and bool(np.allclose(scale, scale[0]))


QUESTION = Question(
    slug="l2_sp",
    lesson="02",
    title="A starting point that stays",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "The penalty is called after each step, and must still know where the weights were when it was made.",
        "Keep a list of the weights' values at the start. An optimiser changes weights in place: what you keep must "
        "not share their memory, and must not be part of the graph.",
        "`start = [weight.detach().clone() for weight in model.parameters()]`, then a function inside the function "
        "that returns `strength / 2` times the sum of all squared differences.",
    ),
    inputs=_moves,
    reference=_l2_sp,
    why=(
        "The start is a copy, so the spring has a fixed end, and its pull is λ(θ − θ_s). With `detach()` alone "
        "both ends move together: the penalty always stays zero, while the run looks regularised. Published code "
        "has that bug."
    ),
    wrong=(
        Wrong(
            "no copy",
            "Your start moves along with the weights, so the penalty always stays zero: `detach()` leaves the graph "
            "but shares the memory. Make a copy with `clone()`.",
            _of_distance(lambda weight: weight.detach(), _square),
        ),
        Wrong(
            "clone in the graph",
            "The value is right, but nothing pulls: `clone()` without `detach()` is still a function of the weights, "
            "so the gradients of both ends cancel.",
            _of_distance(lambda weight: weight.clone(), _square),
            recognise=all_of(agrees("penalty after the move"), zero("gradient")),
        ),
        Wrong(
            "pulls to zero",
            "This pulls the weights to zero: plain weight decay. L2-SP pulls them to where they started.",
            _of_distance(torch.zeros_like, _square),
        ),
        Wrong(
            "factor two",
            "The factor ½ is missing, so the pull is 2λ(θ − θ_s), twice what λ says.",
            _of_distance(_copied, _square, factor=1.0),
        ),
        Wrong(
            "not squared",
            "The differences are not squared. Then the pull is as strong near the start as far from it, or depends on "
            "the sign alone; a spring pulls harder the further you go.",
            _of_distance(_copied, lambda difference: difference.abs().sum()),
            recognise=_grows_with_the_move,
        ),
        Wrong(
            "mean instead of sum",
            "You take the mean over a tensor's numbers. Then the weights of a large layer are held more loosely than "
            "those of a small one. Sum the squares.",
            _of_distance(_copied, lambda difference: difference.square().mean()),
        ),
    ),
    probe=_pull_after_a_move,
)
