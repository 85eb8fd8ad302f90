"""Answers to ``compute_once`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


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


RIGHT = [_one_by_one, _in_the_first_epoch]

WRONG = {
    "labels left behind": _labels_in_order,
    "every epoch": _once_an_epoch,
    "one order": _same_batches,
    "no order": _in_order,
    "shuffled table": _table_in_first_order,
}

NO_ANSWERS = [lambda look, step, images, labels, orders, size: step(look(images), labels)]
"""Wrong answers that have no name: they must not pass."""
