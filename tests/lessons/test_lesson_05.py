"""Lesson 05: what its prose says of its records, beyond its claims."""

from tl_course import records


def test_far_from_the_source_longer_training_brings_from_scratch_to_within_a_point_of_fine_tuning():
    longer = records.read("05_longer").select(profile="mini", target="mnist_m")
    scratch = longer.select(method="scratch", setting="450")
    assert scratch.mean > longer.select(method="fine_tune", setting="150").mean - 0.01
    near = records.read("05_longer").select(profile="mini", target="cifar10")
    assert near.select(method="scratch", setting="450").mean < near.select(method="fine_tune", setting="150").mean
