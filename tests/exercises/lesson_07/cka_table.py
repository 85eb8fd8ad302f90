"""Answers to ``cka_table`` as learners write them: right ones in other ways, wrong ones by name."""

import torch


def _gram(features):
    return features @ features.T


def _loops(batches_a, batches_b, hsic):
    table = torch.zeros(len(batches_a[0]), len(batches_b[0]), dtype=torch.float64)
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            both = own_a = own_b = 0.0
            for a, b in zip(batches_a, batches_b, strict=True):
                both += hsic(_gram(a[i]), _gram(b[j]))
                own_a += hsic(_gram(a[i]), _gram(a[i]))
                own_b += hsic(_gram(b[j]), _gram(b[j]))
            table[i, j] = both / (own_a * own_b) ** 0.5
    return table


def _means(batches_a, batches_b, hsic):
    def mean(one, i, other, j):
        values = [hsic(_gram(a[i]), _gram(b[j])) for a, b in zip(one, other, strict=True)]
        return sum(values) / len(values)

    return [
        [
            float(mean(batches_a, i, batches_b, j))
            / float(mean(batches_a, i, batches_a, i) * mean(batches_b, j, batches_b, j)) ** 0.5
            for j in range(len(batches_b[0]))
        ]
        for i in range(len(batches_a[0]))
    ]


def _as_tensor(batches_a, batches_b, hsic):
    return torch.tensor(_means(batches_a, batches_b, hsic), dtype=torch.float64)


def _single_ratios(batches_a, batches_b, hsic):
    tables = [_loops([a], [b], hsic) for a, b in zip(batches_a, batches_b, strict=True)]
    return sum(tables) / len(tables)


def _joined(batches_a, batches_b, hsic):
    join = [[torch.cat([batch[i] for batch in one]) for i in range(len(one[0]))] for one in (batches_a, batches_b)]
    return _loops([join[0]], [join[1]], hsic)


def _without_root(batches_a, batches_b, hsic):
    table = _loops(batches_a, batches_b, hsic)
    own = [
        torch.stack([sum(hsic(_gram(batch[i]), _gram(batch[i])) for batch in one) for i in range(len(one[0]))])
        for one in (batches_a, batches_b)
    ]
    return table / (own[0][:, None] * own[1]).sqrt()


RIGHT = [_loops, _as_tensor]

WRONG = {
    "divided by layers": lambda a, b, hsic: _loops(a, b, hsic) * len(b) / len(a[0]),
    "ratio in each batch": _single_ratios,
    "one large batch": _joined,
    "root missing": _without_root,
    "turned": lambda a, b, hsic: _loops(a, b, hsic).T,
}

NO_ANSWERS = [lambda a, b, hsic: torch.ones(len(a[0]), len(b[0]))]
"""Wrong answers that have no name: they must not pass."""
