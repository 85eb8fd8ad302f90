"""Lesson 12: a regressor that learns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.lesson_12._shared import weights_of
from tl_course.exercises.probes import load_optimizers, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, all_of, differs, none_of, shows
from tl_course.exercises.values import Data, tensors


def _maps(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {"seed": int(rng.integers(2**30)), "images": rng.normal(size=(count, 3, 6, 6)), "rate": float(rate)}
        for count, rate in ((5, rng.uniform(0.005, 0.01)), (3, rng.uniform(0.005, 0.01)))
    ]


def _networks(seed: int) -> dict[str, nn.Module]:
    """A student with maps of four channels, a teacher with six, and what turns the ones into the others."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        student, teacher = (nn.Sequential(nn.Conv2d(3, channels, 3), nn.Tanh()) for channels in (4, 6))
        made = {"student": student, "teacher": teacher, "regressor": nn.Conv2d(4, 6, 1)}
    return {name: network.double() for name, network in made.items()}


def _after_hints(answer: object, case: Case) -> Data:
    """Let the answer train, and return the weights of all three."""
    need_function(answer, "answer_learned_regressor(student, teacher, regressor, images, rate)")
    made = _networks(case["seed"])
    answer(made["student"], made["teacher"], made["regressor"], tensors(case["images"]), case["rate"])
    return {key: tensor for name, network in made.items() for key, tensor in weights_of(name, network).items()}


def _hints(
    *,
    parts: str = "student regressor",
    factor: Callable[[Tensor], float] = lambda gaps: 1 / (2 * len(gaps)),
    detach: bool = False,
    clear: bool = True,
) -> Callable:
    """An answer that trains these parts by this factor times the sum of squares."""

    def answer(student, teacher, regressor, images, rate) -> None:
        networks = {"student": student, "teacher": teacher, "regressor": regressor}
        weights = [weight for name in parts.split() for weight in networks[name].parameters()]
        optimizer = torch.optim.SGD(weights, lr=rate)
        for _ in range(3):
            features = student(images).detach() if detach else student(images)
            gaps = teacher(images) - regressor(features)
            if clear:
                optimizer.zero_grad()
            (factor(gaps) * gaps.square().sum()).backward()
            optimizer.step()

    return answer


def _stands(network: str) -> Recogniser:
    """Recognise that this one of the three did not move."""
    return shows(_after_hints, lambda *_: None, names=(f"{network}: *",))


QUESTION = Question(
    slug="learned_regressor",
    lesson="12",
    title="The layer that was left out",
    kind="repair",
    difficulty=3,
    minutes=9,
    points=3,
    hints=(
        "Three networks are in the function. Which of them should have other weights at the end, and which has?",
        "`backward()` gives the regressor a gradient. Who would have to take a step with it?",
        "`torch.optim.SGD([*student.parameters(), *regressor.parameters()], lr=rate)`, and all else as it was.",
    ),
    inputs=_maps,
    reference=_hints(),
    why=(
        "Student and regressor learn together, and the teacher stands still. With a regressor outside the optimiser "
        "the loss falls as well, only less far. The student then serves a *random* projection of the teacher's maps. A "
        "layer inside a loss is easily forgotten; `tl.losses.Hints` is a module itself, so `fit` finds the "
        "regressor in it."
    ),
    wrong=(
        Wrong(
            "regressor not trained",
            "The regressor has not moved: the optimiser does not hold it. So the student is pulled towards what a "
            "random layer happens to make of the teacher's maps.",
            _hints(parts="student"),
            recognise=all_of(_stands("regressor"), _stands("teacher"), none_of(_stands("student"))),
        ),
        Wrong(
            "student stands still",
            "The regressor learns, and the student does not: it is not in the optimiser, or a `detach()` cuts it off. "
            "Then a layer that is thrown away afterwards does all the work.",
            _hints(parts="regressor", detach=True),
            recognise=all_of(_stands("student"), _stands("teacher"), none_of(_stands("regressor"))),
        ),
        Wrong(
            "teacher moves",
            "The teacher has moved: it was given to the optimiser, and came to meet its student half-way. It is the "
            "one that stands still.",
            _hints(parts="student regressor teacher"),
            recognise=differs("teacher: *"),
        ),
        Wrong(
            "nothing moves",
            "Nothing has moved, neither student nor regressor: was `optimizer.step()` called?",
            lambda student, teacher, regressor, images, rate: None,
        ),
        Wrong(
            "no half",
            "The factor ½ is missing, so every step is twice as long as asked for.",
            _hints(factor=lambda gaps: 1 / len(gaps)),
        ),
        Wrong(
            "summed over the batch",
            "The squares are summed over the batch too: the steps grow with it. Divide by the number of pictures.",
            _hints(factor=lambda gaps: 0.5),
        ),
        Wrong(
            "mean over every number",
            "This averages over channels and positions as well, so the steps are tiny. The hint is half the *sum* of "
            "squares of a picture, and the mean over pictures.",
            _hints(factor=lambda gaps: 1 / gaps.numel()),
            recognise=shows(
                _after_hints,
                _hints(factor=lambda gaps: 1 / gaps.numel()),
                _hints(factor=lambda gaps: 0.5 / gaps.numel()),
                names=("student: *", "regressor: *"),
            ),
        ),
        Wrong(
            "gradients add up",
            "The gradients of earlier steps are still there when the next one is added. Set them back to zero before "
            "each `backward()`.",
            _hints(clear=False),
        ),
    ),
    probe=_after_hints,
    prepare=load_optimizers,
)
