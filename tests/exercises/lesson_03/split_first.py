"""Answers to ``split_first`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _by_numbers(photographs, held, turn):
    images, labels = turn(photographs)
    number = torch.arange(len(photographs)).repeat(4)
    test = number >= len(photographs) - held
    return (images[~test], labels[~test]), (images[test], labels[test])


def _by_split(photographs, held, turn):
    train, test = photographs.split([len(photographs) - held, held])
    return [turn(train), turn(test)]


def _leaky(photographs, held, turn):
    images, labels = turn(photographs)
    return (images[: -4 * held], labels[: -4 * held]), (images[-4 * held :], labels[-4 * held :])


def _shuffled(photographs, held, turn):
    images, labels = turn(photographs)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, test = order[4 * held :], order[: 4 * held]
    return (images[train], labels[train]), (images[test], labels[test])


def _everything(photographs, held, turn):
    return turn(photographs), turn(photographs[len(photographs) - held :])


def _upright(photographs, held, turn):
    test = photographs[-held:]
    return turn(photographs[:-held]), (test, torch.zeros(len(test)))


RIGHT = [_by_numbers, _by_split]

WRONG = {
    "trains on all": _everything,
    "the same photograph on both sides": _shuffled,
    "test not turned": _upright,
    "sides swapped": lambda photographs, held, turn: (turn(photographs[-held:]), turn(photographs[:-held])),
    "first held out": lambda photographs, held, turn: (turn(photographs[held:]), turn(photographs[:held])),
}

NO_ANSWERS = [_leaky, lambda photographs, held, turn: (turn(photographs), turn(photographs))]
"""Wrong answers that have no name: they must not pass."""
