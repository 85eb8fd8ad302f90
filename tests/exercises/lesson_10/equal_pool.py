"""Answers to ``equal_pool`` as learners write them: right ones in other ways, wrong ones by name."""

import numpy as np


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


RIGHT = [_in_turns, _by_split]

WRONG = {
    "first source only": lambda sources, count: [*sources[0], *sources[1], *sources[2]][:count],
    "count from each": lambda sources, count: [text for source in sources for text in source[:count]],
    "remainder lost": lambda sources, count: [n for one in sources for n in one[: count // len(sources)]],
    "remainder to the last": _rest_from_last,
    "by size": _by_size,
}

NO_ANSWERS = [lambda sources, count: [text for source in sources for text in source[-count:]]]
"""Wrong answers that have no name: they must not pass."""
