"""What the recipe chooses between: a linear probe and fine-tuned networks, what each says, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import fmean, stdev

from torch import Tensor, nn

from tl_course import metrics
from tl_course.data.task import Task

NAMES = {"linear_probe": "Linear probe", "fine_tune": "Fine-tuning"}


@dataclass
class Candidate:
    """One way of training: what it says about validation and test, and what it cost.

    Attributes
    ----------
    method : str
        "linear_probe" or "fine_tune".
    logits : dict of str to Tensor
        float32 N×C for "validation" and "test".
    seconds : float
    trained : int
        Numbers that were trained.
    history : list of dict
    steps : int
        Those that were done.
    planned : int or None
        As many as were planned; None for the probe, which keeps its last weights.
    best_step : int or None
        After which step the weights were those that answered; None for the last.
    late : bool
        Whether the time was over before all steps were done.
    seed : int or None
        Of fine-tuning, where it was repeated with several.
    """

    method: str
    logits: dict[str, Tensor]
    seconds: float
    trained: int
    history: list[dict]
    steps: int
    planned: int | None = None
    best_step: int | None = None
    late: bool = False
    seed: int | None = None

    @property
    def name(self) -> str:
        """What a reader calls it."""
        return NAMES[self.method] + (f", seed {self.seed}" if self.seed is not None else "")

    @property
    def kept_weights(self) -> str:
        """Where in the training the weights come from, and whether it ended early: one sentence; "" for the probe."""
        if self.planned is None or not self.steps:
            return ""
        best = self.steps if self.best_step is None else self.best_step
        said = f"The weights after step {best:,} of {self.planned:,} were best on validation"
        if self.best_step is None:  # it ended before the first look
            said = f"The weights after step {best:,} of {self.planned:,} are the last"
        if self.steps < self.planned:
            said += f"; training ended after step {self.steps:,}"
            said += ", when the time for it was over" * self.late
        return f"{said}."


@dataclass
class Outcome:
    """What the recipe gives: the trained model and how it came about.

    Attributes
    ----------
    model : nn.Module
    candidates : list of Candidate
    kept : Candidate
        The one that ``model`` is; chosen by validation.
    uneven : bool
        Whether classes were weighted and macro F1 decided: since they are uneven, or by choice.
    interrupted : bool
    unanswered : bool
        Whether Ctrl-C came again before the network that was being fine-tuned had answered, so that it is no candidate.
    notes : list of str
        What went wrong.
    remark : str
        What else there is to say of how the choice was made.
    facts : list of str
        How it was trained.
    """

    model: nn.Module
    candidates: list[Candidate]
    kept: Candidate
    uneven: bool
    interrupted: bool = False
    unanswered: bool = False
    notes: list[str] = field(default_factory=list)
    remark: str = ""
    facts: list[str] = field(default_factory=list)

    @property
    def until_then(self) -> str:
        """What there is after Ctrl-C."""
        if self.unanswered and self.kept.method == "linear_probe":
            return "the linear probe"
        return "the best model until then"

    def spread(self, task: Task) -> str:
        """Say what fine-tuning with several seeds gave on the test, and how far that lies apart; "" for one."""
        tuned = [each for each in self.candidates if each.seed is not None]
        if len(tuned) < 2:
            return ""
        found = [metrics.accuracy(task.test.labels, each.logits["test"]).value for each in tuned]
        differ = "order and augmentation" if task.kind == "image" else "order, new head and dropout"
        return (
            f"Test accuracy of {len(found)} seeds: {min(found):.1%} to {max(found):.1%}, mean {fmean(found):.1%}, "
            f"standard deviation {100 * stdev(found):.1f} points. They share the split and differ in {differ}. "
            "Validation chose among them and the probe; what lies between them on the test is chance."
        )


def score(candidate: Candidate, task: Task, uneven: bool) -> float:
    """Return what decides between candidates: validation accuracy, or macro F1 where classes are uneven."""
    labels, logits = task.validation.labels, candidate.logits["validation"]
    if uneven:
        return metrics.precision_recall_f1(labels, logits, class_names=task.class_names).macro.f1
    return metrics.accuracy(labels, logits).value


def told(candidate: Candidate, task: Task, uneven: bool) -> str:
    """Return a line on what a candidate says about validation."""
    accuracy = metrics.accuracy(task.validation.labels, candidate.logits["validation"])
    also = f", macro F1 {score(candidate, task, True):.2f}" if uneven else ""
    said = f"{accuracy.value:.1%} right on {accuracy.n:,} validation examples{also}"
    return f"{candidate.name}: {said}, {candidate.seconds:.0f} s."
