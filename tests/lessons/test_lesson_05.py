"""Lesson 05: what its prose says of its records, beyond its claims."""

from tl_course import records


def closed(target: str) -> float:
    """The part of the gap to fine-tuning that three times the steps close for training from scratch, on average."""
    cells = records.read("05_longer").select(profile="mini", target=target)
    short, long = (cells.select(method="scratch", setting=steps).mean for steps in ("150", "450"))
    return (long - short) / (cells.select(method="fine_tune", setting="150").mean - short)


def test_longer_training_closes_most_of_the_gap_far_from_the_source_and_less_than_half_near_it():
    assert closed("mnist_m") > 0.5
    assert closed("cifar10") < 0.5
