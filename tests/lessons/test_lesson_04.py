"""Lesson 04: what its prose says of its records, beyond its claims."""

from tl_course import records


def probes(target):
    """Accuracy by seed of the probe that was fed rightly, unscaled everywhere, and unscaled when it was tested."""
    found = records.read("04_vgg_features").select(profile="mini", target=target, method="linear_probe")
    rightly, everywhere, tested = (found.select(setting=setting).values for setting in ("100", "plain", "test"))
    assert len(rightly) == len(everywhere) == len(tested) == 3
    return [(rightly[seed], everywhere[seed], tested[seed]) for seed in rightly]


def test_on_cifar10_both_slips_cost_accuracy_in_each_seed():
    assert all(everywhere < rightly and tested < rightly for rightly, everywhere, tested in probes("cifar10"))


def test_on_mnist_m_forgetting_everywhere_raised_the_probe_and_forgetting_in_the_test_lowered_it_in_each_seed():
    assert all(tested < rightly < everywhere for rightly, everywhere, tested in probes("mnist_m"))
