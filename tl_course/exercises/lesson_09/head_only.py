"""Lesson 09: a head that trains nothing."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.probes import load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, differs, none_of, shows
from tl_course.exercises.values import Data, Unfit, plain, tensors


class TinyBert(nn.Module):
    """The names of a BERT classifier (``bert``, ``dropout``, ``classifier``) on a few hundred weights, in float64.

    Parameters
    ----------
    classes : int
        Outputs of the head ``classifier``.
    seed : int
        Of the weights; global random state is left as it was.

    Examples
    --------
    >>> TinyBert(2, seed=0)(torch.zeros(4, 5, dtype=torch.int64)).shape
    torch.Size([4, 2])
    """

    def __init__(self, classes: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.bert = nn.Sequential(nn.Embedding(20, 6), nn.Linear(6, 6), nn.Tanh())
            self.dropout = nn.Dropout(0.1)
            self.classifier = nn.Linear(6, classes)
        self.double()

    def forward(self, words: Tensor) -> Tensor:
        """Turn words N×L into N×classes logits."""
        return self.classifier(self.dropout(self.bert(words).mean(dim=1)))


def _sentences(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "words": rng.integers(0, 20, size=(9, 4)),
            "labels": rng.permutation(np.arange(9) % 3),
            "head": rng.normal(size=(3, 6)),
            "rate": float(rng.uniform(0.2, 1)),
        }
        for _ in range(2)
    ]


def _trained_head(answer: object, case: Case) -> Data:
    """Let the answer prepare a model of two classes for three, then take four steps with its optimiser."""
    need_function(answer, "answer_head_only(model, new_head, rate)")
    given, model = tensors(case), TinyBert(2, case["seed"]).eval()
    head = nn.Linear(6, 3, dtype=torch.float64)
    head.load_state_dict({"weight": given["head"], "bias": torch.zeros(3, dtype=torch.float64)})
    optimizer = answer(model, head, case["rate"])
    if not callable(getattr(optimizer, "step", None)):
        raise Unfit(f"It gave back {type(optimizer).__name__}; give back the optimiser.")
    model.eval()
    for _ in range(4):
        model.zero_grad()
        F.cross_entropy(model(given["words"]), given["labels"]).backward()
        optimizer.step()
    return {"state": state(model), "logits": plain(model(given["words"]))}


def _head_only(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.requires_grad_(False)
    model.classifier = new_head
    return torch.optim.SGD(new_head.parameters(), lr=rate)


def _too_early(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    return optimizer


def _frozen_too(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.classifier = new_head
    model.requires_grad_(False)
    return torch.optim.SGD(model.parameters(), lr=rate)


def _all_of_it(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.classifier = new_head
    return torch.optim.SGD(model.parameters(), lr=rate)


def _old_head(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.bert.requires_grad_(False)
    return torch.optim.SGD(model.classifier.parameters(), lr=rate)


_head_stands = shows(_trained_head, _too_early, names=("state/classifier.weight",))


QUESTION = Question(
    slug="head_only",
    lesson="09",
    title="The head that trains nothing",
    kind="repair",
    difficulty=3,
    minutes=9,
    points=3,
    hints=(
        "No error, and a loss that never changes. Which tensors does `optimizer.step()` move: those of the model, or "
        "those that the optimiser was given?",
        "An optimiser keeps the parameters that it was given when it was made. Which head stood in the model at that "
        "moment?",
        "Freeze first, put `new_head` in the place of `model.classifier`, and make the optimiser last, from "
        "`new_head.parameters()`.",
    ),
    inputs=_sentences,
    reference=_head_only,
    why=(
        "The new head learns, and the body stays. An optimiser holds parameters, not models: change the model "
        "afterwards, and you train weights that the model no longer uses. As `backward()` finds a gradient, no error "
        "says so; only a count, or a look at what moved, does."
    ),
    wrong=(
        Wrong(
            "optimiser too early",
            "Nothing has moved: neither body nor head. The optimiser still holds the old head's weights, which are no "
            "longer in the model. Make it after the new head is in its place.",
            _too_early,
            recognise=all_of(agrees("state/bert.*"), _head_stands),
        ),
        Wrong(
            "new head frozen",
            "The new head is frozen along with the rest, so `backward()` finds no gradient. Freeze before you put it "
            "in, or wake it with `requires_grad_(True)`.",
            _frozen_too,
        ),
        Wrong(
            "old head",
            "The head is still the old one, for two classes, and the third class does not fit in. Put `new_head` in "
            "the place of `model.classifier`.",
            _old_head,
        ),
        Wrong(
            "body learns",
            "The head learns, and the body with it: that is fine-tuning, at the rate of a head. Freeze `model.bert`.",
            _all_of_it,
            recognise=all_of(differs("state/bert.*"), none_of(_head_stands)),
        ),
        Wrong(
            "body instead of head",
            "The wrong half learns: `model.bert` moves, and the new head stays as random as it was made.",
            lambda model, new_head, rate: (
                setattr(model, "classifier", new_head) or torch.optim.SGD(model.bert.parameters(), lr=rate)
            ),
            recognise=all_of(differs("state/bert.*"), _head_stands),
        ),
    ),
    probe=_trained_head,
    prepare=load_optimizers,
)
