"""Answers to ``grey_layer`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch
from torch import nn


def _as_a_copy(conv):
    layer = copy.deepcopy(conv)
    layer.in_channels = 1
    layer.weight = nn.Parameter(conv.weight.detach().sum(1, keepdim=True))
    return layer


def _by_data(conv):
    layer = nn.Conv2d(1, conv.out_channels, 3, conv.stride, conv.padding, bias=conv.bias is not None)
    layer.weight.data = sum(conv.weight.data[:, k : k + 1] for k in range(3))
    if conv.bias is not None:
        layer.bias.data = conv.bias.data.clone()
    return layer


def _by_einsum(conv):
    layer = nn.Conv2d(1, conv.out_channels, conv.kernel_size, stride=conv.stride, padding=conv.padding)
    state = {"weight": torch.einsum("oikl->okl", conv.weight)[:, None], "bias": torch.zeros(conv.out_channels)}
    if conv.bias is not None:
        state["bias"] = conv.bias
    layer.load_state_dict(state)
    return layer


def _changed(**changes):
    """A copy with one channel, its weight or bias made in another way."""

    def answer(conv):
        layer = _as_a_copy(conv)
        if "weight" in changes:
            layer.weight.data = changes["weight"](conv.weight.detach())
        if "bias" in changes and conv.bias is not None:
            layer.bias.data = changes["bias"](conv.bias.detach())
        return layer

    return answer


def _random_bias(conv):
    layer = nn.Conv2d(1, conv.out_channels, conv.kernel_size, stride=conv.stride, padding=conv.padding)
    layer.weight.data = conv.weight.data.sum(dim=1, keepdim=True)
    return layer


def _always_padded(conv):
    layer = nn.Conv2d(1, conv.out_channels, conv.kernel_size, padding=1)
    layer.weight.data = conv.weight.data.sum(dim=1, keepdim=True)
    layer.bias.data = conv.bias.data if conv.bias is not None else torch.zeros(conv.out_channels)
    return layer


RIGHT = [_as_a_copy, _by_data, _by_einsum]

WRONG = {
    "mean": _changed(weight=lambda w: w.mean(1, keepdim=True)),
    "first channel": _changed(weight=lambda w: w[:, 1:2]),
    "still three channels": copy.deepcopy,
    "bias three times": _changed(bias=lambda b: b + b + b),
    "bias not copied": _random_bias,
    "stride or padding lost": _always_padded,
}
