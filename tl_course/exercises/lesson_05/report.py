"""Lesson 05: the loop that never prints."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong


def _curves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = ((500, 2000), (500, 200), (12, 4), (7, 3), (5, 1), (1, 10))
    return [{"losses": rng.uniform(0.1, 3, size=count).tolist(), "every": every} for count, every in sizes]


def _report(losses: list[float], every: int) -> list[list[float]]:
    rows = []
    for start in range(0, len(losses), every):
        part = losses[start : start + every]
        rows.append([start + len(part), sum(part) / len(part)])
    return rows


def _only_full(losses: list[float], every: int) -> list[list[float]]:
    return _report(losses[: len(losses) // every * every], every)


def _tail_over_every(losses: list[float], every: int) -> list[list[float]]:
    rows = _report(losses, every)
    left = len(losses) % every
    return [*rows[:-1], [rows[-1][0], rows[-1][1] * left / every]] if left else rows


def _never_reset(losses: list[float], every: int) -> list[list[float]]:
    return [[step, sum(losses[:step]) / step] for step, _ in _report(losses, every)]


def _last_loss(losses: list[float], every: int) -> list[list[float]]:
    return [[step, losses[int(step) - 1]] for step, _ in _report(losses, every)]


def _from_zero(losses: list[float], every: int) -> list[list[float]]:
    return [[step - 1, mean] for step, mean in _report(losses, every)]


QUESTION = Question(
    slug="report",
    lesson="05",
    title="The loop that never prints",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "An epoch of 50,000 pictures in batches of 100 has 500 steps. When is `step % 2000 == 1999` true?",
        "Report at every `every`-th step, and once more at the end for what is left.",
        "`losses[start:start + every]` for `start` in `range(0, len(losses), every)`: the last piece may be shorter, "
        "so divide by its own length.",
    ),
    inputs=_curves,
    reference=_report,
    why=(
        "Every loss is in exactly one report, the last ones too, however short the epoch is. A condition copied from a "
        "loop with smaller batches may never be true: an empty output says neither that all is well, nor that "
        "it is not."
    ),
    wrong=(
        Wrong(
            "tail lost",
            "What comes after the last full group is never reported; with fewer steps than `every` that is everything, "
            "and nothing is ever printed.",
            _only_full,
        ),
        Wrong(
            "tail divided by every",
            "The last group may be shorter, and its sum is divided by `every` all the same: the loss seems to fall at "
            "the end of each epoch. Divide by the number of losses in it.",
            _tail_over_every,
        ),
        Wrong(
            "never reset",
            "This is the mean of all losses so far: the sum is not set back after a report. A mean since the beginning "
            "lags behind, and hides a loss that has begun to rise.",
            _never_reset,
        ),
        Wrong(
            "last loss",
            "This reports the last loss of each group, one noisy mini-batch, where the mean over the group was asked "
            "for.",
            _last_loss,
        ),
        Wrong(
            "counted from zero",
            "Steps are counted from one here: the first report of every 200 steps belongs to step 200, not 199.",
            _from_zero,
        ),
    ),
)
