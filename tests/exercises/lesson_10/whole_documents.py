"""Answers to ``whole_documents`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np


def _by_groups(document, order, count):
    groups = {}
    for place, one in enumerate(document):
        groups.setdefault(one, []).append(place)
    test = []
    for one in dict.fromkeys(document[place] for place in order):
        if len(test) >= count:
            break
        test.extend(groups[one])
    return test


def _by_mask(document, order, count):
    document = np.array(document)
    mask = np.zeros(len(document), dtype=bool)
    for place in order:
        if mask.sum() < count:
            mask |= document == document[place]
    return np.flatnonzero(mask)


def _as_a_set(document, order, count):
    test = set()
    while len(test) < count:
        place = next(place for place in order if place not in test)
        test |= {other for other, one in enumerate(document) if one == document[place]}
    return test


def _all_touched(document, order, count):
    touched = [document[place] for place in order[:count]]
    return [place for place in range(len(document)) if document[place] in touched]


def _count_documents(document, order, count):
    names = []
    for place in order:
        if document[place] not in names:
            names.append(document[place])
    return [place for place in range(len(document)) if document[place] in names[:count]]


def _single_sentences(document, order, count):
    seen, test = set(), []
    for place in order:
        if document[place] not in seen and len(test) < count:
            test.append(place)
            seen.add(document[place])
    return test


RIGHT = [_by_groups, _by_mask, _as_a_set]

WRONG = {
    "sentences drawn": lambda document, order, count: sorted(order[:count]),
    "every document touched": _all_touched,
    "documents counted": _count_documents,
    "one sentence of each": _single_sentences,
    "last document cut": lambda document, order, count: _by_groups(document, order, count)[:count],
}

NO_ANSWERS = [lambda document, order, count: [order[0]] * count, lambda document, order, count: ["a"]]
"""Wrong answers that have no name: they must not pass."""
