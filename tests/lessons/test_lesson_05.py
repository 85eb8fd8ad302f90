"""Lesson 05: what its prose says of its records, beyond its claims."""

from tl_course import records


def test_far_from_the_source_longer_training_brings_from_scratch_to_within_a_point_of_fine_tuning():
    longer = records.read("05_longer").select(profile="mini", target="mnist_m")
    scratch = longer.select(method="scratch", setting="450")
    assert scratch.mean > longer.select(method="fine_tune", setting="150").mean - 0.01
    near = records.read("05_longer").select(profile="mini", target="cifar10")
    assert near.select(method="scratch", setting="450").mean < near.select(method="fine_tune", setting="150").mean


def test_far_from_the_source_a_larger_rate_than_the_one_of_the_ways_does_better():
    """The lesson reads no order of the ways out of the far record, since a larger rate does better there."""
    rates = records.read("05_learning_rate").select(profile="mini", target="mnist_m", method="target_from_imagenet")
    used, larger = rates.select(setting="1e-3").values, rates.select(setting="1e-2").values
    assert all(larger[seed] > used[seed] for seed in used)
