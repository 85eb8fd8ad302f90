"""What must be finite is, infinities that stand there on purpose are left alone, and NaN is refused everywhere."""

import math

import pytest
import tasks
import torch
from draws import seeds
from tasks import assert_same, state
from torch import nn

from tl_course import losses, training
from tl_course.training import fit
from tl_course.training.finite_check import FiniteCheck
from tl_course.training.workers import Workers

OPTIONS = {"steps": 6, "batch_size": 8, "log_every": 2, "progress": False}


class Attention(nn.Module):
    """A causal mask in a buffer, as CLIP and many tutorials keep it."""

    def __init__(self, low: float):
        super().__init__()
        self.norm, self.fc = nn.BatchNorm1d(8), nn.Linear(8, 3)
        self.register_buffer("mask", torch.full((4, 4), low).triu(1))

    def forward(self, x):
        x = self.norm(x)
        scores = x[:, :4, None] * x[:, None, :4] + self.mask
        return self.fc(torch.cat([scores.softmax(-1).sum(1), x[:, 4:]], 1))


def check_of(model: nn.Module) -> FiniteCheck:
    movable = [*model.parameters(), *model.buffers()]
    check = FiniteCheck(model, movable, lambda step: None, lambda step: 0.1, Workers(torch.device("cpu")))
    check.note(("loss",), torch.tensor([0.5]), 1.0)
    return check


@pytest.mark.parametrize("low", [-math.inf, torch.finfo(torch.float32).min, -1e20, -1e9])
@pytest.mark.parametrize("seed", seeds(2))
def test_a_mask_may_hold_the_lowest_number_or_minus_infinity(low, seed):
    model = Attention(low)
    mask = model.mask.clone()
    run = fit(model, tasks.points(seed), **OPTIONS)
    assert math.isfinite(run.metrics["train_loss"])
    assert torch.equal(model.mask, mask)


def test_what_begins_at_infinity_and_is_changed_is_left_alone():
    """The smallest value an observer has seen begins at inf."""

    class Watched(nn.Linear):
        def __init__(self):
            super().__init__(8, 3)
            self.register_buffer("smallest", torch.tensor(math.inf))

        def forward(self, x):
            self.smallest.copy_(torch.minimum(self.smallest, x.min()))
            return super().forward(x)

    model = Watched()
    fit(model, tasks.points(), **OPTIONS)
    assert model.smallest.isfinite()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["fc.weight", "norm.weight", "norm.running_mean", "norm.running_var"])
def test_weights_and_running_statistics_must_be_finite(name, value):
    model = Attention(-math.inf)
    model.state_dict()[name].view(-1)[1] = value
    before = state(model)
    with pytest.raises(ValueError, match=f"{name} holds NaN or infinity before training"):
        fit(model, tasks.points(), **OPTIONS)
    for key, tensor in before.items():
        assert torch.equal(tensor.nan_to_num(), model.state_dict()[key].nan_to_num())


def test_nan_is_refused_in_every_buffer():
    model = Attention(-math.inf)
    model.mask[0, 1] = math.nan
    with pytest.raises(ValueError, match="mask holds NaN before training; load or create the model again"):
        fit(model, tasks.points(), **OPTIONS)


@pytest.mark.parametrize(
    ("name", "value"),
    [("fc.weight", math.inf), ("norm.running_var", math.inf), ("norm.running_mean", math.nan), ("mask", math.nan)],
)
def test_what_breaks_in_training_is_noticed_and_undone(name, value):
    model = Attention(-math.inf)
    check, before = check_of(model), state(model)
    model.state_dict()[name].view(-1)[1] = value
    check.batch_at = lambda step: type("Batch", (), {"inputs": None})
    with pytest.raises(training.NonFiniteError, match="a weight is not after it"):
        check.inspect(1)
    assert_same(model, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_large_weights_are_no_infinite_ones(dtype):
    """The root of the sum of their squares is not finite in float32."""
    model = nn.Linear(8, 3, dtype=dtype)
    with torch.no_grad():
        model.weight.fill_(torch.finfo(dtype).max)
    assert check_of(model).inspect(1) == {"loss": 0.5}


def test_infinity_in_a_finite_buffer_of_a_layer_of_ones_own_is_noticed():
    model = Attention(0.0)
    check = check_of(model)
    check.batch_at = lambda step: type("Batch", (), {"inputs": None})
    model.mask[0, 1] = math.inf
    with pytest.raises(training.NonFiniteError):
        check.inspect(1)


def test_a_huge_weight_trains_on():
    model = tasks.linear()
    model.register_buffer("scale", torch.tensor(1e30))
    fit(model, tasks.points(), loss=losses.cross_entropy, **OPTIONS)
