"""Lesson 03: writing a file that others can open."""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import nn

from tl_course.exercises.networks import TinyResNet, pictures
from tl_course.exercises.probes import need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, nonzero, zero
from tl_course.exercises.values import Data


def _networks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"seed": int(rng.integers(2**31))} for _ in range(2)]


def _trained(case: Case) -> nn.Module:
    """A network whose running statistics are no longer those of the start."""
    model = TinyResNet(3, case["seed"])
    model.train()(torch.from_numpy(pictures(np.random.default_rng(case["seed"]), 6, 3)["images"]))
    return model


def _saved(answer: object, case: Case) -> Data:
    """Let the answer write a file; show what a careful reader gets out of it, and the model afterwards."""
    need_function(answer, "answer_save_whole(model, file)")
    model, file = _trained(case), io.BytesIO()
    answer(model, file)
    shown = {"bytes": int(file.tell() > 0), "opens": 0, "fits": 0, "read": {}, "model": state(model)}
    file.seek(0)
    reader = TinyResNet(3, seed=case["seed"] // 2)
    try:
        content = torch.load(file, weights_only=True)
        shown["opens"] = 1
        reader.load_state_dict(content)
        shown |= {"fits": 1, "read": state(reader)}
    except Exception:  # any error that a reader would see; what was reached before it is shown
        return shown
    return shown


def _whole(model: nn.Module, file: io.BytesIO) -> None:
    torch.save(model.state_dict(), file)


def _halved(model: nn.Module, file: io.BytesIO) -> None:
    content = model.state_dict().items()
    torch.save({name: part.half() if part.is_floating_point() else part for name, part in content}, file)


_OPENS, _FITS = nonzero("opens"), nonzero("fits")

QUESTION = Question(
    slug="save_whole",
    lesson="03",
    title="Writing the file",
    kind="implement",
    difficulty=1,
    minutes=4,
    points=1,
    hints=(
        "The file needs tensors by their names: parameters *and* buffers. Which method of a model gives both?",
        "`model.state_dict()`. Write that, not the model: a pickled model cannot be opened with `weights_only=True`.",
        "`torch.save(…, file)` writes into an open file.",
    ),
    inputs=_networks,
    reference=_whole,
    why=(
        "Tensors by their names, all of them, and nothing that has to be run. Your reader opens the file with "
        "`weights_only=True`, loads it strictly, and has your network. What is still missing is how to feed it: "
        "`tl.models.save` writes that, too."
    ),
    wrong=(
        Wrong(
            "nothing written",
            "Nothing was written into the file. `torch.save(…, file)` writes into the open file that you are given.",
            lambda model, file: None,
            recognise=zero("bytes"),
        ),
        Wrong(
            "the model pickled",
            "Your reader could not open it with `weights_only=True`. Did you save the model itself? That is a pickle "
            "of an object, and code has to run to rebuild it. Save its numbers.",
            lambda model, file: torch.save(model, file),
            recognise=all_of(nonzero("bytes"), zero("opens")),
        ),
        Wrong(
            "parameters only",
            "The file opens, but names are missing or strange, so it cannot be loaded strictly. `state_dict()` holds "
            "the parameters and the buffers; save exactly that, not wrapped in anything.",
            lambda model, file: torch.save(dict(model.named_parameters()), file),
            recognise=all_of(_OPENS, zero("fits")),
        ),
        Wrong(
            "model changed",
            "The model is another one after you saved it. It may have to go on training: read it, and leave it alone.",
            lambda model, file: torch.save(model.half().float().state_dict(), file),
            recognise=all_of(_FITS, differs("model/*")),
        ),
        Wrong(
            "rounded",
            "It opens and fits, but the numbers are not quite yours: they were rounded. Save them as they are.",
            _halved,
            recognise=all_of(_FITS, differs("read/*"), agrees("read/*", rtol=0.05, atol=0.05)),
        ),
    ),
    probe=_saved,
)
