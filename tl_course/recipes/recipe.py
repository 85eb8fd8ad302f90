"""The recipe: a linear probe on features computed once, then fine-tuning, and validation chooses."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import data, environment, metrics, models, training
from tl_course.data.task import SPLITS, Split, Task
from tl_course.recipes.planning import FORWARD_AND_BACK, Plan
from tl_course.training.run import autocast, in_eval

# Classes this uneven (largest to smallest) are weighted, and judged by macro F1.
UNEVEN = 3.0
PROBE_STEPS, PROBE_RATE = 300, 1e-2
# How strongly the probe's weights are held small, as scikit-learn's LogisticRegression(C=0.01) on standardised features
# holds them: it was best on 4 to 100 labels a class of CIFAR-10, and better by some points than hardly holding them.
PROBE_C = 0.01
# Passes over the training examples: many over few examples, few over many.
WANTED_PASSES = {"image": 6_000, "text": 4_000}
EPOCHS = {"image": (3, 15), "text": (1, 16)}
# The backbone moves more slowly than the head.
BACKBONE_RATE = {"image": 3e-4, "text": 1e-4}
HEAD_RATE = {"image": 1e-3, "text": 5e-4}
# Fine-tuning looks at validation so often, fewer times where that would cost more than this share of the training, but
# not fewer than that; after this share of the looks without a better one it stops.
LOOKS, FEWEST_LOOKS, LOOKING_SHARE, PATIENCE_SHARE = 20, 4, 0.25, 0.4


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
    """

    method: str
    logits: dict[str, Tensor]
    seconds: float
    trained: int
    history: list[dict]
    steps: int
    planned: int | None = None
    best_step: int | None = None

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
        Whether classes were weighted and macro F1 decided.
    interrupted : bool
    notes : list of str
        What went wrong.
    remark : str
        What else there is to say of how the choice was made.
    """

    model: nn.Module
    candidates: list[Candidate]
    kept: Candidate
    uneven: bool
    interrupted: bool = False
    notes: list[str] = field(default_factory=list)
    remark: str = ""


def learn(
    model: nn.Module,
    task: Task,
    plan: Plan,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    seed: int = 0,
    say: Callable[[str], None] = print,
) -> Outcome:
    """Train a probe, fine-tune, and keep the one that is better on validation (the probe when they tie).

    Networks for images are fine-tuned from the probe's head (LP-FT, Kumar et al. 2022), BERTs from a new one.

    Parameters
    ----------
    model : nn.Module
        From ``tl.models.create``; trained in place, with a new head.
    task : Task
        With all three parts.
    plan : Plan
    steps, epochs : int, optional
        Length of fine-tuning, by default as the plan's budget allows; 0 steps for the probe alone.
    seed : int
    say : callable
        Is told each result in a line.

    Returns
    -------
    Outcome
        After Ctrl-C, too, as soon as there is a probe.
    """
    counts = torch.bincount(task.train.labels, minlength=task.num_classes)
    uneven = bool(counts.max() >= UNEVEN * counts.min())
    loss = weighted(len(task.train) / (task.num_classes * counts)) if uneven else weighted(torch.ones(task.num_classes))
    _new_head(model, task.num_classes, seed)
    model.to(environment.current().device)
    probe, interrupted = _probe(model, task, loss, seed)
    outcome = Outcome(model, [probe], probe, uneven, interrupted)
    say(_told(probe, task, uneven))
    length = _length(task, plan, steps, epochs)
    if interrupted or not length["steps"]:
        return outcome
    if steps is None and epochs is None and score(probe, task, uneven) == 1:
        outcome.remark = "The probe made no mistake on validation, so nothing could be better, and it was kept."
        say(outcome.remark)
        return outcome
    before = copy.deepcopy(model.state_dict())
    if task.kind == "text":  # a BERT's first token says little before it is fine-tuned, and a head made for it misleads
        _new_head(model, task.num_classes, seed)
    try:
        monitor = "macro_f1" if uneven else "accuracy"
        tuned, outcome.interrupted = _fine_tune(model, task, loss, seed, monitor=monitor, **length)
    except training.NonFiniteError as error:
        outcome.notes.append(f"Fine-tuning failed, and the probe was kept: {error}")
        model.load_state_dict(before)
        return outcome
    except KeyboardInterrupt:  # while the fine-tuned network was put to the test, say: the probe is there
        outcome.interrupted = True
        model.load_state_dict(before)
        return outcome
    say(_told(tuned, task, uneven))
    say(tuned.kept_weights)
    outcome.candidates.append(tuned)
    if score(tuned, task, uneven) > score(probe, task, uneven):
        outcome.kept = tuned
    else:
        model.load_state_dict(before)
    return outcome


def _new_head(model: nn.Module, num_classes: int, seed: int) -> None:
    std = getattr(getattr(model, "config", None), "initializer_range", None)  # BERTs say how theirs is to be drawn
    models.replace_head(model, num_classes, seed=seed, std=std)


def weighted(weights: Tensor) -> Callable:
    """Make cross-entropy for the loop in which class c counts ``weights[c]`` times; a mean over the batch.

    >>> from types import SimpleNamespace
    >>> batch = SimpleNamespace(inputs=torch.zeros(3, 8), labels=torch.tensor([0, 0, 1]))
    >>> round(weighted(torch.tensor([0.75, 1.5]))(nn.Linear(8, 2, bias=False), batch)["cross_entropy"].item(), 4)
    0.6931
    """

    def loss(model: nn.Module, batch: data.Batch) -> dict[str, Tensor]:
        logits = models.logits(model, batch.inputs)
        return {"cross_entropy": F.cross_entropy(logits, batch.labels, weights.to(logits))}

    return loss


def held_small(loss: Callable, strength: float) -> Callable:
    """Add ``strength`` times the squared weights of a linear model to a loss for the loop (ridge regularisation).

    AdamW's own weight decay hardly acts in a few hundred steps.
    """
    return lambda model, batch: {**loss(model, batch), "ridge": strength * model.weight.square().sum()}


def score(candidate: Candidate, task: Task, uneven: bool) -> float:
    """Return what decides between candidates: validation accuracy, or macro F1 where classes are uneven."""
    labels, logits = task.validation.labels, candidate.logits["validation"]
    if uneven:
        return metrics.precision_recall_f1(labels, logits, class_names=task.class_names).macro.f1
    return metrics.accuracy(labels, logits).value


def _told(candidate: Candidate, task: Task, uneven: bool) -> str:
    name = {"linear_probe": "Linear probe", "fine_tune": "Fine-tuning"}[candidate.method]
    accuracy = metrics.accuracy(task.validation.labels, candidate.logits["validation"])
    also = f", macro F1 {score(candidate, task, True):.2f}" if uneven else ""
    return f"{name}: {accuracy.value:.1%} right on {accuracy.n:,} validation examples{also}, {candidate.seconds:.0f} s."


def _probe(model: nn.Module, task: Task, loss: Callable, seed: int) -> tuple[Candidate, bool]:
    """Train a new head on standardised features, and put it into the model with the scaling folded in."""
    began = time.perf_counter()
    features = embedded(model, task)
    mean, std = features.train.inputs.mean(0), features.train.inputs.std(0, correction=0).clamp(min=1e-6)
    scaled = {part: _scaled(getattr(features, part), mean, std) for part in SPLITS}
    points = Task(task.name, task.title, "features", task.class_names, source=task.source, **scaled)
    _, head = models.head_of(model)
    probe = nn.Linear(head.in_features, task.num_classes)
    nn.init.zeros_(probe.weight)
    nn.init.zeros_(probe.bias)
    held = held_small(loss, 1 / (2 * PROBE_C * len(task.train)))
    run = _whole_or_interrupted(probe, points, loss=held, steps=PROBE_STEPS, lr=PROBE_RATE, weight_decay=0.0, seed=seed)
    logits = {part: run.logits(part) for part in ("validation", "test")}
    with torch.no_grad():
        weight = probe.weight.cpu() / std
        head.weight.copy_(weight)
        head.bias.copy_(probe.bias.cpu() - weight @ mean)
    seconds = time.perf_counter() - began
    trained = sum(parameter.numel() for parameter in probe.parameters())
    return Candidate("linear_probe", logits, seconds, trained, run.history, run.steps), run.interrupted


def _whole_or_interrupted(model: nn.Module, task: Task, **settings) -> training.Run:
    """Train; after Ctrl-C return what was trained until then, so that it can be saved."""
    try:
        return training.fit(model, task, **settings)
    except KeyboardInterrupt as stop:
        run = getattr(stop, "run", None)
        if run is None:  # it had not begun
            raise
        return run


def _scaled(split: Split, mean: Tensor, std: Tensor) -> Split:
    return Split((split.inputs - mean) / std, split.labels)


def embedded(model: nn.Module, task: Task, *, batch_size: int = 64) -> Task:
    """Run the backbone once over a task and return what the head is given, as a task of features."""
    splits = {}
    total = sum(len(getattr(task, part)) for part in SPLITS)
    with tqdm(total=total, desc="features", unit="example", leave=False) as bar, in_eval(model):

        def given_to_head(batch: data.Batch) -> Tensor:
            bar.update(len(batch))
            with autocast(batch.labels.device):
                return models.embed(model, batch.inputs, pooling="cls").float()

        for part in SPLITS:
            split = getattr(task, part)
            loader = data.batches(task, model, part, batch_size=batch_size, shuffle=False, augment=(), buckets=True)
            splits[part] = Split(data.per_example(loader, given_to_head).cpu(), split.labels)
    return Task(task.name, task.title, "features", task.class_names, source=task.source, **splits)


def _length(task: Task, plan: Plan, steps: int | None, epochs: int | None) -> dict[str, int]:
    """Return batch size and steps of fine-tuning."""
    count = len(task.train)
    batch_size = 16 if count < 200 else 32
    fewest, most = EPOCHS[task.kind]
    if steps is None:
        wanted = min(max(WANTED_PASSES[task.kind] / count, fewest), most) if epochs is None else epochs
        passes = wanted * count if epochs is not None else min(wanted * count, plan.passes)
        steps = max(1, round(passes / batch_size))
    return {"batch_size": batch_size, "steps": steps}


def looks(task: Task, steps: int, batch_size: int) -> dict[str, int]:
    """Return how often fine-tuning looks at validation, and after how many looks without a better one it stops.

    >>> from tl_course.data import Split
    >>> part, few = (Split(torch.zeros(count, 2), torch.zeros(count).long()) for count in (1_000, 9))
    >>> looks(Task("toy", "Toy", "features", ("a",), part, few, few, "made up"), 300, 32)
    {'evaluate_every': 15, 'patience': 8}
    >>> looks(Task("toy", "Toy", "features", ("a",), part, part, few, "made up"), 300, 32)
    {'evaluate_every': 43, 'patience': 3}
    """
    affordable = int(LOOKING_SHARE * FORWARD_AND_BACK * steps * batch_size / max(len(task.validation), 1))
    count = min(max(affordable, FEWEST_LOOKS), LOOKS, steps)
    return {"evaluate_every": -(-steps // count), "patience": max(2, round(PATIENCE_SHARE * count))}


def _fine_tune(
    model: nn.Module, task: Task, loss: Callable, seed: int, *, steps: int, batch_size: int, monitor: str
) -> tuple[Candidate, bool]:
    """Train the whole network, and keep its best weights; BatchNorm's statistics stay those of the source."""
    began = time.perf_counter()
    normalising = [name for name, part in model.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if normalising:
        models.freeze(model, parts=normalising)
    settings = {"lr": BACKBONE_RATE[task.kind], "head_lr": HEAD_RATE[task.kind], "monitor": monitor}
    settings |= {"steps": steps, "batch_size": batch_size, **looks(task, steps, batch_size)}
    try:
        run = _whole_or_interrupted(model, task, loss=loss, seed=seed, **settings)
    finally:
        models.unfreeze(model)
    logits = {part: run.logits(part) for part in ("validation", "test")}
    seconds = time.perf_counter() - began
    trained = run.parameters.trainable
    candidate = Candidate("fine_tune", logits, seconds, trained, run.history, run.steps, steps, run.best_step)
    return candidate, run.interrupted
