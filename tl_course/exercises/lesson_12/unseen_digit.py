"""Lesson 12: the digit it never saw."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, tensors


def _without_one(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for rows, classes, count, gap in ((40, 10, 4, 8.0), (25, 5, 9, 5.0), (12, 3, 11, 6.0), (30, 6, 3, -4.0)):
        logits, unseen = rng.normal(scale=2.5, size=(rows, classes)), int(rng.integers(classes))
        logits[:, unseen] -= gap
        cases.append({"logits": logits, "unseen": unseen, "count": count})
    return cases


def _with_bias(answer: object, case: Case) -> Data:
    """Add what the answer gives back to the logits of the unseen class, and show which rows are then called so."""
    need_function(answer, "answer_unseen_digit(logits, unseen, count)")
    bias = answer(*tensors(case).values())
    try:
        bias = float(bias)
    except (TypeError, ValueError, RuntimeError):
        raise Unfit(f"It gave back {type(bias).__name__}; give back one number, the bias to add.") from None
    if not math.isfinite(bias):
        raise Unfit(f"It gave back {bias}, and a bias is a finite number: give back one, such as 0.5.")
    return {"called so": _called_so(case, bias)}


def _called_so(case: Case, bias: float) -> np.ndarray:
    own = case["logits"][:, case["unseen"]] + bias
    others = np.delete(case["logits"], case["unseen"], axis=1).max(axis=1)
    return (own >= others - 1e-9).astype(int)


def _the_wrong_way(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether no case has come nearer to what was wanted, and the last, where the class is too frequent, went away."""
    before = [_called_so(case, 0.0).sum() for case in cases]
    mine, wanted = ([one["called so"].sum() for one in many] for many in (found, expected))
    moves = [(a - b) * (c - b) for a, b, c in zip(mine, before, wanted, strict=True)]
    return max(moves) <= 0 and mine[-1] > before[-1]


def _gaps(logits: Tensor, unseen: int) -> Tensor:
    """By how much each row's best other class is ahead."""
    others = torch.cat([logits[:, :unseen], logits[:, unseen + 1 :]], dim=1)
    return others.amax(dim=1) - logits[:, unseen]


def _between(gaps: Tensor, count: int) -> float:
    """A number that `count` of the gaps do not exceed."""
    gaps = gaps.sort().values
    return float(gaps[count - 1] + gaps[count]) / 2


def _to_the_mean_of_others(logits: Tensor, unseen: int, count: int) -> float:
    others = torch.cat([logits[:, :unseen], logits[:, unseen + 1 :]], dim=1)
    return _between(others.mean(dim=1) - logits[:, unseen], count)


def _own_among_them(logits: Tensor, unseen: int, count: int) -> float:
    return _between(logits.amax(dim=1) - logits[:, unseen], count)


def _by_shares(logits: Tensor, unseen: int, count: int) -> float:
    return math.log(count / len(logits)) - math.log(logits.softmax(dim=1)[:, unseen].mean())


QUESTION = Question(
    slug="unseen_digit",
    lesson="12",
    title="The digit it never saw",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=2,
    hints=(
        "A picture is called so when its logit for that class, plus your number, is the largest of its row. By how "
        "much does each picture miss that?",
        "`gap = (largest of the other logits) - (own logit)`, one for each picture. A number b turns every picture "
        "with a gap up to b.",
        "Sort the gaps. Which number has exactly `count` of them at or below it? The gap at index `count - 1` has, and "
        "so has the middle between it and the next.",
    ),
    inputs=_without_one,
    reference=lambda logits, unseen, count: _between(_gaps(logits, unseen), count),
    why=(
        "One number, found without a single label of that digit. By itself it does not show what the student knew: in "
        "the lesson it helps students on smoothed labels, too. Only what answers find beyond such controls is the "
        "teacher's doing. How often it comes *you* had to know: that is information, too."
    ),
    wrong=(
        Wrong(
            "enough for all",
            "This is the largest gap: now every picture is called so. Stop when `count` of them are.",
            lambda logits, unseen, count: float(_gaps(logits, unseen).max()),
        ),
        Wrong(
            "minus",
            "The sign is wrong: the class is made rarer still. Its logits lag behind, so add what the others are "
            "ahead.",
            lambda logits, unseen, count: -_between(_gaps(logits, unseen), count),
            recognise=_the_wrong_way,
        ),
        Wrong(
            "wrong end",
            "You counted from the wrong end: this leaves out `count` pictures and calls all others so. The *smallest* "
            "gaps close first.",
            lambda logits, unseen, count: _between(_gaps(logits, unseen), len(logits) - count),
        ),
        Wrong(
            "mean gap",
            "With the mean gap about half of all pictures change sides, however many should. Not the average picture "
            "decides, but the one at rank `count`.",
            lambda logits, unseen, count: float(_gaps(logits, unseen).mean()),
        ),
        Wrong(
            "mean of the others",
            "You measure against the *mean* of the other logits. A class has to beat the largest of them, which lies "
            "higher.",
            _to_the_mean_of_others,
        ),
        Wrong(
            "own among the others",
            "The class's own logit is among those it has to beat. Where it already wins, its gap is then 0 instead of "
            "negative, and a class that is called too *often* cannot be lowered.",
            _own_among_them,
        ),
        Wrong(
            "one too many",
            "One picture too many: with indices from zero, the gap at index `count` is the one after the last that may "
            "close.",
            lambda logits, unseen, count: float(_gaps(logits, unseen).sort().values[count]),
        ),
        Wrong(
            "ratio of shares",
            "The logarithm of wanted share over present share sets right what the probabilities add up to, and only "
            "nearly. Here pictures are counted by their largest logit, and that count is off.",
            _by_shares,
        ),
    ),
    probe=_with_bias,
)
