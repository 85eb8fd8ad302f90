"""Lesson 03: whom to credit."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _probes(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for seeds in (3, 5, 4):
        start = rng.uniform(0.2, 0.35, size=seeds)
        control = start + rng.uniform(-0.02, 0.12, size=seeds)
        cases.append({"random": start, "control": control, "imagenet": control + rng.uniform(0.1, 0.3, size=seeds)})
    return cases


def _shares(random: Tensor, control: Tensor, imagenet: Tensor) -> list[Tensor]:
    return [(control - random).mean(), (imagenet - control).mean()]


QUESTION = Question(
    slug="credit",
    lesson="03",
    title="Whom to credit",
    kind="implement",
    difficulty=1,
    minutes=5,
    points=1,
    hints=(
        "The three differ in one thing from one to the next. What does the control have that random weights do not? "
        "And what does it lack?",
        "The control saw the pictures and had a teacher who knew nothing. So the pictures gave control less random; "
        "the teacher's knowledge gave ImageNet less control.",
    ),
    inputs=_probes,
    reference=_shares,
    why=(
        "One step for the pictures, one for what the teacher knows, and together they are the whole gain. Without the "
        "control all of it would have gone to ImageNet. A control differs in *one* thing from what it is the control "
        "of; that is what entitles you to give the difference a name."
    ),
    wrong=(
        Wrong(
            "all to the teacher",
            "You gave the teacher everything that is ahead of random weights. Part of it comes from having seen the "
            "pictures at all, even under a teacher who knows nothing: take the control away.",
            lambda random, control, imagenet: [(control - random).mean(), (imagenet - random).mean()],
        ),
        Wrong(
            "swapped",
            "The two shares are swapped: first what the pictures gave, then what the teacher's knowledge added.",
            lambda random, control, imagenet: _shares(random, control, imagenet)[::-1],
        ),
        Wrong(
            "not from random weights",
            "These are accuracies, not gains. Random weights get some of it for free, by convolution and pooling "
            "alone: subtract what they get.",
            lambda random, control, imagenet: [control.mean(), (imagenet - control).mean()],
        ),
        Wrong(
            "signs",
            "The signs are turned round: a gain is what came later less what was there before.",
            lambda random, control, imagenet: [-share for share in _shares(random, control, imagenet)],
        ),
        Wrong(
            "ratios",
            "These are shares of the whole gain. Give the gains themselves, in accuracy: a share of a gain that is "
            "nearly zero says nothing.",
            lambda random, control, imagenet: [
                share / (imagenet - random).mean() for share in _shares(random, control, imagenet)
            ],
        ),
    ),
)
