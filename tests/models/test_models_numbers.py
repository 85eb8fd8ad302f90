"""Numbers of classes and seeds may be NumPy's, and what is saved with them can be read again."""

import dataclasses
import json

import numpy as np
import pytest
import tasks
import torch
from tasks import assert_same

from tl_course import models
from tl_course.models.heads import seeded

KINDS = [np.int64, np.uint8, torch.tensor]


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_numpy_numbers_is_the_same_model_and_can_be_saved(kind, tmp_path):
    plain, ours = (
        models.create("resnet_tiny", num_classes=4, seed=2),
        models.create("resnet_tiny", num_classes=kind(4), seed=kind(2)),
    )
    assert_same(ours, plain)
    assert_same(models.replace_head(ours, kind(3), seed=kind(5), std=np.float32(0.5)), _head(plain))
    assert type(ours.spec.num_classes) is type(ours.fc.out_features) is int
    assert models.load(models.save(ours, tmp_path / "m")).spec == ours.spec
    with seeded(kind(7)):
        drawn = torch.rand(2)
    with seeded(7):
        assert torch.equal(drawn, torch.rand(2))


def _head(model):
    return models.replace_head(model, 3, seed=5, std=0.5)


@pytest.mark.parametrize("value", [True, np.True_, "3", np.float64(3), np.array([3]), np.int64(0), None])
def test_what_is_no_number_of_classes_is_refused(value):
    model = models.create("resnet_tiny", num_classes=4)
    with pytest.raises(ValueError, match=r"num_classes=.* is not possible; give a whole number from 1\.$"):
        models.replace_head(model, value)
    assert models.head_of(model)[1].out_features == 4
    if value is not None:  # None: the table's number
        with pytest.raises(ValueError, match=r"num_classes=.* is not possible; give a whole number from 1\.$"):
            models.create("resnet_tiny", num_classes=value)


@pytest.mark.parametrize(
    "options", [{"seed": "1"}, {"seed": 1.0}, {"std": "0.1"}, {"std": True}, {"std": float("nan")}]
)
def test_seed_and_std_are_numbers(options):
    with pytest.raises(ValueError, match=r"is not possible; give a (whole|finite) number"):
        models.replace_head(models.create("resnet_tiny"), 3, **options)
    if "seed" in options:
        with pytest.raises(ValueError, match=r"seed=.* is not possible; give a whole number"):
            models.create("resnet_tiny", **options)


def test_numpy_numbers_that_were_put_into_a_model_by_hand_are_saved_as_numbers(tmp_path):
    model = tasks.tiny_bert()
    model.spec = models.ModelSpec("bert", None, np.int64(16), np.int64(2), ("no", "yes"))
    model.preprocess = dataclasses.replace(model.preprocess, max_length=np.int32(12))
    model.config.note = np.float32(0.25)
    path = models.save(model, tmp_path / "m")
    card = json.loads((path / "model.json").read_text())
    assert (card["spec"]["num_classes"], card["preprocess"]["max_length"]) == (2, 12)
    assert card["config"]["note"] == 0.25
    again = models.load(path)
    assert_same(again, model)
    assert again.spec == model.spec


def test_a_setting_that_json_does_not_know_is_refused_before_anything_is_written(tmp_path):
    model = tasks.tiny_bert()
    model.spec = models.ModelSpec("bert", None, 16, 2)
    model.config.odd = {1, 2}
    with pytest.raises(TypeError, match="cannot be written as JSON"):
        models.save(model, tmp_path / "m")
    assert not (tmp_path / "m").exists()
