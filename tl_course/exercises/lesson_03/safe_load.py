"""Lesson 03: opening a file."""

from __future__ import annotations

import copy
import io

import numpy as np
import torch
from torch import nn

from tl_course.exercises.networks import TinyResNet, pictures
from tl_course.exercises.probes import need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import all_of, nonzero, on, zero
from tl_course.exercises.values import Data

_opened: list[str] = []
"""What stowaways have left behind: a file that runs code when it is opened writes here, and does nothing else."""


def _leave_a_trace() -> int:
    _opened.append("code from the file ran")
    return 0


class _Stowaway:
    """Harmless, and whoever unpickles it runs a function that its author chose."""

    def __reduce__(self) -> tuple:
        return _leave_a_trace, ()


def _files(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    kinds = ("all numbers", "buffers missing", "other names", "a stowaway", "all numbers")
    return [{"seed": int(rng.integers(2**31)), "file": kind} for kind in kinds]


def _written(case: Case) -> io.BytesIO:
    """A checkpoint of the case's kind, as an open file."""
    source = TinyResNet(3, case["seed"])
    source.train()(torch.from_numpy(pictures(np.random.default_rng(case["seed"]), 6, 3)["images"]))
    content = dict(source.state_dict())
    if case["file"] == "buffers missing":
        content = {name: weight.detach() for name, weight in source.named_parameters()}
    elif case["file"] == "other names":
        content = {f"module.{name}": weight for name, weight in content.items()}
    elif case["file"] == "a stowaway":
        content |= {"note": _Stowaway()}
    file = io.BytesIO()
    torch.save(content, file)
    file.seek(0)
    return file


def _loaded(answer: object, case: Case) -> Data:
    """Let the answer load a file into a model; show the model, what the file did, and whether there was an error."""
    need_function(answer, "answer_safe_load(model, file)")
    model, file = TinyResNet(3, seed=case["seed"] // 2), _written(case)
    _opened.clear()
    refused = False
    try:
        answer(model, file)
    except Exception as error:
        refused = not isinstance(error, TypeError | NameError | AttributeError)
        if not refused:
            raise
    left = len(_opened)
    _opened.clear()
    return {"code from the file that ran": left, "refused": refused, "state": {} if refused else state(model)}


def _load(*, safely: bool = True, strict: bool = True):
    def answer(model: nn.Module, file: io.BytesIO) -> None:
        model.load_state_dict(torch.load(file, weights_only=safely), strict=strict)

    return answer


def _swallowed(model: nn.Module, file: io.BytesIO) -> None:
    try:
        _load()(model, file)
    except Exception:
        return


def _parameters_only(model: nn.Module, file: io.BytesIO) -> None:
    content = torch.load(file, weights_only=True)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(content[name])


def _without_effect(model: nn.Module, file: io.BytesIO) -> None:
    copy.deepcopy(model).load_state_dict(torch.load(file, weights_only=True))


_RAN = nonzero("code from the file that ran")

QUESTION = Question(
    slug="safe_load",
    lesson="03",
    title="Opening somebody's file",
    kind="repair",
    difficulty=2,
    minutes=6,
    points=3,
    hints=(
        "Two settings in these two lines silence somebody who wants to warn you. Which?",
        "`weights_only=False` lets the file run code. `strict=False` hides names that are missing or do not fit.",
        "Load with `weights_only=True`, fill the model strictly, and let errors go on to your caller.",
    ),
    inputs=_files,
    reference=_load(),
    why=(
        "Tensors only, all names, or a loud error: the file with a stowaway was refused before its code could run, "
        "and so were those that would have left a network half filled. An error that you see today is cheaper than an "
        "accuracy that you wonder about tomorrow."
    ),
    wrong=(
        Wrong(
            "both settings",
            "Code from one of the files ran while you opened it, and a file with missing names was taken without a "
            "word: `weights_only=False` and `strict=False` are both still there.",
            _load(safely=False, strict=False),
            recognise=all_of(_RAN, on(1, zero("refused"))),
        ),
        Wrong(
            "code ran",
            "Code from one of the files ran while you opened it. A pickle is a small program; with "
            "`weights_only=True` PyTorch reads tensors and plain values, and refuses the rest.",
            _load(safely=False),
            recognise=_RAN,
        ),
        Wrong(
            "errors swallowed",
            "A file that could not be loaded was passed over in silence, and the model is as random as it was. "
            "Somebody will test it and wonder. Let the error through.",
            _swallowed,
            recognise=zero("refused"),
        ),
        Wrong(
            "not strict",
            "A file in which names are missing was taken without a word: parts of the model are now as random as they "
            "were. Load strictly, which is the default.",
            _load(strict=False),
        ),
        Wrong(
            "parameters only",
            "You copied the parameters and left BatchNorm's running statistics behind. They are buffers, they belong "
            "to the `state_dict`, and without them the network is ruined.",
            _parameters_only,
        ),
        Wrong(
            "not into the model",
            "The file was read, and the model that was given has not changed. Put the numbers into *this* model: "
            "`model.load_state_dict(…)`.",
            _without_effect,
        ),
    ),
    probe=_loaded,
)
