"""What was found in the data stands in one table, before anything is trained and in the report; one can stop there."""

import dataclasses

import numpy
import pytest
import torch
from draws import seeds
from PIL import Image
from tasks import images as image_task
from tasks import tiny_bert
from test_finetune import Page
from test_finetune_texts import phrases, write
from test_near_copies import folder_of, saved_again, scene

from tl_course.data.own_texts import plain_form
from tl_course.data.task import SPLITS
from tl_course.recipes import images, recipe, texts
from tl_course.recipes.examination import as_text, class_rows
from tl_course.recipes.findings import Findings
from tl_course.recipes.prepared import Prepared

SMALL = ("--model", "resnet_small", "--weights", "none", "--size", "16", "--steps", "0")


@pytest.fixture
def tl(tl, monkeypatch, tmp_path):
    monkeypatch.setenv("TL_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "PROBE_STEPS", 20)
    return tl


@pytest.fixture
def uneven(tmp_path):
    """A folder with something to say: a copy, a near copy, two sizes, a broken file, a file of no class."""
    root = folder_of(tmp_path / "mine")
    (root / "a" / "copy.png").write_bytes((root / "a" / "03.png").read_bytes())
    saved_again(Image.open(root / "b" / "04.png"), "70").save(root / "b" / "again.png")
    scene(77, side=80).save(root / "a" / "large.png")
    (root / "b" / "broken.png").write_bytes(b"GIF8")
    scene(78).save(root / "loose.png")
    return root


def test_only_looking_shows_the_table_and_writes_nothing(tl, uneven, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = tl("finetune", uneven, *SMALL, "--on-error", "skip", "--only-look")
    assert code == 0
    assert sorted(tmp_path.rglob("*")) == before
    assert "features" not in out
    _, classes, found, end = out.split("\n\n")
    assert [line.split() for line in classes.splitlines()[:3]] == [
        ["Class", "Found", "Training", "Validation", "Test"],
        ["a", "14", *[str(count) for count in counts_of(classes, "a")]],
        ["b", "14", *[str(count) for count in counts_of(classes, "b")]],
    ]
    assert sum(counts_of(classes, "a")) == 13  # without the copy
    assert sum(counts_of(classes, "b")) == 13  # without the broken one
    topics = [line[:13].strip() for line in found.splitlines()]
    assert topics == ["Near copies!", "Relatives!", "Left out!", "Copies:", "Sizes:", "Shape:"]
    assert "From 64×64 to 80×80 pixels, the shorter side 64 as a rule." in found
    assert "Near copies: b/04.png = b/again.png" in end
    assert "loose.png" in end
    assert end.endswith("That is all that was asked for: nothing was trained or written.\n")


def counts_of(table: str, name: str) -> list[int]:
    [line] = [line for line in table.splitlines() if line.startswith(f"{name} ")]
    return list(map(int, line.split()[2:]))


def test_a_mistake_is_still_one_sentence_when_only_looking(tl, uneven):
    code, _, err = tl("finetune", uneven, *SMALL, "--only-look")
    assert (code, err.count("\n")) == (2, 1)
    assert "broken.png" in err


@pytest.mark.integration
def test_console_and_report_tell_the_same(tl, uneven, tmp_path):
    code, out, _ = tl("finetune", uneven, *SMALL, "--on-error", "skip")
    assert code == 0
    text = " ".join(Page((tmp_path / "mine-finetuned" / "report.html").read_text(encoding="utf-8")).text.split())
    _, classes, found, _ = out.split("\n\n")
    for line in found.splitlines():
        assert line[13:].strip() in text
    assert "".join(classes.split()) in text.replace(" ", "")


def test_texts_have_lengths_groups_and_labels_in_the_table(tmp_path):
    rows = [
        [text, "1.0" if number % 3 else "1", f"w{number % 7}"] for number, text in enumerate(phrases(40, 0, "good"))
    ]
    rows += [[text, "0", f"w{number % 7}"] for number, text in enumerate(phrases(40, 1, "bad"))]
    write(tmp_path / "mine.csv", rows, head=("what", "mood", "who"))
    table = texts.look_over(tmp_path / "mine.csv", "what", "mood", "who")
    prepared = texts.read(table, tiny_bert().preprocess, most_training=1000)
    found = as_text(prepared).split("\n\n")[1]
    assert [line.split()[0] for line in found.splitlines()] == ["Labels!", "Table:", "Groups:", "Lengths:"]
    assert "Texts have 6 to 12 tokens, half of them" in found
    assert [row[:2] for row in class_rows(prepared)] == [("0", 40), ("1.0", 40)]


# --- chains ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", seeds(3))
def test_groups_that_near_copies_tie_into_one_large_set_are_divided_alone(tmp_path, seed):
    """Ten authors quote one another: they became one set, and next to nothing was left to test, without a word."""
    good, bad = (phrases(60, seed, word) for word in ("good", "bad"))
    rows = [[text, "np"[number % 2], f"w{number // 6}"] for number, text in enumerate(good)]
    rows += [[good[6 * number].upper(), "n", f"w{number + 1}"] for number in range(9)]
    rows += [[text, "np"[number % 2], f"v{number // 4}"] for number, text in enumerate(bad[:24])]
    write(tmp_path / "mine.csv", rows, head=("what", "mood", "who"))
    table = texts.look_over(tmp_path / "mine.csv", "what", "mood", "who")
    prepared = texts.read(table, tiny_bert().preprocess, most_training=1000, seed=seed)
    told = prepared.findings.leakage[0]
    assert "would tie 10 groups into one set of most texts, so groups alone were divided" in told
    assert len(prepared.task.test) >= 0.15 * len(table.texts)
    home, writers = {}, {}
    places = {name.replace("\N{NO-BREAK SPACE}", " "): part for part in SPLITS for name in prepared.names[part]}
    for text, place, writer in zip(table.texts, table.examples.names, table.examples.groups, strict=True):
        if place in places:
            assert home.setdefault(plain_form(text), places[place]) == places[place]
            assert writers.setdefault(writer, places[place]) == places[place]
    lost = len(table.texts) - len(places)
    assert 0 < lost <= 9
    assert f"and {lost} of the near copies are left out" in told


def test_one_long_series_of_pictures_is_told(tmp_path):
    root = folder_of(tmp_path / "mine", per_class=6)
    for name in ("a", "b"):
        for number in range(8):
            saved_again(scene(5), str(95 - 5 * number - (name == "b"))).save(root / name / f"film {number}.png")
    prepared = images.read(images.look_over(root), size=32, most_training=1000)
    [told] = [sentence for sentence in prepared.findings.warnings if "series" in sentence]
    assert told.startswith("One series of near copies holds 17 of 28 images and stands on one side, so there are ")


# --- how files were saved ----------------------------------------------------------------------------------------


@pytest.mark.daily(4)
@pytest.mark.parametrize(
    ("mine", "theirs", "told"),
    [
        (("png", "RGB"), ("jpg", "RGB"), "'a' is PNG and 'b' is JPEG"),
        (("png", "RGB"), ("png", "L"), "'a' is PNG and 'b' is PNG in grey"),
        (("png", "RGBA"), ("png", "RGB"), "'a' is PNG with transparency and 'b' is PNG"),
        (("png", "RGB"), ("png", "RGB"), None),
    ],
)
@pytest.mark.parametrize("one_other", [False, True])
def test_classes_that_were_saved_in_different_ways_are_told(tmp_path, mine, theirs, told, one_other):
    for number in range(8):
        for name, (suffix, mode) in (("a", mine), ("b", theirs)):
            (tmp_path / "mine" / name).mkdir(parents=True, exist_ok=True)
            if one_other and number == 7:
                suffix, mode = ("jpg", "L") if name == "a" else mine
            image = scene(number + 100 * (name == "b")).convert(mode)
            image.save(tmp_path / "mine" / name / f"{number}.{suffix}")
    prepared = images.read(images.look_over(tmp_path / "mine"), size=16, most_training=100)
    found = [sentence for sentence in prepared.findings.leakage if "How files were saved" in sentence]
    assert len(found) == bool(told and not one_other)
    if found:
        assert told in found[0]


# --- the table itself --------------------------------------------------------------------------------------------


def prepared_of(names, **more) -> Prepared:
    task = dataclasses.replace(image_task(), class_names=tuple(names))
    return Prepared(task, {}, **more)


def test_names_that_a_terminal_obeys_are_escaped_and_markup_is_text():
    findings = Findings()
    findings.tell("Copies", "a [bold]b[/bold] :smile: \x1b[31mred\nline")
    text = as_text(prepared_of(["[red]x", "new\nline", "\u202eabc"], findings=findings))
    assert "[red]x " in text
    assert "new\\nline " in text
    assert "\\u202eabc " in text
    assert "Copies:  a [bold]b[/bold] :smile: \\x1b[31mred\\nline" in text


def test_lines_are_broken_for_a_terminal_only(monkeypatch):
    findings = Findings()
    findings.tell("Copies", "word " * 60)
    prepared = prepared_of("abc", findings=findings)
    assert max(map(len, as_text(prepared).splitlines())) > 290
    narrow = as_text(prepared, width=60)
    assert max(map(len, narrow.splitlines())) <= 60
    assert narrow.count("word") == 60


def test_of_very_many_classes_the_smallest_are_shown():
    labels = torch.tensor([number for number in range(100) for _ in range(3 + number)])
    task = image_task()
    part = dataclasses.replace(task.train, inputs=torch.zeros(len(labels), 1), labels=labels, groups=None)
    names = tuple(map(str, numpy.random.default_rng(0).permutation(100)))
    task = dataclasses.replace(task, class_names=names, train=part, validation=part, test=part)
    lines = as_text(Prepared(task, {})).splitlines()
    assert len(lines) == 1 + 8 + 1 + 1
    assert [line.split()[:2] for line in lines[1:3]] == [[names[0], "9"], [names[1], "12"]]
    assert lines[-2].startswith("… and 92 larger ones")
    assert lines[-1].split() == ["all", f"{3 * len(labels):,}", *[f"{len(labels):,}"] * 3]
