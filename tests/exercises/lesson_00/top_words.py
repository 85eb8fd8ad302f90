"""Answers to ``top_words`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _sorted_pairs(logits, words, count):
    pairs = list(zip(words, torch.softmax(logits, dim=-1).tolist(), strict=True))
    return sorted(pairs, key=lambda pair: -pair[1])[:count]


def _by_hand(logits, words, count):
    shifted = (logits - logits.max()).exp()
    p = shifted / shifted.sum()
    return [(words[int(k)], p[k]) for k in torch.argsort(p, descending=True)[:count]]


def _one_by_one(logits, words, count):
    left = dict(zip(words, logits.softmax(0).tolist(), strict=True))
    rows = []
    for _ in range(count):
        word = max(left, key=left.get)
        rows.append([word, left.pop(word)])
    return rows


def _best_of(logits, words, count, shown, largest=True):
    best = logits.topk(count, largest=largest)
    return [[words[k], p] for p, k in zip(shown(best), best.indices.tolist(), strict=True)]


def _python_exponentials(logits, words, count):
    e = torch.tensor([2.718281828459045], dtype=torch.float64) ** logits
    return _sorted_rows(e / e.sum(), words, count)


def _sorted_rows(p, words, count):
    best = p.topk(count)
    return [[words[k], x] for k, x in zip(best.indices.tolist(), best.values.tolist(), strict=True)]


RIGHT = [_sorted_pairs, _by_hand, _one_by_one]

WRONG = {
    "scores shown": lambda z, w, n: _best_of(z, w, n, lambda best: best.values.tolist()),
    "only those shown": lambda z, w, n: _best_of(z, w, n, lambda best: best.values.softmax(0).tolist()),
    "least likely first": lambda z, w, n: _best_of(
        z, w, n, lambda best: z.softmax(0)[best.indices].tolist(), largest=False
    ),
    "largest last": lambda z, w, n: _sorted_pairs(z, w, n)[::-1],
    "too large to exponentiate": _python_exponentials,
    "sigmoid": lambda z, w, n: _best_of(z, w, n, lambda best: best.values.sigmoid().tolist()),
    "as they came": lambda z, w, n: list(zip(w, z.softmax(0).tolist(), strict=True))[:n],
    "no probability": lambda z, w, n: _best_of(z, w, n, lambda best: (best.values / z.abs().sum()).tolist()),
}

NO_ANSWERS = [
    lambda z, w, n: [word for word, _ in _sorted_pairs(z, w, n)],
    lambda z, w, n: dict(_sorted_pairs(z, w, n)),
    lambda z, w, n: z.softmax(0).topk(n).indices,
]
"""Wrong answers that have no name: they must not pass."""
