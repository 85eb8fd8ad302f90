"""Lesson 03: go on as if nothing had happened."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from tl_course.exercises.networks import TinyResNet, pictures
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, equal_parts, nonzero
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _runs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "before": before,
            "rate": float(rng.uniform(0.02, 0.06)),
            **pictures(rng, 10, 4),
        }
        for before in (1, 4)
    ]


def _steps(model: nn.Module, optimizer: torch.optim.Optimizer, case: Case, count: int) -> None:
    given = tensors(case)
    model.train()
    for _ in range(count):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(given["images"]), given["labels"]).backward()
        optimizer.step()


def _interrupted(answer: object, case: Case) -> Data:
    """Train, halve the rate, interrupt; let the answer go on with new objects; train them, and look at old and new."""
    need_function(answer, "answer_resume(model, optimizer, make)")

    def make(seed: int = case["seed"] // 3) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = TinyResNet(4, seed)
        return model, torch.optim.SGD(model.parameters(), lr=case["rate"], momentum=0.9)

    model, optimizer = make(case["seed"])
    _steps(model, optimizer, case, case["before"])
    optimizer.param_groups[0]["lr"] /= 2
    before = state(model)
    result = answer(model, optimizer, make)
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Unfit("Give back two things: the new model and its optimiser.")
    if not isinstance(result[0], nn.Module) or not isinstance(result[1], torch.optim.Optimizer):
        raise Unfit("Give back a model and an optimiser, in this order.")
    at_once = state(result[0])
    _steps(*result, case, 3)
    return {
        "the new model at once": at_once,
        "the new model after three steps": state(result[0]),
        "how far the old model moved": {name: plain(now) - before[name] for name, now in model.state_dict().items()},
    }


def _resume(model: nn.Module, optimizer: torch.optim.Optimizer, make) -> tuple:
    saved = copy.deepcopy({"model": model.state_dict(), "optimizer": optimizer.state_dict()})
    model, optimizer = make()
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return model, optimizer


def _momentum_lost(model, optimizer, make) -> tuple:
    saved = copy.deepcopy(model.state_dict())
    model, optimizer = make()
    model.load_state_dict(saved)
    return model, optimizer


def _rate_only(model, optimizer, make) -> tuple:
    rate = optimizer.param_groups[0]["lr"]
    model, optimizer = _momentum_lost(model, optimizer, make)
    optimizer.param_groups[0]["lr"] = rate
    return model, optimizer


def _same_objects(model, optimizer, make) -> tuple:
    return model, optimizer


def _anew(model, optimizer, make) -> tuple:
    return make()


def _weights_lost(model, optimizer, make) -> tuple:
    new, fresh = make()
    fresh.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    return new, fresh


def _old_optimizer(model, optimizer, make) -> tuple:
    return _momentum_lost(model, optimizer, make)[0], optimizer


def _buffers_lost(model, optimizer, make) -> tuple:
    new, fresh = _weights_lost(model, optimizer, make)
    new.load_state_dict(dict(model.named_parameters()), strict=False)
    return new, fresh


_WEIGHTS = [name for name, _ in TinyResNet(4, seed=0).named_parameters()]
_STANDS_STILL = all_of(
    *(
        equal_parts(f"the new model at once/{name}", f"the new model after three steps/{name}", rtol=0, atol=0)
        for name in _WEIGHTS
    )
)

QUESTION = Question(
    slug="resume",
    lesson="03",
    title="As if nothing had happened",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Train for three steps after a restart, and compare with a run that was not interrupted. What does SGD with "
        "momentum remember from one step to the next?",
        "An optimiser has a `state_dict`, too: momentum, and the learning rate as it is now.",
        "Save both `state_dict`s, call `make()`, and load one into the new model, the other into the new optimiser.",
    ),
    inputs=_runs,
    reference=_resume,
    why=(
        "Three steps later the resumed run has the weights of the uninterrupted one, since momentum and the current "
        "rate came along. With the weights alone each restart begins with a jolt, and the curve does not say why. "
        "To *transfer* you want the opposite: the weights, and a new optimiser."
    ),
    wrong=(
        Wrong(
            "old optimiser",
            "The new model does not move at all: your optimiser still holds the weights of the *old* one and trains "
            "those. Take the optimiser that `make()` gives, and load the state into it.",
            _old_optimizer,
            recognise=_STANDS_STILL,
        ),
        Wrong(
            "same objects",
            "You went on with the old objects. After a restart they are gone; all there is is what was saved. Build "
            "new ones with `make()`.",
            _same_objects,
            recognise=nonzero("how far the old model moved"),
        ),
        Wrong(
            "statistics lost",
            "The weights came along, BatchNorm's running statistics did not. Save the whole `state_dict`, not only the "
            "parameters.",
            _buffers_lost,
            recognise=all_of(
                agrees(*(f"the new model at once/{name}" for name in _WEIGHTS)), differs("the new model at once")
            ),
        ),
        Wrong(
            "optimiser lost",
            "The weights came along, the optimiser's state did not: it starts without momentum, and with the rate of "
            "the beginning. The first steps after each restart are other ones.",
            _momentum_lost,
        ),
        Wrong(
            "momentum lost",
            "The weights and the current rate came along, but the momentum did not. It is the mean of many gradients; "
            "without it the run starts from a standstill.",
            _rate_only,
        ),
        Wrong(
            "weights lost",
            "The optimiser remembers, but the model starts from random weights again: momentum that belongs to other "
            "weights drives it off. Load the model's `state_dict` as well.",
            _weights_lost,
        ),
        Wrong(
            "started anew",
            "Nothing of the first run is left: both objects are as `make()` made them.",
            _anew,
        ),
    ),
    probe=_interrupted,
    prepare=load_optimizers,
    atol=1e-8,
)
