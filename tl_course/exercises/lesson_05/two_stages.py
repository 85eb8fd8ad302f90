"""Lesson 05: two stages that are two."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tl_course.exercises.networks import TinyResNet, pictures, train
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, plain, tensors


def _two_tasks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    source, target = pictures(rng, 15, 5), pictures(rng, 9, 3)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "source_images": source["images"],
            "source_labels": source["labels"],
            "target_images": target["images"],
            "target_labels": target["labels"],
            "head": rng.normal(size=(3, 6)),
        }
    ]


def _stages(answer: object, case: Case) -> Data:
    """Give the answer a model, both data sets, a new head and a function that trains; return the weights at the end."""
    need_function(answer, "answer_two_stages(model, source, target, new_head, train)")
    given, model = tensors(case), TinyResNet(5, case["seed"])
    source = (given["source_images"], given["source_labels"])
    target = (given["target_images"], given["target_labels"])
    head = nn.Linear(6, 3, dtype=torch.float64)
    head.load_state_dict({"weight": given["head"], "bias": torch.zeros(3, dtype=torch.float64)})
    result = answer(model, source, target, head, lambda model, data: train(model, *data))
    model = result if isinstance(result, nn.Module) else model
    model.eval()
    return {"state": state(model), "logits": plain(model(target[0]))}


def _two_stages(model: nn.Module, source: tuple, target: tuple, new_head: nn.Module, train) -> nn.Module:
    train(model, source)
    model.fc = new_head
    train(model, target)
    return model


def _same_twice(model, source, target, new_head, train):
    train(model, target)
    train(model, target)
    return model


def _same_twice_with_head(model, source, target, new_head, train):
    model.fc = new_head
    train(model, target)
    train(model, target)
    return model


def _head_first(model, source, target, new_head, train):
    model.fc = new_head
    train(model, source)
    train(model, target)
    return model


def _old_head(model, source, target, new_head, train):
    train(model, source)
    train(model, target)
    return model


def _no_fine_tuning(model, source, target, new_head, train):
    train(model, source)
    model.fc = new_head
    return model


QUESTION = Question(
    slug="two_stages",
    lesson="05",
    title="Two stages that are two",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=3,
    hints=(
        "What differs between pretraining and fine-tuning? In the broken version: nothing. Data, classes, head?",
        "First the source, with the head that the model comes with. Then the target, which has other classes.",
        "Three lines: train on the source, put `new_head` in the place of `model.fc`, train on the target.",
    ),
    inputs=_two_tasks,
    reference=_two_stages,
    why=(
        "The first stage sees the source and its classes; then the head is replaced, and the second stage sees the "
        "target. What passes from one to the other is the backbone, by its weights. Two loops over the same data are "
        "one longer training, even under two headings."
    ),
    wrong=(
        Wrong(
            "same data twice",
            "Both stages train on the target, so they are one longer stage. The source is never seen, and nothing is "
            "transferred.",
            _same_twice,
        ),
        Wrong(
            "target only",
            "The head is the new one, but the source is never seen: this is training from scratch, twice as long.",
            _same_twice_with_head,
        ),
        Wrong(
            "head first",
            "You replaced the head before the first stage. The new head has as many outputs as the *target* has "
            "classes, and the source's labels do not fit in.",
            _head_first,
        ),
        Wrong(
            "old head",
            "The target is trained behind the source's head: it has outputs for classes that the target does not have, "
            "and what it knows is about other classes. Put `new_head` there before the second stage.",
            _old_head,
        ),
        Wrong(
            "no fine-tuning",
            "The new head is in place, and your code never trained it: the second stage is missing.",
            _no_fine_tuning,
        ),
    ),
    probe=_stages,
    prepare=load_optimizers,
)
