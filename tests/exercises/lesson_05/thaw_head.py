"""Answers to ``thaw_head`` as learners write them: right ones in other ways, wrong ones by name."""

from tl_course import models


def _thaw_by_names(model):
    for name, weight in model.named_parameters():
        weight.requires_grad = name.split(".")[0] in ("layer2", "fc")


def _thaw_by_package(model):
    models.freeze(model, parts=["conv1", "bn1", "layer1"])


def _thaw_with_loop(model):
    for weight in model.parameters():
        weight.requires_grad_(False)
    for weight in [*model.layer2.parameters(), *model.fc.parameters()]:
        weight.requires_grad_(True)


def _as_given(model):
    for weight in model.parameters():
        weight.requires_grad = False
    for weight in model.layer2.parameters():
        weight.requires_grad = True
    model.fc.requires_grad = True


def _both_by_attribute(model):
    for weight in model.parameters():
        weight.requires_grad = False
    model.layer2.requires_grad = model.fc.requires_grad = True


def _head_by_method(model):
    for name, weight in model.named_parameters():
        weight.requires_grad = name in ("fc.weight", "fc.bias")


def _three_parts(model):
    for name, weight in model.named_parameters():
        weight.requires_grad = name.split(".")[0] in ("layer1", "layer2", "fc")


RIGHT = [_thaw_by_names, _thaw_by_package, _thaw_with_loop]

WRONG = {
    "head stays random": _as_given,
    "nothing learns": _both_by_attribute,
    "head alone": _head_by_method,
    "everything learns": lambda model: None,
    "too much learns": _three_parts,
}
