"""Lesson 09: one attention head."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, tensors


def _queries(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for width, real in ((8, 6), (3, 4), (16, 1)):
        q, k = rng.normal(scale=1.5, size=(2, 6, width))
        mask = (np.arange(6) < real).astype(np.int64)
        cases.append({"q": q, "k": k, "v": rng.normal(size=(6, 5)), "mask": mask})
    return cases


def _scores(q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
    return (q @ k.T / math.sqrt(q.shape[1])).masked_fill(mask == 0, -math.inf)


def _head(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return _scores(q, k, mask).softmax(dim=1) @ v


def _with_scale(scale) -> object:
    """An answer that multiplies q·k by ``scale(d)``."""
    return lambda q, k, v, mask: _head(q * scale(q.shape[1]) * math.sqrt(q.shape[1]), k, v, mask)


def _is_softmax_of_columns(found: Data, case: Case) -> bool:
    """In the first case nothing is masked, so that it shows the axis alone."""
    q, k, v, mask = tensors(case).values()
    return bool(np.allclose(found, (_scores(q, k, mask).softmax(dim=0) @ v).numpy(), rtol=1e-4))


QUESTION = Question(
    slug="one_head",
    lesson="09",
    title="One attention head",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Start from the formula: a table of scores, one row for each token that looks, one column for each that is "
        "looked at.",
        "`q @ k.T / math.sqrt(q.shape[1])`. Then the softmax over the tokens that are looked at, which is along a row.",
        "Padding must get no weight, and the other weights of a row must still add up to one: set its scores to minus "
        "infinity *before* the softmax, with `masked_fill(mask == 0, -math.inf)`. At last `@ v`.",
    ),
    inputs=_queries,
    reference=_head,
    why=(
        "Each row is an average of values whose weights add up to one, and padding has no part in it. The root of d "
        "keeps the scores near one in size: without it the softmax of a wide head puts nearly all weight on one token, "
        "and its gradient dies."
    ),
    wrong=(
        Wrong(
            "padding seen",
            "Tokens look at padding: the mask has no effect, so the answer for a text depends on how far its batch was "
            "padded.",
            lambda q, k, v, mask: _head(q, k, v, torch.ones_like(mask)),
        ),
        Wrong(
            "masked too late",
            "You mask after the softmax. Padding gets no weight then, but it has taken its share of it before: the "
            "weights of a row no longer add up to one. Mask the scores.",
            lambda q, k, v, mask: (_scores(q, k, torch.ones_like(mask)).softmax(dim=1) * mask) @ v,
        ),
        Wrong(
            "zero is no mask",
            "You set the scores of padding to zero. The softmax of a zero is no zero: padding still gets weight, and "
            "more than a token with a negative score.",
            lambda q, k, v, mask: (_scores(q, k, torch.ones_like(mask)) * mask).softmax(dim=1) @ v,
        ),
        Wrong(
            "not scaled",
            "The scores are not divided by the root of d. In a wide head they are then large, and the softmax looks at "
            "one token only.",
            _with_scale(lambda d: 1.0),
        ),
        Wrong(
            "divided by d",
            "You divide by d, not by its root. A sum of d products of random numbers grows like the root of d; divided "
            "by d, all scores shrink to nothing, and every token looks everywhere alike.",
            _with_scale(lambda d: 1 / d),
        ),
        Wrong(
            "wrong axis",
            "The softmax runs along the wrong axis: the weights *given to* one token add up to one, where those that "
            "one token gives should. Use `dim=1`.",
            lambda q, k, v, mask: _scores(q, k, mask).softmax(dim=0) @ v,
            recognise=lambda found, expected, cases: _is_softmax_of_columns(found[0], cases[0]),
        ),
        Wrong(
            "keys ask",
            "Queries and keys have changed places: row i now holds what others want from token i.",
            lambda q, k, v, mask: _head(k, q, v, mask),
        ),
    ),
)
