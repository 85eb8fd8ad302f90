"""Split, Task and the seeded choice of labelled examples.

A :class:`Dataset` is everything a source offers; :meth:`Dataset.draw` picks a label budget from it and returns a
:class:`Task`. Both are raw: what the weights need (size, statistics, tokenizer) is applied by
:func:`tl_course.data.batches` only.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tl_course.data.whole_groups import check_every_class, check_groups, hold_out_groups, share
from tl_course.environment import generator
from tl_course.plain_numbers import real_number, whole_number, whole_or_share
from tl_course.profiles import UpTo

SPLITS = ("train", "validation", "test")
# The test split must not move with the learner's seed: what was tested on once is never trained on later.
TEST_SEED = 20_000
TEST_FRACTION = 0.2


@dataclass(frozen=True, eq=False)
class Split:
    """One part of a task.

    Attributes
    ----------
    inputs : Tensor or list of str
        Images uint8 N×3×H×W, features float32 N×D, or N texts.
    labels : Tensor
        int64 N, class numbers from 0.
    groups : Tensor, optional
        int64 N, the document each example comes from. A document never stands in two splits of a task.

    Raises
    ------
    ValueError
        When the lengths differ or the labels are not int64 N.

    Examples
    --------
    >>> split = Split(["good", "bad", "fine"], torch.tensor([1, 0, 1]))
    >>> len(split), split[0], split[1:].inputs
    (3, ('good', 1), ['bad', 'fine'])
    """

    inputs: Tensor | list[str]
    labels: Tensor
    groups: Tensor | None = None

    def __post_init__(self):
        if self.labels.dtype != torch.int64 or self.labels.ndim != 1:
            raise ValueError(f"labels must be int64 N, not {self.labels.dtype} {tuple(self.labels.shape)}.")
        for name, values in (("inputs", self.inputs), ("groups", self.groups)):
            if values is not None and len(values) != len(self.labels):
                raise ValueError(f"{len(values)} {name} do not fit {len(self.labels)} labels; give one for each.")

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor):
        """Return ``(input, label)`` for a number, a :class:`Split` for a slice or a sequence of numbers."""
        if isinstance(index, slice):
            return self.subset(range(len(self))[index])
        if getattr(index, "ndim", 0) or (isinstance(index, Sequence) and not isinstance(index, str)):
            return self.subset(index)
        index = whole_number("position", index)
        return self.inputs[index], int(self.labels[index])

    def subset(self, indices: Sequence[int] | Tensor) -> Split:
        """Return the examples at ``indices`` (a copy), in that order.

        >>> Split(torch.eye(3), torch.tensor([0, 1, 2])).subset([2, 0]).labels
        tensor([2, 0])
        """
        indices = torch.as_tensor(list(indices) if isinstance(indices, range) else indices, dtype=torch.int64)
        inputs = self.inputs
        return Split(
            inputs[indices] if isinstance(inputs, Tensor) else [inputs[i] for i in indices.tolist()],
            self.labels[indices],
            None if self.groups is None else self.groups[indices],
        )


def concatenate(first: Split, second: Split) -> Split:
    """Return one split after the other (both with groups, or both without)."""
    both = isinstance(first.inputs, Tensor)
    return Split(
        torch.cat([first.inputs, second.inputs]) if both else first.inputs + second.inputs,
        torch.cat([first.labels, second.labels]),
        None if first.groups is None else torch.cat([first.groups, second.groups]),
    )


@dataclass(frozen=True, eq=False)
class Task:
    """Raw labelled data in three parts, with the names and the origin that titles and captions print.

    Attributes
    ----------
    name, title : str
        The short name for code and records (``"mnist_m"``) and the one for readers (``"MNIST-M (rebuilt)"``).
    kind : {"image", "text", "features"}
    class_names : tuple of str
        Position is the class number.
    train, validation, test : Split
        Disjoint. Choose with ``validation``; ``test`` is for the last look.
    source : str
        Where the data came from, and its licence, in one line.
    augment : tuple of str
        Subset of ``("flip", "crop")``: what :func:`tl_course.data.batches` does to training batches.
    notes : tuple of str
        What the reader of a result should know, for example each file that ``on_error="skip"`` left out.

    Examples
    --------
    >>> split = Split(["good", "bad"], torch.tensor([1, 0]))
    >>> task = Task("toy", "Toy", "text", ("bad", "good"), split, split, split, "made up")
    >>> print(task)
    Toy: 2 train, 2 validation, 2 test texts, 2 classes
    >>> task.num_classes, task.labels_used
    (2, 4)
    """

    name: str
    title: str
    kind: str
    class_names: tuple[str, ...]
    train: Split
    validation: Split
    test: Split
    source: str
    augment: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.class_names)

    @property
    def labels_used(self) -> int:
        """The label budget: every label that training or choosing sees."""
        return len(self.train) + len(self.validation)

    def __str__(self) -> str:
        inputs = self.train.inputs
        what = {
            "image": lambda: f"images {inputs.shape[-2]}×{inputs.shape[-1]}",
            "text": lambda: "texts",
            "features": lambda: f"vectors of {inputs.shape[-1]} features",
        }[self.kind]()
        parts = ", ".join(f"{len(getattr(self, part)):,} {part}" for part in SPLITS)
        return f"{self.title}: {parts} {what}, {self.num_classes} classes"


@dataclass(frozen=True, eq=False)
class Dataset:
    """All that a source offers: a pool of labelled examples to draw from, and its test split where it has one.

    The fields are those of :class:`Task`; ``validation`` and ``test`` are None where a task draws them from the
    pool, ``augmentable`` says which augmentations keep the label, and with ``every_class`` groups are divided so that
    each part gets every class (:func:`~tl_course.data.whole_groups.hold_out_groups`), not merely drawn.
    """

    name: str
    title: str
    kind: str
    class_names: tuple[str, ...]
    pool: Split
    source: str
    test: Split | None = None
    validation: Split | None = None
    augmentable: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    every_class: bool = False

    def draw(
        self,
        *,
        train_per_class: int | None = None,
        validation: float = 0.2,
        test: float | int | None = None,
        seed: int = 0,
        augment: Sequence[str] = (),
    ) -> Task:
        """Choose a label budget and return the :class:`Task`; the parameters are those of ``tl_course.data.load``.

        A larger budget with the same seed contains the smaller one. What a profile asks for by
        :class:`~tl_course.profiles.UpTo` is as many as there are, where there are fewer.

        >>> pool = Split(torch.arange(12.0).reshape(12, 1), torch.arange(12) % 2)
        >>> task = Dataset("toy", "Toy", "features", ("a", "b"), pool, "made up").draw(train_per_class=4, test=2)
        >>> len(task.train), len(task.validation), len(task.test)
        (6, 2, 2)
        """
        at_most = isinstance(train_per_class, UpTo)
        train_per_class = whole_number("train_per_class", train_per_class)
        validation, seed = real_number("validation", validation), whole_number("seed", seed)
        test = whole_or_share("test", self._test_there_is(test) if isinstance(test, UpTo) else test)
        _check_request(train_per_class, validation, augment, self)
        chosen_by_class = self.every_class and self.pool.groups is not None
        if chosen_by_class:
            needed = 1 + (self.test is None) + (self.validation is None and validation > 0)
            check_groups(
                self.pool.labels, self.pool.groups.tolist(), self.class_names, f"the data {self.title}", at_least=needed
            )
        dataset = self._with_test(test, leave=2 if self.validation is None and validation > 0 else 1)
        pool, kept, held = dataset._pools(validation, seed)
        if chosen_by_class:
            parts = {"training": pool.labels[kept], "validation": pool.labels[held], "test": dataset.test.labels}
            found = {part: labels for part, labels in parts.items() if len(labels) or part != "validation"}
            check_every_class(found, self.class_names, f"the data {self.title}")
        by_class = [
            [part[pool.labels[part] == number] for part in (kept, held)] for number in range(len(self.class_names))
        ]
        if at_most:
            train_per_class = _as_many(train_per_class, validation, by_class)
        train, chosen = [], []
        for name, (available_kept, available_held) in zip(self.class_names, by_class, strict=True):
            if train_per_class is None:
                wanted_kept, wanted_held = len(available_kept), len(available_held)
            else:
                wanted_held = share(train_per_class, validation)
                wanted_kept = train_per_class - wanted_held
            if wanted_kept > len(available_kept) or wanted_held > len(available_held):
                raise ValueError(
                    f"Class {name!r} of {self.title} has {len(available_kept)} labels for training and "
                    f"{len(available_held)} for validation, and train_per_class={train_per_class} asks for "
                    f"{wanted_kept} and {wanted_held}; ask for fewer."
                )
            train.append(available_kept[:wanted_kept])
            chosen.append(available_held[:wanted_held])
        shuffle = generator(seed)
        parts = [torch.cat(part) for part in (train, chosen)]
        parts = [part[torch.randperm(len(part), generator=shuffle)] for part in parts]
        if not len(parts[0]):
            raise ValueError(f"No training example of {self.title} is left; lower validation={validation}.")
        return Task(
            self.name,
            self.title,
            self.kind,
            self.class_names,
            pool.subset(parts[0]),
            pool.subset(parts[1]),
            dataset.test,
            self.source,
            tuple(augment),
            self.notes,
        )

    def _test_there_is(self, wanted: int) -> int | None:
        """Return so many test examples, or None, which takes those that there are."""
        there = share(len(self.pool), TEST_FRACTION) if self.test is None else len(self.test)
        return wanted if wanted <= there else None

    def _with_test(self, amount: float | int | None, *, leave: int = 1) -> Dataset:
        """Return the data set with its final test split, which depends on no seed of the caller's."""
        if self.test is not None:
            if amount is None:
                return self
            if isinstance(amount, float) or not 0 < amount <= len(self.test):
                raise ValueError(
                    f"test={amount} does not fit {self.title}, which has its own test split of {len(self.test)}; "
                    f"give a whole number up to {len(self.test)}, or leave it out."
                )
            return dataclasses.replace(self, test=self.test.subset(thin(self.test.labels, amount)))
        amount = TEST_FRACTION if amount is None else amount
        fraction = amount / len(self.pool) if isinstance(amount, int) else amount
        if not 0 < fraction < 1:
            raise ValueError(
                f"test={amount} does not fit the {len(self.pool)} examples of {self.title}; give a fraction between "
                "0 and 1, or a smaller whole number."
            )
        rest, held = self._divided(fraction, TEST_SEED, leave)
        return dataclasses.replace(self, pool=self.pool.subset(rest), test=self.pool.subset(held))

    def _divided(self, fraction: float, seed: int, leave: int) -> tuple[Tensor, Tensor]:
        """Return the positions of the pool in two parts, in random order."""
        labels, groups = self.pool.labels, self.pool.groups
        if not self.every_class or groups is None or fraction == 0:
            return partition(labels, groups, fraction, seed)
        random = generator(seed)
        stays, held = map(torch.LongTensor, hold_out_groups(labels, groups.tolist(), fraction, seed, leave=leave))
        return tuple(part[torch.randperm(len(part), generator=random)] for part in (stays, held))

    def _pools(self, validation: float, seed: int) -> tuple[Split, Tensor, Tensor]:
        """Return the examples to draw from and, in seeded order, which may train and which may validate."""
        if self.validation is None:
            return self.pool, *self._divided(validation, seed, leave=1)
        shuffle = generator(seed)
        count = len(self.pool)
        kept = torch.randperm(count, generator=shuffle)
        held = count + torch.randperm(len(self.validation), generator=shuffle)
        return concatenate(self.pool, self.validation), kept, held


def _as_many(wanted: int, validation: float, by_class: Sequence[Sequence[Tensor]]) -> int:
    """Return the largest number of labels, up to the wanted one, that every class has for training and validation."""
    kept, held = (min(map(len, parts)) for parts in zip(*by_class, strict=True))
    fits = (n for n in range(min(wanted, kept + held), 1, -1) if share(n, validation) <= held)
    return next((n for n in fits if n - share(n, validation) <= kept), 1)


def partition(labels: Tensor, groups: Tensor | None, fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Split positions into two parts, seeded: class by class, or by whole documents where there are ``groups``.

    Parameters
    ----------
    labels, groups : Tensor
        int64 N.
    fraction : float
        The second part's share, in [0, 1).
    seed : int

    Returns
    -------
    kept, held : Tensor
        int64 positions, disjoint, together 0…N−1, in random order.

    Examples
    --------
    >>> kept, held = partition(torch.arange(10) % 2, None, 0.2, seed=0)
    >>> sorted(torch.cat([kept, held]).tolist()) == list(range(10)), len(held)
    (True, 2)
    """
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    random = generator(seed)
    order = torch.randperm(len(labels), generator=random)
    if groups is not None and fraction > 0:
        chosen = _whole_documents(groups, fraction, random)
    else:
        for number in labels.unique():
            members = order[labels[order] == number]
            chosen[members[: share(len(members), fraction)]] = True
    # A second order: along the first one, those held out come first, and classes would not be mixed evenly.
    order = torch.randperm(len(labels), generator=random)
    return order[~chosen[order]], order[chosen[order]]


def _whole_documents(groups: Tensor, fraction: float, random: torch.Generator) -> Tensor:
    """Mark documents in random order until the marked ones hold the fraction of all examples."""
    _, document, sizes = groups.unique(return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        raise ValueError("One document alone cannot be split; give data with at least two.")
    order = torch.randperm(len(sizes), generator=random)
    before = sizes[order].cumsum(0) - sizes[order]
    marked = torch.zeros(len(sizes), dtype=torch.bool)
    marked[order[:-1]] = (before < fraction * len(groups))[:-1]
    return marked[document]


def thin(labels: Tensor, count: int) -> Tensor:
    """Return ``count`` positions with the classes in their proportions, the same ones on every call.

    >>> thin(torch.tensor([0, 0, 0, 0, 1, 1]), 3).tolist() == thin(torch.tensor([0, 0, 0, 0, 1, 1]), 3).tolist()
    True
    """
    order = torch.randperm(len(labels), generator=generator(TEST_SEED))
    rank = torch.empty(len(labels))
    for number in labels.unique():
        members = order[labels[order] == number]
        rank[members] = (torch.arange(len(members)) + 0.5) / len(members)
    return rank.argsort(stable=True)[:count].sort().values


def check_classes(labels: Tensor, class_names: Sequence[str], title: str, *, at_least: int = 1) -> None:
    """Raise ValueError when there are fewer than two classes, or a class has too few examples to be split."""
    if len(class_names) < 2:
        found = f"only the class {class_names[0]!r}" if class_names else "no class at all"
        raise ValueError(f"{title} has {found}; a classifier needs at least two.")
    counts = torch.bincount(labels, minlength=len(class_names))
    for name, count in zip(class_names, counts.tolist(), strict=True):
        if count < at_least:
            found = "no example" if count == 0 else f"only {count} example{'s' * (count > 1)}"
            raise ValueError(
                f"Class {name!r} of {title} has {found}; add some (at least {at_least}) or remove the class."
            )


class Problems:
    """Collects what is wrong with single files or rows: raises at once, or skips and lists.

    >>> problems = Problems("skip")
    >>> problems.add("row 3 has no label", "fill it in")
    >>> problems.notes
    ('Skipped: row 3 has no label.',)
    >>> Problems("raise").add("row 3 has no label", "fill it in")
    Traceback (most recent call last):
    ValueError: row 3 has no label; fill it in, or pass on_error="skip" to go on without it.
    """

    def __init__(self, on_error: str):
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error={on_error!r} is unknown; give "raise" or "skip".')
        self.skip = on_error == "skip"
        self.notes: tuple[str, ...] = ()

    def add(self, what: str, way_out: str) -> None:
        """Note one problem, or raise ValueError with it and the way out."""
        if not self.skip:
            raise ValueError(f'{what}; {way_out}, or pass on_error="skip" to go on without it.')
        self.pass_over(what)

    def pass_over(self, what: str) -> None:
        """Note what is left out in any case."""
        self.tell(f"Skipped: {what}.")

    def tell(self, sentence: str) -> None:
        """Note a sentence that a reader must know."""
        self.notes += (sentence,)

    def warn(self) -> None:
        """Warn once about all that was noted; ``task.notes`` has the full list."""
        if self.notes:
            more = f" (and {len(self.notes) - 3} more)" if len(self.notes) > 3 else ""
            warnings.warn(" ".join(self.notes[:3]) + more + " All are listed in task.notes.", stacklevel=4)


def _check_request(train_per_class: int | None, validation: float, augment: Sequence[str], dataset: Dataset) -> None:
    if train_per_class is not None and train_per_class < 1:
        raise ValueError(f"train_per_class={train_per_class} leaves nothing to train on; give at least 1.")
    if not 0 <= validation < 1:
        raise ValueError(f"validation={validation} is not a share of the labels; give a number from 0 up to below 1.")
    for name in (augment,) if isinstance(augment, str) else augment:
        if name not in dataset.augmentable or isinstance(augment, str):
            allowed = ", ".join(repr(known) for known in dataset.augmentable) or "nothing"
            raise ValueError(
                f"augment={augment!r} does not fit {dataset.title}, whose labels would not survive it or which has no "
                f"such augmentation; give a tuple of {allowed}."
            )
