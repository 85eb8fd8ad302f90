"""How the learner's own examples are divided: nothing stands on two sides, and every class is learned and tested."""

from collections import Counter

import pytest
import torch
from draws import seeds

from tl_course.data.task import SPLITS
from tl_course.data.whole_groups import hold_out_groups
from tl_course.recipes.splitting import Examples, cut, settle, split_examples

SEEDS = seeds(3)


def examples(count: int, seed: int, *, classes: int = 3, copies: int = 0, groups: int = 0, parts=None) -> Examples:
    draw = torch.Generator().manual_seed(seed)
    keys = torch.cat([torch.arange(count - copies), torch.randint(0, count - copies, (copies,), generator=draw)])
    labels = torch.randint(0, classes, (count,), generator=draw)
    named = torch.randint(0, groups, (count,), generator=draw).tolist() if groups else None
    return Examples(labels, tuple("abcdefgh"[:classes]), keys.tolist(), parts or ["train"] * count, named)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("groups", [0, 40])
def test_no_copy_and_no_group_stands_on_two_sides(seed, groups):
    given = examples(300, seed, copies=80, groups=groups)
    split = split_examples(given, most_training=1000, seed=seed)
    seen, homes = {}, {}
    for part in SPLITS:
        for position in split.positions[part].tolist():
            assert seen.setdefault(given.keys[position], position) == position
            if groups:
                assert homes.setdefault(given.groups[position], part) == part
    settled = split.settled
    lost = sum(len(members) - 1 for members in settled.disputed)
    ties = len(set(given.keys)) - len(seen)
    assert len(seen) + settled.copies + lost + ties == 300


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("groups", [0, 60])
def test_every_class_keeps_its_share_on_every_side(seed, groups):
    given = examples(900, seed, groups=groups)
    split = split_examples(given, most_training=1000, seed=seed)
    total = given.labels.bincount()
    for part, share in (("train", 0.64), ("validation", 0.16), ("test", 0.2)):
        counts = given.labels[split.positions[part]].bincount(minlength=3)
        torch.testing.assert_close(counts / total, torch.full((3,), share), atol=0.1 if groups else 0.01, rtol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_smallest_classes_that_can_be_divided_are_on_every_side(seed):
    given = Examples(torch.tensor([0] * 50 + [1] * 3), ("a", "b"), range(53), ["train"] * 53)
    split = split_examples(given, most_training=100, seed=seed)
    assert all((given.labels[split.positions[part]] == 1).sum() == 1 for part in SPLITS)


def test_the_test_does_not_depend_on_the_seed_and_validation_does():
    one, other = (split_examples(examples(200, 0), most_training=200, seed=seed).positions for seed in (1, 2))
    assert set(one["test"].tolist()) == set(other["test"].tolist())
    assert set(one["validation"].tolist()) != set(other["validation"].tolist())


def test_ready_parts_stay_and_a_copy_stays_on_the_side_of_the_test():
    parts = ["train"] * 20 + ["test"] * 10
    keys = [*range(20), 0, 1, 2, *range(20, 27)]
    given = Examples(torch.arange(30) % 2, ("a", "b"), keys, parts)
    split = split_examples(given, most_training=100)
    assert sorted(split.positions["test"].tolist()) == list(range(20, 30))
    learned = set(split.positions["train"].tolist()) | set(split.positions["validation"].tolist())
    assert learned == set(range(3, 20))
    assert split.settled.across == 6


@pytest.mark.parametrize(
    ("labels", "keys", "kept", "copies", "disputed"),
    [
        ([0, 0, 0], "xyz", [0, 1, 2], 0, []),
        ([0, 0, 1], "xxy", [0, 2], 1, []),
        ([0, 1, 1], "xxx", [1], 0, [[0, 1, 2]]),
        ([0, 1], "xx", [], 0, [[0, 1]]),
    ],
)
def test_copies_are_used_once_with_the_label_most_of_them_have(labels, keys, kept, copies, disputed):
    settled = settle(Examples(torch.tensor(labels), ("a", "b"), keys, ["train"] * len(labels)))
    assert (settled.kept, settled.copies, settled.disputed) == (kept, copies, disputed)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_class_of_one_group_stays_in_training(seed):
    labels = torch.tensor([0] * 30 + [1] * 30 + [2] * 10)
    groups = [number // 3 for number in range(60)] + ["only"] * 10
    stays, held = hold_out_groups(labels, groups, 0.2, seed)
    assert set(labels[held].tolist()) == {0, 1}
    assert sorted([*stays, *held]) == list(range(70))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_large_part_is_cut_in_proportion_and_no_rare_class_is_lost(seed):
    labels = torch.tensor([0] * 5000 + [1] * 2500 + [2] * 12)
    positions = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    kept = cut(labels, positions, 600, seed)
    assert len(set(kept.tolist())) == 600
    counts = Counter(labels[kept].tolist())
    assert counts[2] == 12
    assert abs(counts[0] - 2 * counts[1]) < 60
    assert torch.equal(cut(labels, positions, 600, seed), kept)


def test_what_is_not_used_is_counted():
    split = split_examples(examples(1000, 0), most_training=100, most_held={"validation": 20, "test": 30})
    assert {part: len(positions) for part, positions in split.positions.items()} == {
        "train": 100,
        "validation": 20,
        "test": 30,
    }
    assert sum(split.unused.values()) == 850


def test_too_few_different_examples_of_a_class_are_counted_and_copies_named():
    given = Examples(torch.tensor([0] * 10 + [1] * 4), ("a", "b"), [*range(10), 10, 10, 10, 11], ["train"] * 14)
    message = r"Class 'b' of the data has 4 examples for training, but only 2 when copies are settled \(at least 3 are "
    with pytest.raises(
        ValueError, match=message + r"needed\); example 10 is the same as example 11; add different ones"
    ):
        split_examples(given, most_training=10)


def test_classes_of_the_same_examples_are_said_to_be_copies():
    names = [f"{name}/{number}.png" for name in "ab" for number in range(10)]
    given = Examples(torch.tensor([0] * 10 + [1] * 10), ("a", "b"), [*range(10)] * 2, ["train"] * 20, names=names)
    message = (
        r"Class 'a' of the data has 10 examples .* only 0 when .*; a/0\.png \('a'\) is the same as b/0\.png \('b'\)"
    )
    with pytest.raises(ValueError, match=message):
        split_examples(given, most_training=10)


def test_a_part_of_copies_of_the_test_is_named():
    parts = ["train"] * 10 + ["validation"] * 10 + ["test"] * 10
    given = Examples(torch.arange(30) % 2, ("a", "b"), [*range(50, 60), *range(10), *range(10)], parts)
    message = (
        "All 10 examples for validation of the data are copies of others; example 10 is the same as example 20; give"
    )
    with pytest.raises(ValueError, match=message):
        split_examples(given, most_training=10)


def test_a_training_part_of_copies_of_the_test_is_named():
    given = Examples(torch.arange(20) % 2, ("a", "b"), [*range(10)] * 2, ["train"] * 10 + ["test"] * 10)
    with pytest.raises(
        ValueError, match=r"Class 'a' .* has 5 examples for training, but only 0 .*; example 0 is the same"
    ):
        split_examples(given, most_training=10)


def test_one_group_alone_cannot_be_divided():
    given = Examples(torch.arange(20) % 2, ("a", "b"), range(20), ["train"] * 20, ["me"] * 20)
    with pytest.raises(ValueError, match="; give more examples, or more groups"):
        split_examples(given, most_training=10)


# --- groups that are hard to divide ------------------------------------------------------------------------------


def with_groups(*sizes: dict[str, int], classes: str = "ab") -> Examples:
    """Examples of groups: for each group how many it has of each class."""
    made = [
        (classes.index(name), number)
        for number, size in enumerate(sizes)
        for name, count in size.items()
        for _ in range(count)
    ]
    labels = torch.tensor([label for label, _ in made])
    return Examples(labels, tuple(classes), range(len(made)), ["train"] * len(made), [group for _, group in made])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "given",
    [
        with_groups({"a": 50, "b": 50}, *[{"a": 5, "b": 5}] * 2),
        with_groups({"a": 50, "b": 50}, {"a": 20}, {"b": 20}, {"a": 3, "b": 2}),
        with_groups(*[{"a": 5, "b": 5}] * 3),
        with_groups(*[{"a": 10}] * 3, *[{"b": 10}] * 3, *[{"c": 30}] * 3, classes="abc"),
        with_groups({"a": 1, "b": 1, "c": 1}, {"a": 1, "b": 1, "c": 1}, {"a": 90, "b": 90, "c": 1}, classes="abc"),
    ],
    ids=["one large", "one large, others of one class", "three", "each of one class", "a rare class"],
)
def test_every_part_has_every_class_where_groups_allow_it(given, seed):
    split = split_examples(given, most_training=1000, seed=seed)
    homes = {}
    for part in SPLITS:
        assert given.labels[split.positions[part]].bincount(minlength=len(given.class_names)).min() > 0, part
        for position in split.positions[part].tolist():
            assert homes.setdefault(given.groups[position], part) == part
    assert sum(map(len, split.positions.values())) == len(given.labels)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (with_groups({"a": 20}, {"b": 20}, {"c": 20}, classes="abc"), "Class 'a' .* in only 1 group, and 3 are needed"),
        (with_groups(*[{"a": 5, "b": 5}] * 2), "Class 'a' of the data stands in only 2 groups, and 3 are needed"),
        (with_groups(*[{"a": 5, "b": 5}] * 5, {"c": 5}, {"c": 5}, classes="abc"), "Class 'c' .* in only 2 groups"),
    ],
)
def test_too_few_groups_of_a_class_are_refused_with_the_numbers(given, message):
    with pytest.raises(ValueError, match=message):
        split_examples(given, most_training=1000)


def test_groups_that_cannot_be_divided_are_refused_with_the_numbers():
    """Each class stands in three groups, and still no three parts have them all."""
    given = with_groups(
        {"a": 5, "b": 5}, {"a": 5, "c": 5}, {"b": 5, "c": 5}, {"a": 5}, {"b": 5}, {"c": 5}, classes="abc"
    )
    pairs = with_groups({"a": 5, "b": 5, "c": 5}, {"a": 5, "b": 5}, {"a": 5, "c": 5}, {"b": 5, "c": 5}, classes="abc")
    assert len(split_examples(given, most_training=1000).positions["test"]) > 0
    with pytest.raises(
        ValueError, match=r"The groups of the data leave no example of '[abc]' for \w+ \('a' \d+, 'b' \d+, 'c' "
    ):
        split_examples(pairs, most_training=1000)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_one_large_group_leaves_is_shared_by_validation_and_test(seed):
    split = split_examples(with_groups({"a": 50, "b": 50}, *[{"a": 2, "b": 2}] * 5), most_training=1000, seed=seed)
    assert sorted(len(split.positions[part]) for part in ("validation", "test")) in ([8, 8], [8, 12])


@pytest.mark.integration
def test_many_groups_are_divided_quickly():
    labels = torch.arange(3_000) % 3
    stays, held = hold_out_groups(labels, [number // 2 for number in range(3_000)], 0.2, 0)
    assert len(stays) + len(held) == 3_000
    assert all(abs(count - 200) < 10 for count in labels[held].bincount().tolist())
