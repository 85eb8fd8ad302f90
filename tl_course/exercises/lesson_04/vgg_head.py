"""Lesson 04: where the head is."""

from __future__ import annotations

import torch
from torch import nn

from tl_course import environment
from tl_course.exercises.lesson_04._shared import vggs
from tl_course.exercises.networks import TinyVGG
from tl_course.exercises.probes import need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, plain, tensors


def _renewed(answer: object, case: Case) -> Data:
    """Let the answer put a new head in; give every new layer known numbers, and see what the net answers."""
    need_function(answer, "answer_vgg_head(model, num_classes)")
    given, model = tensors(case), TinyVGG(5, case["hidden"], case["seed"])
    old = {id(weight): weight.shape for weight in model.parameters()}
    result = answer(model, case["classes"])
    model = result if isinstance(result, nn.Module) else model
    numbers, kept, new = environment.generator(case["seed"]), {}, []
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if old.get(id(weight)) == weight.shape:
                kept[name] = plain(weight)
            else:
                weight.copy_(torch.randn(weight.shape, generator=numbers))
                new.append(list(weight.shape))
        logits = plain(model.eval()(given["images"]))
    return {"logits": logits, "layers that are kept": kept, "shapes of what is new": new}


def _new_last(model: nn.Module, num_classes: int) -> None:
    model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, num_classes)


def _as_in_a_resnet(model: nn.Module, num_classes: int) -> None:
    model.features.fc = nn.Linear(model.features.fc.in_features, num_classes)


def _beside(model: nn.Module, num_classes: int) -> None:
    model.fc = nn.Linear(model.classifier[-1].in_features, num_classes)


def _in_features(model: nn.Module, num_classes: int) -> None:
    model.features.fc = nn.Linear(3, num_classes)


def _on_top(model: nn.Module, num_classes: int) -> None:
    model.classifier.append(nn.Linear(model.classifier[-1].out_features, num_classes))


def _all_of_classifier(model: nn.Module, num_classes: int) -> None:
    model.classifier = nn.Linear(model.classifier[0].in_features, num_classes)


def _only_the_number(model: nn.Module, num_classes: int) -> None:
    model.classifier[-1].out_features = num_classes


def _always_the_fourth(model: nn.Module, num_classes: int) -> None:
    model.classifier[3] = nn.Linear(model.classifier[3].in_features, num_classes)


QUESTION = Question(
    slug="vgg_head",
    lesson="04",
    title="Where a VGG has its head",
    kind="repair",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "Print the model. Which layer gives as many numbers as there are classes, and in which of the three parts is "
        "it?",
        "It is the last layer of `classifier`. A `Sequential` takes a new layer by its place: `part[place] = layer`.",
        "`classifier[-1]` is the last one however many there are, and its `in_features` say how wide the new one is.",
    ),
    inputs=vggs,
    reference=_new_last,
    why=(
        "The last layer of `classifier` is new and all others are as they were, with one hidden layer or with two. "
        "Each family of networks keeps its head elsewhere: print the model before you cut, and look at the shape of "
        "an answer after."
    ),
    wrong=(
        Wrong(
            "no fc there",
            "`features` has no layer called `fc`: that is the name in a ResNet. A VGG's `features` are convolutions "
            "and poolings, and its head is the end of `classifier`.",
            _as_in_a_resnet,
        ),
        Wrong(
            "nobody asks it",
            "The answers have not changed: you made a new layer, `model.fc`, and `forward` of a VGG never asks it. "
            "Python lets you hang any attribute on a model; only a layer in its place does something.",
            _beside,
        ),
        Wrong(
            "at the end of features",
            "You put a layer at the end of `features`. It reads along the width of the maps, not over the features, "
            "and the classifier behind it still has its old head.",
            _in_features,
        ),
        Wrong(
            "on top of the old head",
            "The new layer stands *behind* the old head, and sees the five old scores instead of the features: "
            "what those scores do not say is lost. Put it in the old head's place.",
            _on_top,
        ),
        Wrong(
            "whole classifier",
            "All of `classifier` is gone, the pretrained hidden layers too. That can be worth a try, but here "
            "replace the last layer alone.",
            _all_of_classifier,
        ),
        Wrong(
            "the number only",
            "You changed the attribute `out_features`, a note about the layer. The weights are what they were, and so "
            "is the number of answers: make a new layer.",
            _only_the_number,
        ),
        Wrong(
            "always place 3",
            "`classifier[3]` is the last layer only where there is one hidden layer. In the net with two you replaced "
            "a hidden layer. Count from the end.",
            _always_the_fourth,
        ),
    ),
    probe=_renewed,
    atol=1e-5,
)
