"""Losses in half precision and under autocast."""

import pytest
import torch
from loss_inputs import draw

from tl_course import losses


@pytest.mark.parametrize("loss", [losses.coral, losses.mmd2, losses.relational_distance, losses.relational_angle])
def test_under_autocast_they_are_computed_in_full_precision(loss):
    x, y = (draw(seed, 16, 32).bfloat16().float() + 10 for seed in (1, 2))
    full = loss(x, y)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(loss(x, y), full)
        halves = loss(x.bfloat16(), y.bfloat16())
    assert halves.dtype == torch.float32
    torch.testing.assert_close(losses.coral(source=x, target=y), losses.coral(x, y))
