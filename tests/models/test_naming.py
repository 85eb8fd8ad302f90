"""What a network's name means, and what a misspelled one is answered."""

import pytest

from tl_course import models
from tl_course.models.naming import Named, named


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("timm/convnext_nano.in12k_ft_in1k", Named("timm", "convnext_nano.in12k_ft_in1k")),
        ("timm/resnet10t", Named("timm", "resnet10t")),
        ("hf-hub:timm/resnet18.a1_in1k", Named("timm", "resnet18.a1_in1k")),
        ("hf/google/bert_uncased_L-2_H-128_A-2", Named("hub", "google/bert_uncased_L-2_H-128_A-2")),
        ("google/bert_uncased_L-2_H-128_A-2", Named("hub", "google/bert_uncased_L-2_H-128_A-2")),
        ("https://some.hub/google/bert_mini/tree/main", Named("hub", "google/bert_mini")),
        ("hf/timm/resnet10t", Named("timm", "resnet10t")),
        ("./mine", Named("folder", "mine")),
        ("/data/mine", Named("folder", "/data/mine")),
        ("local-dir:mine", Named("folder", "mine")),
        ("resnet_small", None),
        ("a/b/c", None),
    ],
)
def test_a_name_is_read_as_users_write_it(typed, meant):
    assert named(typed) == meant


def test_a_path_that_is_there_is_a_folder_and_any_other_the_hubs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets" / "mine").mkdir(parents=True)
    assert named("nets/mine") == Named("folder", "nets/mine")
    assert named("nets/other") == Named("hub", "nets/other")
    assert named("hf/nets/mine") == Named("hub", "nets/mine")


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("resnet_smal", r"no model 'resnet_smal' \(near it: resnet_small"),
        ("convnext_nano", r"\(near it: timm/convnext_nano\)"),
        ("convnext_nano.in12k", r"\(near it: timm/convnext_nano.in12k\)"),
        ("bert-base-uncased", r"\(near it: google-bert/bert-base-uncased\)"),
        ("roberta-base", r"\(near it: FacebookAI/roberta-base\)"),
        ("nothing-like-it-at-all", "no model 'nothing-like-it-at-all'; choose one of"),
        ("timm/convnext_nanoo", r"timm has no network 'convnext_nanoo' \(near it: timm/convnext_nano"),
        ("timm/resnet10t.a1", r"timm/resnet10t has no weights 'a1'; choose one of c3_in1k"),
        ("timm/test_mambaout.a1", r"timm/test_mambaout has no weights 'a1'; it has no weights at all"),
        ("./nowhere", "there is no folder nowhere"),
    ],
)
def test_a_misspelled_name_is_answered_with_near_ones(typed, told):
    with pytest.raises(ValueError, match=told) as caught:
        models.create(typed)
    assert "\n" not in str(caught.value)
