"""Lesson 09: the mean of the tokens that count."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _texts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for lengths in (rng.integers(2, 6, size=4), np.array([1, 6, 3]), np.array([5, 5])):
        mask = (np.arange(lengths.max())[None, :] < lengths[:, None]).astype(np.int64)
        cases.append({"states": rng.normal(loc=1.0, size=(*mask.shape, 3)), "mask": mask})
    return cases


def _total(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask.unsqueeze(-1)).sum(dim=1)


QUESTION = Question(
    slug="mean_pool",
    lesson="09",
    title="The mean, padding left out",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "A state of padding is not zero: BERT computes one for every place. Which of them must count?",
        "Multiply the states by the mask, so that padding becomes zero, and add along the tokens. The mask needs a "
        "third axis first.",
        "Divide each text's sum by *its own* number of tokens: `mask.sum(dim=1, keepdim=True)`.",
    ),
    inputs=_texts,
    reference=lambda states, mask: _total(states, mask) / mask.sum(dim=1, keepdim=True),
    why=(
        "A text's vector is now the same in every batch. Without the mask it would change with the "
        "longest neighbour: the same sentence, shuffled into another batch, would get another answer."
    ),
    wrong=(
        Wrong(
            "padding averaged",
            "This averages over padding, too. Its states are not zero, so a short text beside a long one is mostly "
            "made of padding.",
            lambda states, mask: states.mean(dim=1),
        ),
        Wrong(
            "divided by the length of the batch",
            "Padding is out of the sum, but not out of the count: you divide by the length of the longest text. The "
            "vectors of short texts come out too short.",
            lambda states, mask: _total(states, mask) / mask.shape[1],
        ),
        Wrong(
            "not divided",
            "This is the sum over the tokens that count. A long text then has a long vector; divide by the number of "
            "its tokens.",
            _total,
        ),
        Wrong(
            "divided by all tokens",
            "The sum is right, and then you divide by the number of tokens in the whole *batch*. Each text has its own "
            "number: sum the mask along the tokens only.",
            lambda states, mask: _total(states, mask) / mask.sum(),
        ),
        Wrong(
            "only the first",
            "This is the state of the first token, `[CLS]`. It is another way to get one vector; here take the mean "
            "of all tokens that count.",
            lambda states, mask: states[:, 0],
        ),
    ),
)
