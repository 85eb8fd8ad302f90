"""Lesson 05: one rate for each layer."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from tl_course.exercises.networks import TinyResNet
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import any_of, on, zero
from tl_course.exercises.values import Data, Unfit


def _rates(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [(float(rng.uniform(0.01, 1)), float(rng.uniform(0.2, 0.9))) for _ in range(2)]
    return [{"seed": seed % 1000, "rate": rate, "decay": decay} for rate, decay in [*drawn, (0.1, 1.0)]]


def _one_step(answer: object, case: Case) -> Data:
    """Give every parameter the gradient 1, take one step, and see how far each one went."""
    need_function(answer, "answer_layer_rates(model, rate, decay)")
    model = TinyResNet(4, case["seed"])
    optimizer = answer(model, case["rate"], case["decay"])
    if not callable(getattr(optimizer, "step", None)):
        raise Unfit(f"It gave back {type(optimizer).__name__}; give back the optimiser.")
    before = state(model)
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    after = state(model)
    return {name: before[name] - after[name] for name, _ in model.named_parameters()}


def _with_rates(*groups: tuple[tuple[str, ...], float]):
    """An answer that gives each group of modules the rate times decay to a power."""

    def answer(model: nn.Module, rate: float, decay: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            [
                {"params": [w for name in names for w in getattr(model, name).parameters()], "lr": rate * decay**power}
                for names, power in groups
            ]
        )

    return answer


_STEM = ("conv1", "bn1")

QUESTION = Question(
    slug="layer_rates",
    lesson="05",
    title="One rate for each layer",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=2,
    hints=(
        "An optimiser takes a list of dicts, one for each group: `{'params': …, 'lr': …}`.",
        "The head has `rate`; each group below it `decay` times the one above: layer2, layer1, and the stem, which is "
        "`conv1` and `bn1` together.",
        "Four dicts with the rates `rate`, `rate * decay`, `rate * decay**2`, `rate * decay**3`. `[*a.parameters(), "
        "*b.parameters()]` joins the parameters of two modules.",
    ),
    inputs=_rates,
    reference=_with_rates((("fc",), 0), (("layer2",), 1), (("layer1",), 2), (_STEM, 3)),
    why=(
        "The new head takes long steps, and the further down, the shorter they get: general filters are kept, special "
        "ones adapt. This was judged by how far each parameter moved in one step. Only that proves that a group has "
        "the rate you meant, and that no parameter was left out."
    ),
    wrong=(
        Wrong(
            "one rate for all",
            "Every parameter moves equally far: there is one group, or all groups have the same rate.",
            _with_rates((("fc", "layer2", "layer1", *_STEM), 0)),
        ),
        Wrong(
            "upside down",
            "The rates are upside down: the stem takes the longest steps and the new head the shortest.",
            _with_rates((("fc",), 3), (("layer2",), 2), (("layer1",), 1), (_STEM, 0)),
        ),
        Wrong(
            "head forgotten",
            "The head does not move at all: no group holds `model.fc`. It is new, and needs training most.",
            _with_rates((("layer2",), 1), (("layer1",), 2), (_STEM, 3)),
            recognise=on(0, zero("fc.weight")),
        ),
        Wrong(
            "stem forgotten",
            "Part of the stem does not move: `conv1` or `bn1` is in no group. What is in no group is silently frozen.",
            _with_rates((("fc",), 0), (("layer2",), 1), (("layer1",), 2), (("conv1",), 3)),
            recognise=on(0, any_of(zero("conv1.weight"), zero("bn1.weight"))),
        ),
        Wrong(
            "head decayed",
            "All rates are one power of `decay` too small: the head gets `rate` itself.",
            _with_rates((("fc",), 1), (("layer2",), 2), (("layer1",), 3), (_STEM, 4)),
        ),
    ),
    probe=_one_step,
    prepare=load_optimizers,
)
