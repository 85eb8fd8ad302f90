"""Answers to ``equal_footing`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np
import torch


def _two_passes(run, labels, steps, seeds):
    tuned = np.array([run("fine_tune", labels, steps, seed) for seed in seeds])
    return tuned - np.array([run("scratch", labels, steps, seed) for seed in seeds])


def _by_name(run, labels, steps, seeds):
    pairs = ({m: run(method=m, labels=labels, steps=steps, seed=s) for m in ("scratch", "fine_tune")} for s in seeds)
    return torch.tensor([pair["fine_tune"] - pair["scratch"] for pair in pairs], dtype=torch.float64)


def _as_given(run, labels, steps, seeds):
    baseline = run("scratch", labels, steps // 2, seeds[0])
    return [run("fine_tune", labels, steps, seed) - baseline for seed in seeds]


def _with_half_steps(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps // 2, seed) for seed in seeds]


def _with_first_seed(run, labels, steps, seeds):
    baseline = run("scratch", labels, steps, seeds[0])
    return [run("fine_tune", labels, steps, seed) - baseline for seed in seeds]


def _with_best(run, labels, steps, seeds):
    best = np.max([run("fine_tune", labels, steps, seed) for seed in seeds])
    return [best - run("scratch", labels, steps, seed) for seed in seeds]


RIGHT = [_two_passes, _by_name]

WRONG = {
    "both unfair": _as_given,
    "half the steps": _with_half_steps,
    "one baseline for all": _with_first_seed,
    "best against each": _with_best,
    "other sign": lambda run, labels, steps, seeds: -_two_passes(run, labels, steps, seeds),
}

NO_ANSWERS = [
    lambda run, labels, steps, seeds: [0.1] * len(seeds),
    lambda run, labels, steps, seeds: [run("fine-tune", labels, steps, seed) for seed in seeds],
]
"""Wrong answers that have no name: they must not pass."""
