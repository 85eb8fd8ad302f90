"""Every number of the data room may be NumPy's; bools and texts are refused where a number is meant."""

import numpy as np
import pytest
import torch
from torch import nn

from tl_course import data
from tl_course.data import ImagePreprocess, Split, Task, TextPreprocess
from tl_course.data.task import SPLITS


def same(ours: Task, theirs: Task) -> bool:
    return all(
        torch.equal(getattr(ours, part).inputs, getattr(theirs, part).inputs)
        and torch.equal(getattr(ours, part).labels, getattr(theirs, part).labels)
        for part in SPLITS
    )


@pytest.mark.daily(2)
@pytest.mark.parametrize(
    "options",
    [
        {"train_per_class": 5, "seed": 1},
        {"train_per_class": 6, "validation": 0.5},
        {"train_per_class": 6, "test": 30},
        {"train_per_class": 6, "test": 0.25},
    ],
)
def test_a_task_drawn_with_numpy_numbers_is_the_same_task(options):
    plain = data.load("digits", **options)
    for whole, real in ((np.int64, np.float64), (np.uint8, np.float16), (torch.tensor, torch.tensor)):
        given = {name: whole(value) if isinstance(value, int) else real(value) for name, value in options.items()}
        assert same(data.load("digits", **given), plain)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("digits", {"train_per_class": True}),
        ("digits", {"train_per_class": "5"}),
        ("digits", {"train_per_class": 5.0}),
        ("digits", {"validation": "0.2"}),
        ("digits", {"validation": True}),
        ("digits", {"seed": "1"}),
        ("digits", {"seed": 1.5}),
        ("digits", {"test": True}),
        ("mnist", {"pad": "2"}),
        ("mnist", {"pad": -1}),
        ("mnist", {"half": True}),
        ("letters", {"count": "100"}),
        ("sentiment", {"neutral_up_to": "0.5"}),
    ],
)
def test_what_is_no_number_is_refused_in_one_sentence(name, options):
    (option,) = options
    with pytest.raises(ValueError, match=rf"^{option}=.* is not possible; give a (whole|finite) number.*\.$"):
        data.load(name, **options)


def test_batches_of_a_numpy_size_and_seed_are_the_same_batches():
    draw = torch.Generator().manual_seed(3)
    part = Split(torch.randn(10, 4, generator=draw), torch.arange(10) % 2)
    task, model = Task("toy", "Toy", "features", ("a", "b"), part, part, part, "made up"), nn.Linear(4, 2)
    plain = data.batches(task, model, batch_size=3, seed=5)
    ours = data.batches(task, model, batch_size=np.int32(3), seed=np.int64(5))
    assert [batch.index.tolist() for batch in ours] == [batch.index.tolist() for batch in plain]
    for options in ({"batch_size": True}, {"batch_size": 2.0}, {"seed": "5"}):
        with pytest.raises(ValueError, match="is not possible; give a whole number"):
            data.batches(task, model, **options)


def test_a_split_is_read_at_a_numpy_position():
    split = Split(["a", "b", "c"], torch.tensor([0, 1, 2]))
    assert split[np.int64(1)] == split[torch.tensor(1)] == split[1] == ("b", 1)
    assert split[np.array([2, 0])].inputs == split[torch.tensor([2, 0])].inputs == split[[2, 0]].inputs == ["c", "a"]
    assert split[range(2)].inputs == split[:2].inputs == ["a", "b"]
    with pytest.raises(ValueError, match="position='a' is not possible"):
        split["a"]


def test_what_a_network_is_fed_with_is_described_by_plain_numbers():
    means = np.array([0.25, 0.5, 0.75], dtype=np.float32)
    ours = ImagePreprocess(np.int64(16), means, list(means), crop=np.float16(0.5))
    assert ours == ImagePreprocess(16, (0.25, 0.5, 0.75), (0.25, 0.5, 0.75), crop=0.5)
    assert {type(value) for value in (*ours.mean, *ours.std, ours.crop)} == {float}
    assert ImagePreprocess.from_dict(ours.to_dict()) == ours
    assert type(TextPreprocess(None, np.int64(16)).to_dict()["max_length"]) is int
    for wrong in ({"size": "16"}, {"size": True}, {"mean": "abc"}, {"std": (True, 1, 1)}, {"crop": "1"}):
        with pytest.raises(ValueError, match=r"is not possible; give a (whole|finite) number"):
            ImagePreprocess(**{"size": 16, "mean": (0.5,) * 3, "std": (0.5,) * 3} | wrong)
    with pytest.raises(ValueError, match="max_length='16' is not possible"):
        TextPreprocess(None, "16")
