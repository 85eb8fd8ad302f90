"""Answers to ``vgg_head`` as learners write them: right ones in other ways, wrong ones by name."""

from torch import nn

from tl_course import models


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


RIGHT = [_head_by_package, _head_by_index, _new_sequential]

WRONG = {
    "no fc there": _as_given,
    "nobody asks it": _named_fc,
    "at the end of features": _put_into_features,
    "on top of the old head": _one_more,
    "whole classifier": _one_linear,
    "the number only": _attribute,
    "always place 3": _place_three,
}

NO_ANSWERS = [lambda model, num_classes: None]
"""Wrong answers that have no name: they must not pass."""
