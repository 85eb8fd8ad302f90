"""Lesson 01: does it hurt?"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import gives


def _seeds(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, shift in ((5, -0.06), (3, 0.02), (8, -0.01), (2, 0.1)):
        luck = rng.normal(scale=0.05, size=count)  # of the draw of labels, shared by both
        scratch = 0.6 + luck + rng.normal(scale=0.01, size=count)
        cases.append({"transfer": 0.6 + shift + luck + rng.normal(scale=0.01, size=count), "scratch": scratch})
    return cases


def _interval(difference: Tensor, error: Tensor, quantile: float) -> list[float]:
    mean = difference.mean()
    return [float(mean - quantile * error), float(mean + quantile * error)]


def _t(count: int) -> float:
    return float(stats.t.ppf(0.975, count - 1))


def _standard_error(gain: Tensor) -> Tensor:
    return gain.std() / math.sqrt(len(gain))


def _paired(transfer: Tensor, scratch: Tensor) -> list[float]:
    gain = transfer - scratch
    return _interval(gain, _standard_error(gain), _t(len(gain)))


def _unpaired(transfer: Tensor, scratch: Tensor) -> list[float]:
    error = torch.sqrt((transfer.var() + scratch.var()) / len(transfer))
    return _interval(transfer - scratch, error, _t(len(transfer)))


def _with_error(error, quantile=_t) -> object:
    """An answer with another standard error, or another quantile."""
    return lambda transfer, scratch: _interval(transfer - scratch, error(transfer - scratch), quantile(len(transfer)))


QUESTION = Question(
    slug="gain_interval",
    lesson="01",
    title="Does it hurt?",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Both methods got the same labels under the same seed. Which numbers are free of a lucky draw: the accuracies, "
        "or their differences within a seed?",
        "Take the gain for each seed, transfer minus scratch. Its mean ± t·s/√n, with s the standard deviation of the "
        "*gains* and n the number of seeds.",
        "`gain.std()` divides by n − 1, as it should. `t_quantile(n)` gives t.",
    ),
    inputs=_seeds,
    reference=_paired,
    why=(
        "Luck in drawing labels is in both numbers of a seed and leaves with the difference, so few seeds go a long "
        "way. If all of the interval lies below zero, transfer hurts; if zero lies inside, you cannot tell yet, which "
        "is another thing than *no effect*."
    ),
    wrong=(
        Wrong(
            "not paired",
            "You treat the two lists as if they had nothing to do with each other. The draw of labels lifts or sinks "
            "both numbers of a seed; take the difference *within* each seed first.",
            _unpaired,
        ),
        Wrong(
            "other sign",
            "The sign is turned round: a gain is transfer *minus* scratch, so that negative transfer is negative.",
            lambda transfer, scratch: _paired(scratch, transfer),
        ),
        Wrong(
            "divided by n",
            "Your standard deviation divides by n. With three seeds that makes the interval a fifth too short: divide "
            "by n − 1.",
            _with_error(lambda gain: gain.std(correction=0) / math.sqrt(len(gain))),
        ),
        Wrong(
            "spread of one run",
            "You did not divide by √n: this says where the gain of *one more seed* may lie. Say it of the mean.",
            _with_error(lambda gain: gain.std()),
        ),
        Wrong(
            "normal quantile",
            "You take the quantile of the normal distribution, which is for many seeds. With three seeds t is more "
            "than twice as large.",
            _with_error(_standard_error, lambda count: stats.norm.ppf(0.975)),
            recognise=gives(*(_with_error(_standard_error, lambda count, z=z: z) for z in (1.96, 1.95996))),
        ),
    ),
)
