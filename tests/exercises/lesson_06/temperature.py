"""Answers to ``temperature`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import torch
import torch.nn.functional as F


def _by_loop(held_logits, held_labels, test_logits, test_labels, candidates):
    best, smallest = None, math.inf
    for t in candidates:
        loss = F.nll_loss(F.log_softmax(held_logits / t, dim=1), held_labels)
        if loss < smallest:
            best, smallest = t, loss
    return torch.softmax(test_logits / best, dim=1)


def _by_stack(held_logits, held_labels, test_logits, test_labels, candidates):
    losses = torch.stack([F.cross_entropy(held_logits.div(t), held_labels) for t in candidates])
    exp = (test_logits / candidates[losses.argmin()]).exp()
    return exp / exp.sum(dim=1, keepdim=True)


def _by_test(held_logits, held_labels, test_logits, test_labels, candidates):
    return _by_loop(test_logits, test_labels, test_logits, test_labels, candidates)


def _inverted(held_logits, held_labels, test_logits, test_labels, candidates):
    t = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels))
    return torch.softmax(t * test_logits, dim=1)


def _by_accuracy(held_logits, held_labels, test_logits, test_labels, candidates):
    t = max(candidates, key=lambda t: ((held_logits / t).argmax(1) == held_labels).float().mean())
    return torch.softmax(test_logits / t, dim=1)


def _late(held_logits, held_labels, test_logits, test_labels, candidates):
    t = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels))
    return torch.softmax(test_logits, dim=1) / t


def _as_they_were(held_logits, held_labels, test_logits, test_labels, candidates):
    return F.softmax(test_logits, dim=-1)


def _down_the_columns(held_logits, held_labels, test_logits, test_labels, candidates):
    t = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels))
    return torch.softmax(test_logits / t, 0)


RIGHT = [_by_loop, _by_stack]

WRONG = {
    "chosen on the test": _by_test,
    "multiplied": _inverted,
    "chosen by accuracy": _by_accuracy,
    "probabilities divided": _late,
    "no temperature": _as_they_were,
    "over the pictures": _down_the_columns,
}
