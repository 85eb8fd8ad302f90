"""Lesson 01: a histogram of gradients."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _patches(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [{"patch": rng.normal(size=shape), "bins": bins} for shape, bins in (((8, 8), 9), ((6, 9), 4), ((5, 4), 6))]
    down, across = np.meshgrid(np.arange(7.0), np.arange(6.0), indexing="ij")
    ramp = math.cos(0.7) * across + math.sin(0.7) * down
    return [*drawn, {"patch": ramp + float(rng.uniform(0, 1)), "bins": 6}, {"patch": -ramp, "bins": 6}]


def _changes(patch: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences across and down, without the border."""
    return patch[1:-1, 2:] - patch[1:-1, :-2], patch[2:, 1:-1] - patch[:-2, 1:-1]


def _histogram(across: Tensor, down: Tensor, bins: int, weights: Tensor | None = None, turn: float = math.pi) -> Tensor:
    angle = torch.atan2(down, across) % turn
    place = (angle / turn * bins).long().clamp(max=bins - 1)
    weights = torch.hypot(across, down) if weights is None else weights
    return torch.zeros(bins, dtype=weights.dtype).index_add(0, place.flatten(), weights.flatten())


def _gradients(patch: Tensor, bins: int) -> Tensor:
    return _histogram(*_changes(patch), bins)


def _folded(patch: Tensor, bins: int) -> Tensor:
    """Angles from −π to π, those below zero set to the first bin."""
    across, down = _changes(patch)
    angle = torch.atan2(down, across).abs()
    return _histogram(torch.cos(angle), torch.sin(angle), bins, torch.hypot(across, down))


def _swapped(patch: Tensor, bins: int) -> Tensor:
    across, down = _changes(patch)
    return _histogram(down, across, bins)


def _counted(patch: Tensor, bins: int) -> Tensor:
    across, down = _changes(patch)
    return _histogram(across, down, bins, torch.ones_like(across))


def _full_turn(patch: Tensor, bins: int) -> Tensor:
    return _histogram(*_changes(patch), bins, turn=2 * math.pi)


def _shares(patch: Tensor, bins: int) -> Tensor:
    found = _gradients(patch, bins)
    return found / found.sum()


QUESTION = Question(
    slug="gradient_histogram",
    lesson="01",
    title="A feature made by hand",
    kind="implement",
    difficulty=4,
    minutes=15,
    points=3,
    hints=(
        "Two small tables first, for all pixels that have four neighbours: how the brightness changes to the right, "
        "and how it changes downwards.",
        "`patch[1:-1, 2:] - patch[1:-1, :-2]` is the first. Strength: `torch.hypot(across, down)`. Angle: "
        "`torch.atan2(down, across) % math.pi`, so that light to dark and dark to light count as one direction.",
        "The bin is `(angle / math.pi * bins).long().clamp(max=bins - 1)`: an angle a hair below zero is rounded to π "
        "itself. Add up the *strengths* in each bin, for example with "
        "`torch.bincount(place.flatten(), weights=strength.flatten(), minlength=bins)`.",
    ),
    inputs=_patches,
    reference=_gradients,
    why=(
        "This is the heart of HOG, twenty years old and learned from nothing: it knows of edges because somebody "
        "thought of them. A light stroke on dark and a dark one on light give the same numbers. That is good for "
        "digits, and bad where the sign matters. A learned feature finds out which."
    ),
    wrong=(
        Wrong(
            "pixels counted",
            "You count pixels. Weigh each by the *strength* of its gradient, or the noise of a flat wall counts "
            "as much as an edge.",
            _counted,
        ),
        Wrong(
            "full turn",
            "Your bins cover the full circle. An edge from dark to light and one from light to dark are the same edge "
            "here: take angles modulo π.",
            _full_turn,
        ),
        Wrong(
            "mirrored",
            "You take the absolute value of the angle, which folds the circle the wrong way: strokes like / and like "
            "\\ fall into one bin. Take it modulo π.",
            _folded,
        ),
        Wrong(
            "axes swapped",
            "Across and down have changed places: the angle is `atan2(down, across)`, and the first index of a patch "
            "counts downwards.",
            _swapped,
        ),
        Wrong(
            "shares",
            "You divided by the total. It was not asked for here, and it makes a hardly visible edge equal to a strong "
            "one.",
            _shares,
        ),
        Wrong(
            "halved",
            "All numbers are half of what was asked for: here a change is the right neighbour minus the left one, "
            "undivided, though two pixels lie between them.",
            lambda patch, bins: _gradients(patch, bins) / 2,
        ),
    ),
)
