"""Answers to ``choose_blind`` as learners write them: right ones in other ways, wrong ones by name."""

import torch

from tl_course import adaptation


def _choose_by_package(runs, slack):
    best = max(run["source_accuracy"] for run in runs)
    scores = [
        adaptation.negative_entropy(run["target_probabilities"])
        if best - run["source_accuracy"] <= slack
        else -float("inf")
        for run in runs
    ]
    return scores.index(max(scores))


def _choose_by_tensors(runs, slack):
    source = torch.tensor([run["source_accuracy"] for run in runs], dtype=torch.float64)
    entropy = torch.stack([torch.special.entr(run["target_probabilities"]).sum(1).mean() for run in runs])
    entropy[source < source.max() - slack] = torch.inf
    return entropy.argmin()


def _choose_by_sorting(runs, slack):
    def doubt(run):
        return torch.distributions.Categorical(probs=run["target_probabilities"]).entropy().mean().item()

    best = sorted(run["source_accuracy"] for run in runs)[-1]
    for run in sorted(runs, key=doubt):
        if run["source_accuracy"] + slack >= best:
            return next(place for place, other in enumerate(runs) if other is run)


def _choose_wrong(score, passes=lambda run, best, slack: best - run["source_accuracy"] <= slack):
    def answer(runs, slack):
        best = max(run["source_accuracy"] for run in runs)
        found = [score(run) if passes(run, best, slack) else -1e9 for run in runs]
        return max(range(len(found)), key=found.__getitem__)

    return answer


def _sure(run):
    return (run["target_probabilities"] * run["target_probabilities"].log()).sum(1).mean().item()


def _sure_of_the_mean(run):
    mean = run["target_probabilities"].mean(0)
    return (mean * mean.log()).sum().item()


RIGHT = [_choose_by_package, _choose_by_tensors, _choose_by_sorting]

WRONG = {
    "chosen by the test": lambda runs, slack: max(enumerate(runs), key=lambda x: x[1]["target_test_accuracy"])[0],
    "test among the good ones": _choose_wrong(lambda run: run["target_test_accuracy"]),
    "entropy alone": _choose_wrong(_sure, lambda run, best, slack: True),
    "source alone": _choose_wrong(lambda run: run["source_accuracy"]),
    "least sure": _choose_wrong(lambda run: -_sure(run)),
    "edge left out": _choose_wrong(_sure, lambda run, best, slack: best - run["source_accuracy"] < slack),
    "largest probability": _choose_wrong(lambda run: run["target_probabilities"].max(1).values.mean().item()),
    "entropy of the mean": _choose_wrong(_sure_of_the_mean),
}

NO_ANSWERS = [lambda runs, slack: 0, lambda runs, slack: len(runs) - 1, lambda runs, slack: runs[0]]
"""Wrong answers that have no name: they must not pass."""
