"""Lesson 14: BatchNorm and two domains."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.networks import TinyResNet, pictures
from tl_course.exercises.probes import gradients, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, agrees, all_of, close, differs, each, none_of, shows, swapped
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _two_domains(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for many, few in ((8, 5), (4, 7)):
        source, target = (pictures(rng, count, 4)["images"] for count in (many, few))
        cases.append({"seed": int(rng.integers(2**31)), "source": source, "target": 1.5 * target + rng.uniform(1, 3)})
    return cases


def _a_pass(answer: object, case: Case) -> Data:
    """The answers for both domains, what flows back from each, and what is left in the model."""
    need_function(answer, "answer_joint_norm(model, source, target)")
    given = tensors(case)

    def run() -> tuple[nn.Module, list[Tensor]]:
        model = TinyResNet(4, case["seed"]).train()
        found = answer(model, given["source"], given["target"])
        if not isinstance(found, tuple | list) or len(found) != 2 or not all(isinstance(x, Tensor) for x in found):
            raise Unfit("Give back two tensors: the logits of the source, and the logits of the target.")
        return model, list(found)

    flows = []
    for place in (0, 1):
        model, found = run()
        flows.append(gradients(found[place].square().mean(), [model.conv1.weight])[0])
    statistics = state(model)
    with torch.no_grad():
        behaviour = copy.deepcopy(model)(given["target"])
        tested = model.eval()(given["target"])
    return {
        "logits of the source": plain(found[0]),
        "logits of the target": plain(found[1]),
        "gradient from the source": flows[0],
        "gradient from the target": flows[1],
        "state afterwards": statistics,
        "logits of the target in a test afterwards": plain(tested),
        "what the model does afterwards": plain(behaviour),
    }


def _joint(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    logits = model(torch.cat([source, target]))
    return logits[: len(source)], logits[len(source) :]


def _apart(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return model(source), model(target)


def _target_by_standing(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    of_source = model(source)
    of_target = model.eval()(target)
    model.train()
    return of_source, of_target


def _joint_then(change: Callable[[nn.Module, Tensor, Tensor], tuple]) -> Callable:
    """A joint pass with something done to its two parts."""
    return lambda model, source, target: change(model, *_joint(model, source, target))


def _joint_in_eval(model: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    parts = _joint(model.eval(), source, target)
    model.train()
    return parts


_LOGITS = ("logits of the source", "logits of the target")


def _logits_of(answer: Callable, *names: str) -> Recogniser:
    """Recognise the logits of another pass, of both domains where none is named."""
    return shows(_a_pass, answer, names=names or _LOGITS)


def _holds_the_same_rows(found: Data, expected: Data, case: Case) -> bool:
    """Whether all rows are there, in whatever order and however they are dealt out to the two domains."""
    mine, theirs = (np.concatenate([one[name] for name in _LOGITS]) for one in (found, expected))
    return mine.shape == theirs.shape and close(mine[np.lexsort(mine.T)], theirs[np.lexsort(theirs.T)])


QUESTION = Question(
    slug="joint_norm",
    lesson="14",
    title="Whose mean does BatchNorm take?",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "In train mode BatchNorm takes mean and variance from the examples that come in *together*. Which examples "
        "come in together in the broken version?",
        "One forward pass over both batches. BatchNorm then sees the mixture, and so do its running statistics.",
        "`logits = model(torch.cat([source, target]))`. The first `len(source)` rows belong to the source, the others "
        "to the target; the batches are not equally large.",
    ),
    inputs=_two_domains,
    reference=_joint,
    why=(
        "Both domains are normalised by the statistics of the mixture, in training and, by the running statistics, in "
        "the test as well. With two passes each domain is centred by itself, and the test has one set of statistics "
        "for both. Which way reaches more is not settled by that. On the lesson's digits DANN with separate passes was "
        "ahead, and the source alone with the target's own statistics was not clearly behind it."
    ),
    wrong=(
        Wrong(
            "two passes",
            "There are still two passes, each domain normalised by its own mean and variance. That is `separate`, and "
            "`joint` was asked for: join the batches *before* the model.",
            _apart,
            recognise=_logits_of(_apart),
        ),
        Wrong(
            "eval mode",
            "The model runs in eval mode: it takes the running statistics, which have not seen the target, and they do "
            "not move. In training it should learn the mixture's.",
            _joint_in_eval,
            recognise=_logits_of(_joint_in_eval),
        ),
        Wrong(
            "target by the running ones",
            "The source is normalised by its batch, and the target by the running statistics: two measures again. "
            "That leaves the target's shift in, and the running statistics never hear of the target.",
            _target_by_standing,
            recognise=all_of(
                _logits_of(_apart, "logits of the source"), none_of(_logits_of(_apart, "logits of the target"))
            ),
        ),
        Wrong(
            "answers swapped",
            "The pass is right, and the two answers come back in the wrong order: the source first.",
            _joint_then(lambda model, source, target: (target, source)),
            recognise=swapped(*_LOGITS),
        ),
        Wrong(
            "cut in the wrong place",
            "The joint pass is right, and its rows are cut in the wrong place: examples of one domain are handed on as "
            "the other's. The batches are not equally large, and the source was put in first.",
            lambda model, source, target: model(torch.cat([source, target])).tensor_split(2),
            recognise=all_of(each(_holds_the_same_rows), differs(*_LOGITS)),
        ),
        Wrong(
            "gradient lost",
            "The logits are right, and nothing flows back from one of the domains. An alignment moves the features of "
            "*both*: no `no_grad` and no `detach` here.",
            _joint_then(lambda model, source, target: (source, target.detach())),
            recognise=all_of(agrees(*_LOGITS), differs("gradient from *")),
        ),
        Wrong(
            "left in eval",
            "The logits are right, and the model is left in eval mode: the next training step would run on standing "
            "statistics.",
            _joint_then(lambda model, source, target: (model.eval() and source, target)),
            recognise=all_of(agrees(*_LOGITS), differs("what the model does afterwards")),
        ),
    ),
    probe=_a_pass,
)
