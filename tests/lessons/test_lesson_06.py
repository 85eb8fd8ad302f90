"""Lesson 06: what its prose says of its records, beyond its claims."""

import pytest

from tl_course import records


def values(setting: str, target: str) -> dict[int, float]:
    """Accuracy in eval mode by seed, after a pass in train mode as ``setting`` describes it."""
    return records.read("06_statistics").select(profile="mini", target=target, setting=setting).values


@pytest.mark.parametrize("target", ["cifar10", "mnist_m"])
def test_a_sorted_pass_damages_more_than_a_shuffled_one_of_the_same_batch_size(target):
    shuffled, by_class = values("shuffled_5", target), values("sorted_5", target)
    assert all(by_class[seed] < shuffled[seed] for seed in shuffled)


def test_on_cifar10_it_is_the_sorting_and_on_mnist_m_mostly_the_small_batches():
    lost = {
        (target, setting): sum(values("before", target).values()) - sum(values(setting, target).values())
        for target in ("cifar10", "mnist_m")
        for setting in ("shuffled_5", "sorted_5")
    }
    assert lost["cifar10", "shuffled_5"] < 0.1 * lost["cifar10", "sorted_5"]
    assert lost["mnist_m", "shuffled_5"] > 0.7 * lost["mnist_m", "sorted_5"]


@pytest.mark.parametrize("target", ["cifar10", "mnist_m"])
def test_the_more_is_tried_the_more_the_score_of_what_the_test_chose_flatters(target):
    scores = records.read("06_choosing").select(profile="mini", target=target)
    flattery = [
        scores.select(method="by_test_score", setting=tries).mean
        - scores.select(method="by_test_rest", setting=tries).mean
        for tries in scores.settings
    ]
    assert flattery == sorted(flattery)
    assert list(scores.settings) == ["1", "4", "16", "64"]
