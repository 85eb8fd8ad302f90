"""Answers to ``choose_fairly`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_sorting(validation, test):
    order = sorted(range(len(test)), key=lambda epoch: (-validation[epoch], epoch))
    return order[0], test[order[0]].item()


def _in_a_loop(validation, test):
    best = 0
    for epoch in range(1, len(validation)):
        if validation[epoch] > validation[best]:
            best = epoch
    return torch.stack([torch.tensor(float(best), dtype=test.dtype), test[best]])


def _ties_by_last(validation, test):
    best = 0
    for epoch in range(len(validation)):
        if validation[epoch] >= validation[best]:
            best = epoch
    return [best, test[best].item()]


RIGHT = [_by_sorting, _in_a_loop]

WRONG = {
    "chosen by the test": lambda v, t: (t.argmax().item(), t.max().item()),
    "validation reported": lambda v, t: (v.argmax().item(), v.max().item()),
    "best of both": lambda v, t: (v.argmax().item(), max(t.tolist())),
    "last epoch": lambda v, t: (len(v) - 1, t[-1].item()),
    "last of equals": _ties_by_last,
    "counted from one": lambda v, t: (v.argmax().item() + 1, t[v.argmax()].item()),
}

NO_ANSWERS = [lambda v, t: t.mean().item()]
"""Wrong answers that have no name: they must not pass."""
