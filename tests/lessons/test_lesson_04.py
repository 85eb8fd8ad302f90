"""Lesson 04: what its prose says of its records, beyond its claims."""

from tl_course import records


def test_on_mnist_m_unnormalised_pictures_raised_the_probe_in_each_seed():
    probes = records.read("04_vgg_features").select(profile="mini", target="mnist_m", method="linear_probe")
    rightly, plain = probes.select(setting="100").values, probes.select(setting="plain").values
    assert len(plain) == 3
    assert all(plain[seed] > rightly[seed] for seed in plain)
