"""Holding examples out by whole groups (documents, authors, patients …), so that every side gets every class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence

import numpy
import torch
from torch import Tensor

from tl_course.environment import generator

# Orders in which groups are tried, fewer where there are many groups.
TRIES, MOST_TRIED = 20, 20_000


def share(count: int, fraction: float) -> int:
    """Return how many of ``count`` go to the held-out side: the rounded fraction, but at least one on either side.

    >>> share(10, .2), share(3, .2), share(1, .2), share(10, 0)
    (2, 1, 0, 0)
    """
    if fraction == 0 or count < 2:
        return 0
    return min(max(int(count * fraction + 0.5), 1), count - 1)


def check_groups(
    labels: Tensor,
    groups: Sequence[Hashable],
    class_names: Sequence[str],
    title: str,
    *,
    at_least: int,
    option: str = "group=",
) -> None:
    """Raise ValueError where a class stands in too few groups for each part to get one; ``option`` names the groups.

    >>> check_groups(torch.tensor([0, 0, 1, 1]), "abcc", ("yes", "no"), "the file", at_least=2)
    Traceback (most recent call last):
    ValueError: Class 'no' of the file stands in only 1 group, and 2 are needed, one for each part; give more examples,
    or more groups, or leave group= out.
    """
    standing = defaultdict(set)
    for number, group in zip(labels.tolist(), groups, strict=True):
        standing[number].add(group)
    for number, name in enumerate(class_names):
        if len(standing[number]) < at_least:
            count = f"{len(standing[number])} group{'s' * (len(standing[number]) != 1)}"
            raise ValueError(
                f"Class {name!r} of {title} stands in only {count}, and {at_least} are needed, one for each part; give "
                f"more examples, or more groups, or leave {option} out."
            )


def check_every_class(
    parts: dict[str, Tensor], class_names: Sequence[str], title: str, *, option: str = "group="
) -> None:
    """Raise ValueError where the labels of a part lack a class; ``option`` names the groups.

    >>> check_every_class({"test": torch.tensor([1, 1])}, ("yes", "no"), "the file")
    Traceback (most recent call last):
    ValueError: The groups of the file leave no example of 'yes' for test ('yes' 0, 'no' 2); give more examples, or more
    groups, or leave group= out.
    """
    for part, labels in parts.items():
        counts = labels.bincount(minlength=len(class_names)).tolist()
        if 0 in counts:
            told = ", ".join(f"{name!r} {count}" for name, count in zip(class_names, counts, strict=True))
            raise ValueError(
                f"The groups of {title} leave no example of {class_names[counts.index(0)]!r} for {part} "
                f"({told}); give more examples, or more groups, or leave {option} out."
            )


def hold_out_groups(
    labels: Tensor, groups: Sequence[Hashable], fraction: float, seed: int, *, leave: int = 1
) -> tuple[list[int], list[int]]:
    """Hold out a fraction of every class in whole groups; every class stays in training.

    A group goes to the held side when a class has none there yet, or when that brings the classes nearer to their
    fraction. Of several random orders the one is taken that holds the most classes, and comes nearest.

    Parameters
    ----------
    labels : Tensor
        int64 N.
    groups : sequence
        N.
    fraction : float
    seed : int
    leave : int
        Groups of every class that stay at least.

    Returns
    -------
    stays, held : list of int
        Positions, ascending.

    Examples
    --------
    >>> stays, held = hold_out_groups(torch.arange(10) % 2, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], 0.2, seed=0)
    >>> len(stays), len(held), held[0] // 2 == held[1] // 2
    (8, 2, True)
    """
    members = defaultdict(list)
    for position, group in enumerate(groups):
        members[group].append(position)
    documents = list(members.values())
    mine = labels.numpy()
    counts = numpy.stack([numpy.bincount(mine[document], minlength=int(mine.max()) + 1) for document in documents])
    wanted = numpy.array([share(count, fraction) for count in counts.sum(0).tolist()])
    divisible = counts.sum(0) - counts.max(0)  # beside the largest group of a class, which others must share
    wanted = numpy.minimum(wanted, numpy.maximum(divisible // leave, 1))
    random, best, merit = generator(seed), [], None
    for attempt in range(min(TRIES, max(2, MOST_TRIED // len(documents)))):
        order = torch.randperm(len(documents), generator=random).tolist()
        chosen = _chosen(counts, wanted, leave, order, nearest=attempt % 2 == 0)
        held = counts[chosen].sum(0)
        reached = (int((held > 0).sum()), -int(((wanted - held) ** 2).sum()))
        if merit is None or reached > merit:
            best, merit = chosen, reached
    held = {position for number in best for position in documents[number]}
    return [position for position in range(len(labels)) if position not in held], sorted(held)


def _chosen(counts: numpy.ndarray, wanted: numpy.ndarray, leave: int, order: list[int], *, nearest: bool) -> list[int]:
    """Choose groups, rows of G×C counts: first one for each class (nearest or next), then what brings it nearer."""
    standing, missing, chosen = (counts > 0).sum(0), wanted.copy(), {}

    def may_go(number: int) -> bool:
        return number not in chosen and bool((standing - 1 >= leave)[counts[number] > 0].all())

    def distance(number: int) -> int:
        return int(((missing - counts[number]) ** 2).sum())

    def take(number: int) -> None:
        nonlocal standing, missing
        chosen[number] = None
        standing, missing = standing - (counts[number] > 0), missing - counts[number]

    for place in standing.argsort(kind="stable").tolist():
        if not counts[list(chosen), place].any():
            able = [number for number in order if counts[number, place] and may_go(number)]
            if able:
                take(min(able, key=distance) if nearest else able[0])
    for number in order:
        if (missing <= 0).all():
            break
        if distance(number) < (missing**2).sum() and may_go(number):
            take(number)
    return list(chosen)
