"""Who trains, who chooses, who is the last look: copies settled first, then three parts that share no example."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from tl_course.data.task import SPLITS, TEST_FRACTION, TEST_SEED, check_classes, partition
from tl_course.data.whole_groups import check_every_class, check_groups, hold_out_groups
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
    near : sequence, optional
        Equal for near copies, which stay together, too.
    """

    labels: Tensor
    class_names: tuple[str, ...]
    keys: Sequence[Hashable]
    parts: Sequence[str]
    groups: Sequence[Hashable] | None = None
    names: Sequence[str] | None = None
    near: Sequence[Hashable] | None = None


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
class NearCopies:
    """What became of near copies.

    Attributes
    ----------
    series : list of list of int
        Positions of the examples that are near copies of one another, of those that are no exact copies.
    left_out : list of int
        Where the data came divided, or groups were untied: those in another part than the one nearest to the test.
    apart : tuple of str
        Classes that would be missing on a side if their series stayed together, and so are divided without regard.
    tied : list of int
        Where the data did not come divided: positions of the largest set that stays together: one group or series, or
        several that have examples in common.
    untied : int
        As many groups would hang together by near copies, in one set of more than half of all; so groups alone were
        divided, and near copies of what stands nearer to the test are left out. 0 where that is not so.
    """

    series: list[list[int]] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)
    apart: tuple[str, ...] = ()
    tied: list[int] = field(default_factory=list)
    untied: int = 0


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
    near : NearCopies
    shared : list of int
        Where the data came divided: those left out because their group stands in a part nearer to the test.
    """

    positions: dict[str, Tensor]
    settled: Settled
    unused: dict[str, int]
    near: NearCopies = field(default_factory=NearCopies)
    shared: list[int] = field(default_factory=list)


def split_examples(
    examples: Examples,
    *,
    most_training: int,
    most_held: Mapping[str, int] = MOST,
    seed: int = 0,
    title: str = "the data",
) -> SplitPositions:
    """Settle copies, split into three parts class by class, and cut parts that are larger than needed.

    A fifth is for the test, a fifth of the rest for validation, at least one of every class. What comes divided stays
    as it is; what is missing of it is taken from training. Near copies and groups stand on one side; where data come
    divided, on the one nearest to the test. Where near copies would tie groups into one set of more than half of all,
    groups alone are divided, and near copies of what stands nearer to the test are left out.

    Parameters
    ----------
    examples : Examples
    most_training : int
        Training examples used at most.
    most_held : dict of str to int
        Those for "validation" and "test".
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
    _check_copies(examples, settled.kept, title)
    series = _series(examples.near, settled.kept)
    left_out = _across_ready_parts(examples, series)
    near = NearCopies(series, left_out)
    shared = _across_ready_parts(examples, _series(examples.groups, settled.kept))
    kept = torch.tensor(sorted(set(settled.kept) - {*left_out, *shared}), dtype=torch.int64)
    _check_left(examples, settled.kept, kept, title)
    found = _divided(examples, kept, series, seed, title)
    if series and (missing := _missing(examples, found)):
        whole = [[each for each in one if int(examples.labels[each]) not in missing] for one in series]
        again = _divided(examples, kept, whole, seed, title)
        if apart := sorted(set(missing) - set(_missing(examples, again))):
            found, series = again, whole
            near = replace(near, apart=tuple(examples.class_names[number] for number in apart))
    if set(examples.parts) == {"train"}:
        near = replace(near, tied=_largest(examples.groups, series, kept.tolist()))
        alone = _largest(examples.groups, [], kept.tolist())
        if examples.groups is not None and len(near.tied) > max(len(alone), len(kept) / 2):
            count = len({examples.groups[position] for position in near.tied})
            found, left_out = _untied(_divided(examples, kept, [], seed, title), series)
            near = NearCopies(series, left_out, tied=alone, untied=count)
    if examples.groups is not None:
        came = set(examples.parts) - {"train"}  # a test that came as it is may lack a class
        labels = {part: examples.labels[found[part]] for part in SPLITS if part not in came}
        check_every_class(labels, examples.class_names, title, option="--group")
    most = {"train": most_training, **most_held}
    used = {part: cut(examples.labels, found[part], most[part], seed) for part in SPLITS}
    for part in SPLITS:
        if not len(used[part]):
            raise ValueError(f"Nothing of {title} is left for {part}; give more examples, or more groups.")
    return SplitPositions(used, settled, {part: len(found[part]) - len(used[part]) for part in SPLITS}, near, shared)


def _untied(found: dict[str, Tensor], series: list[list[int]]) -> tuple[dict[str, Tensor], list[int]]:
    """Take out of the parts the members of series that stand in another one than that nearest to the test."""
    part_of = {position: part for part in SPLITS for position in found[part].tolist()}
    left_out = _across_parts(part_of, series)
    lost = set(left_out)
    return {
        part: positions[[position not in lost for position in positions.tolist()]] for part, positions in found.items()
    }, left_out


def _check_left(examples: Examples, before: list[int], kept: Tensor, title: str) -> None:
    """Raise ValueError where what the test shares with training leaves a class too little to learn from."""
    parts = torch.tensor([part == "train" for part in examples.parts])
    at_least = 4 - len(set(examples.parts))
    before = torch.tensor(before, dtype=torch.int64)
    for number, name in enumerate(examples.class_names):
        had, left = (int((parts[each] & (examples.labels[each] == number)).sum()) for each in (before, kept))
        if left < at_least <= had:
            raise ValueError(
                f"Class {name!r} of {title} has {had:,} examples for training, and all but {left} share a group or a "
                f"near copy with another part; add others (at least {at_least} are needed), or give the data undivided."
            )


def _divided(examples: Examples, kept: Tensor, series: list[list[int]], seed: int, title: str) -> dict[str, Tensor]:
    """Return the positions of each part, before any is cut."""
    together = _joined(examples.groups, series)
    ready = set(examples.parts)
    found = {part: kept[[examples.parts[position] == part for position in kept.tolist()]] for part in SPLITS}
    check_classes(examples.labels[found["train"]], examples.class_names, title, at_least=4 - len(ready))
    missing = [part for part in ("test", "validation") if part not in ready]
    if examples.groups is not None:
        pool = found["train"]
        groups = [examples.groups[position] for position in pool.tolist()]
        check_groups(
            examples.labels[pool], groups, examples.class_names, title, at_least=1 + len(missing), option="--group"
        )
    for part in missing:
        fraction, number = {"test": (TEST_FRACTION, TEST_SEED), "validation": (VALIDATION_FRACTION, seed)}[part]
        leave = 2 if part == "test" and "validation" in missing else 1
        pool = found["train"]
        found["train"], found[part] = _hold_out_whole(examples.labels, pool, together, fraction, number, leave=leave)
    return found


def _series(near: Sequence[Hashable] | None, kept: list[int]) -> list[list[int]]:
    """Return the positions of those with equal keys: near copies of one another, or a group."""
    equal = defaultdict(list)
    for position in kept if near is not None else []:
        equal[near[position]].append(position)
    return [members for members in equal.values() if len(members) > 1]


def _across_ready_parts(examples: Examples, series: list[list[int]]) -> list[int]:
    """Return the members of series that stand in another part than the one of theirs that is nearest to the test."""
    return _across_parts(examples.parts, series) if len(set(examples.parts)) > 1 else []


def _across_parts(parts: Sequence[str] | dict[int, str], series: list[list[int]]) -> list[int]:
    left = []
    for members in series:
        nearest = max(SPLITS.index(parts[member]) for member in members)
        left += [member for member in members if parts[member] != SPLITS[nearest]]
    return left


def _joined(groups: Sequence[Hashable] | None, series: list[list[int]]) -> dict[int, Hashable]:
    """Return for each position that must stay with others what it stays with: its group, or its series, or both.

    >>> _joined("aabbcd", [[1, 2], [4, 5]])
    {0: 0, 1: 0, 2: 0, 3: 0, 4: 4, 5: 4}
    >>> _joined(None, [[0, 2]]), _joined(None, [])
    ({0: 0, 2: 0}, {})
    """
    together = [list(members) for members in series]
    if groups is not None:
        members_of = defaultdict(list)
        for position, group in enumerate(groups):
            members_of[group].append(position)
        together = [*members_of.values(), *together]
    leader = {position: position for members in together for position in members}

    def find(position: int) -> int:
        while leader[position] != position:
            leader[position] = position = leader[leader[position]]
        return position

    for one, *others in filter(None, together):
        for other in others:
            low, high = sorted((find(one), find(other)))
            leader[high] = low
    return {position: find(position) for position in sorted(leader)}


def _largest(groups: Sequence[Hashable] | None, series: list[list[int]], kept: list[int]) -> list[int]:
    """Return the kept positions of the largest set that stays together."""
    together, members = _joined(groups, series), defaultdict(list)
    for position in kept:
        if position in together:
            members[together[position]].append(position)
    return max(members.values(), key=len, default=[])


def _hold_out_whole(
    labels: Tensor, pool: Tensor, together: dict[int, Hashable], fraction: float, seed: int, *, leave: int
) -> tuple[Tensor, Tensor]:
    """Hold out of a pool of positions: whole groups of what stays together, and single ones of the rest.

    They are drawn apart, because single ones by the hundred thousand are drawn much more quickly as such.
    """
    tied = torch.tensor([position in together for position in pool.tolist()], dtype=torch.bool)
    stays, held = [], []
    for mine, named in ((pool[~tied], False), (pool[tied], True)):
        if len(mine):
            if named:
                groups = [together[position] for position in mine.tolist()]
                left, taken = hold_out_groups(labels[mine], groups, fraction, seed, leave=leave)
            else:
                left, taken = partition(labels[mine], None, fraction, seed)
            stays.append(mine[left])
            held.append(mine[taken])
    empty = torch.empty(0, dtype=torch.int64)
    return torch.cat([empty, *stays]), torch.cat([empty, *held])


def _missing(examples: Examples, found: dict[str, Tensor]) -> list[int]:
    """Return the classes that a part which was drawn lacks."""
    drawn = [part for part in SPLITS if part not in set(examples.parts)]
    count = len(examples.class_names)
    return sorted({number for part in drawn for number in range(count) if number not in examples.labels[found[part]]})


def _check_copies(examples: Examples, kept: list[int], title: str) -> None:
    """Raise ValueError where a class or a ready part has enough examples, but not when copies are used once."""
    found = {part: [position for position in kept if examples.parts[position] == part] for part in SPLITS}
    at_least = 4 - len(set(examples.parts))
    for part in dict.fromkeys(examples.parts):
        members = torch.tensor([each == part for each in examples.parts])
        if part != "train" and not len(found[part]):
            raise ValueError(
                f"All {int(members.sum()):,} examples for {part} of {title} are copies of others; "
                f"{_copy_named(examples, members)}; give different ones."
            )
    members = torch.tensor([part == "train" for part in examples.parts])
    count = len(examples.class_names)
    totals = examples.labels[members].bincount(minlength=count).tolist()
    lefts = examples.labels[found["train"]].bincount(minlength=count).tolist()
    for number, (name, total, left) in enumerate(zip(examples.class_names, totals, lefts, strict=True)):
        if left < at_least <= total:
            mine = members & (examples.labels == number)
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
