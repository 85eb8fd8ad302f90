"""Lesson 07: what its prose says of its records beyond its claims, and the properties of its planted squares."""

import itertools

import numpy as np
import pytest
import torch
from draws import seeds
from lesson_code import functions_of

from tl_course import records
from tl_course.data.task import Split


@pytest.mark.parametrize("target", ["cifar10", "mnist_m"])
def test_no_group_of_layers_holds_half_of_the_gain(target):
    kept = records.read("07_layers").select(profile="mini", target=target, method="reuse")
    means = [kept.select(setting=str(groups)).mean for groups in range(6)]
    steps = [high - low for low, high in itertools.pairwise(means)]
    assert max(steps) < (means[-1] - means[0]) / 2


@pytest.mark.parametrize("seed", seeds(6))
def test_a_planted_square_tells_the_label_and_its_box_tells_where_it_is(seed):
    rng = np.random.default_rng(seed)
    images = torch.from_numpy(rng.integers(0, 255, (40, 3, 32, 32), np.uint8))
    before = images.clone()
    part = Split(images, torch.from_numpy(rng.integers(0, 10, 40)))
    marked, boxes = functions_of("07")["planted"](part, seed)

    assert torch.equal(images, before)  # the task's own pictures stay as they are
    assert set(marked.labels.tolist()) == {0, 1}
    assert boxes[:, :2].min() >= 0
    assert boxes[:, 2:].max() <= 32
    for image, original, label, (top, left, bottom, right) in zip(
        marked.inputs, images, marked.labels, boxes.tolist(), strict=True
    ):
        square = image[:, top:bottom, left:right].flatten(1)
        assert (square == square[:, :1]).all()
        assert (square[0, 0] > square[2, 0]) == (label == 0)  # red, or blue
        outside = image.clone()
        outside[:, top:bottom, left:right] = original[:, top:bottom, left:right]
        assert torch.equal(outside, original)
