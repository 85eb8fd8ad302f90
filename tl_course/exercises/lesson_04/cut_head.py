"""Lesson 04: taking the head off."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.lesson_04._shared import vggs
from tl_course.exercises.networks import TinyVGG
from tl_course.exercises.probes import gradients, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, each, has_shape, nonzero, on
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _looked_at(answer: object, case: Case) -> Data:
    """Ask for features of a net in train mode; then see whether the net still answers as before."""
    need_function(answer, "answer_cut_head(model, images)")
    given, model = tensors(case), TinyVGG(5, case["hidden"], case["seed"]).train()
    features = answer(model, given["images"])
    if not isinstance(features, Tensor):
        raise Unfit(f"It gave back {type(features).__name__}; give back the features as one tensor, a row a picture.")
    [traced] = gradients(features.square().sum(), [model.features[0].weight])
    with torch.no_grad():
        return {
            "features": plain(features),
            "what the model answers afterwards": plain(model.eval()(given["images"])),
            "gradient kept": traced,
        }


def _flat(model: nn.Module, images: Tensor) -> Tensor:
    return torch.flatten(model.avgpool(model.features(images)), 1)


def _cut_head(model: nn.Module, images: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model.classifier[:-1](_flat(model, images))


@torch.no_grad()
def _not_cut(model: nn.Module, images: Tensor) -> Tensor:
    return model.eval()(images)


@torch.no_grad()
def _before_classifier(model: nn.Module, images: Tensor) -> Tensor:
    return _flat(model.eval(), images)


@torch.no_grad()
def _before_relu(model: nn.Module, images: Tensor) -> Tensor:
    return model.eval().classifier[:-3](_flat(model, images))


@torch.no_grad()
def _with_dropout(model: nn.Module, images: Tensor) -> Tensor:
    return model.train().classifier[:-1](_flat(model, images))


@torch.no_grad()
def _head_lost(model: nn.Module, images: Tensor) -> Tensor:
    model.eval().classifier[-1] = nn.Identity()
    return model(images)


def _graph_kept(model: nn.Module, images: Tensor) -> Tensor:
    model.eval()
    return model.classifier[:-1](_flat(model, images))


_RIGHT_FEATURES = agrees("features", atol=1e-5)


def _is_dropped(found: Data, expected: Data, case: Case) -> bool:
    """Whether each feature is either dropped or doubled: which of them, another draw decides each time."""
    mine, theirs = found["features"], expected["features"]
    return np.shape(mine) == np.shape(theirs) and bool(np.all((mine == 0) | np.isclose(mine, 2 * theirs, rtol=1e-3)))


QUESTION = Question(
    slug="cut_head",
    lesson="04",
    title="What the head is given",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Go through `forward` by hand: `features`, `avgpool`, flattening, `classifier`. Where would you stop?",
        "`model.classifier[:-1]` is the classifier without its last layer. Beware of dropout: in which mode does it do "
        "nothing?",
        "`model.eval()`; under `torch.no_grad()` compute `torch.flatten(model.avgpool(model.features(images)), 1)`, "
        "and send that through `model.classifier[:-1]`.",
    ),
    inputs=vggs,
    reference=_cut_head,
    why=(
        "These are the numbers that the head is given, the same each time, and the model still has its head. You can "
        "now keep them in a table and try a hundred heads on it, each in seconds."
    ),
    wrong=(
        Wrong(
            "head still on",
            "These are the model's answers: the head is still on. Stop before the last layer of `classifier`.",
            _not_cut,
            recognise=has_shape((None, 5), "features"),
        ),
        Wrong(
            "cut too early",
            "You stopped before `classifier`: these are the flattened maps. The pretrained hidden layers have not "
            "looked at them yet. (For a far target that may be better; here, the head's own inputs were asked for.)",
            _before_classifier,
        ),
        Wrong(
            "before the ReLU",
            "You stopped a little too early: after the last hidden linear layer there is a ReLU, and the head never "
            "sees a negative number. Take off the last layer alone.",
            _before_relu,
        ),
        Wrong(
            "dropout at work",
            "Some features are zero and the others twice as large: dropout is at work. The model came in train mode; "
            "features for a table need `model.eval()`, or they are another draw each time.",
            _with_dropout,
            recognise=on(0, each(_is_dropped)),  # with one hidden layer, before whose dropout nothing is dropped
        ),
        Wrong(
            "head lost",
            "The features are right, but the model has lost its head: its next user gets features and expects "
            "answers. Leave the layers in place, work on a copy, or put the head back.",
            _head_lost,
            recognise=all_of(_RIGHT_FEATURES, on(0, differs("what the model answers afterwards", atol=1e-5))),
        ),
        Wrong(
            "graph kept",
            "The features are right, but each row drags the whole graph of the backbone along. In a table of fifty "
            "thousand rows that fills the memory. Compute them under `torch.no_grad()`.",
            _graph_kept,
            recognise=all_of(_RIGHT_FEATURES, nonzero("gradient kept")),
        ),
    ),
    probe=_looked_at,
    atol=1e-5,
)
