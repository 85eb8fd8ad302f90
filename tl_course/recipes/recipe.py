"""The recipe: a linear probe on features computed once, then fine-tuning, and validation chooses."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from tl_course import data, environment, models, training
from tl_course.data.task import SPLITS, Split, Task
from tl_course.recipes.budget import Budget
from tl_course.recipes.candidates import Candidate, Outcome, score, told
from tl_course.recipes.freed_memory import give_back
from tl_course.recipes.in_parts import in_parts
from tl_course.recipes.planning import FORWARD_AND_BACK, Plan
from tl_course.recipes.unfinished import Unfinished
from tl_course.recipes.weighting import class_weighting, weighted
from tl_course.training.run import autocast, in_eval

PROBE_STEPS, PROBE_RATE = 300, 1e-2
# How strongly the probe's weights are held small, as scikit-learn's LogisticRegression(C=0.01) on standardised features
# holds them: it was best on 4 to 100 labels a class of CIFAR-10, and better by some points than hardly holding them.
PROBE_C = 0.01
# Of the usual deviation of a feature, so much at least. On MNIST a share of .01 to .1 was never worse than none (four
# seeds of 24 labels a class); on pictures whose features all vary it changes nothing.
LEAST_SPREAD = 0.05
# Passes over the training examples: many over few examples, few over many.
WANTED_PASSES = {"image": 6_000, "text": 4_000}
EPOCHS = {"image": (3, 15), "text": (1, 16)}
# The backbone moves more slowly than the head.
BACKBONE_RATE = {"image": 3e-4, "text": 1e-4}
HEAD_RATE = {"image": 1e-3, "text": 5e-4}
# Fine-tuning looks at validation so often, fewer times where that would cost more than this share of the training, but
# not fewer than that; after this share of the looks without a better one it stops.
LOOKS, FEWEST_LOOKS, LOOKING_SHARE, PATIENCE_SHARE = 20, 4, 0.25, 0.4


def learn(
    model: nn.Module,
    task: Task,
    plan: Plan,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    class_weights: str = "auto",
    seed: int = 0,
    seeds: int = 1,
    budget: Budget | None = None,
    keep: Unfinished | None = None,
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
    lr : float, optional
        Peak learning rate of the backbone in fine-tuning; the head's keeps its proportion to it.
    batch_size : int, optional
    class_weights : {"auto", "balanced", "none"}
        Whether each class weighs the same in training however rare, and macro F1 decides, where it does the same; else
        each example weighs the same, and accuracy decides. "auto": where classes are uneven.
    seed : int
    seeds : int
        How often to fine-tune, from the same probe, with this seed and the next ones.
    budget : Budget, optional
        Minutes, in place of the plan's budget; where steps or epochs are given as well, the shorter holds.
    keep : Unfinished, optional
        Where to write what is done, and to go on from.
    say : callable
        Is told each result in a line.

    Returns
    -------
    Outcome
        After Ctrl-C, too, as soon as there is a probe.
    """
    keep = Unfinished(None, {}) if keep is None else keep
    uneven, weights, weighing = class_weighting(task, class_weights)
    loss = weighted(weights)
    if uneven or class_weights != "auto":
        say(weighing)
    _new_head(model, task.num_classes, seed)
    model.to(environment.current().device)
    probe, interrupted = _probe_kept(model, keep) or _probe(model, task, loss, seed, budget)
    if not interrupted and not keep.get("probe"):
        keep.put("start", model.state_dict())
        keep.save(probe=probe, **({"used": budget.used, "speeds": budget.speeds} if budget else {}))
    outcome = Outcome(model, [probe], probe, uneven, interrupted, facts=[weighing])
    say(told(probe, task, uneven))
    if interrupted:
        return outcome
    length = keep.get("length") or _length(task, plan, steps, epochs, batch_size, budget, seeds)
    if not length["steps"]:
        if steps != 0:
            outcome.remark = f"No time of the {budget.minutes:g} minutes was left to fine-tune, and the probe was kept."
            say(outcome.remark)
        return outcome
    if steps is None and epochs is None and score(probe, task, uneven) == 1:
        outcome.remark = "The probe made no mistake on validation, so nothing could be better, and it was kept."
        say(outcome.remark)
        return outcome
    pace = rates(task.kind, lr)
    outcome.facts.append(
        f"Fine-tuned by AdamW in batches of {length['batch_size']:,}; the highest learning rate was {pace['lr']:g} for "
        f"the backbone and {pace['head_lr']:g} for the head, and it rose and fell along a cosine."
    )
    if budget:
        say(_planned(task, budget, seeds, **length))
    keep.save(length=length)
    give_back()
    settings = {**pace, **length, "monitor": "macro_f1" if uneven else "accuracy"}
    _fine_tune_each(outcome, task, in_parts(weights), range(seed, seed + seeds), settings, budget, keep, say)
    return outcome


def _fine_tune_each(
    outcome: Outcome,
    task: Task,
    loss: Callable,
    numbers: range,
    settings: dict,
    budget: Budget | None,
    keep: Unfinished,
    say: Callable[[str], None],
) -> None:
    """Fine-tune once for each seed, from the same start, and leave the best of all candidates in the model."""
    model, uneven = outcome.model, outcome.uneven
    fresh, holding = True, None  # whether the model has the weights of the start, and of which candidate
    done = [Candidate(**each) for each in keep.get("tuned") or []]
    with tqdm(total=settings["steps"] * len(numbers), desc="fine-tuning", unit="step", leave=False) as bar:
        for number, seed in enumerate(numbers):
            if number < len(done):
                tuned = done[number]
                bar.update(tuned.planned)
            else:
                if not fresh:
                    model.load_state_dict(keep.fetch("start"))
                if task.kind == "text":  # a BERT's first token says little before, and a head made for it misleads
                    _new_head(model, task.num_classes, seed)
                fresh, holding = False, None
                limit = _limit(task, budget, keep, number, len(numbers))
                begun = bar.n
                try:
                    where = {"progress": bar, "checkpoint": keep.checkpoint(seed), "limit": limit, "budget": budget}
                    tuned, outcome.interrupted = _fine_tune(model, task, loss, seed, **where, **settings)
                except training.NonFiniteError as error:
                    what = f" with seed {seed} failed" if len(numbers) > 1 else " failed, and the probe was kept"
                    outcome.notes.append(f"Fine-tuning{what}: {error}")
                    continue
                except KeyboardInterrupt:  # while the fine-tuned network was put to the test, say
                    outcome.interrupted = outcome.unanswered = True
                    break
                bar.update(begun + settings["steps"] - bar.n)
                tuned = holding = replace(tuned, seed=seed if len(numbers) > 1 else None)
            say(told(tuned, task, uneven))
            say(tuned.kept_weights)
            outcome.candidates.append(tuned)
            if score(tuned, task, uneven) > score(outcome.kept, task, uneven):
                outcome.kept = tuned
                if tuned is holding and not outcome.interrupted:
                    keep.put("best", model.state_dict())
            if outcome.interrupted:
                break
            if number >= len(done):
                done.append(tuned)
                keep.save(tuned=done)
                keep.forget(seed)
    kept = outcome.kept
    if kept.method == "linear_probe":
        model.load_state_dict(keep.fetch("start"))
    elif kept is not holding:
        model.load_state_dict(keep.fetch("best"))


def _limit(task: Task, budget: Budget | None, keep: Unfinished, number: int, repeats: int) -> float | None:
    """Return how many seconds a training may take, in all its parts: what was said when it began."""
    if budget is None:
        return None
    limit = keep.get("limit")
    if limit is None or limit["number"] != number:
        limit = {"number": number, "seconds": max(1.0, budget.training(task, repeats - number))}
        keep.save(limit=limit, used=budget.used)
    return limit["seconds"]


def _probe_kept(model: nn.Module, keep: Unfinished) -> tuple[Candidate, bool] | None:
    """Return the probe of a fine-tuning that was stopped after it, with its weights in the model."""
    if not keep.get("probe"):
        return None
    model.load_state_dict(keep.fetch("start"))
    return Candidate(**keep.get("probe")), False


def _new_head(model: nn.Module, num_classes: int, seed: int) -> None:
    std = getattr(getattr(model, "config", None), "initializer_range", None)  # BERTs say how theirs is to be drawn
    models.replace_head(model, num_classes, seed=seed, std=std)


def held_small(loss: Callable, strength: float) -> Callable:
    """Add ``strength`` times the squared weights of a linear model to a loss for the loop (ridge regularisation).

    AdamW's own weight decay hardly acts in a few hundred steps.
    """
    return lambda model, batch: {**loss(model, batch), "ridge": strength * model.weight.square().sum()}


def _planned(task: Task, budget: Budget, repeats: int, *, steps: int, batch_size: int) -> str:
    passes = steps * batch_size / len(task.train)
    seconds = budget.training(task, repeats)
    each = f", for each of {repeats} seeds" if repeats > 1 else ""
    return (
        f"Fine-tuning: {steps:,} steps of {batch_size} examples, {passes:.1f} passes, in the {seconds / 60:.1f} "
        f"minutes that are left for it of {budget.minutes:g}{each}."
    )


def _probe(
    model: nn.Module, task: Task, loss: Callable, seed: int, budget: Budget | None = None
) -> tuple[Candidate, bool]:
    """Train a new head on standardised features, and put it into the model with the scaling folded in."""
    began = time.perf_counter()
    features = embedded(model, task)
    if budget and budget.speeds:
        budget.learned_speed(sum(len(getattr(task, part)) for part in SPLITS), time.perf_counter() - began)
    mean, std = features.train.inputs.mean(0), spread(features.train.inputs)
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


def spread(features: Tensor) -> Tensor:
    """Return what each feature is divided by: its standard deviation, and a share of the usual one at least.

    A feature that is silent in all training examples but one hardly varies there. Divided by its own deviation it would
    get a weight of thousands, and any other example in which it speaks, an answer that nothing corrects.

    Parameters
    ----------
    features : Tensor
        N×D, of the training examples.

    Examples
    --------
    >>> import torch
    >>> spread(torch.tensor([[0.0, 0.0], [2.0, 1e-4]]))
    tensor([1.0000, 0.0354])
    """
    std = features.std(0, correction=0)
    return std.clamp(min=max(LEAST_SPREAD * std.square().mean().sqrt().item(), 1e-6))


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


def usual_batch(count: int) -> int:
    """Return the size of a batch for so many training examples."""
    return 16 if count < 200 else 32


def _length(
    task: Task,
    plan: Plan,
    steps: int | None,
    epochs: int | None,
    batch_size: int | None = None,
    budget: Budget | None = None,
    repeats: int = 1,
) -> dict[str, int]:
    """Return batch size and steps of fine-tuning."""
    count = len(task.train)
    batch_size = batch_size or usual_batch(count)
    fewest, most = EPOCHS[task.kind]
    if steps is None:
        if epochs is not None or budget:
            passes = (most if epochs is None else epochs) * count
        else:
            passes = min(min(max(WANTED_PASSES[task.kind] / count, fewest), most) * count, plan.passes)
        steps = max(1, round(passes / batch_size))
    if budget:
        steps = min(steps, budget.steps(task, batch_size, LOOKING_SHARE, repeats))
    return {"batch_size": batch_size, "steps": steps}


def rates(kind: str, lr: float | None = None) -> dict[str, float]:
    """Return the peak rates of backbone and head; where the first is given, the second keeps its proportion.

    >>> rates("text"), rates("image", 3e-5)
    ({'lr': 0.0001, 'head_lr': 0.0005}, {'lr': 3e-05, 'head_lr': 0.0001})
    """
    backbone, head = BACKBONE_RATE[kind], HEAD_RATE[kind]
    return (
        {"lr": backbone, "head_lr": head} if lr is None else {"lr": lr, "head_lr": float(f"{lr * head / backbone:g}")}
    )


def looks(task: Task, steps: int, batch_size: int) -> dict[str, int]:
    """Return when to write history and look at validation, and after how many looks without a better one to stop.

    >>> from tl_course.data import Split
    >>> part, few = (Split(torch.zeros(count, 2), torch.zeros(count).long()) for count in (1_000, 9))
    >>> looks(Task("toy", "Toy", "features", ("a",), part, few, few, "made up"), 300, 32)
    {'log_every': 15, 'evaluate_every': 15, 'patience': 8}
    >>> looks(Task("toy", "Toy", "features", ("a",), part, part, few, "made up"), 300, 32)
    {'log_every': 15, 'evaluate_every': 45, 'patience': 3}
    """
    affordable = int(LOOKING_SHARE * FORWARD_AND_BACK * steps * batch_size / max(len(task.validation), 1))
    count = min(max(affordable, FEWEST_LOOKS), LOOKS, steps)
    log_every = -(-steps // LOOKS)  # with each entry a checkpoint is written, so there are few
    entries = -(-steps // log_every)
    evaluate_every = log_every * -(-entries // count)
    return {
        "log_every": log_every,
        "evaluate_every": evaluate_every,
        "patience": max(2, round(PATIENCE_SHARE * count)),
    }


def _fine_tune(
    model: nn.Module,
    task: Task,
    loss: Callable,
    seed: int,
    *,
    steps: int,
    batch_size: int,
    lr: float,
    head_lr: float,
    monitor: str,
    limit: float | None = None,
    progress: bool | tqdm = True,
    checkpoint: Path | None = None,
    budget: Budget | None = None,
) -> tuple[Candidate, bool]:
    """Train the whole network, and keep its best weights; BatchNorm's statistics stay those of the source."""
    began = time.perf_counter()
    normalising = [name for name, part in model.named_modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if normalising:
        models.freeze(model, parts=normalising)
    settings = {"lr": lr, "head_lr": head_lr, "monitor": monitor}
    settings |= {"steps": steps, "batch_size": batch_size, **looks(task, steps, batch_size)}
    settings |= {"seconds": limit, "progress": progress, "checkpoint": checkpoint}
    try:
        run = _whole_or_interrupted(model, task, loss=loss, seed=seed, **settings)
    finally:
        models.unfreeze(model)
    model.zero_grad()
    give_back()
    earlier = max(0.0, run.seconds - (time.perf_counter() - began))  # of a training that went on
    if budget:
        budget.spend(earlier)
    logits = {part: run.logits(part) for part in ("validation", "test")}
    seconds = earlier + time.perf_counter() - began
    trained, late = run.parameters.trainable, limit is not None and run.seconds >= limit
    candidate = Candidate("fine_tune", logits, seconds, trained, run.history, run.steps, steps, run.best_step, late)
    return candidate, run.interrupted
