"""Lesson 02: the loss that source text 001 meant."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.probes import gradients
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import equal_parts
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _two_tasks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for alpha, many, few in ((0.3, 12, 5), (0.8, 4, 9), (0.5, 6, 6)):
        cases.append(
            {
                "weight": rng.normal(size=(1, 3)),
                "source_x": rng.normal(size=(many, 3)),
                "source_y": rng.integers(0, 2, size=many).astype(float),
                "target_x": rng.normal(size=(few, 3)),
                "target_y": rng.integers(0, 2, size=few).astype(float),
                "alpha": alpha,
            }
        )
    return cases


def _loss_of_net(answer: object, case: Case) -> Data:
    """The loss of a linear network, and its gradient by the network's weights."""
    if not callable(answer):
        raise Unfit("It is no function: write `def answer_meant_loss(net, source, target, alpha):`.")
    given = tensors(case)
    net = nn.Linear(3, 1, dtype=torch.float64)
    net.load_state_dict({"weight": given["weight"], "bias": torch.full((1,), 0.3, dtype=torch.float64)})
    source, target = (given["source_x"], given["source_y"]), (given["target_x"], given["target_y"])
    loss = answer(net, source, target, given["alpha"])
    gradient = gradients(loss, list(net.parameters()))
    flipped = answer(net, (source[0], 1 - source[1]), (target[0], 1 - target[1]), given["alpha"])
    return {"loss": plain(loss), "gradient": gradient, "loss with every label flipped": plain(flipped)}


def _risk(net: nn.Module, data: tuple[Tensor, Tensor], reduction: str = "mean") -> Tensor:
    return F.binary_cross_entropy_with_logits(net(data[0]).squeeze(1), data[1], reduction=reduction)


def _meant(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return alpha * _risk(net, source) + (1 - alpha) * _risk(net, target)


def _imitation(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return alpha * (torch.sigmoid(net(source[0])).mean() - torch.sigmoid(net(target[0])).mean()).square()


def _pooled(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return _risk(net, tuple(torch.cat(parts) for parts in zip(source, target, strict=True)))


def _sigmoid_twice(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    return _meant(lambda x: torch.sigmoid(net(x)), source, target, alpha)


def _spread(net: nn.Module, source: tuple, target: tuple, alpha: float) -> Tensor:
    """Predictions N×1 against labels N: broadcasting compares each with each."""
    losses = [
        F.binary_cross_entropy_with_logits(net(x).expand(-1, len(y)), y.expand(len(x), -1)) for x, y in (source, target)
    ]
    return alpha * losses[0] + (1 - alpha) * losses[1]


QUESTION = Question(
    slug="meant_loss",
    lesson="02",
    title="The loss that was meant",
    kind="repair",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "What the broken loss never reads are the labels. Which function of the lesson compares a network with labels?",
        "One network for both tasks; a mean loss over the source's examples, a mean loss over the target's, mixed by "
        "α.",
        "`net(x)` is N×1 and the labels are N: `net(x).squeeze(1)`. The network gives logits: "
        "`F.binary_cross_entropy_with_logits`.",
    ),
    inputs=_two_tasks,
    reference=_meant,
    why=(
        "Labels say what is wanted, and the shared weights carry what the source teaches to the target. Both "
        "were missing, and nothing looked amiss: the broken loss falls beautifully. A falling loss shows that "
        "something is being minimised, not that it is what you want."
    ),
    wrong=(
        Wrong(
            "no labels",
            "There is still no label in it: the loss stays the same when all labels change. It can teach the network "
            "to agree with something, but not to be right.",
            _imitation,
            recognise=equal_parts("loss", "loss with every label flipped"),
        ),
        Wrong(
            "alpha on the target",
            "α and 1 − α are on the wrong sides: here α weighs the source.",
            lambda net, source, target, alpha: _meant(net, target, source, alpha),
        ),
        Wrong(
            "pooled",
            "This joins both data sets and takes one mean. The larger set then decides, and α has no effect: take a "
            "mean of each, and mix the two.",
            _pooled,
        ),
        Wrong(
            "sums",
            "These are sums over the examples. Take means, or the task with more examples shouts the other one down "
            "at every α.",
            lambda net, source, target, alpha: (
                alpha * _risk(net, source, "sum") + (1 - alpha) * _risk(net, target, "sum")
            ),
        ),
        Wrong(
            "sigmoid twice",
            "The network's outputs went through a sigmoid, and then into a loss that applies one itself. It runs and "
            "even learns, badly: predictions are squeezed between one half and three quarters.",
            _sigmoid_twice,
        ),
        Wrong(
            "broadcast",
            "`net(x)` has the shape N×1 and the labels have N: compared with one another they make an N×N table, each "
            "prediction against each label. Squeeze the prediction first.",
            _spread,
        ),
        Wrong(
            "source only",
            "Only the source's examples count here: change the target's labels, and nothing happens.",
            lambda net, source, target, alpha: _risk(net, source),
        ),
        Wrong(
            "target only",
            "Only the target's examples count here: no source, no transfer.",
            lambda net, source, target, alpha: _risk(net, target),
        ),
    ),
    probe=_loss_of_net,
)
