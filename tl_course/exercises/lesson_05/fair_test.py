"""Lesson 05: a test that leaves no trace."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from tl_course.exercises.lesson_05._shared import picture_cases
from tl_course.exercises.networks import TinyResNet, train
from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, nonzero, on
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _in_both_modes(seed: int) -> list[Case]:
    return [{**case, "training": mode} for case, mode in zip(picture_cases(seed), (True, False), strict=True)]


def _predictions(answer: object, case: Case) -> Data:
    """Ask for predictions; then see what is left of the model, and which mode it is in, by what it does."""
    need_function(answer, "answer_fair_test(model, images)")
    given, model = tensors(case), TinyResNet(4, case["seed"])
    train(model, given["images"], given["labels"])
    model.train(case["training"])
    logits = answer(model, given["images"])
    if not isinstance(logits, Tensor):
        raise Unfit(
            f"It gave back {type(logits).__name__}; give back the logits as one tensor, a row for each picture."
        )
    traced = torch.zeros_like(model.fc.bias)
    if logits.requires_grad:
        traced = torch.autograd.grad(logits.square().sum(), model.fc.bias, allow_unused=True)[0]
    afterwards = state(model)
    with torch.no_grad():
        behaviour = plain(copy.deepcopy(model)(given["images"]))
    return {
        "logits": plain(logits),
        "state afterwards": afterwards,
        "what the model does afterwards": behaviour,
        "gradient kept": plain(traced),
    }


def _fair_test(model: nn.Module, images: Tensor) -> Tensor:
    mode = model.training
    model.eval()
    with torch.no_grad():
        logits = model(images)
    model.train(mode)
    return logits


def _in_train_mode(model: nn.Module, images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([model(batch) for batch in images.split(5)])


def _left_in_eval(model: nn.Module, images: Tensor) -> Tensor:
    model.eval()
    with torch.no_grad():
        return model(images)


def _left_in_train(model: nn.Module, images: Tensor) -> Tensor:
    logits = _left_in_eval(model, images)
    model.train()
    return logits


def _graph_kept(model: nn.Module, images: Tensor) -> Tensor:
    mode = model.training
    logits = model.eval()(images)
    model.train(mode)
    return logits


QUESTION = Question(
    slug="fair_test",
    lesson="05",
    title="A test that leaves no trace",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "In which mode does a network normalise a picture by who happens to be in the same batch?",
        "`torch.no_grad()` stops gradients, not BatchNorm: its statistics move in train mode whether or not anyone "
        "differentiates.",
        "Remember `model.training`, switch to `eval()`, predict under `torch.no_grad()`, and switch back with "
        "`model.train(mode)`.",
    ),
    inputs=_in_both_modes,
    reference=_fair_test,
    why=(
        "A picture now gets the same answer in every batch. The test leaves no trace in the model, and training goes "
        "on as if it had not been. In train mode the same pictures score differently shuffled, sorted and one by one, "
        "and the test moves what it measures."
    ),
    wrong=(
        Wrong(
            "train mode",
            "The model predicts in train mode: BatchNorm normalises each picture by the others in its batch, and its "
            "running statistics move, `no_grad()` or not. Call `model.eval()` first.",
            _in_train_mode,
            recognise=on(0, differs("state afterwards/*running_mean")),
        ),
        Wrong(
            "graph kept",
            "The predictions are right, but they drag the whole graph along: memory grows with every batch that is "
            "kept. Predict under `torch.no_grad()`.",
            _graph_kept,
            recognise=all_of(agrees("logits"), nonzero("gradient kept")),
        ),
        Wrong(
            "left in eval",
            "The predictions are right, but the model is left in eval mode. After a test in the middle of "
            "training it trains on without dropout and with standing statistics, and no error says so.",
            _left_in_eval,
            recognise=all_of(agrees("logits"), on(0, differs("what the model does afterwards"))),
        ),
        Wrong(
            "left in train",
            "The predictions are right, but a model that came in eval mode leaves in train mode. Give it back in the "
            "mode in which you got it.",
            _left_in_train,
            recognise=all_of(agrees("logits"), on(1, differs("what the model does afterwards"))),
        ),
    ),
    probe=_predictions,
    prepare=load_optimizers,
)
