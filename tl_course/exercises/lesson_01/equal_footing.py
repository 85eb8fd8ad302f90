"""Lesson 01: on equal footing."""

from __future__ import annotations

import math

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain


def _comparisons(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count in (3, 4, 5):
        seeds = [int(one) for one in rng.choice(1000, size=count, replace=False)]
        cases.append({"labels": int(rng.integers(5, 50)), "steps": int(rng.integers(50, 300)), "seeds": seeds})
    return cases


def _accuracy(method: str, labels: int, steps: int, seed: int) -> float:
    """An invented accuracy: more labels and steps help, and each seed has its luck, mostly shared by both methods."""
    luck = 0.1 * math.sin(7.3 * seed) + 0.02 * math.sin(3.1 * seed + len(method))
    gain = 0.3 / math.sqrt(labels) if method == "fine_tune" else 0.0
    return 0.5 + gain + luck - 0.4 / math.sqrt(labels) - 3 / (steps + 10)


def _gains(answer: object, case: Case) -> Data:
    """Let the answer run what it likes, and see what it makes of it."""
    if not callable(answer):
        raise Unfit(
            f"It is {type(answer).__name__}, and a function was asked for: write `def answer_equal_footing(…):`."
        )

    def run(method: str, labels: int, steps: int, seed: int) -> float:
        if method not in ("scratch", "fine_tune"):
            raise ValueError(f"There is no method {method!r}; there are 'scratch' and 'fine_tune'.")
        return _accuracy(method, labels, steps, seed)

    return plain(answer(run, case["labels"], case["steps"], list(case["seeds"])))


def _compared(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps, seed) for seed in seeds]


def _one_baseline(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps, seeds[0]) for seed in seeds]


def _fewer_steps(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps // 2, seed) for seed in seeds]


def _broken(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps // 2, seeds[0]) for seed in seeds]


def _best_against_mean(run, labels, steps, seeds):
    best = max(run("fine_tune", labels, steps, seed) for seed in seeds)
    return [best - run("scratch", labels, steps, seed) for seed in seeds]


QUESTION = Question(
    slug="equal_footing",
    lesson="01",
    title="A gain that is one",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Write down with what each side of the difference was run: method, labels, steps, seed. Only one of the four "
        "may differ.",
        "Two things are unfair in the broken comparison. One is in the steps; the other shows when there is more than "
        "one seed.",
        "`run('fine_tune', labels, steps, seed) - run('scratch', labels, steps, seed)`, for each seed.",
    ),
    inputs=_comparisons,
    reference=_compared,
    why=(
        "Each gain compares two runs that differ in the method and in nothing else. With half the steps for the "
        "baseline you would have measured steps, with another seed luck, and called both transfer."
    ),
    wrong=(
        Wrong(
            "both unfair",
            "Both faults are still there: the baseline gets half the steps, and it is run under the first seed only.",
            _broken,
        ),
        Wrong(
            "half the steps",
            "The seeds agree now, but from scratch still gets half the steps. Part of your gain is what the other half "
            "would have brought.",
            _fewer_steps,
        ),
        Wrong(
            "one baseline for all",
            "The steps are equal now, but all gains are taken against the baseline of one seed: its luck is in every "
            "one of them. Run scratch under the *same* seed.",
            _one_baseline,
        ),
        Wrong(
            "best against each",
            "You take the best of the fine-tuned runs against each baseline. A best of several is lucky by "
            "construction; compare seed by seed.",
            _best_against_mean,
        ),
        Wrong(
            "other sign",
            "The sign is turned round: where transfer helps, a gain is positive.",
            lambda run, labels, steps, seeds: [-gain for gain in _compared(run, labels, steps, seeds)],
        ),
    ),
    probe=_gains,
)
