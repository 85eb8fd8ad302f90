"""Answers to ``freeze_bn`` as learners write them: right ones in other ways, wrong ones by name."""

import torch
from torch import nn

from tl_course import models


def _freeze_by_package(model):
    models.freeze(model, parts=["conv1", "bn1", "layer1", "layer2"])


def _freeze_all_but_head(model):
    model.eval()
    for name, weight in model.named_parameters():
        weight.requires_grad = name.startswith("fc")


def _freeze_by_detach(model):
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    for weight in [w for n, w in model.named_parameters() if "fc" not in n]:
        weight.grad, weight.requires_grad = None, False


def _flags_only(model):
    for name, weight in model.named_parameters():
        if not name.startswith("fc."):
            weight.requires_grad = False


def _eval_only(model):
    model.eval()


def _no_grad_block(model):
    with torch.no_grad():
        model.requires_grad = False


def _convolutions_and_modes(model):
    model.eval()
    for name in ("conv1", "layer1", "layer2"):
        for module in getattr(model, name).modules():
            if isinstance(module, nn.Conv2d):
                module.weight.requires_grad = False


def _all_frozen(model):
    for weight in model.parameters():
        weight.requires_grad = False


RIGHT = [_freeze_by_package, _freeze_all_but_head, _freeze_by_detach]

WRONG = {
    "statistics move": _flags_only,
    "weights move": _eval_only,
    "scales move": _convolutions_and_modes,
    "nothing frozen": _no_grad_block,
    "head frozen too": _all_frozen,
}

NO_ANSWERS = [lambda model: model.bn1.eval(), lambda model: model.conv1.requires_grad_(False)]
"""Wrong answers that have no name: they must not pass."""
