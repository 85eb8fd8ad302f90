"""Lesson 14: the reversal."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.lesson_14._shared import own_reversal, with_factor
from tl_course.exercises.probes import gradients, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import all_of, differs, same_shape
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _before_and_behind(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "inputs": rng.normal(size=(5, 3)),
            "backbone": rng.normal(size=(3, 4)),
            "head": rng.normal(size=(4, 2)),
            "discriminator": rng.normal(size=4),
            "strength": strength,
        }
        for strength in (float(rng.uniform(0.2, 0.7)), float(rng.uniform(1.5, 3)), 0.0)
    ]


def _both_sides(answer: object, case: Case) -> Data:
    """What passes the reversal, and what flows back: behind it, in front of it, and past it."""
    need_function(answer, "answer_reverse(features, strength)")
    given = tensors(case)
    weights = [given["backbone"].requires_grad_(), given["discriminator"].requires_grad_()]

    def losses() -> tuple[Tensor, Tensor, Tensor]:
        features = torch.tanh(given["inputs"] @ given["backbone"])
        passed = answer(features, case["strength"])
        if not isinstance(passed, Tensor):
            raise Unfit(f"It gave back {type(passed).__name__}; give back features, a tensor of the same shape.")
        domains = torch.sigmoid(passed @ given["discriminator"]).square().sum()
        return passed, domains, (features @ given["head"]).square().sum()

    passed, domains, _ = losses()
    before, behind = gradients(domains, weights)
    _, domains, labels = losses()
    return {
        "what passes forward": plain(passed),
        "gradient behind it, in the discriminator": behind,
        "gradient in front of it, in the backbone": before,
        "gradient of both losses in the backbone": gradients(domains + labels, weights[:1])[0],
    }


def _hook_on_features(features: Tensor, strength: float) -> Tensor:
    features.register_hook(lambda gradient: -strength * gradient)
    return features


QUESTION = Question(
    slug="reverse",
    lesson="14",
    title="Forward the same, backward the opposite",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Two directions, two rules. Nothing that you can write with plus and times alone has one value and the "
        "opposite slope: you need a function with a `backward` of its own, or a part that is detached.",
        "`torch.autograd.Function` has a static `forward(ctx, features, strength)` and a static `backward(ctx, "
        "gradient)`. The second one returns a gradient for each argument of the first, and None for a number.",
        "`forward`: keep `ctx.strength = strength` and return `features.view_as(features)`. `backward`: return "
        "`-ctx.strength * gradient, None`. Call it with `.apply(features, strength)`.",
    ),
    inputs=_before_and_behind,
    reference=own_reversal,
    why=(
        "The discriminator behind it learns at full rate to tell the domains apart; the backbone in front of it gets "
        "the opposite of what would help, times λ; and the label loss, which goes past it, is left in peace. One "
        "backward pass plays both sides of the game."
    ),
    wrong=(
        Wrong(
            "forward changed",
            "The features themselves are changed on their way forward, so the discriminator judges features that the "
            "classifier never sees. Forward it is the identity; only what flows back is multiplied by −λ.",
            lambda features, strength: -strength * features,
            recognise=all_of(same_shape("what passes forward"), differs("what passes forward")),
        ),
        Wrong(
            "nothing reversed",
            "Nothing is reversed: the backbone gets the discriminator's own gradient, and learns to make the domains "
            "*easier* to tell apart. No error says so, and the domain loss falls beautifully.",
            lambda features, strength: features.clone(),
        ),
        Wrong(
            "sign lost",
            "λ arrives, the minus does not: the backbone helps the discriminator. Are there two minus signs that "
            "cancel?",
            lambda features, strength: with_factor(features, strength),
        ),
        Wrong(
            "lambda forgotten",
            "The sign is turned, but λ is not in it: the reversal is at full strength from the first step, when the "
            "discriminator knows nothing yet, and at λ = 0 something still flows.",
            lambda features, strength: with_factor(features, -1.0),
        ),
        Wrong(
            "lambda twice",
            "λ is in it twice: the gradient is multiplied by −λ². Small λ then hardly act at all.",
            lambda features, strength: with_factor(features, -(strength**2)),
        ),
        Wrong(
            "stopped",
            "Nothing flows back at all: the features are detached. The discriminator learns, and the backbone never "
            "hears of it.",
            lambda features, strength: features.detach(),
        ),
        Wrong(
            "label loss reversed too",
            "What flows back from the discriminator is right, but you turned it on the features themselves: the label "
            "loss uses them as well, and its gradient is now reversed too. Turn it on a tensor of your own.",
            _hook_on_features,
        ),
    ),
    probe=_both_sides,
)
