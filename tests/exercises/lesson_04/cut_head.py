"""Answers to ``cut_head`` as learners write them: right ones in other ways, wrong ones by name."""

import copy

import torch
import torch.nn.functional as F
from torch import nn


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


RIGHT = [_by_hook, _on_a_copy, _layer_by_layer]

WRONG = {
    "head still on": _answers,
    "cut too early": _maps,
    "before the ReLU": _last_linear,
    "dropout at work": _no_eval,
    "head lost": _identity,
    "graph kept": _no_no_grad,
}

NO_ANSWERS = [lambda model, images: F.relu(images).flatten(1)]
"""Wrong answers that have no name: they must not pass."""
