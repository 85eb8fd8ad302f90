"""Labels that only look different, and cells with several: one class, or one sentence."""

import re

import pytest
from PIL import Image

import tl_course as tl
from tl_course.data.labels import holding_several, settle_labels
from tl_course.data.task import Problems
from tl_course.recipes import images, texts


def table(tmp_path, labels, *, each=6):
    """A table with so many different texts of each label."""
    lines = [f'"text {number} {place}","{label}"' for number in range(each) for place, label in enumerate(labels)]
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["what,mood", *lines]), encoding="utf-8")
    return file


LOOK_ALIKE = [
    ("1", "1.0"),
    ("1", "01"),
    ("1", "1,00"),
    ("pos", "pos\u200b"),
    ("pos", "\ufeffpos"),
    ("caf\u00e9", "cafe\u0301"),
    ("new york", "new\u00a0york"),
    ("new york", "new  york"),
    ("5", "\uff15"),
]


@pytest.mark.parametrize(("one", "other"), LOOK_ALIKE)
def test_labels_that_look_alike_are_one_class_and_named(tmp_path, one, other):
    file = table(tmp_path, [one, one, other, "else"])
    look = texts.look_over(file, "what", "mood")
    assert set(look.examples.class_names) == {one, "else"}
    assert look.examples.labels.bincount().tolist() in ([18, 6], [6, 18])
    [told] = look.findings.warnings
    said = f"Taken for one class: {one!r} (12 rows), {other!r} (6 rows, first in line 4) in column 'mood' of mine.csv."
    assert told == said
    with pytest.warns(UserWarning, match="Taken for one class"):
        task = tl.data.csv_text(file, text="what", label="mood")
    assert set(task.class_names) == {one, "else"}


@pytest.mark.parametrize(("one", "other"), [("Positive", "positive"), ("pos", "POS\u200b"), ("y", "Y")])
def test_labels_that_differ_in_capitals_are_refused_by_line(tmp_path, one, other):
    file = table(tmp_path, [one, other, "else"])
    for read in (texts.look_over, lambda *columns: tl.data.csv_text(columns[0], text="what", label="mood")):
        with pytest.raises(
            ValueError, match=r"\(line 2\) and .* \(line 3\) of column 'mood' .* differ in capitals only"
        ):
            read(file, "what", "mood")


@pytest.mark.parametrize(
    "labels",
    [
        ["1", "2", "10"],
        ["1.0", "2.0"],
        ["1", "1.5", "2"],
        ["a", "b", "n/a"],
        ["in|out", "yes"],
        ["a+", "a-", "a"],
        ["C", "C++"],
    ],
)
def test_labels_that_differ_stay_apart(tmp_path, labels):
    assert not settle_labels(labels, range(len(labels)), "x", Problems("raise"))[1]
    assert set(texts.look_over(table(tmp_path, labels), "what", "mood").examples.class_names) == set(labels)


@pytest.mark.parametrize(
    ("labels", "first"),
    [
        (["a", "b", "c", "a|b", "b|c"], "a|b"),
        (["a", "b", "a;b"], "a;b"),
        (["a", "b", "a, b"], "a, b"),
        (["a", "b", "B / A"], "B / A"),
        (["['a', 'b']", "['a']", "['b']"], "['a', 'b']"),
        (["Action|Comedy", "Action|Drama", "Drama", "Comedy"], "Action|Comedy"),
    ],
)
def test_cells_with_several_classes_are_named_or_left_out(tmp_path, labels, first):
    several = holding_several(labels)
    assert several[0] == first
    file = table(tmp_path, labels)
    message = f"{6 * len(several)} rows of column 'mood' of mine.csv with several classes in one cell (line "
    for read in (texts.look_over, lambda *columns: tl.data.csv_text(columns[0], text="what", label="mood")):
        with pytest.raises(ValueError, match=re.escape(message)) as caught:
            read(file, "what", "mood")
        assert repr(first) in str(caught.value)
    look = texts.look_over(file, "what", "mood", on_error="skip")
    assert set(look.examples.class_names) == set(labels) - set(several)
    assert look.findings.warnings == (f"Left out: {look.problems.notes[0]}",)


def test_many_combinations_are_several_classes_and_no_wrong_column(tmp_path):
    labels = [f"a{number}" for number in range(8)]
    labels += [f"{one}|{other}" for one in labels for other in labels if one < other]
    with pytest.raises(ValueError, match=r"84 rows of column 'mood' .* several classes in one cell"):
        texts.look_over(table(tmp_path, labels, each=3), "what", "mood")


def pictures(root, *folders):
    for number, folder in enumerate(folders):
        (root / folder).mkdir(parents=True)
        for place in range(5):
            Image.new("RGB", (16, 16), (10 * number, 20 * place, 77)).save(root / folder / f"{place}.png")


@pytest.mark.parametrize(
    ("one", "other"), [("Cat", "cat"), ("caf\u00e9", "cafe\u0301"), ("1", "01"), ("new york", "new\u00a0york")]
)
@pytest.mark.parametrize("split", [True, False])
def test_class_folders_that_look_alike_are_refused(tmp_path, one, other, split):
    if split:
        pictures(tmp_path, f"train/{one}", "train/dog", f"test/{other}", "test/dog")
    else:
        pictures(tmp_path, one, other, "dog")
    for read in (images.look_over, tl.data.image_folder):
        with pytest.raises(ValueError, match="look like one class") as told:
            read(tmp_path)
    if one == "caf\u00e9":  # written out, they would look the same in the message, too
        assert r"'caf\xe9'" in str(told.value)
        assert r"'cafe\u0301'" in str(told.value)


def test_letters_may_be_classes(tmp_path):
    pictures(tmp_path, "train/a", "train/A", "test/a", "test/A")
    assert images.look_over(tmp_path).examples.class_names == ("A", "a")
