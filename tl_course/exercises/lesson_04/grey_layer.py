"""Lesson 04: one channel into three."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tl_course.exercises.probes import need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import agrees, all_of, each, has_shape, none_of, same_shape, shows
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _convolutions(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    kinds = ((True, 1, 1), (False, 2, 1), (True, 2, 0))
    return [
        {
            "seed": int(rng.integers(2**31)),
            "bias": bias,
            "stride": stride,
            "padding": padding,
            "grey": rng.normal(size=(2, 1, 7, 7)).astype(np.float32),
        }
        for bias, stride, padding in kinds
    ]


def _on_grey(answer: object, case: Case) -> Data:
    """Ask for the layer, and look at grey pictures through it."""
    need_function(answer, "answer_grey_layer(conv)")
    torch.manual_seed(case["seed"])
    conv = nn.Conv2d(3, 4, 3, stride=case["stride"], padding=case["padding"], bias=case["bias"])
    torch.manual_seed(0)
    layer = answer(conv)
    if not isinstance(layer, nn.Conv2d):
        raise Unfit(f"It gave back {type(layer).__name__}; give back the new layer, an `nn.Conv2d`.")
    grey = tensors(case)["grey"]
    with torch.no_grad():
        answers = layer(grey.expand(-1, layer.weight.shape[1], -1, -1))
    return {"weights": plain(layer.weight), "answers": plain(answers), "the layer you were given": state(conv)}


def _grey_layer(weight_of, bias_of=lambda bias: bias, geometry: bool = True):
    """Answers that make the weights, the bias and the geometry of the grey layer in one way or another."""

    def answer(conv: nn.Conv2d) -> nn.Conv2d:
        places = {"stride": conv.stride, "padding": conv.padding} if geometry else {}
        layer = nn.Conv2d(1, conv.out_channels, conv.kernel_size, bias=False, **places)
        layer.weight = nn.Parameter(weight_of(conv.weight.detach()))
        if conv.bias is not None and bias_of is not None:
            layer.bias = nn.Parameter(bias_of(conv.bias.detach()).clone())
        return layer

    return answer


_ONE_CHANNEL = [_grey_layer(lambda weight, k=k: weight[:, k : k + 1].clone()) for k in range(3)]


def _sum_of_channels(weight: Tensor) -> Tensor:
    return weight.sum(dim=1, keepdim=True)


_RIGHT_WEIGHTS = agrees("weights", atol=1e-5)


def _is_off_by_channel(found: Data, expected: Data, case: Case) -> bool:
    """Whether answers are off by one number a channel, whatever stands in the bias's place: zeros, or a new draw."""
    if np.shape(found["answers"]) != np.shape(expected["answers"]):
        return False
    off = np.subtract(found["answers"], expected["answers"])
    return bool(np.allclose(np.ptp(off, axis=(0, 2, 3)), 0, atol=1e-5))


QUESTION = Question(
    slug="grey_layer",
    lesson="04",
    title="A first layer for grey pictures",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "With the same picture x in all three channels the layer computes w₁x + w₂x + w₃x + b. Factor out x.",
        "The new weights are the old ones, summed over the input channels, which are axis 1: `keepdim=True` keeps the "
        "axis.",
        "Make `nn.Conv2d(1, conv.out_channels, conv.kernel_size, stride=conv.stride, padding=conv.padding, "
        "bias=conv.bias is not None)`, then copy the summed weights and the bias into it.",
    ),
    inputs=_convolutions,
    reference=_grey_layer(_sum_of_channels),
    why=(
        "w₁x + w₂x + w₃x is (w₁ + w₂ + w₃)x: the sum does what repeating the picture does, at a third of that layer's "
        "work. It is exact only if all channels are normalised alike; with a mean for each channel repeat the picture "
        "and normalise first."
    ),
    wrong=(
        Wrong(
            "mean",
            "This averages over the channels: everything that comes out of the convolution is a third of what it "
            "should be. Three times the same picture adds up.",
            _grey_layer(lambda weight: weight.mean(dim=1, keepdim=True)),
        ),
        Wrong(
            "first channel",
            "You kept the weights for one channel and threw away the other two. A filter that looked for red beside "
            "green is now a filter that looks for something else.",
            _ONE_CHANNEL[0],
            recognise=shows(_on_grey, *_ONE_CHANNEL, names=("weights",)),
        ),
        Wrong(
            "still three channels",
            "This layer still takes three channels: its weights have the shape 4×3×3×3. Sum over axis 1, and keep that "
            "axis with one entry.",
            lambda conv: conv,
            recognise=has_shape((None, 3, None, None), "weights"),
        ),
        Wrong(
            "bias three times",
            "The weights are right, but the bias counts three times. It is added once, however many channels there "
            "are.",
            _grey_layer(_sum_of_channels, lambda bias: 3 * bias),
        ),
        Wrong(
            "bias not copied",
            "The weights are right, but the answers are off by one number a channel: the bias of the old layer is not "
            "in the new one. Copy it where there is one, and have none where there is none.",
            _grey_layer(_sum_of_channels, bias_of=None),
            recognise=all_of(_RIGHT_WEIGHTS, each(_is_off_by_channel)),
        ),
        Wrong(
            "stride or padding lost",
            "The weights are right, but the map has another size, or begins elsewhere: `stride` and `padding` of the "
            "old layer have to be handed on.",
            _grey_layer(_sum_of_channels, geometry=False),
            recognise=all_of(_RIGHT_WEIGHTS, none_of(same_shape("answers"))),
        ),
    ),
    probe=_on_grey,
    atol=1e-5,
)
