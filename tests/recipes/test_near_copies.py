"""Near copies of pictures and texts are found, counted and kept on one side of the split; others are left alone."""

import io

import numpy
import pytest
import torch
from draws import seeds
from PIL import Image, ImageEnhance
from tasks import tiny_bert
from test_finetune import Page
from test_finetune_texts import phrases, write

from tl_course.data.own_texts import near_text_keys, plain_form
from tl_course.data.task import SPLITS
from tl_course.recipes import images, recipe, texts
from tl_course.recipes.near_copies import near_pictures
from tl_course.recipes.splitting import Examples, split_examples

SMALL = ("--model", "resnet_small", "--weights", "none", "--size", "32", "--steps", "0")


@pytest.fixture
def tl(tl, monkeypatch, tmp_path):
    monkeypatch.setenv("TL_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "PROBE_STEPS", 20)
    return tl


def scene(seed: int, side: int = 64) -> Image.Image:
    """A picture with something in it: coloured noise at several scales, as photographs have."""
    random = numpy.random.default_rng(seed)
    pixels = sum(
        numpy.asarray(
            Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype=numpy.uint8)).resize((side, side), 3),
            float,
        )
        for cells in (3, 6, 12)
    )
    return Image.fromarray((pixels / 3).astype(numpy.uint8))


def saved_again(image: Image.Image, way: str) -> Image.Image:
    if way == "resized":
        return image.resize((90, 90)).resize(image.size)
    if way == "mirrored":
        return saved_again(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "80")
    if way in ("lighter", "darker"):
        return ImageEnhance.Brightness(image).enhance({"lighter": 1.15, "darker": 0.7}[way])
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(way))
    return Image.open(buffer).convert("RGB")


def pixels_of(pictures) -> torch.Tensor:
    return torch.stack([torch.from_numpy(numpy.array(each)).movedim(-1, 0) for each in pictures])


# --- pictures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(3))
@pytest.mark.parametrize("way", ["95", "60", "resized", "lighter", "darker", "mirrored"])
def test_every_near_copy_is_found_and_no_other_picture(way, seed):
    pictures = [scene(100 * seed + number) for number in range(60)]
    found = near_pictures(pixels_of([*pictures, *(saved_again(each, way) for each in pictures[:30])]))
    assert found[60:] == found[:30]
    assert len(set(found)) == 60


def test_mirrored_pictures_of_two_classes_are_no_copies_and_one_that_is_its_own_mirror_image_neither():
    pictures = [scene(number) for number in range(9)]
    arrows = [scene(90), saved_again(scene(90), "mirrored")]
    even = numpy.asarray(scene(91)) // 2 + numpy.asarray(scene(91))[:, ::-1] // 2
    pixels = pixels_of([*pictures, *arrows, Image.fromarray(even)])
    labels = torch.zeros(12, dtype=torch.int64)
    assert near_pictures(pixels, labels) == [*range(10), 9, 10]
    labels[10] = 1
    assert near_pictures(pixels, labels) == list(range(12))


def test_flat_pictures_few_and_none_are_no_near_copies():
    flat = [Image.new("RGB", (32, 32), (value, value, value)) for value in (0, 100, 101, 255)]
    assert len(set(near_pictures(pixels_of([*flat, *(scene(number, 32) for number in range(9))])))) == 13
    assert near_pictures(torch.empty(0, 3, 32, 32, dtype=torch.uint8)) == []
    assert near_pictures(pixels_of([scene(0)])) == [0]


def folder_of(root, *, per_class: int = 12, part: str = "", first: int = 0):
    for number in range(per_class):
        for name in ("a", "b"):
            file = root / part / name / f"{number:02}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            scene(1000 * (name == "b") + first + number).save(file)
    return root


@pytest.mark.integration
@pytest.mark.parametrize("seed", seeds(2))
def test_copies_saved_again_stand_on_one_side_and_are_told_first(tl, tmp_path, seed):
    """JPEG copies of test pictures stood in training, and nothing was said."""
    root = folder_of(tmp_path / "mine")
    for name in ("a", "b"):
        for number in range(6):
            saved_again(Image.open(root / name / f"{number:02}.png"), "70").save(root / name / f"{number:02} copy.png")
    prepared = images.read(images.look_over(root), size=32, most_training=1000, seed=seed)
    side = {name.replace(" copy", ""): [] for part in SPLITS for name in prepared.names[part]}
    for part in SPLITS:
        for name in prepared.names[part]:
            side[name.replace(" copy", "")].append(part)
        names = [prepared.task.class_names[number] for number in getattr(prepared.task, part).labels.tolist()]
        assert names == [name[0] for name in prepared.names[part]]
        assert set(names) == {"a", "b"}
    assert sorted(map(len, side.values())) == [1] * 12 + [2] * 12
    assert all(len(set(parts)) == 1 for parts in side.values())
    for part in SPLITS:  # pixels went with their names
        for pixels, name in zip(getattr(prepared.task, part).inputs, prepared.names[part], strict=True):
            assert (pixels - images.read_image(root / name, 32)).abs().max() == 0
    code, out, _ = tl("finetune", root, *SMALL, "--seed", seed, "--force")
    assert code == 0
    said = "24 images are near copies of one another (saved again, resized, lighter or darker, mirrored), in 12 series"
    assert out.split("\n\n")[2].startswith("Near copies!  " + said)
    page = Page((tmp_path / "mine-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert page.text.split("Read this first")[1].strip().startswith(said)
    assert "a/00 copy.png = a/00.png" in page.text or "a/00.png = a/00 copy.png" in page.text


def test_the_test_does_not_depend_on_the_seed_where_there_are_near_copies(tmp_path):
    root = folder_of(tmp_path / "mine")
    saved_again(Image.open(root / "a" / "00.png"), "70").save(root / "a" / "copy.png")
    look = images.look_over(root)
    one, other = (images.read(look, size=32, most_training=1000, seed=seed).names for seed in (1, 2))
    assert sorted(one["test"]) == sorted(other["test"])
    assert sorted(one["validation"]) != sorted(other["validation"])


def test_in_a_folder_that_came_divided_the_copy_in_training_is_left_out(tmp_path):
    root = folder_of(tmp_path / "mine", part="train")
    folder_of(root, part="test", first=100, per_class=4)
    saved_again(Image.open(root / "test" / "a" / "00.png"), "70").save(root / "train" / "a" / "leaked.png")
    prepared = images.read(images.look_over(root), size=32, most_training=1000)
    assert "test/a/00.png" in prepared.names["test"]
    assert not [name for part in SPLITS for name in prepared.names[part] if "leaked" in name]
    assert "so 1 of them are left out of training or validation" in prepared.findings.leakage[0]
    assert len(prepared.task.test) == 8


def test_a_class_that_is_one_series_is_divided_and_told(tmp_path):
    root = folder_of(tmp_path / "mine")
    for number in range(12):
        saved_again(scene(0), str(95 - number)).save(root / "a" / f"{number:02}.png")
    prepared = images.read(images.look_over(root), size=32, most_training=1000)
    assert all(set(getattr(prepared.task, part).labels.tolist()) == {0, 1} for part in SPLITS)
    assert (
        "Not so in 'a': nearly all of it is one series, stands on both sides and flatters"
        in prepared.findings.leakage[0]
    )


# --- texts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "other",
    [
        "a good film",
        "A GOOD FILM",
        "a good film.",
        " a  good\tfilm ",
        "“a good film”…",
        "a good ﬁlm",
        "a good fi\u200blm",
    ],
)
def test_case_punctuation_spaces_and_form_make_no_other_text(other):
    assert plain_form(other) == plain_form("a good film")


@pytest.mark.parametrize("other", ["a good films", "no good film", "a good film 2", "a good film 👍", ""])
def test_another_word_number_or_sign_makes_another_text(other):
    assert plain_form(other) != plain_form("a good film")


@pytest.mark.parametrize("seed", seeds(3))
def test_the_keys_of_a_table_agree_with_the_plain_forms(seed):
    random = numpy.random.default_rng(seed)
    signs = list("aAbß 1½.,:-_👍👎ﬁe\u0301é\u200b\u00a0'")
    drawn = ["".join(random.choice(signs, random.integers(1, 5))) for _ in range(400)]
    keys, forms = near_text_keys(drawn), [plain_form(text) for text in drawn]
    assert len(set(forms)) < 400
    assert [keys.index(key) for key in keys] == [forms.index(form) for form in forms]


def test_marks_alone_are_kept_apart():
    assert len({plain_form(text) for text in (":-)", ":-(", "?", "!!", "👍")}) == 5
    assert plain_form("cafe\u0301") == plain_form("CAFÉ") != plain_form("cafe")


@pytest.mark.parametrize("seed", seeds(2))
@pytest.mark.parametrize("grouped", [False, True])
def test_texts_that_differ_in_case_or_a_full_stop_stand_on_one_side(tmp_path, seed, grouped):
    good = [[text, "5"] for text in phrases(30, 0, "good")]
    bad = [[text, "1"] for text in phrases(30, 1, "bad")]
    lines = [*good, *bad, *([f"{text.upper()}.", label] for text, label in good[:10] + bad[:10])]
    lines = [[*row, f"author {number % 40}"] for number, row in enumerate(lines)]
    file = write(tmp_path / "mine.csv", lines, head=("review", "stars", "who"))
    table = texts.look_over(file, "review", "stars", "who" if grouped else None)
    prepared = texts.read(table, tiny_bert().preprocess, most_training=1000, seed=seed)
    homes = {}
    for part in SPLITS:
        split = getattr(prepared.task, part)
        assert set(split.labels.tolist()) == {0, 1}
        for text in split.inputs:
            assert homes.setdefault(plain_form(text), part) == part
    assert len(homes) == 60
    assert prepared.findings.leakage[0].startswith(
        "40 texts are near copies of one another (but for case, punctuation, spaces"
    )
    assert len(prepared.lists["Near copies"]) == 20


def test_near_copies_with_other_labels_are_counted(tmp_path):
    lines = [[text, "5"] for text in phrases(12, 0, "good")] + [[text, "1"] for text in phrases(12, 1, "bad")]
    lines.append([f"{lines[0][0]}!", "1"])
    table = texts.look_over(write(tmp_path / "mine.csv", lines), "review", "stars")
    prepared = texts.read(table, tiny_bert().preprocess, most_training=1000)
    assert prepared.findings.leakage[0].endswith("In 1 of the series the labels differ.")


@pytest.mark.parametrize("seed", seeds(3))
def test_series_stay_whole_and_every_class_keeps_its_share(seed):
    draw = torch.Generator().manual_seed(seed)
    near = torch.randint(0, 150, (300,), generator=draw).tolist()
    labels = torch.tensor([number % 3 for number in near])
    split = split_examples(Examples(labels, ("a", "b", "c"), range(300), ["train"] * 300, near=near), most_training=999)
    homes = {}
    for part, share in zip(SPLITS, (0.64, 0.16, 0.2), strict=True):
        for position in split.positions[part].tolist():
            assert homes.setdefault(near[position], part) == part
        counts = labels[split.positions[part]].bincount(minlength=3) / labels.bincount(minlength=3)
        torch.testing.assert_close(counts, torch.full((3,), share), atol=0.06, rtol=0)
    assert split.near.apart == ()


@pytest.mark.parametrize("seed", seeds(9))
def test_authors_and_near_copies_stay_whole_together_and_every_part_gets_every_class(seed):
    draw = torch.Generator().manual_seed(seed)

    def number(below: int) -> list[int]:
        return torch.randint(below, (120,), generator=draw).tolist()

    labels, authors, near = torch.tensor(number(2)), number(40), number(1000)
    near[:20] = [1000 + position // 2 for position in range(20)]  # pairs of any two authors
    given = Examples(labels, ("a", "b"), range(120), ["train"] * 120, authors, near=near)
    split = split_examples(given, most_training=1000, seed=seed)
    side = {position: part for part in SPLITS for position in split.positions[part].tolist()}
    assert len(side) == 120
    assert split.near.apart == ()
    for kept_whole in (authors, near):
        for name in set(kept_whole):
            assert len({side[position] for position in range(120) if kept_whole[position] == name}) == 1
    for part in SPLITS:
        assert labels[split.positions[part]].unique().tolist() == [0, 1]


def test_copies_that_leave_too_few_are_named_also_where_there_are_near_copies():
    labels, names = torch.tensor([0] * 3 + [1] * 7), [f"line {position + 2}" for position in range(10)]
    keys = ["same", "same", *range(8)]
    given = Examples(labels, ("a", "b"), keys, ["train"] * 10, near=[0, 0, 0, *range(1, 8)], names=names)
    with pytest.raises(ValueError, match=r"but only 2 when copies are settled .*line 2 is the same as line 3"):
        split_examples(given, most_training=1000)
