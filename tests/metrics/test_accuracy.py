"""Accuracy agrees with scikit-learn, whatever holds the numbers."""

import pytest
import torch
from labelled import SEEDS, classification
from sklearn import metrics as sk

from tl_course import metrics


@pytest.mark.parametrize("seed", SEEDS)
def test_accuracy_is_scikit_learns_whatever_holds_the_numbers(seed):
    labels, predictions = classification(seed)
    expected = metrics.accuracy(labels, predictions)
    assert expected.value == pytest.approx(sk.accuracy_score(labels, predictions))
    scores = torch.nn.functional.one_hot(torch.tensor(predictions), 5) * 3.0 - 1.0
    assert metrics.accuracy(torch.tensor(labels), scores) == expected
    assert metrics.accuracy(torch.tensor(labels), scores.bfloat16().requires_grad_()) == expected
    assert metrics.accuracy(labels.tolist(), predictions.tolist()) == expected


def test_a_class_ruled_out_by_minus_infinity_is_a_score():
    assert metrics.accuracy([1], torch.tensor([[-torch.inf, 0.0]])).value == 1
