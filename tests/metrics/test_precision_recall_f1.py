"""Precision, recall, F1 and the confusion matrix agree with scikit-learn."""

import numpy as np
import pytest
import torch
from labelled import SEEDS, classification
from sklearn import metrics as sk

from tl_course import metrics


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("classes", [2, 5])
def test_class_report_is_scikit_learns(seed, classes):
    labels, predictions = classification(seed, classes=classes)
    report = metrics.precision_recall_f1(labels, predictions)
    expected = sk.precision_recall_fscore_support(labels, predictions)
    for found, score in zip((report.precision, report.recall, report.f1, report.support), expected, strict=True):
        np.testing.assert_allclose(found, score, atol=1e-12)
    for name in ("macro", "weighted"):
        average = getattr(report, name)
        expected = sk.precision_recall_fscore_support(labels, predictions, average=name)[:3]
        np.testing.assert_allclose((average.precision, average.recall, average.f1), expected, atol=1e-12)
    np.testing.assert_array_equal(metrics.confusion(labels, predictions), sk.confusion_matrix(labels, predictions))


@pytest.mark.parametrize("seed", SEEDS)
def test_absent_classes_do_not_change_the_averages(seed):
    labels, predictions = classification(seed, classes=3)
    predictions[predictions == 1] = 4  # 1 never predicted, 3 absent, 4 predicted and never true
    report = metrics.precision_recall_f1(labels, predictions, num_classes=7)
    for name in ("macro", "weighted"):
        average = getattr(report, name)
        expected = sk.precision_recall_fscore_support(labels, predictions, average=name, zero_division=0)[:3]
        np.testing.assert_allclose((average.precision, average.recall, average.f1), expected, atol=1e-12)
    assert report.precision[1] == report.recall[4] == report.f1[3] == 0
    expected = sk.confusion_matrix(labels, predictions, labels=range(7))
    np.testing.assert_array_equal(metrics.confusion(labels, predictions, num_classes=7), expected)


def test_confusion_takes_its_size_from_the_scores():
    assert metrics.confusion([0, 1], torch.eye(4)[:2]).shape == (4, 4)


def test_report_prints_the_names():
    text = str(metrics.precision_recall_f1([0, 1], [0, 0], class_names=["a", "letter b"]))
    assert text.splitlines()[2].split() == ["letter", "b", "0.000", "0.000", "0.000", "1"]
