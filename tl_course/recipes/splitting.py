"""Who trains, who chooses, who is the last look: copies settled first, then three parts that share no example."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tl_course.data.task import SPLITS, TEST_FRACTION, TEST_SEED, check_classes, partition, share
from tl_course.environment import generator

VALIDATION_FRACTION = 0.2
# More would say little more, and cost time: 5,000 examples know an accuracy to about one point.
MOST = {"validation": 2_000, "test": 5_000}
# When a part is cut, a class keeps its proportion, but at least so many.
FEWEST = 20


@dataclass(frozen=True)
class Examples:
    """What splitting needs to know of N examples.

    Attributes
    ----------
    labels : Tensor
        int64 N.
    class_names : tuple of str
    keys : sequence
        Equal for exact copies, and for nothing else.
    parts : sequence of str
        "train", "validation" or "test" for each example; "train" for all when the data do not come split.
    groups : sequence, optional
        Document, author, patient … of each example: all of one stay together.
    names : sequence of str, optional
        What messages call each example: its file, or its line.
    """

    labels: Tensor
    class_names: tuple[str, ...]
    keys: Sequence[Hashable]
    parts: Sequence[str]
    groups: Sequence[Hashable] | None = None
    names: Sequence[str] | None = None


@dataclass(frozen=True)
class Settled:
    """What became of copies.

    Attributes
    ----------
    kept : list of int
        Positions of the examples that are used, no two of them copies.
    copies : int
        How many were left out because an equal example with the same label is used.
    across : int
        How many copies stood in more than one ready part.
    disputed : list of list of int
        Positions of copies with different labels: one with the most frequent label is kept, none where no label leads.
    """

    kept: list[int]
    copies: int
    across: int
    disputed: list[list[int]]


@dataclass(frozen=True)
class SplitPositions:
    """The examples of each part, and what was left out.

    Attributes
    ----------
    positions : dict of str to Tensor
        int64 for "train", "validation" and "test", disjoint.
    settled : Settled
    unused : dict of str to int
        How many examples a part has beyond those that are used.
    """

    positions: dict[str, Tensor]
    settled: Settled
    unused: dict[str, int]


def split_examples(examples: Examples, *, most_training: int, seed: int = 0, title: str = "the data") -> SplitPositions:
    """Settle copies, split into three parts class by class, and cut parts that are larger than needed.

    A fifth is for the test, a fifth of the rest for validation, at least one of every class. What comes divided stays
    as it is; what is missing of it is taken from training.

    Parameters
    ----------
    examples : Examples
    most_training : int
        Training examples used at most.
    seed : int
        Of the choice of validation; the test does not depend on it.
    title : str
        What error messages call the data.

    Raises
    ------
    ValueError
        When a class has too few different examples to be divided; two copies are named.

    Examples
    --------
    >>> labels = torch.arange(21) % 2
    >>> split = split_examples(Examples(labels, ("a", "b"), [*range(20), 18], ["train"] * 21), most_training=100)
    >>> {part: len(positions) for part, positions in split.positions.items()}, split.settled.copies
    ({'train': 12, 'validation': 4, 'test': 4}, 1)
    """
    settled = settle(examples)
    kept = torch.tensor(settled.kept, dtype=torch.int64)
    ready = set(examples.parts)
    found = {part: kept[[examples.parts[position] == part for position in settled.kept]] for part in SPLITS}
    _check_copies(examples, found, title, at_least=4 - len(ready))
    check_classes(examples.labels[found["train"]], examples.class_names, title, at_least=4 - len(ready))
    for part, fraction, number in (("test", TEST_FRACTION, TEST_SEED), ("validation", VALIDATION_FRACTION, seed)):
        if part not in ready:
            pool = found["train"]
            groups = None if examples.groups is None else [examples.groups[position] for position in pool.tolist()]
            stays, held = hold_out(examples.labels[pool], groups, fraction, number)
            found["train"], found[part] = pool[stays], pool[held]
    used = {part: cut(examples.labels, found[part], MOST.get(part, most_training), seed) for part in SPLITS}
    for part in SPLITS:
        if not len(used[part]):
            raise ValueError(f"Nothing of {title} is left for {part}; give more examples, or more groups.")
    return SplitPositions(used, settled, {part: len(found[part]) - len(used[part]) for part in SPLITS})


def _check_copies(examples: Examples, found: dict[str, Tensor], title: str, *, at_least: int) -> None:
    """Raise ValueError where a class or a ready part has enough examples, but not when copies are used once."""
    for part in dict.fromkeys(examples.parts):
        members = torch.tensor([each == part for each in examples.parts])
        if part != "train" and not len(found[part]):
            raise ValueError(
                f"All {int(members.sum()):,} examples for {part} of {title} are copies of others; "
                f"{_copy_named(examples, members)}; give different ones."
            )
    members = torch.tensor([part == "train" for part in examples.parts])
    for number, name in enumerate(examples.class_names):
        mine = members & (examples.labels == number)
        total, left = int(mine.sum()), int((examples.labels[found["train"]] == number).sum())
        if left < at_least <= total:
            raise ValueError(
                f"Class {name!r} of {title} has {total:,} examples for training, but only {left} when copies are "
                f"settled (at least {at_least} are needed); {_copy_named(examples, mine)}; add different ones or "
                "remove the class."
            )


def _copy_named(examples: Examples, members: Tensor) -> str:
    """Name an example of these and one that it equals, of another class if there is one."""
    names = examples.names or [f"example {position}" for position in range(len(examples.keys))]
    equal = defaultdict(list)
    for position, key in enumerate(examples.keys):
        equal[key].append(position)
    labels = examples.labels.tolist()
    pairs = [
        (position, other)
        for position in members.nonzero().squeeze(1).tolist()
        for other in equal[examples.keys[position]]
        if other != position
    ]
    one, other = max(pairs, key=lambda pair: labels[pair[0]] != labels[pair[1]])
    classes = [examples.class_names[labels[position]] for position in (one, other)]
    if classes[0] == classes[1]:
        return f"{names[one]} is the same as {names[other]}"
    return f"{names[one]} ({classes[0]!r}) is the same as {names[other]} ({classes[1]!r})"


def settle(examples: Examples) -> Settled:
    """Keep one of all that are equal: the first with the label that most of them carry, on the side of the test.

    >>> settle(Examples(torch.tensor([0, 0, 1, 0, 1]), ("a", "b"), "xxyzz", ["train"] * 5))
    Settled(kept=[0, 2], copies=1, across=0, disputed=[[3, 4]])
    """
    equal = defaultdict(list)
    for position, key in enumerate(examples.keys):
        equal[key].append(position)
    labels, kept, disputed, copies, across = examples.labels.tolist(), [], [], 0, 0
    for members in equal.values():
        across += len(members) * (len({examples.parts[member] for member in members}) > 1)
        votes = Counter(labels[member] for member in members).most_common(2)
        if len(votes) > 1:
            disputed.append(members)
            if votes[0][1] == votes[1][1]:
                continue
        else:
            copies += len(members) - 1
        leading = [member for member in members if labels[member] == votes[0][0]]
        kept.append(max(leading, key=lambda member: (SPLITS.index(examples.parts[member]), -member)))
    return Settled(sorted(kept), copies, across, disputed)


def hold_out(
    labels: Tensor, groups: Sequence[Hashable] | None, fraction: float, seed: int
) -> tuple[list[int], list[int]]:
    """Hold out a fraction of every class, whole groups only where there are groups; every class stays in training.

    A group goes to the held side when that brings the classes nearer to their fraction.

    Examples
    --------
    >>> stays, held = hold_out(torch.arange(10) % 2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], 0.2, seed=0)
    >>> len(stays), len(held), held[0] // 2 == held[1] // 2
    (8, 2, True)
    """
    if groups is None:
        return tuple(part.tolist() for part in partition(labels, None, fraction, seed))
    total = torch.bincount(labels)
    missing = torch.tensor([share(count, fraction) for count in total.tolist()])
    members = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    documents = list(members.values())
    held = []
    for number in torch.randperm(len(documents), generator=generator(seed)).tolist():
        counts = torch.bincount(labels[documents[number]], minlength=len(total))
        nearer = (missing - counts).square().sum() < missing.square().sum()
        if nearer and bool((counts[counts > 0] < total[counts > 0]).all()):
            held += documents[number]
            missing, total = missing - counts, total - counts
    chosen = set(held)
    return [position for position in range(len(labels)) if position not in chosen], held


def cut(labels: Tensor, positions: Tensor, most: int, seed: int) -> Tensor:
    """Choose at most so many of some positions, the classes in proportion but no rare class lost.

    >>> labels = torch.tensor([0] * 900 + [1] * 10)
    >>> labels[cut(labels, torch.arange(910), most=100, seed=0)].bincount()
    tensor([90, 10])
    """
    if len(positions) <= most:
        return positions
    positions = positions[torch.randperm(len(positions), generator=generator(seed))]
    mine, rank = labels[positions], torch.empty(len(positions))
    for number in mine.unique():
        members = (mine == number).nonzero().squeeze(1)
        rank[members] = (torch.arange(len(members)) + 0.5) / len(members)
        rank[members[:FEWEST]] -= 1
    return positions[rank.argsort(stable=True)[:most]]
