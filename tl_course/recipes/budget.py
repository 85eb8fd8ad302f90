"""A budget in minutes: how many examples and steps fit into it, from speeds that are measured on this machine."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import torch
import torch.nn.functional as F

from tl_course import data, environment, models, training
from tl_course.data.task import SPLITS, TEST_FRACTION, Task
from tl_course.recipes.prepared import counted
from tl_course.recipes.splitting import MOST, VALIDATION_FRACTION
from tl_course.training.run import autocast, in_eval

# Kept back for saving the model and writing the report: seconds, and a share of the minutes.
RESERVE, RESERVED_SHARE = 6.0, 0.05
# The answers at the end may take this much longer than was measured.
SLOWER = 1.3
# Of what is left for steps so much is planned, since speed is never quite what was measured.
PLANNED_SHARE = 0.9
# Validation and test may cost this share of the time.
HELD_SHARE = 0.3
# Training a linear layer on features that are there, in seconds.
PROBE_SECONDS = 2.0
# Fewest examples: for training and for each held part, and for each class.
FEWEST, FEWEST_EACH = 100, 10
# Decoded images stay in memory, and with all else that training needs they must stay below 2 GB.
IMAGE_BYTES = 512 * 1024**2
# The speed is measured on so many batches, on a CPU of so many examples at most: more are hardly quicker there.
SAMPLED, ENOUGH = 3, 16
# Shares of the minutes in which answering and learning are measured, beyond a first round.
MEASURING = (0.01, 0.03)


@dataclass(frozen=True)
class Speeds:
    """Seconds for one example.

    Attributes
    ----------
    read : float
        To read and decode it.
    forward : float
        For one pass through the network, with what comes before it.
    step : float
        For its share of a training step.
    """

    read: float
    forward: float
    step: float


@dataclass(frozen=True)
class Amounts:
    """How many examples of each part are used at most, and why not more."""

    train: int
    held: Mapping[str, int]
    why: str


class Budget:
    """The minutes that all of a fine-tuning may take, from its first look at the data to its report.

    Parameters
    ----------
    minutes : float
    used : float
        Seconds that are over already.

    Examples
    --------
    >>> budget = Budget(10)
    >>> 550 < budget.left <= 564
    True
    """

    def __init__(self, minutes: float, used: float = 0.0):
        self.minutes, self._began = minutes, time.perf_counter() - used
        self.speeds: Speeds | None = None

    @property
    def used(self) -> float:
        """Seconds that are over."""
        return time.perf_counter() - self._began

    @property
    def reserve(self) -> float:
        """Seconds that are kept for the model and the report."""
        return RESERVE + RESERVED_SHARE * 60 * self.minutes

    @property
    def left(self) -> float:
        """Seconds until model and report must be begun."""
        return 60 * self.minutes - self.used - self.reserve

    def amounts(
        self,
        available: Mapping[str, int],
        num_classes: int,
        speeds: Speeds,
        *,
        passes: float = math.inf,
        repeats: int = 1,
        bytes_each: int = 0,
    ) -> Amounts:
        """Return how many examples can be read, go through the frozen network, and be trained on once.

        Parameters
        ----------
        available : dict of str to int
            Examples that each part has.
        num_classes : int
        speeds : Speeds
            Kept for what follows.
        passes : float
            Training examples that fine-tuning shall see, each time counted, if that is limited by other means.
        repeats : int
            How often the network is fine-tuned.
        bytes_each : int
            Memory that an example takes.

        Raises
        ------
        ValueError
            When not even a linear probe fits; the message says what would.

        Examples
        --------
        >>> budget = Budget(5)
        >>> some = budget.amounts({"train": 64_000, "validation": 16_000, "test": 20_000}, 2, Speeds(0, 0.01, 0.03))
        >>> 4_000 < some.train < 5_000, 500 < some.held["test"] < 2_500
        (True, True)
        >>> budget.amounts({"train": 99, "validation": 20, "test": 20}, 2, Speeds(0, 0.01, 0.03)).train >= 99
        True
        """
        self.speeds = speeds
        once = speeds.read + speeds.forward
        each = {"validation": once + 5 * repeats * speeds.forward, "test": once + repeats * speeds.forward}
        fewest = {part: min(available[part], max(FEWEST, FEWEST_EACH * num_classes)) for part in SPLITS}
        wanted = {part: min(available[part], MOST[part]) for part in each}
        least = sum(fewest[part] * each[part] for part in each) + fewest["train"] * once + PROBE_SECONDS
        if least > self.left:
            shortest = (self.used + 1.2 * least + RESERVE) / (60 * (1 - RESERVED_SHARE))
            raise ValueError(
                f"--minutes {self.minutes:g} is too short even for a linear probe on "
                f"{counted(fewest['train'], 'example')} with this network on this machine; give at least "
                f"{math.ceil(10 * shortest) / 10 + 0.1:.1f}."
            )
        share = min(1.0, HELD_SHARE * self.left / sum(wanted[part] * each[part] for part in each))
        held = {part: max(int(share * wanted[part]), min(fewest[part], wanted[part])) for part in each}
        held = {part: MOST[part] if share == 1 else count for part, count in held.items()}
        rest = self.left - PROBE_SECONDS - sum(min(held[part], wanted[part]) * each[part] for part in each)
        count = int(rest / (once + repeats * speeds.step / PLANNED_SHARE))
        if passes < count:  # fine-tuning is shorter, and the probe can have more
            count = max(int((rest - repeats * passes * speeds.step) / once), int(passes))
        count = max(count, fewest["train"])
        if count >= available["train"]:  # which is a rough number: what is there is used
            count = sum(available.values())
        why = f"because more do not fit into --minutes {self.minutes:g}"
        beside = sum(min(held[part], available[part]) for part in held)
        if bytes_each and (min(count, available["train"]) + beside) * bytes_each > IMAGE_BYTES:
            count = max(IMAGE_BYTES // bytes_each - beside, fewest["train"])
            why = "because more are not held in memory at that size; with a smaller --size there are more"
        return Amounts(count, held, why)

    def go_on(self, used: float, speeds: Mapping[str, float]) -> None:
        """Go on with a fine-tuning that was stopped when so many seconds were over; what came since does not count."""
        self._began, self.speeds = time.perf_counter() - used, Speeds(**speeds)

    def spend(self, seconds: float) -> None:
        """Count seconds of an earlier part of a training that went on."""
        self._began -= seconds

    def learned_speed(self, expected: int, seconds: float) -> None:
        """Correct the speeds by how long a pass over so many examples took."""
        slower = seconds / max(expected * self.speeds.forward, 1e-9)
        self.speeds = Speeds(self.speeds.read, self.speeds.forward * slower, self.speeds.step * slower)

    def answering(self, task: Task) -> float:
        """Return how many seconds the answers for validation and test take."""
        return self.speeds.forward * (len(task.validation) + len(task.test))

    def training(self, task: Task, repeats: int = 1) -> float:
        """Return the seconds that each of so many trainings may take, its looks at validation included."""
        look = self.speeds.forward * len(task.validation)  # one more, when the time is over
        return self.left / repeats - SLOWER * (self.answering(task) + look)

    def steps(self, task: Task, batch_size: int, looking: float, repeats: int = 1) -> int:
        """Return how many steps fit, where looks at validation cost up to a share of them.

        >>> from tl_course.data import Split
        >>> part = Split(torch.zeros(100, 2), torch.zeros(100).long())
        >>> budget = Budget(5)
        >>> budget.speeds = Speeds(0, 0.01, 0.03)
        >>> 200 < budget.steps(Task("toy", "Toy", "features", ("a",), part, part, part, "made up"), 32, 0.25) < 235
        True
        """
        planned = PLANNED_SHARE * self.training(task, repeats)
        return max(0, int(planned / (batch_size * self.speeds.step * (1 + looking))))


def available(parts: Sequence[str]) -> dict[str, int]:
    """Return about how many examples each part will have, from those that the data come divided into.

    >>> available(["train"] * 100)
    {'train': 64, 'validation': 16, 'test': 20}
    >>> available(["train"] * 10 + ["test"] * 5)
    {'train': 8, 'validation': 2, 'test': 5}
    """
    counts = {part: parts.count(part) for part in SPLITS}
    for part, share in (("test", TEST_FRACTION), ("validation", VALIDATION_FRACTION)):
        if not counts[part]:
            counts[part] = max(1, round(share * counts["train"]))
            counts["train"] -= counts[part]
    return counts


def sampled(batch_size: int) -> int:
    """Return the size of the batches on which speed is measured."""
    return batch_size if environment.current().device.type != "cpu" else min(batch_size, ENOUGH)


def measured(
    model: torch.nn.Module, sample: Task, batch_size: int, read: float, minutes: float = 0.0, count: int = 0
) -> Speeds:
    """Let a copy of a model answer and learn from a sample, and return the seconds for one example.

    Parameters
    ----------
    model : nn.Module
        Left as it is.
    sample : Task
        Its training split is used, some batches; texts go from short ones to long ones.
    batch_size : int
    read : float
        Seconds that reading took for each.
    minutes : float
        Of the budget: a small share of it is spent on more rounds, as speed varies where others use the machine, too.
    count : int
        How many examples there are; as many as that are not measured more than once.
    """
    answering, learning = (60 * share * minutes for share in MEASURING)
    learner = copy.deepcopy(model)
    models.replace_head(learner, sample.num_classes)
    learner.to(environment.current().device)
    options = {"batch_size": batch_size, "shuffle": False, "buckets": True}
    began = time.perf_counter()
    loader = data.batches(sample, learner, "train", augment=(), **options)
    before = (time.perf_counter() - began) / len(sample.train)
    few = next(iter(data.batches(sample, learner, "train", **options | {"batch_size": 4})))
    with in_eval(learner), autocast(loader.device):
        _answer(learner, few)  # the first pass of any network is slower
        forward = _paced(loader, lambda batch: _answer(learner, batch), answering, count) / len(sample.train)
    learner.train()
    optimizer = training.make_optimizer("adamw", training.parameter_groups(learner, lr=1e-6))
    _learn(learner, optimizer, few)
    loader = data.batches(sample, learner, "train", **options)
    step = _paced(loader, lambda batch: _learn(learner, optimizer, batch), learning, count) / len(sample.train)
    return Speeds(read, before + forward, step)


def _paced(loader: data.Batches, work: Callable[[data.Batch], object], seconds: float, most: int) -> float:
    """Return the mean seconds of a round over the batches, the first left out where there are more."""
    rounds, began, seen = [], time.perf_counter(), 0
    while not rounds or (time.perf_counter() - began < seconds and seen < most):
        start = time.perf_counter()
        for batch in loader:
            work(batch)
            seen += len(batch)
        rounds.append(time.perf_counter() - start)
    return fmean(rounds[1:] or rounds)


def _answer(model: torch.nn.Module, batch: data.Batch) -> float:
    return models.logits(model, batch.inputs).sum().item()  # reading a number waits for the device


def _learn(model: torch.nn.Module, optimizer: torch.optim.Optimizer, batch: data.Batch) -> float:
    with autocast(batch.labels.device):
        loss = F.cross_entropy(models.logits(model, batch.inputs), batch.labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
