"""The target's batches."""

from itertools import chain

import pytest
import tasks
import torch
from loss_inputs import point_net

from tl_course.data import batches
from tl_course.losses._unlabelled import Unlabelled


@pytest.mark.parametrize("size", [1, 4, 5, 20])
def test_target_batches_are_full_and_cover_a_pass_before_the_next(size):
    target, model = tasks.points(2, train=20), point_net()
    stream = Unlabelled(target, batch_size=size, seed=3)
    rows = {tuple(row): place for place, row in enumerate(target.train.inputs.tolist())}
    drawn = [[rows[tuple(row)] for row in stream.draw(model, torch.device("cpu")).tolist()] for _ in range(60 // size)]
    assert all(len(batch) == size for batch in drawn)
    a_pass = 20 // size
    for start in range(0, len(drawn), a_pass):
        assert sorted(chain.from_iterable(drawn[start : start + a_pass])) == list(range(20))
    assert drawn[:a_pass] != drawn[a_pass : 2 * a_pass]
    for skip in (0, 1, a_pass, a_pass + 1):
        later = Unlabelled(target, batch_size=size, seed=3)
        later.go_to(skip)
        again = [rows[tuple(row)] for row in later.draw(model, torch.device("cpu")).tolist()]
        assert again == drawn[skip]


def test_target_and_source_are_not_drawn_in_the_same_order():
    """Or MNIST's ones would always meet MNIST-M's ones, which tells the target's labels."""
    task, model = tasks.points(2, train=64), point_net()
    for seed in range(5):
        source = next(iter(batches(task, model, batch_size=16, seed=seed))).inputs
        target = Unlabelled(task, batch_size=16, seed=seed).draw(model, torch.device("cpu"))
        assert (source == target).all(1).sum() < 8


def test_fewer_target_examples_than_a_batch():
    stream = Unlabelled(tasks.points(2, train=5), batch_size=128, seed=0)
    assert [len(stream.draw(point_net(), torch.device("cpu"))) for _ in range(3)] == [5, 5, 5]


def test_no_label_of_the_target_and_no_held_out_example_is_within_reach():
    task = tasks.points(3, train=20)
    assert task.train.labels.any()
    reach = Unlabelled(task, batch_size=4, seed=0).task
    assert not reach.train.labels.any()
    assert len(reach.train) == len(task.train)
    assert len(reach.validation) == len(reach.test) == 0
