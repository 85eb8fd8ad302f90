"""Lesson 06: temperature."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _logits(seed: int) -> list[Case]:
    """A network that is too sure on validation pictures, in another measure on test pictures; then a modest one."""
    rng = np.random.default_rng(seed)
    cases = []
    for held_scale, test_scale in ((4.0, 10.0), (2.5, 0.6), (0.3, 2.0)):
        parts = []
        for count, scale in ((80, held_scale), (60, test_scale)):
            logits = rng.normal(size=(count, 3))
            parts += [scale * logits, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]
        names = ("held_logits", "held_labels", "test_logits", "test_labels")
        cases.append(dict(zip(names, parts, strict=True)) | {"candidates": [0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0]})
    return cases


def _softened(chosen_by, use=lambda logits, t: (logits / t).softmax(dim=1)):
    """Answers that choose a temperature by one measure or another, and use it in one way or another."""

    def answer(held_logits, held_labels, test_logits, test_labels, candidates):
        def score(t: float) -> float:
            return float(chosen_by(held_logits, held_labels, test_logits, test_labels, t))

        return use(test_logits, min(candidates, key=score))

    return answer


def _held_loss(held: Tensor, truth: Tensor, test: Tensor, test_truth: Tensor, t: float) -> Tensor:
    return F.cross_entropy(held / t, truth)


def _held_mistakes(held: Tensor, truth: Tensor, test: Tensor, test_truth: Tensor, t: float) -> Tensor:
    return ((held / t).argmax(dim=1) != truth).double().mean()


QUESTION = Question(
    slug="temperature",
    lesson="06",
    title="The right temperature",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Two sets of pictures come in. Which of them may choose a number that you will use on the other?",
        "For each candidate T take the cross-entropy of `held_logits / T` with `held_labels`, and keep the T with the "
        "smallest.",
        "`T = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels).item())`, then the softmax "
        "of `test_logits / T` over each row.",
    ),
    inputs=_logits,
    reference=_softened(_held_loss),
    why=(
        "One number, found on the validation pictures, and no answer changes: the largest logit stays the largest. The "
        "test labels were in your hands and you did not use them, so the calibration you report is one that new "
        "pictures will see."
    ),
    wrong=(
        Wrong(
            "chosen on the test",
            "T was chosen with the test labels. It fits those pictures, their accidents included, and the calibration "
            "that you report for them flatters. Choose it on the validation pictures.",
            _softened(lambda held, truth, test, test_truth, t: F.cross_entropy(test / t, test_truth)),
        ),
        Wrong(
            "multiplied",
            "The logits are multiplied by T. Then a T above 1 makes the network surer, which is the wrong way round: "
            "divide.",
            _softened(_held_loss, lambda logits, t: (logits * t).softmax(dim=1)),
        ),
        Wrong(
            "chosen by accuracy",
            "A temperature changes no answer, so all candidates have the same accuracy, and yours is just the first of "
            "them. Choose by the cross-entropy, which also asks how sure the answers are.",
            _softened(_held_mistakes),
        ),
        Wrong(
            "probabilities divided",
            "You divided the probabilities, not the logits: a row does not sum to one any more. T belongs before the "
            "softmax.",
            _softened(_held_loss, lambda logits, t: logits.softmax(dim=1) / t),
        ),
        Wrong(
            "no temperature",
            "These are the probabilities as they were: no temperature has reached them.",
            lambda held_logits, held_labels, test_logits, test_labels, candidates: test_logits.softmax(dim=1),
        ),
        Wrong(
            "over the pictures",
            "The softmax runs down the columns, over the pictures. What must sum to one are the classes of one "
            "picture: `dim=1`.",
            _softened(_held_loss, lambda logits, t: (logits / t).softmax(dim=0)),
        ),
    ),
)
