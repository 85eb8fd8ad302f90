"""Lesson 07: keep the first layers, take the others from a random network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tl_course.exercises.networks import TinyResNet, pictures, train
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, right_except
from tl_course.exercises.values import Data, tensors


def _pairs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"seed": int(rng.integers(2**30)), **pictures(rng, 8, 4), "keep": keep}
        for keep in (["conv1", "bn1"], ["conv1", "bn1", "layer1"], [], ["conv1", "bn1", "layer1", "layer2"])
    ]


def _operated(answer: object, case: Case) -> Data:
    """Two networks; the answer operates on the first, which then takes a step. What became of both?"""
    need_function(answer, "answer_keep_layers(model, donor, keep)")
    given = tensors(case)
    model, donor = TinyResNet(4, case["seed"]), TinyResNet(4, case["seed"] + 1)
    with torch.no_grad():
        for network in (model, donor):  # so that running statistics are no longer those of a new network
            network.train()(given["images"])
    answer(model, donor, list(case["keep"]))
    after = state(model)
    train(model, given["images"], given["labels"], steps=1)
    return {"model": after, "donor, after the model has trained on": state(donor)}


@torch.no_grad()
def _copied(model: nn.Module, donor: nn.Module, wanted, buffers: bool = True) -> None:
    theirs = donor.state_dict() if buffers else dict(donor.named_parameters())
    mine = model.state_dict(keep_vars=True)
    for name, tensor in theirs.items():
        if wanted(name.partition(".")[0]):
            mine[name].copy_(tensor)


def _keep_layers(model: nn.Module, donor: nn.Module, keep: list[str]) -> None:
    _copied(model, donor, lambda child: child not in keep)


def _parameters_alone(model: nn.Module, donor: nn.Module, keep: list[str]) -> None:
    _copied(model, donor, lambda child: child not in keep, buffers=False)


def _kept_replaced(model: nn.Module, donor: nn.Module, keep: list[str]) -> None:
    _copied(model, donor, lambda child: child in keep)


def _head_forgotten(model: nn.Module, donor: nn.Module, keep: list[str]) -> None:
    _copied(model, donor, lambda child: child not in (*keep, "fc"))


def _shared(model: nn.Module, donor: nn.Module, keep: list[str]) -> None:
    for name, child in donor.named_children():
        if name not in keep:
            setattr(model, name, child)


def _frozen_instead(model: nn.Module, donor: nn.Module, keep: list[str]) -> None:
    for name, child in model.named_children():
        child.requires_grad_(name not in keep)


_DONOR = "donor, after the model has trained on"

QUESTION = Question(
    slug="keep_layers",
    lesson="07",
    title="Keep the first layers",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "`model.named_children()` gives the names at the top of the network. Which of them are in `keep`?",
        "A layer is more than its parameters: BatchNorm has running statistics. `child.state_dict()` holds both.",
        "For each name of `donor.named_children()` that is not in `keep`: "
        "`getattr(model, name).load_state_dict(child.state_dict())`. It copies the numbers.",
    ),
    inputs=_pairs,
    reference=_keep_layers,
    why=(
        "The kept layers have every number they had, buffers included. All others, the head among them, are copies of "
        "the random network's, so that training the one does not move the other."
    ),
    wrong=(
        Wrong(
            "only parameters",
            "The weights are right, but the running means and variances of BatchNorm are still the old ones. They are "
            "buffers, no parameters: knowledge of the layers that you meant to take out has stayed.",
            _parameters_alone,
            recognise=right_except("model/*running_*", "model/*num_batches*"),
        ),
        Wrong(
            "the other way round",
            "The layers in `keep` were replaced and the others kept. It is the other way round.",
            _kept_replaced,
        ),
        Wrong(
            "head forgotten",
            "The head `fc` is still the old one. It is not in `keep`, so it comes from the donor as well.",
            _head_forgotten,
        ),
        Wrong(
            "layers shared",
            "The model is right at first, but it shares its new layers with the donor: training the model has moved "
            "the donor as well. Copy the numbers; do not put the donor's modules in.",
            _shared,
            recognise=all_of(agrees("model"), differs(_DONOR)),
        ),
        Wrong(
            "nothing replaced",
            "No number of the model has changed. Do not freeze the layers that are not kept: give them "
            "the donor's numbers.",
            _frozen_instead,
        ),
    ),
    probe=_operated,
    prepare=load_optimizers,
)
