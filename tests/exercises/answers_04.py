"""Answers to the questions of lesson 04 as learners write them: right ones in other ways, wrong ones by name."""

import copy
import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from tl_course import models

# --- vgg_head ---------------------------------------------------------------------------------------------------------


def _head_by_package(model, num_classes):
    models.replace_head(model, num_classes, seed=3)


def _head_by_index(model, num_classes):
    place = len(model.classifier) - 1
    width = model.classifier[place].weight.shape[1]
    model.classifier[place] = nn.Linear(width, num_classes)
    return model


def _new_sequential(model, num_classes):
    *layers, old = model.classifier
    model.classifier = nn.Sequential(*layers, nn.Linear(old.in_features, num_classes))
    return model


def _as_given(model, num_classes):
    model.features.fc = nn.Linear(model.features.fc.in_features, num_classes)


def _named_fc(model, num_classes):
    width = model.classifier[-1].in_features
    model.fc = nn.Linear(width, num_classes)
    return model


def _put_into_features(model, num_classes):
    model.features.fc = nn.Linear(3, num_classes, bias=True)


def _one_more(model, num_classes):
    model.classifier = nn.Sequential(*model.classifier, nn.Linear(5, num_classes))


def _one_linear(model, num_classes):
    model.classifier = nn.Linear(20, num_classes)
    return model


def _attribute(model, num_classes):
    head = model.classifier[-1]
    head.out_features = num_classes


def _place_three(model, num_classes):
    width = model.classifier[3].in_features
    model.classifier[3] = nn.Linear(width, num_classes)


# --- head_parameters --------------------------------------------------------------------------------------------------


def _by_layers(widths):
    with torch.device("meta"):
        layers = [nn.Linear(a, b) for a, b in pairwise(widths)]
    return sum(weight.numel() for layer in layers for weight in layer.parameters())


def _by_index(widths):
    return sum((widths[i] + 1) * widths[i + 1] for i in range(len(widths) - 1))


# --- cut_head ---------------------------------------------------------------------------------------------------------


def _by_hook(model, images):
    kept = []
    hook = model.classifier[-1].register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    with torch.inference_mode():
        model.eval()(images)
    hook.remove()
    return kept[0].clone()


def _on_a_copy(model, images):
    model = copy.deepcopy(model).eval()
    model.classifier[-1] = nn.Identity()
    return model(images).detach()


def _layer_by_layer(model, images):
    mode = model.training
    model.eval()
    x = model.avgpool(model.features(images)).flatten(1)
    for layer in list(model.classifier)[:-1]:
        x = layer(x)
    model.train(mode)
    return x.detach()


def _answers(model, images):
    model.eval()
    return model(images).detach()


def _maps(model, images):
    return model.avgpool(model.features(images)).reshape(len(images), -1).detach()


def _last_linear(model, images):
    x = model.eval().avgpool(model.features(images)).flatten(1)
    return model.classifier[: len(model.classifier) - 3](x).detach()


def _no_eval(model, images):
    with torch.no_grad():
        return model.classifier[:-1](model.avgpool(model.features(images)).flatten(1))


def _identity(model, images):
    model.eval()
    model.classifier[-1] = nn.Identity()
    return model(images).detach()


def _no_no_grad(model, images):
    model.eval()
    return model.classifier[:-1](model.avgpool(model.features(images)).flatten(1))


# --- prepare ----------------------------------------------------------------------------------------------------------


def _by_views(images, mean, std):
    images = images.float().div(255)
    return images.sub(mean.view(1, 3, 1, 1)).div(std.view(1, 3, 1, 1))


def _by_torchvision(images, mean, std):
    from torchvision.transforms.v2 import functional

    return functional.normalize(images.float() / 255, mean.tolist(), std.tolist())


def _channel_by_channel(images, mean, std):
    return torch.stack([(images[:, k] / 255 - mean[k]) / std[k] for k in range(3)], dim=1)


def _standardised(images, mean, std):
    x = images.float()
    return (x - x.mean()) / x.std()


def _by_channel_statistics(images, mean, std):
    x = images.float() / 255
    return (x - x.mean(dim=(0, 2, 3), keepdim=True)) / x.std(dim=(0, 2, 3), keepdim=True)


def _everybodys(images, mean, std):
    return _by_views(images, torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225]))


# --- grey_layer -------------------------------------------------------------------------------------------------------


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


# --- compute_once -----------------------------------------------------------------------------------------------------


def _one_by_one(look, step, images, labels, orders, size):
    table = [look(image[None])[0] for image in images]
    for order in orders:
        for start in range(0, len(order), size):
            index = order[start : start + size]
            step(torch.stack([table[i] for i in index.tolist()]), labels[index])


def _in_the_first_epoch(look, step, images, labels, orders, size):
    known = {}
    for order in orders:
        for index in order.split(size):
            missing = [i for i in index.tolist() if i not in known]
            if missing:
                known.update(zip(missing, look(images[missing]), strict=True))
            step(torch.stack([known[i] for i in index.tolist()]), labels[index])


def _once_an_epoch(look, step, images, labels, orders, size):
    for order in orders:
        features = look(images)
        for index in order.split(size):
            step(features[index], labels[index])


def _labels_in_order(look, step, images, labels, orders, size):
    features = look(images)
    for order in orders:
        for batch, these in zip(features[order].split(size), labels.split(size), strict=True):
            step(batch, these)


def _same_batches(look, step, images, labels, orders, size):
    batches = [(look(images[index]), labels[index]) for index in orders[0].split(size)]
    for _ in orders:
        for batch in batches:
            step(*batch)


def _in_order(look, step, images, labels, orders, size):
    features = look(images)
    for _ in orders:
        for batch, these in zip(features.split(size), labels.split(size), strict=True):
            step(batch, these)


def _table_in_first_order(look, step, images, labels, orders, size):
    features = torch.cat([look(images[index]) for index in orders[0].split(size)])
    for order in orders:
        for index in order.split(size):
            step(features[index], labels[index])


RIGHT = {
    "vgg_head": [_head_by_package, _head_by_index, _new_sequential],
    "head_parameters": [_by_layers, _by_index],
    "cut_head": [_by_hook, _on_a_copy, _layer_by_layer],
    "prepare": [_by_views, _by_torchvision, _channel_by_channel],
    "grey_layer": [_as_a_copy, _by_data, _by_einsum],
    "eval_or_freeze": ["c and e", {"E", "C"}, ["C", "E"]],
    "may_keep": ["FDA", "a, d and f", {"A", "D", "F"}],
    "compute_once": [_one_by_one, _in_the_first_epoch],
}

WRONG = {
    "vgg_head": {
        "no fc there": _as_given,
        "nobody asks it": _named_fc,
        "at the end of features": _put_into_features,
        "on top of the old head": _one_more,
        "whole classifier": _one_linear,
        "the number only": _attribute,
        "always place 3": _place_three,
    },
    "head_parameters": {
        "no biases": lambda widths: sum(widths[i] * widths[i + 1] for i in range(len(widths) - 1)),
        "biases of the inputs": lambda widths: sum(a * (b + 1) for a, b in pairwise(widths)),
        "last layer only": lambda widths: (widths[-2] + 1) * widths[-1],
        "first to last": lambda widths: (widths[0] + 1) * widths[-1],
        "widths added": sum,
    },
    "cut_head": {
        "head still on": _answers,
        "cut too early": _maps,
        "before the ReLU": _last_linear,
        "dropout at work": _no_eval,
        "head lost": _identity,
        "graph kept": _no_no_grad,
    },
    "prepare": {
        "ToTensor alone": lambda images, mean, std: images.float().div(255),
        "own statistics": _by_channel_statistics,
        "ImageNet's, as always": _everybodys,
        "not scaled first": lambda images, mean, std: _by_views(images.float() * 255, mean, std),
        "multiplied by std": lambda images, mean, std: _by_views(images, mean, 1 / std),
        "not divided": lambda images, mean, std: _by_views(images, mean, torch.ones(3)),
        "along the width": lambda images, mean, std: (images.float() / 255).sub(mean).div(std),
    },
    "grey_layer": {
        "mean": _changed(weight=lambda w: w.mean(1, keepdim=True)),
        "first channel": _changed(weight=lambda w: w[:, 1:2]),
        "still three channels": copy.deepcopy,
        "bias three times": _changed(bias=lambda b: b + b + b),
        "bias not copied": _random_bias,
        "stride or padding lost": _always_padded,
    },
    "eval_or_freeze": {
        "eval freezes": "ACE",
        "statistics forgotten": "BCE",
        "C forgotten": "E",
        "E forgotten": ["C"],
    },
    "may_keep": {
        "augmentation kept": "ABDF",
        "backbone moves": {"A", "C", "D", "F"},
        "order forgotten": "D F",
        "fixed preparation forgotten": "AF",
        "head's own business forgotten": ["A", "D"],
    },
    "compute_once": {
        "labels left behind": _labels_in_order,
        "every epoch": _once_an_epoch,
        "one order": _same_batches,
        "no order": _in_order,
        "shuffled table": _table_in_first_order,
    },
}

NO_ANSWERS = {
    "vgg_head": [lambda model, num_classes: None],
    "head_parameters": [lambda widths: math.prod(widths)],
    "prepare": [_standardised, lambda images, mean, std: images],
    "cut_head": [lambda model, images: F.relu(images).flatten(1)],
    "compute_once": [lambda look, step, images, labels, orders, size: step(look(images), labels)],
}
"""Wrong answers that have no name: they must not pass."""
