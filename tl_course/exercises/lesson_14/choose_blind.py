"""Lesson 14: choosing without target labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _rows(rng: np.random.Generator, peaks: list[int], row: tuple[float, ...], noise: float = 0.01) -> np.ndarray:
    """Probabilities with this row for each example, its largest number at the example's peak."""
    table = np.array([np.roll(row, peak) for peak in peaks]) + rng.uniform(0, noise, size=(len(peaks), len(row)))
    return table / table.sum(axis=1, keepdims=True)


def _candidates(seed: int) -> list[Case]:
    """Runs with a part each to play. Source accuracies are multiples of 1/64, so that an edge can be met exactly."""
    rng = np.random.default_rng(seed)
    cases = []
    for best, slack, above, winner in (
        (60, 3, 0, "unsure"),
        (61, 2, 1, "lopsided"),
        (58, 4, 0, "best"),
        (59, 3, 1, "peaked"),
    ):
        spread = (rng.permutation(12) % 4).tolist()
        rare = [0] * 9 + [1, 2, 3]
        parts = {
            "to keep": (best - slack + above, _rows(rng, spread, (0.76, 0.23, 0.005, 0.005))),
            "best": (best, _rows(rng, spread, (0.5, 0.3, 0.1, 0.1))),
            "collapsed": (best - 25, _rows(rng, [2] * 12, (0.97, 0.01, 0.01, 0.01))),
            "unsure": (best - 1, _rows(rng, spread, (0.28, 0.24, 0.24, 0.24))),
            "lucky": (best - slack - 1, _rows(rng, spread, (0.9, 0.06, 0.02, 0.02))),
            "peaked": (best - 1, _rows(rng, spread, (0.8, 0.07, 0.065, 0.065))),
            "lopsided": (best - 1, _rows(rng, rare, (0.6, 0.2, 0.1, 0.1))),
        }
        tests = {name: float(rng.uniform(0.4, 0.6)) for name in parts} | {winner: 0.75, "lucky": 0.8}
        runs = [
            {"source_accuracy": source / 64, "target_probabilities": said, "target_test_accuracy": tests[name]}
            for name, (source, said) in parts.items()
        ]
        cases.append({"runs": [runs[place] for place in rng.permutation(len(runs))], "slack": slack / 64})
    return cases


def _entropy(probabilities: Tensor) -> Tensor:
    return -(probabilities * probabilities.log()).sum(dim=-1)


def _uncertain(run: dict) -> float:
    return float(_entropy(run["target_probabilities"]).mean())


def _choose(key: Callable[[dict], float], *, sieve: Callable[[float, float, float], bool] | None = None) -> Callable:
    """The place of the run with the least of something, among those that pass a sieve."""

    def within(accuracy: float, best: float, slack: float) -> bool:
        return accuracy >= best - slack

    def answer(runs: list[dict], slack: float) -> int:
        best = max(run["source_accuracy"] for run in runs)
        passed = sieve or within
        places = [place for place, run in enumerate(runs) if passed(run["source_accuracy"], best, slack)]
        return min(places, key=lambda place: key(runs[place]))

    return answer


def _everyone(*_: float) -> bool:
    return True


QUESTION = Question(
    slug="choose_blind",
    lesson="14",
    title="Choosing in the dark",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Which entry of a run could you not know, if the target had no labels?",
        "Two sieves, one after the other. First find the best `source_accuracy`, and keep the runs that are at most "
        "`slack` below it. Of those, look at how undecided they are on the target.",
        "The entropy of one row is `-(p * p.log()).sum(dim=1)`; take its mean over the rows, and of the runs that are "
        "left the one with the least.",
    ),
    inputs=_candidates,
    reference=_choose(_uncertain),
    why=(
        "No target label was read, so the test afterwards is still a test. The first sieve is there for the run that "
        "collapsed: it gives the whole target one answer and is very sure of it. The second is for those that never "
        "left the source, and it may fail: a network can be surest where it never adapted, as on the lesson's digits. "
        "Neither sieve knows what is right: that is the price of having no labels."
    ),
    wrong=(
        Wrong(
            "chosen by the test",
            "You still choose by the accuracy on the target's test, the very labels that this task does not have. The "
            "number you would report afterwards is the luckiest of seven, not that of a method.",
            _choose(lambda run: -run["target_test_accuracy"], sieve=_everyone),
        ),
        Wrong(
            "test among the good ones",
            "The first sieve is right, and then the target's test decides. Reading the test labels of a few runs is "
            "reading them. Let the entropy decide.",
            _choose(lambda run: -run["target_test_accuracy"]),
        ),
        Wrong(
            "entropy alone",
            "You kept the run that is surest on the target, and it is one that has collapsed: it gives all examples "
            "one answer. Sieve by the source first.",
            _choose(_uncertain, sieve=_everyone),
        ),
        Wrong(
            "source alone",
            "You kept the best run on the source. It may be one that never adapted: the source knows nothing of the "
            "target. Among those within `slack`, let the target's entropy decide.",
            _choose(lambda run: -run["source_accuracy"], sieve=_everyone),
        ),
        Wrong(
            "least sure",
            "Of the runs that pass the first sieve you kept the *least* sure one. A high entropy is an undecided "
            "model: take the lowest, and mind the minus.",
            _choose(lambda run: -_uncertain(run)),
        ),
        Wrong(
            "edge left out",
            "A run that is exactly `slack` below the best one may stay: *at most* so far below. You lost it.",
            _choose(_uncertain, sieve=lambda accuracy, best, slack: accuracy > best - slack),
        ),
        Wrong(
            "largest probability",
            "You compare the largest probability of each row. The entropy looks at the whole row: a model that "
            "hesitates between two classes knows more than one that leaves all others open.",
            _choose(lambda run: -float(run["target_probabilities"].amax(dim=1).mean())),
        ),
        Wrong(
            "entropy of the mean",
            "You average the rows first, and take the entropy of the average. That one is low where all examples get "
            "the same answer, which is no merit. First the entropy of each row, then the mean.",
            _choose(lambda run: float(_entropy(run["target_probabilities"].mean(dim=0)))),
        ),
    ),
)
