"""Lesson 05: requires_grad on a module: silent."""

from __future__ import annotations

from torch import nn

from tl_course.exercises.lesson_05._shared import picture_cases
from tl_course.exercises.networks import TinyResNet, train
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import differs, on
from tl_course.exercises.values import Data, tensors


def _as_planned(answer: object, case: Case) -> Data:
    """Let the answer choose what learns, then train in eval mode, so that nothing but weights can move."""
    need_function(answer, "answer_thaw_head(model)")
    given, model = tensors(case), TinyResNet(4, case["seed"])
    answer(model)
    model.eval()
    train(model, given["images"], given["labels"])
    return {"state": state(model)}


def _thaw_head(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.layer2.requires_grad_(True)
    model.fc.requires_grad_(True)


def _attribute_on_head(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.layer2.requires_grad_(True)
    model.fc.requires_grad = True


def _attribute_only(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.fc.requires_grad = True


def _head_alone(model: nn.Module) -> None:
    model.requires_grad_(False)
    model.fc.requires_grad_(True)


def _from_layer1(model: nn.Module) -> None:
    _thaw_head(model)
    model.layer1.requires_grad_(True)


QUESTION = Question(
    slug="thaw_head",
    lesson="05",
    title="The head that stays random",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Which tensors would have to change for the head to learn? Print `[p.requires_grad for p in "
        "model.fc.parameters()]` after the broken function.",
        "Python lets you set any attribute on a module. `requires_grad` means something on a *parameter* only.",
        "The method `requires_grad_(True)`, with an underscore at its end, reaches all parameters of a module.",
    ),
    inputs=picture_cases,
    reference=_thaw_head,
    why=(
        "The last stage and the head learn, and nothing else does. In the broken version the loss fell too, because "
        "the last stage learned to serve a random head; so the loss hid the bug. Count the trainable parameters "
        "before you train: it takes one line."
    ),
    wrong=(
        Wrong(
            "head stays random",
            "The last stage learns and the head does not: it stays as random as it was. `requires_grad` set on a "
            "module is a new attribute that no parameter looks at.",
            _attribute_on_head,
        ),
        Wrong(
            "nothing learns",
            "Nothing learns, so `backward()` finds no gradient and stops. This is the loud form of the same bug: with "
            "no other part in training, setting `requires_grad` on a module leaves nothing trainable.",
            _attribute_only,
        ),
        Wrong(
            "head alone",
            "The head learns now, but the last stage, `layer2`, should learn as well.",
            _head_alone,
        ),
        Wrong(
            "everything learns",
            "Everything learns, the first layers too: they were meant to stay frozen.",
            lambda model: model.requires_grad_(True),
        ),
        Wrong(
            "too much learns",
            "More learns than should: `layer1` must stay frozen, and so must `conv1` and `bn1`.",
            _from_layer1,
            recognise=on(0, differs("state/layer1.0.weight")),
        ),
    ),
    probe=_as_planned,
    prepare=load_optimizers,
)
