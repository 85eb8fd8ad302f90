"""CIFAR-10 itself, where a copy is at hand: set TL_CIFAR10 to it. The project never needs one."""

import os

import pytest
import torch

from tl_course import data, models

COPY = os.environ.get("TL_CIFAR10")

pytestmark = pytest.mark.skipif(not COPY, reason="no copy of CIFAR-10: TL_CIFAR10 is not set")


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield data.load("cifar10", path=COPY, train_per_class=50, augment=("flip", "crop"))


def test_the_copy_has_ten_classes_of_real_photographs(task):
    assert task.class_names[:3] == ("airplane", "automobile", "bird")
    assert task.labels_used == 500
    assert task.test.labels.bincount(minlength=10).min() >= 200
    assert task.train.inputs.shape[1:] == (3, 32, 32)
    # photographs, and not noise: neighbouring pixels agree much more than pixels of different pictures
    pixels = task.test.inputs[:200].float()
    neighbours = (pixels[..., 1:] - pixels[..., :-1]).abs().mean()
    strangers = (pixels[1:] - pixels[:-1]).abs().mean()
    assert neighbours < 0.4 * strangers


def test_a_model_takes_its_batches(task):
    model = models.create("resnet_small", num_classes=task.num_classes)
    seen = []
    for batch in data.batches(task, model, batch_size=64):
        assert models.logits(model, batch.inputs).isfinite().all()
        seen.append(batch.index)
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(len(task.train)))
