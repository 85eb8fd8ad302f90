"""Lesson 05: the head first, then everything."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
from torch import nn

from tl_course.exercises.networks import TinyResNet, pictures, train
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, tensors

BACKBONE = ("conv1", "bn1", "layer1", "layer2")


def _budgets(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"seed": int(rng.integers(2**31)), "steps": steps, **pictures(rng, 10, 4)} for steps in (9, 6)]


def _stages(answer: object, case: Case) -> Data:
    """Give the answer a model and a function that trains; return the weights after each call of that function."""
    need_function(answer, "answer_probe_then_tune(model, train, steps)")
    given, model, seen = tensors(case), TinyResNet(4, case["seed"]), []

    def counted(network: nn.Module, count: int) -> None:
        whole = operator.index(count)  # half a step cannot be taken: as strict as range
        train(network, given["images"], given["labels"], steps=whole)
        seen.append({"steps": whole, **state(network)})

    answer(model.train(), counted, case["steps"])
    return {"stages": len(seen), "first": seen[0] if seen else {}, "last": seen[-1] if seen else {}}


def _set(model: nn.Module, trainable: bool, training: bool) -> None:
    for name in BACKBONE:
        getattr(model, name).requires_grad_(trainable).train(training)


def _probe_then_tune(model: nn.Module, train: Callable, steps: int) -> None:
    _set(model, False, False)
    train(model, steps // 3)
    _set(model, True, True)
    train(model, steps - steps // 3)


def _statistics_move(model: nn.Module, train: Callable, steps: int) -> None:
    _set(model, False, True)
    train(model, steps // 3)
    _set(model, True, True)
    train(model, steps - steps // 3)


def _never_thawed(model: nn.Module, train: Callable, steps: int) -> None:
    _set(model, False, False)
    train(model, steps // 3)
    train(model, steps - steps // 3)


def _still_in_eval(model: nn.Module, train: Callable, steps: int) -> None:
    _set(model, False, False)
    train(model, steps // 3)
    _set(model, True, False)
    train(model, steps - steps // 3)


def _tune_then_probe(model: nn.Module, train: Callable, steps: int) -> None:
    train(model, steps - steps // 3)
    _set(model, False, False)
    train(model, steps // 3)


def _too_many_steps(model: nn.Module, train: Callable, steps: int) -> None:
    _set(model, False, False)
    train(model, steps // 3)
    _set(model, True, True)
    train(model, steps)


def _all_at_once(model: nn.Module, train: Callable, steps: int) -> None:
    train(model, steps // 3)
    train(model, steps - steps // 3)


QUESTION = Question(
    slug="probe_then_tune",
    lesson="05",
    title="The head first, then everything",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Two stages, two calls of `train`. What may move in the first, and what in the second?",
        "Freezing takes two things: `requires_grad_(False)`, and `eval()` for BatchNorm. Thawing takes both back.",
        "Loop over `(model.conv1, model.bn1, model.layer1, model.layer2)`: `part.requires_grad_(False).eval()` before "
        "the first call, `part.requires_grad_(True).train()` before the second.",
    ),
    inputs=_budgets,
    reference=_probe_then_tune,
    why=(
        "The head learns behind a backbone that stands still, and then all of it moves, within one budget of steps. A "
        "random head never gets to send its gradients into the backbone."
    ),
    wrong=(
        Wrong(
            "statistics move",
            "In the first stage BatchNorm's running statistics move: the backbone's gradients are off, but it is in "
            "train mode. Put it in `eval()` for that stage.",
            _statistics_move,
        ),
        Wrong(
            "never thawed",
            "The second stage trains the head alone, like the first one: the backbone stays frozen.",
            _never_thawed,
        ),
        Wrong(
            "still in eval",
            "The backbone's weights learn in the second stage, but it is still in eval mode, with the statistics of "
            "the source. Call `train()` on it again.",
            _still_in_eval,
        ),
        Wrong(
            "everything first",
            "Here all layers learn first and the head alone afterwards. By then the random head has sent its "
            "gradients into the backbone. Turn the stages round.",
            _tune_then_probe,
        ),
        Wrong(
            "too many steps",
            "The second stage takes all the steps, so together they are a third too many. No comparison with plain "
            "fine-tuning would be fair: give it what the first stage left over.",
            _too_many_steps,
        ),
        Wrong(
            "nothing frozen",
            "All layers learn in both stages: this is plain fine-tuning, interrupted once.",
            _all_at_once,
        ),
    ),
    probe=_stages,
    prepare=load_optimizers,
)
