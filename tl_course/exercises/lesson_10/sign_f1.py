"""Lesson 10: the score, exactly."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data


def _rated(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, zeros in ((60, 4), (40, 0), (25, 1)):
        rating = np.where(rng.random(count) < 0.7, 1, -1) * rng.uniform(0.06, 4, size=count)
        rating[:6] = [0.02, -0.03, 0.04, -0.01, 0.03, -0.02]
        rating[6 : 6 + zeros] = 0
        compound = np.clip(rating / 4 + rng.normal(scale=0.4, size=count), -0.99, 0.99)
        compound[:12] = [0.4, -0.3, 0.2, 0.01, 0.05, -0.05, 0.05, -0.05, 0.03, -0.2, 0.02, 0.6]
        cases.append({"rating": rating, "compound": compound})
    return [*cases, {"rating": np.array([1.0, 2.0, 0.0]), "compound": np.array([0.9, 0.05, 0.0])}]


def _sides(compound: Tensor) -> Tensor:
    return (compound >= 0.05).long() - (compound <= -0.05).long()


def _f1(truth: Tensor, said: Tensor, side: int) -> float:
    both = int((truth == side).sum() + (said == side).sum())
    return 2 * int(((truth == side) & (said == side)).sum()) / both if both else 0.0


def _weighted(truth: Tensor, said: Tensor, counted: Tensor | None = None) -> float:
    counted = truth if counted is None else counted
    return sum(_f1(truth, said, side) * float((counted == side).double().mean()) for side in (-1, 0, 1))


def _macro(truth: Tensor, said: Tensor) -> float:
    there = truth.unique().tolist()
    return sum(_f1(truth, said, side) for side in there) / len(there)


def _is_macro(found: list[Data], cases: list[Case]) -> bool:
    """Whether all numbers are means over the classes of the truth, or over all three."""
    for mine, case in zip(found, cases, strict=True):
        truth, said = torch.tensor(case["rating"]).sign(), _sides(torch.tensor(case["compound"]))
        three = sum(_f1(truth, said, side) for side in (-1, 0, 1)) / 3
        if not any(np.isclose(mine, theirs) for theirs in (_macro(truth, said), three)):
            return False
    return True


QUESTION = Question(
    slug="sign_f1",
    lesson="10",
    title="The score that stands in the table",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Make two lists of −1, 0 and 1: the true classes from `rating`, the answers from `compound`. They follow two "
        "*different* rules.",
        "The truth is `torch.sign(rating)`: neutral only at exactly zero. An answer is 1 from +0.05 up and −1 from "
        "−0.05 down, both included.",
        "For each class in the truth: F1 = 2 · right / (true ones + called ones), times the share of that class in the "
        "*truth*. Add these up.",
    ),
    inputs=_rated,
    reference=lambda rating, compound: _weighted(rating.sign(), _sides(compound)),
    why=(
        "Sign of the rating, thresholds for the answer, weights by frequency in the truth: with these three the "
        "published table comes out, and with any other choice another number does. Only now may you stand beside it."
    ),
    wrong=(
        Wrong(
            "thresholds for the truth",
            "You cut the *ratings* at ±0.05, too. The thresholds belong to VADER's score; the truth is the sign of the "
            "rating, and neutral is exactly zero.",
            lambda rating, compound: _weighted(_sides(rating), _sides(compound)),
        ),
        Wrong(
            "sign for both",
            "You take the sign of VADER's score, without its thresholds. Then it is hardly ever neutral, where the "
            "paper lets it be neutral between −0.05 and +0.05.",
            lambda rating, compound: _weighted(rating.sign(), compound.sign()),
        ),
        Wrong(
            "thresholds left out",
            "The thresholds themselves belong to the sides: *from* +0.05 up, *from* −0.05 down. You count a score of "
            "exactly 0.05 as neutral.",
            lambda rating, compound: _weighted(rating.sign(), (compound > 0.05).long() - (compound < -0.05).long()),
        ),
        Wrong(
            "macro",
            "This is macro F1, in which each class counts the same. Neutral, with a text or two, then decides a third "
            "of the score.",
            lambda rating, compound: _macro(rating.sign(), _sides(compound)),
            recognise=lambda found, expected, cases: _is_macro(found, cases),
        ),
        Wrong(
            "weighted by what was said",
            "You weigh each class by how often it was *called*. A method would then choose its own weights; take the "
            "shares of the truth.",
            lambda rating, compound: _weighted(rating.sign(), _sides(compound), _sides(compound)),
        ),
        Wrong(
            "accuracy",
            "This is accuracy, the share of right answers. It counts no class at all.",
            lambda rating, compound: float((rating.sign() == _sides(compound)).double().mean()),
        ),
    ),
)
