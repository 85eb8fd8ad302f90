"""Which folders are classes and which are splits: by their names, and never two that hold the same names."""

import itertools
import os
import re

import pytest
from PIL import Image

import tl_course as tl
from tl_course.data import class_folders
from tl_course.data.class_folders import listed_below, listed_images, part_of, split_folders
from tl_course.recipes import images, predicting


def pictures(root, folders, *, count=5):
    """Write different small pictures into each folder."""
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True, exist_ok=True)
        for place in range(count):
            Image.new("RGB", (16, 16), (10 * number, 20 * place, 77)).save(root / folder / f"{place}.png")
    return root


def pairs(*parts):
    return [f"{part}/{name}" for part in parts for name in ("ant", "bee")]


@pytest.mark.daily(5)
@pytest.mark.parametrize(
    ("train", "other", "part"),
    [
        ("Training", "Testing", "test"),
        ("Train", "Test", "test"),
        ("TRAIN", "VAL", "validation"),
        ("train", "eval", "test"),
        ("training_set", "test_set", "test"),
        ("seg_train", "seg_test", "test"),
        ("train", "valid", "validation"),
        ("train", "dev", "validation"),
        ("trainset", "holdout", "test"),
        ("train2017", "val2017", "validation"),
        ("TrainImages", "TestImages", "test"),
        ("训练集", "测试集", "test"),
    ],
)
def test_split_names_are_splits_in_any_case(tmp_path, train, other, part):
    pictures(tmp_path, pairs(train, other))
    assert split_folders(tmp_path) == {"train": tmp_path / train, part: tmp_path / other}
    look = images.look_over(tmp_path)
    assert look.examples.class_names == ("ant", "bee")
    assert sorted(set(look.examples.parts)) == sorted({"train", part})
    assert tl.data.image_folder(tmp_path).class_names == ("ant", "bee")


def test_eval_is_validation_beside_a_test(tmp_path):
    pictures(tmp_path, pairs("train", "eval", "test"))
    assert {part: folder.name for part, folder in split_folders(tmp_path).items()} == {
        "train": "train",
        "validation": "eval",
        "test": "test",
    }


@pytest.mark.parametrize(
    "name", ["training shoes", "test tube", "devil", "trains", "valley", "set", "images", "evaluator"]
)
def test_classes_that_only_begin_like_a_split_are_classes(name):
    assert part_of(name) is None


def test_one_class_may_be_called_train(tmp_path):
    pictures(tmp_path, ["train", "bus", "car"])
    assert images.look_over(tmp_path).examples.class_names == ("bus", "car", "train")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (pairs("amazon", "dslr"), "amazon and .*dslr both hold 'ant', 'bee', as splits do"),
        (pairs("fold1", "fold2", "fold3"), "fold1 and .*fold2 both hold"),
        (["old/Ant", "old/Bee", "new/ant", "new/bee", "new/cat"], "new and .*old both hold 'ant', 'bee'"),
        (pairs("train/x", "train/y", "test/x", "test/y"), "train.x and .*train.y both hold"),
        (pairs("test", "val"), "named like splits \\('test', 'val'\\) and none for training"),
        (pairs("train", "test", "Testing"), "Testing and .*test are both named like the split for test"),
        ([*pairs("train"), "test"], "test is named like a split and has 5 images but no folder for each class"),
        (["train", "test"], "train is named like a split and has 5 images but no folder"),
        ([*pairs("train"), "unlabelled"], "train is named like a split and holds 'ant', 'bee', and 'unlabelled'"),
        ([*pairs("train", "test"), "extra"], "The folder 'extra' in .* beside the splits 'train' and 'test'"),
    ],
)
def test_what_may_be_splits_is_never_taken_for_classes(tmp_path, folders, message):
    pictures(tmp_path, folders)
    with pytest.raises(ValueError, match=message):
        images.look_over(tmp_path)
    with pytest.raises(ValueError, match=message):
        tl.data.image_folder(tmp_path)


def test_a_class_may_hold_folders_of_its_own(tmp_path):
    """One common name, as in Tiny ImageNet, or names of patients."""
    pictures(tmp_path, ["ant/images", "bee/images"])
    assert images.look_over(tmp_path).examples.class_names == ("ant", "bee")
    pictures(tmp_path, ["ant/patient 1", "ant/patient 2", "bee/patient 3", "bee/patient 4"])
    assert len(listed_images(tmp_path)) == 30


def test_an_empty_split_is_drawn_from_training(tmp_path):
    pictures(tmp_path, pairs("train", "test"))
    (tmp_path / "val").mkdir()
    assert sorted(split_folders(tmp_path)) == ["test", "train"]
    assert len(tl.data.image_folder(tmp_path).validation) == 2


def test_images_of_no_class_are_told(tmp_path):
    pictures(tmp_path, ["ant", "bee", "."])
    told = f"5 images of no class, in no class folder of {tmp_path} (the first is 0.png)"
    assert images.look_over(tmp_path).problems.notes == (f"{told}.",)
    with pytest.warns(UserWarning, match=re.escape(told)):
        tl.data.image_folder(tmp_path)


def test_a_folder_beside_the_splits_can_be_left_out(tmp_path):
    pictures(tmp_path, [*pairs("train", "test"), "extra"])
    look = images.look_over(tmp_path, "skip")
    assert look.examples.class_names == ("ant", "bee")
    assert "The folder 'extra'" in look.problems.notes[0]


@pytest.mark.parametrize(
    ("suffix", "message"),
    [
        (".txt", "holds 10 .txt files among 11, which are no images; put texts into one table"),
        (".mp3", "holds 10 .mp3 files among 11, which are no images; give images, such as"),
        (".npy", "holds 10 .npy files among 11, which are no images; give images"),
    ],
)
def test_a_folder_of_other_files_is_called_what_it_is(tmp_path, suffix, message):
    pictures(tmp_path, ["pos"], count=1)
    for number in range(10):
        (tmp_path / ("pos", "neg")[number % 2]).mkdir(exist_ok=True)
        (tmp_path / ("pos", "neg")[number % 2] / f"{number}{suffix}").write_text("a fine film")
    for read in (images.look_over, tl.data.image_folder, predicting._files):
        with pytest.raises(ValueError, match=re.escape(message)):
            read(tmp_path)


def listed(root):
    return [file.relative_to(root).as_posix() for file in listed_below(root)]


def test_linked_folders_are_read_once_and_never_in_a_circle(tmp_path):
    pictures(tmp_path / "store", ["far"], count=2)
    pictures(tmp_path / "mine", ["cat", "dog"], count=2)
    cat = tmp_path / "mine" / "cat"
    (cat / "more").symlink_to(tmp_path / "store" / "far")
    (cat / "again").symlink_to(tmp_path / "store" / "far")
    for name, target in (("loop", cat), ("up", tmp_path / "mine"), ("top", tmp_path)):
        (cat / name).symlink_to(target)
    assert len(listed(cat)) == 4
    (tmp_path / "outside").symlink_to(tmp_path / "store" / "far")
    (tmp_path / "store" / "far" / "back").symlink_to(tmp_path / "store")
    assert len(listed(tmp_path / "outside")) == 2


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    pictures(tmp_path / "mine", ["cat", "dog"])
    (tmp_path / "mine" / "cat" / "9.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ValueError, match=r"9\.png is a link to .*gone\.png, which is not there; copy the image there"):
        tl.data.image_folder(tmp_path / "mine")
    with pytest.raises(
        ValueError, match="which is not there; copy the image there or remove it, or pass --on-error skip"
    ):
        images.read(images.look_over(tmp_path / "mine"), size=16, most_training=100)


def test_a_folder_that_cannot_be_opened_is_named(tmp_path, monkeypatch):
    pictures(tmp_path / "mine", ["cat", "dog"])
    real = os.scandir

    def scandir(place):
        if str(place).endswith("dog"):
            raise PermissionError(13, "Permission denied", str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match=r"The folder .*dog cannot be opened \(Permission denied\); allow it"):
        images.look_over(tmp_path / "mine")


def test_a_folder_of_annotations_beside_the_images_is_no_class(tmp_path):
    pictures(tmp_path / "mine" / "images", ["cat", "dog"])
    (tmp_path / "mine" / "annotations").mkdir()
    (tmp_path / "mine" / "annotations" / "1.xml").write_text("<a/>")
    with pytest.raises(
        ValueError, match=r"mine holds images only in .*images, whose subfolders may be the classes; give"
    ):
        images.look_over(tmp_path / "mine")


def test_images_without_class_folders_are_counted(tmp_path):
    pictures(tmp_path, ["mine"])
    with pytest.raises(ValueError, match="mine has 5 images and no class folders; put the images of each class"):
        images.look_over(tmp_path / "mine")


def test_images_with_a_text_beside_each_are_images(tmp_path):
    pictures(tmp_path, ["ant", "bee"])
    for file in list(tmp_path.rglob("*.png")):
        file.with_suffix(".txt").write_text("0 0.5 0.5 1 1")
    assert len(images.look_over(tmp_path).files) == 20


def test_a_folder_with_a_table_or_texts_and_no_class_is_told_so(tmp_path):
    (tmp_path / "a.txt").write_text("a fine film")
    with pytest.raises(ValueError, match=r"holds 1 \.txt files among 1, which are no images"):
        images.look_over(tmp_path)
    (tmp_path / "mine.csv").write_text("text,label")
    with pytest.raises(
        ValueError, match=r"no subfolders with images, but a table; give .*mine\.csv with --text and --label"
    ):
        images.look_over(tmp_path)


def test_thousands_of_classes_are_not_compared_each_with_each(tmp_path, monkeypatch):
    for number in range(40):
        (tmp_path / f"class{number}" / "one").mkdir(parents=True)
        (tmp_path / f"class{number}" / "one" / "1.png").touch()
    compared = []

    def combinations(given, size):
        for each in itertools.combinations(given, size):
            compared.append(each)
            yield each

    monkeypatch.setattr(class_folders, "combinations", combinations)
    assert class_folders.split_folders(tmp_path) == {"train": tmp_path}
    assert not compared
