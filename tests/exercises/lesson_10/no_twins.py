"""Answers to ``no_twins`` as learners write them: right ones in other ways, wrong ones by name."""

import re


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


RIGHT = [_by_regex, _by_dictionary]

WRONG = {
    "only equal texts": lambda train, test: [text for text in train if text not in test],
    "only capitals": _keep(str.lower),
    "words glued together": _keep(lambda text: re.sub(r"[^a-z0-9\s]", "", text.lower()).split()),
    "spaces deleted": _keep(lambda text: re.sub(r"[^a-z0-9]", "", text.lower())),
    "dropped from the test": lambda train, test: _by_regex(test, train),
    "doubles dropped": _bare_forms,
}

NO_ANSWERS = [lambda train, test: train, lambda train, test: sorted(_by_regex(train, test))]
"""Wrong answers that have no name: they must not pass."""
