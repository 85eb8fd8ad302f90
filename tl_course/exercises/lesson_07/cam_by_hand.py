"""Lesson 07: Grad-CAM from features and their gradients."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _features(seed: int) -> list[Case]:
    """Features of both signs, and gradients that differ from picture to picture."""
    rng = np.random.default_rng(seed)
    return [
        {
            "features": rng.normal(loc=0.2, size=(n, k, side, side)),
            "gradients": rng.normal(scale=0.5, size=(n, k, side, side)) + rng.normal(size=(n, k, 1, 1)),
        }
        for n, k, side in ((3, 5, 4), (2, 4, 3), (4, 7, 2))
    ]


def _sum_of(features: Tensor, gradients: Tensor) -> Tensor:
    return (gradients.mean(dim=(2, 3), keepdim=True) * features).sum(dim=1)


def _cam(features: Tensor, gradients: Tensor) -> Tensor:
    return _sum_of(features, gradients).clamp(min=0)


QUESTION = Question(
    slug="cam_by_hand",
    lesson="07",
    title="A heat map from features and gradients",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "How much does the logit grow with feature map k, on average over its places? That is one number a map.",
        "`gradients.mean(dim=(2, 3), keepdim=True)` has shape N×K×1×1, and multiplies every place of each map.",
        "Multiply by `features`, sum over `dim=1`, and let nothing be below zero.",
    ),
    inputs=_features,
    reference=_cam,
    why=(
        "Each feature map counts by what it does for the class, as a mean over places, and what speaks against the "
        "class is cut off. The map is as coarse as the layer; every finer line in a published picture is interpolation."
    ),
    wrong=(
        Wrong(
            "no ReLU",
            "Some places are negative: they speak *against* the class. Grad-CAM shows only what speaks for it; set "
            "these to zero, after the sum.",
            _sum_of,
        ),
        Wrong(
            "ReLU before the sum",
            "You cut off each map before adding them up, so that nothing can speak against the class. First the sum "
            "over the maps, then the ReLU.",
            lambda features, gradients: (gradients.mean(dim=(2, 3), keepdim=True) * features).clamp(min=0).sum(dim=1),
        ),
        Wrong(
            "place by place",
            "You multiply features by gradients place by place. That is another method (gradient times activation). "
            "Grad-CAM takes the mean gradient over a map's places first.",
            lambda features, gradients: (gradients * features).sum(dim=1).clamp(min=0),
        ),
        Wrong(
            "weights of all pictures",
            "Your weights are a mean over the pictures as well, so each map depends on the others of its batch. Each "
            "picture has gradients of its own.",
            lambda features, gradients: (
                (gradients.mean(dim=(0, 2, 3), keepdim=True) * features).sum(dim=1).clamp(min=0)
            ),
        ),
        Wrong(
            "features alone",
            "Here the gradients have no say: the map shows where the features are large, for every class alike. Weigh "
            "each map by its mean gradient.",
            lambda features, gradients: features.sum(dim=1).clamp(min=0),
        ),
        Wrong(
            "mean over maps",
            "You take the mean over the feature maps; the formula has their sum. The map looks the same, on another "
            "scale.",
            lambda features, gradients: _cam(features, gradients) / features.shape[1],
        ),
    ),
    rtol=1e-6,
)
