"""Answers to the questions of lesson 10 as learners write them: right ones in other ways, wrong ones by name."""

import re

import numpy as np
import torch
from sklearn.metrics import balanced_accuracy_score, f1_score

# --- sign_f1 ----------------------------------------------------------------------------------------------------------


def _by_sklearn(average, truth_of=np.sign, low=-0.05, high=0.05):
    def answer(rating, compound):
        said = np.where(compound >= high, 1, np.where(compound <= low, -1, 0))
        return f1_score(truth_of(rating.numpy()), said, average=average, zero_division=0)

    return answer


def _by_names(rating, compound):
    truth = ["neg" if r < 0 else "pos" if r > 0 else "neu" for r in rating.tolist()]
    said = ["neg" if c <= -0.05 else "pos" if c >= 0.05 else "neu" for c in compound.tolist()]
    total = 0
    for name in ("neg", "neu", "pos"):
        pairs = list(zip(truth, said, strict=True))
        tp = pairs.count((name, name))
        precision = tp / said.count(name) if name in said else 0
        recall = tp / truth.count(name) if name in truth else 0
        if tp:
            total += 2 * precision * recall / (precision + recall) * truth.count(name) / len(truth)
    return total


def _by_what_was_said(rating, compound):
    truth, said = np.sign(rating.numpy()), np.where(compound >= 0.05, 1, np.where(compound <= -0.05, -1, 0))
    each = f1_score(truth, said, average=None, labels=[-1, 0, 1], zero_division=0)
    return sum(f1 * (said == side).mean() for f1, side in zip(each, (-1, 0, 1), strict=True))


def _cut(rating):
    return np.where(rating >= 0.05, 1, np.where(rating <= -0.05, -1, 0))


# --- whole_documents --------------------------------------------------------------------------------------------------


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


# --- no_twins ---------------------------------------------------------------------------------------------------------


def _words(text):
    return re.findall(r"[^\W_]+", text.lower())


def _by_regex(train, test):
    return [text for text in train if not any(_words(text) == _words(other) for other in test)]


def _by_dictionary(train, test):
    twins = {}
    for text in train:
        twins.setdefault(tuple(re.sub(r"[^a-z0-9]+", " ", text.lower()).split()), []).append(text)
    gone = {text for other in test for text in twins.get(tuple(_words(other)), [])}
    return [text for text in train if text not in gone]


def _keep(form):
    def answer(train, test):
        forms = [form(text) for text in test]
        return [text for text in train if form(text) not in forms]

    return answer


def _bare_forms(train, test):
    known = {" ".join(_words(text)) for text in test}
    return [bare for text in train if (bare := " ".join(_words(text))) not in known]


# --- equal_pool -------------------------------------------------------------------------------------------------------


def _in_turns(sources, count):
    pool, place = [], 0
    while len(pool) < count:
        pool.append(sources[place % len(sources)][place // len(sources)])
        place += 1
    return pool


def _by_split(sources, count):
    sizes = [len(part) for part in np.array_split(np.arange(count), len(sources))]
    return {text for source, size in zip(sources, sizes, strict=True) for text in source[:size]}


def _rest_from_last(sources, count):
    share = count // len(sources)
    pool = [text for source in sources[:-1] for text in source[:share]]
    return pool + sources[-1][: count - len(pool)]


def _by_size(sources, count):
    total = sum(map(len, sources))
    return [text for source in sources for text in source[: int(count * len(source) / total)]]


# --- proxy_distance ---------------------------------------------------------------------------------------------------


def _distance_by_loop(wrong, domain):
    errors = []
    for name in (0, 1):
        mine = [bool(w) for w, d in zip(wrong, domain, strict=True) if d == name]
        errors.append(sum(mine) / len(mine))
    return 2 - 2 * sum(errors)


def _distance_by_sklearn(wrong, domain):
    said = torch.where(wrong, 1 - domain, domain)
    return 2 * (2 * balanced_accuracy_score(domain, said) - 1)


RIGHT = {
    "sign_f1": [_by_sklearn("weighted"), _by_names],
    "down_a_column": ["a, c, e", {"C", "A", "E"}, ["A", "C", "E"]],
    "whole_documents": [_by_groups, _by_mask, _as_a_set],
    "no_twins": [_by_regex, _by_dictionary],
    "equal_pool": [_in_turns, _by_split],
    "proxy_distance": [_distance_by_loop, _distance_by_sklearn],
}

WRONG = {
    "sign_f1": {
        "thresholds for the truth": _by_sklearn("weighted", truth_of=_cut),
        "sign for both": _by_sklearn("weighted", low=-1e-9, high=1e-9),
        "thresholds left out": _by_sklearn("weighted", low=-0.0500001, high=0.0500001),
        "macro": _by_sklearn("macro"),
        "weighted by what was said": _by_what_was_said,
        "accuracy": _by_sklearn("micro"),
    },
    "down_a_column": {
        "along a row": "ABE",
        "along the diagonal": "A, C, D, E",
        "A forgotten": {"C", "E"},
        "C forgotten": "AE",
        "E forgotten": "AC",
    },
    "whole_documents": {
        "sentences drawn": lambda document, order, count: sorted(order[:count]),
        "every document touched": _all_touched,
        "documents counted": _count_documents,
        "one sentence of each": _single_sentences,
        "last document cut": lambda document, order, count: _by_groups(document, order, count)[:count],
    },
    "no_twins": {
        "only equal texts": lambda train, test: [text for text in train if text not in test],
        "only capitals": _keep(str.lower),
        "words glued together": _keep(lambda text: re.sub(r"[^a-z0-9\s]", "", text.lower()).split()),
        "spaces deleted": _keep(lambda text: re.sub(r"[^a-z0-9]", "", text.lower())),
        "dropped from the test": lambda train, test: _by_regex(test, train),
        "doubles dropped": _bare_forms,
    },
    "equal_pool": {
        "first source only": lambda sources, count: [*sources[0], *sources[1], *sources[2]][:count],
        "count from each": lambda sources, count: [text for source in sources for text in source[:count]],
        "remainder lost": lambda sources, count: [n for one in sources for n in one[: count // len(sources)]],
        "remainder to the last": _rest_from_last,
        "by size": _by_size,
    },
    "proxy_distance": {
        "larger domain rules": lambda wrong, domain: 2 - 4 * wrong.float().mean(),
        "not doubled": lambda wrong, domain: _distance_by_loop(wrong, domain) / 2,
        "one half is far": lambda wrong, domain: 1 + _distance_by_loop(wrong, domain) / 2,
        "upside down": lambda wrong, domain: -_distance_by_loop(wrong, domain),
        "cut off at zero": lambda wrong, domain: max(0.0, _distance_by_loop(wrong, domain)),
    },
}

NO_ANSWERS = {
    "sign_f1": [lambda rating, compound: 0.5],
    "whole_documents": [lambda document, order, count: [order[0]] * count, lambda document, order, count: ["a"]],
    "no_twins": [lambda train, test: train, lambda train, test: sorted(_by_regex(train, test))],
    "equal_pool": [lambda sources, count: [text for source in sources for text in source[-count:]]],
    "proxy_distance": [lambda wrong, domain: wrong.float().mean()],
}
"""Wrong answers that have no name: they must not pass."""
