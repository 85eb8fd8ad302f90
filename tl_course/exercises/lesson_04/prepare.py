"""Lesson 04: whose statistics."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data


def _uint8_pictures(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    sizes = ((5, 4), (1, 6), (3, 2))
    return [
        {
            "images": rng.integers(0, 256, size=(count, 3, height, 3), dtype=np.uint8),
            "mean": rng.uniform(0.3, 0.6, size=3),
            "std": rng.uniform(0.15, 0.35, size=3),
        }
        for count, height in sizes
    ]


def _columns(numbers: Tensor) -> Tensor:
    return numbers[:, None, None]


def _prepare(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images / 255 - _columns(mean)) / _columns(std)


def _by_own_statistics(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    scaled = images / 255
    return (scaled - scaled.mean((0, 2, 3), keepdim=True)) / scaled.std((0, 2, 3), keepdim=True)


def _have_mean_zero(found: list[Data], expected: list[Data], cases: list[Case]) -> bool:
    """Whether every result has mean zero, whatever was divided by: over all, by channel, by picture or by both."""
    made = [np.asarray(one) for one in found]
    axes = ((0, 1, 2, 3), (0, 2, 3), (1, 2, 3), (2, 3))
    return any(all(np.allclose(one.mean(axis), 0, atol=1e-4) for one in made) for axis in axes)


def _by_imagenet(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return _prepare(images, torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


QUESTION = Question(
    slug="prepare",
    lesson="04",
    title="Scaled as the weights expect",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Source text 000 brings the pixels to between 0 and 1, and stops there. What did the weights see when they "
        "were trained?",
        "Divide by 255, subtract the mean, divide by the standard deviation: in this order, since mean and std are "
        "given for pixels between 0 and 1.",
        "One mean for each *channel*: `mean[:, None, None]` has the shape 3×1×1 and fits N×3×H×W.",
    ),
    inputs=_uint8_pictures,
    reference=_prepare,
    why=(
        "Pixels between 0 and 1, then the mean and the spread that belong to the weights, channel by channel. Nothing "
        "raises when this is forgotten; the network reads other pictures, and you wonder about the accuracy. So a "
        "checkpoint without its statistics is half a checkpoint."
    ),
    wrong=(
        Wrong(
            "ToTensor alone",
            "The pixels are between 0 and 1, and that is all. The weights expect the mean subtracted and the result "
            "divided by the standard deviation.",
            lambda images, mean, std: images / 255,
        ),
        Wrong(
            "own statistics",
            "You took mean and deviation from *these* pictures. Then a dark picture and a bright one look alike, and "
            "the result depends on who else is there. The weights get what they never saw. The statistics belong to "
            "the weights.",
            _by_own_statistics,
            recognise=_have_mean_zero,
        ),
        Wrong(
            "ImageNet's, as always",
            "These are the three numbers of ImageNet that everybody copies. They belong to torchvision's weights; "
            "these weights have others, and you were given them.",
            _by_imagenet,
        ),
        Wrong(
            "not scaled first",
            "Mean and deviation are meant for pixels between 0 and 1, and yours still go up to 255: the results are "
            "hundreds of deviations away from zero.",
            lambda images, mean, std: (images - _columns(mean)) / _columns(std),
        ),
        Wrong(
            "multiplied by std",
            "The mean is subtracted; then divide by the standard deviation, do not multiply. Multiplying makes a small "
            "spread still smaller.",
            lambda images, mean, std: (images / 255 - _columns(mean)) * _columns(std),
        ),
        Wrong(
            "not divided",
            "The mean is gone, but the spread is not scaled: divide by the standard deviation as well.",
            lambda images, mean, std: images / 255 - _columns(mean),
        ),
        Wrong(
            "along the width",
            "Broadcasting matches the *last* axis. These pictures happen to be three pixels wide, so the three numbers "
            "went to the three columns of pixels instead of the three channels. No error said so.",
            lambda images, mean, std: (images / 255 - mean) / std,
        ),
    ),
)
