"""Record 12_unseen: the digit that the student never saw, before and after one number is changed.

Networks, digits and steps are those of 12_digits; but every 3 is taken out of the pictures that the student is trained
on. The teacher has seen 3s. ``target`` names what the student learns from: the teacher's soft answers alone, at T = 4
(``distilled``), or one of three controls, which are told nothing about 3s: labels (``labels``); smoothed labels
(``smoothed``), which are soft, too, and give the 3 the same share on every picture; or the teacher's answers with all
logits below the highest shuffled (``shuffled``, ``dealt`` in 12_digits), which keep the teacher's confidence.

Afterwards one number is added to the logit of class 3, the **offset**. ``method`` says how it is chosen, always on the
400 validation digits, of which about forty are 3s, and never on the test digits:

* ``before``: not at all, the offset is 0;
* ``by_labels``: it makes the fewest errors there, which takes the labels of those forty 3s;
* ``by_share``: a tenth of them are then called 3, which takes no label, and the knowledge that one digit in ten is a 3.

``setting`` is what was measured: ``errors``, the error on all 1,000 test digits; ``threes``, the share of the test 3s
that are called so; ``offset``, the number itself, in logits.

For the mini profile only: the networks are those of 12_digits, the same toy in every profile.
"""

import dataclasses
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

import tl_course as tl
from authoring.records.common import Cell, load, product
from tl_course.data import Task

digits = load("12_digits")

MISSING, TEMPERATURE, SHARE = 3, 4.0, 0.1
CHOICES = ("before", "by_labels", "by_share")
LOSSES = {"distilled": "distilled", "labels": "student", "smoothed": "smoothed", "shuffled": "dealt"}
"""What a student learns from, and its name in 12_digits."""
CELLS = product(list(LOSSES), CHOICES, ["errors", "threes", "offset"], range(5))
CHEAP = False


def without(task: Task, missing: int) -> Task:
    """The task with one class taken out of the pictures to train on."""
    return dataclasses.replace(task, train=task.train.subset((task.train.labels != missing).nonzero().flatten()))


@cache
def student(target: str, seed: int) -> tl.training.Run:
    """A student that never saw the digit."""
    task = without(digits.task_of(seed), MISSING)
    return digits.student(task, seed, loss=digits.loss_of(LOSSES[target], task, seed, TEMPERATURE))


def wanting(logits: Tensor, missing: int) -> Tensor:
    """By how much each example's logit of a class falls short of the highest other one: N, negative where it wins."""
    others = logits.clone()
    others[:, missing] = -torch.inf
    return others.amax(dim=1) - logits[:, missing]


def raised(logits: Tensor, missing: int, offset: float) -> Tensor:
    """The logits, with the offset added to one class."""
    return logits + offset * F.one_hot(torch.tensor(missing), logits.shape[1])


def by_share(logits: Tensor, missing: int, share: float) -> float:
    """The offset with which that share of the examples is given the class."""
    return float(wanting(logits, missing).quantile(share))


def by_labels(logits: Tensor, labels: Tensor, missing: int) -> float:
    """The offset with the fewest errors; the middle one where many are as good."""
    edges = wanting(logits, missing).sort().values
    tried = (edges[1:] + edges[:-1]) / 2
    errors = torch.stack([(raised(logits, missing, one).argmax(dim=1) != labels).sum() for one in tried])
    best = tried[errors == errors.min()]
    return float(best[len(best) // 2])


def offset(run: tl.training.Run, choice: str) -> float:
    """What is added to the logit of the missing class."""
    if choice == "before":
        return 0.0
    logits = run.logits("validation")
    if choice == "by_share":
        return by_share(logits, MISSING, SHARE)
    return by_labels(logits, run.task.validation.labels, MISSING)


def measure(cell: Cell) -> float:
    """The offset, the error on all test digits, or the share of test 3s that are right."""
    run = student(cell.target, cell.seed)
    added = offset(run, cell.method)
    if cell.setting == "offset":
        return added
    labels = run.task.test.labels
    right = raised(run.logits("test"), MISSING, added).argmax(dim=1) == labels
    return float(right[labels == MISSING].float().mean() if cell.setting == "threes" else 1 - right.float().mean())
