"""What a finished recipe amounts to: the score, what to compare it with, and what speaks against believing it."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from tl_course import metrics
from tl_course.recipes.candidates import Outcome
from tl_course.recipes.confidence import Confidence, fit_confidence, probabilities
from tl_course.recipes.planning import Plan
from tl_course.recipes.prepared import Prepared, counted
from tl_course.recipes.weighting import UNEVEN, unevenness
from tl_course.training.collapse import collapsed_answers, grown_loss

# Below so many test examples an accuracy is little more than a hint.
FEW_TESTED = 100


def typed(path: Path) -> str:
    """Return a path as it is typed: in quotation marks where it needs them, and never like an option.

    >>> typed(Path("mine")), typed(Path("my photos")), typed(Path("-x"))
    ('mine', "'my photos'", './-x')
    """
    name = f"./{path}" if str(path).startswith("-") else str(path)
    return subprocess.list2cmdline([name]) if os.name == "nt" else shlex.quote(name)


@dataclass
class Finished:
    """Everything a report tells.

    Attributes
    ----------
    root : Path
        The folder of images, or the table.
    out : Path
        The folder with model and report.
    prepared : Prepared
    plan : Plan
    outcome : Outcome
    seconds : float
        From the first look at the data to the saved model.
    command : str
    seed : int
    """

    root: Path
    out: Path
    prepared: Prepared
    plan: Plan
    outcome: Outcome
    seconds: float
    command: str
    seed: int

    @property
    def use(self) -> str:
        """What to type to ask the model, as a shell takes it."""
        what = "IMAGE_OR_FOLDER" if self.prepared.task.kind == "image" else "'a text of yours'"
        return f"tl-course predict {typed(self.out)} {what}"

    @property
    def accuracy(self) -> metrics.Interval:
        """Share of the test examples that are right, with its Wilson interval."""
        return metrics.accuracy(self.prepared.task.test.labels, self.outcome.kept.logits["test"])

    @cached_property
    def confidence(self) -> Confidence:
        """How sure the model may be: a temperature from validation."""
        task, logits = self.prepared.task, self.outcome.kept.logits
        return fit_confidence((task.validation.labels, logits["validation"]), (task.test.labels, logits["test"]))

    @property
    def probabilities(self) -> torch.Tensor:
        """Calibrated probabilities of the test examples, float32 N×C."""
        return probabilities(self.outcome.kept.logits["test"], self.confidence.temperature)

    @property
    def majority(self) -> tuple[str, float]:
        """The largest class of training, and how often always naming it is right on the test."""
        task = self.prepared.task
        largest = int(task.train.labels.bincount(minlength=task.num_classes).argmax())
        return task.class_names[largest], (task.test.labels == largest).float().mean().item()

    @property
    def macro_f1(self) -> tuple[float, float]:
        """Mean of the classes' F1 on the test, of the model and of always naming the largest class."""
        task = self.prepared.task
        largest = torch.full_like(task.test.labels, task.class_names.index(self.majority[0]))
        return tuple(
            metrics.precision_recall_f1(task.test.labels, answers, class_names=task.class_names).macro.f1
            for answers in (self.outcome.kept.logits["test"], largest)
        )

    @property
    def collapse(self) -> list[str]:
        """What training itself went wrong by: one answer for all, a class never answered, a loss that grew."""
        task, kept = self.prepared.task, self.outcome.kept
        logits = kept.logits["test"]
        answered = logits.argmax(1).bincount(minlength=logits.shape[1]).tolist()
        found = collapsed_answers(task.test.labels, answered, task.class_names, "test")
        for each in self.outcome.candidates:
            found += [f"{each.name}: {sentence}" for sentence in grown_loss(each.history, task.num_classes)]
        return found

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number, what matters most to that first.

        That is: what may stand on both sides of the split; training that failed; a score that says little; and then
        what there is to know of single examples.
        """
        outcome, score = self.outcome, self.accuracy
        found = [*self.prepared.findings.leakage, *self.collapse, *outcome.notes]
        if outcome.interrupted:
            found.append(f"Training was interrupted; this is {outcome.until_then}. The same command goes on with it.")
        name, share = self.majority
        if score.low <= share:
            found.append(f"Not shown to be better than always answering {name!r}, which is right for {share:.0%}.")
        if score.n < FEW_TESTED:
            found.append(
                f"Only {counted(score.n, 'test example')}: the true accuracy may lie anywhere from {score.low:.0%} to "
                f"{score.high:.0%}."
            )
        task = self.prepared.task
        if unevenness(task) >= UNEVEN and not outcome.uneven:
            found.append(
                "The classes are uneven and were not weighted, as you chose: accuracy hides what happens to rare ones."
            )
        elif unevenness(task) >= UNEVEN:
            found.append(
                "The classes are uneven: training weighted them, and macro F1, in which every class counts the same, "
                "decided; accuracy alone says little."
            )
        return [*found, *self.prepared.findings.warnings]
