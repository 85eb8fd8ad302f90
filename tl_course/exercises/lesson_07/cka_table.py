"""Lesson 07: CKA of all pairs of layers, from batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.lesson_07._shared import gram, hsic
from tl_course.exercises.probes import need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import shows
from tl_course.exercises.values import Data, plain

Batches = list[list[Tensor]]


def _networks(seed: int) -> list[Case]:
    """Features of two networks with other numbers of layers, in batches of one size."""
    rng = np.random.default_rng(seed)
    cases = []
    for layers_a, layers_b, batches in ((2, 3, 4), (3, 2, 2), (2, 2, 5)):
        a, b = [], []
        for _ in range(batches):
            core = rng.normal(size=(8, 4))
            a.append([core @ rng.normal(size=(4, 5)) + rng.normal(size=(8, 5)) for _ in range(layers_a)])
            b.append([core @ rng.normal(size=(4, 6)) + rng.normal(size=(8, 6)) for _ in range(layers_b)])
        cases.append({"batches_a": a, "batches_b": b})
    return cases


def _called(answer: object, case: Case) -> Data:
    need_function(answer, "answer_cka_table(batches_a, batches_b, hsic)")
    given = [[[torch.from_numpy(layer) for layer in batch] for batch in case[name]] for name in case]
    return plain(answer(*given, hsic))


def _over_batches(one: Batches, i: int, other: Batches, j: int, hsic: Callable) -> Tensor:
    """HSIC of two layers, summed over the batches."""
    return sum(hsic(gram(x[i]), gram(y[j])) for x, y in zip(one, other, strict=True))


def _sums(a: Batches, b: Batches, hsic: Callable) -> tuple[Tensor, Tensor, Tensor]:
    """HSIC of each pair of layers, and of each layer with itself."""
    layers_a, layers_b = range(len(a[0])), range(len(b[0]))
    pairs = torch.stack([torch.stack([_over_batches(a, i, b, j, hsic) for j in layers_b]) for i in layers_a])
    own_a = torch.stack([_over_batches(a, i, a, i, hsic) for i in layers_a])
    own_b = torch.stack([_over_batches(b, j, b, j, hsic) for j in layers_b])
    return pairs, own_a, own_b


def _cka_table(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    both, own_a, own_b = _sums(batches_a, batches_b, hsic)
    return both / (own_a[:, None] * own_b[None]).sqrt()


def _ratio_in_batches(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    tables = [_cka_table([a], [b], hsic) for a, b in zip(batches_a, batches_b, strict=True)]
    return torch.stack(tables).mean(dim=0)


def _by_layers(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    return _cka_table(batches_a, batches_b, hsic) * len(batches_a) / len(batches_a[0])


def _by_other_layers(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    return _cka_table(batches_a, batches_b, hsic) * len(batches_a) / len(batches_b[0])


def _ratios_by_layers(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    return _ratio_in_batches(batches_a, batches_b, hsic) * len(batches_a) / len(batches_a[0])


def _no_root(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    both, own_a, own_b = _sums(batches_a, batches_b, hsic)
    return both / (own_a[:, None] * own_b[None])


def _turned(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    return _cka_table(batches_a, batches_b, hsic).T


def _in_one_batch(batches_a: Batches, batches_b: Batches, hsic: Callable) -> Tensor:
    whole = [[[torch.cat(layer) for layer in zip(*one, strict=True)]] for one in (batches_a, batches_b)]
    return _cka_table(*whole, hsic)


QUESTION = Question(
    slug="cka_table",
    lesson="07",
    title="Every layer against every layer, in batches",
    kind="implement",
    difficulty=4,
    minutes=15,
    points=4,
    hints=(
        "For one layer of A and one of B: add up over the batches HSIC of the pair, HSIC of A's layer with itself, and "
        "HSIC of B's layer with itself. When do you take the ratio?",
        "Sum first, ratio last, and once. If you divide a sum to make a mean, divide by the number of *batches*, and "
        "do the same with all three.",
        "`table[i, j] = both / (own_a * own_b) ** 0.5`, where `both` is the sum over batches of "
        "`hsic(gram(x[i]), gram(y[j]))`, and the other two go without the other network.",
    ),
    inputs=_networks,
    reference=_cka_table,
    why=(
        "Each of the three numbers is without bias, so their sums over batches are, too, and the ratio is taken once, "
        "of long sums. A network against itself has ones on the diagonal: that is the first thing to test."
    ),
    wrong=(
        Wrong(
            "divided by layers",
            "A sum over the batches is divided by the number of layers. Test a network against itself: its diagonal "
            "must be one, in any number of batches.",
            _by_layers,
            recognise=shows(_called, _by_layers, _by_other_layers, _ratios_by_layers, rtol=1e-6),
        ),
        Wrong(
            "ratio in each batch",
            "You take the ratio within each batch, and then the mean. In a small batch each ratio is noisy, and the "
            "mean of noisy ratios is not the ratio of the means. Sum first.",
            _ratio_in_batches,
        ),
        Wrong(
            "one large batch",
            "You put all batches together into one. That is CKA, too, and not the sum over batches that was asked for; "
            "batches spare you the N×N matrix of all examples.",
            _in_one_batch,
        ),
        Wrong(
            "root missing",
            "You divide by the product of the two, without the square root. Then the number depends on how large the "
            "features are: double one network's, and it halves twice.",
            _no_root,
        ),
        Wrong(
            "turned",
            "Rows and columns are exchanged: a row for each layer of A, a column for each layer of B.",
            _turned,
        ),
    ),
    probe=_called,
    rtol=1e-6,
)
