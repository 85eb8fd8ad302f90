"""Answers to ``reverse`` as learners write them: right ones in other ways, wrong ones by name."""

import torch
from proofs.lesson_14._shared import Flip, reverse_by_detach

from tl_course import losses


class _FlipNot(Flip):
    @staticmethod
    def backward(ctx, gradient):
        return Flip.backward(ctx, -gradient)


class _FlipFully(Flip):
    @staticmethod
    def backward(ctx, gradient):
        return -gradient, None


class _FlipTwice(Flip):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.save_for_backward(torch.tensor(float(strength) ** 2))
        return x.clone()


class _FlipForward(Flip):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.save_for_backward(torch.tensor(float(strength)))
        return strength * x


class _FlipStopped(Flip):
    @staticmethod
    def backward(ctx, gradient):
        return torch.zeros_like(gradient), None


def _reverse_by_hook(features, strength):
    own = features.clone()
    own.register_hook(lambda gradient: gradient * -strength)
    return own


def _hook_in_place(features, strength):
    features.register_hook(lambda gradient: -strength * gradient)
    return features.view_as(features)


RIGHT = [losses.reverse_gradient, Flip.apply, reverse_by_detach, _reverse_by_hook]

WRONG = {
    "forward changed": _FlipForward.apply,
    "nothing reversed": lambda features, strength: features,
    "sign lost": _FlipNot.apply,
    "lambda forgotten": _FlipFully.apply,
    "lambda twice": _FlipTwice.apply,
    "stopped": _FlipStopped.apply,
    "label loss reversed too": _hook_in_place,
}

NO_ANSWERS = [lambda features, strength: features[:2], lambda features, strength: strength]
"""Wrong answers that have no name: they must not pass."""
