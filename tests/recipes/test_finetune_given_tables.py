"""`tl-course finetune` with tables of its own for the test and for validation."""

import csv

import pytest
import torch
from draws import seeds
from tasks import tiny_bert
from test_finetune import Page

from tl_course import models
from tl_course.data.own_texts import plain_form
from tl_course.models.zoo import equip
from tl_course.recipes import finetuning, recipe, texts

WORDS = ("a", "film", "good", "bad", "café", "so", "it", "was")


def phrases(count: int, seed: int) -> list[str]:
    """Different texts, none a near copy of another."""
    draw = torch.Generator().manual_seed(seed)
    found = []
    while len(found) < count:
        numbers = torch.randint(len(WORDS), (9,), generator=draw).tolist()
        text = " ".join(WORDS[number] for number in numbers)
        if text not in found:
            found.append(text)
    return found


def write(path, lines, *, head=("review", "stars"), delimiter=",", encoding="utf-8"):
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([head, *lines])
    return path


def labelled(found: list[str], start: int = 0) -> list[list[str]]:
    return [[text, "15"[number % 2]] for number, text in enumerate(found, start)]


def prepared(table):
    return texts.read(table, tiny_bert().preprocess, most_training=1_000)


@pytest.mark.parametrize(
    ("named", "encoding", "delimiter"),
    [("utf-8-sig", "utf-16", ";"), ("utf-8-sig", "utf-8-sig", "\t"), ("cp1252", "utf-8", ";"), ("utf-8", "utf-8", ",")],
)
def test_each_table_may_be_written_in_its_own_way(tmp_path, named, encoding, delimiter):
    found = phrases(30, 0)
    main = write(tmp_path / "mine.csv", labelled(found[:20]), encoding=named)
    test = write(tmp_path / "held.csv", labelled(found[20:]), delimiter=delimiter, encoding=encoding)
    table = texts.look_over(main, "review", "stars", test=test, encoding=named)
    assert table.texts == found
    made = prepared(table)
    assert made.task.test.inputs == found[20:]
    assert made.names["test"][:2] == ["line\N{NO-BREAK SPACE}2 of held.csv", "line\N{NO-BREAK SPACE}3 of held.csv"]
    assert sorted([*made.task.train.inputs, *made.task.validation.inputs]) == sorted(found[:20])
    assert any("held.csv is separated by" in fact and "10 rows for the test" in fact for fact in made.findings.facts)


@pytest.mark.parametrize("seed", seeds(3))
def test_what_the_test_shares_leaves_training(tmp_path, seed):
    draw = torch.Generator().manual_seed(seed)
    found = phrases(80, seed)
    authors = [f"author {number}" for number in torch.randint(30, (80,), generator=draw).tolist()]
    lines = [[text, label, who] for (text, label), who in zip(labelled(found), authors, strict=True)]
    held = [[*line[:2], f"other {number}"] for number, line in enumerate(lines[60:])]
    copied = torch.randperm(60, generator=draw)[:6].tolist()
    held += [[lines[number][0], lines[number][1], "copies"] for number in copied[:2]]
    held += [[f"{lines[number][0].upper()}!", lines[number][1], "copies"] for number in copied[2:4]]
    shared = {lines[number][2] for number in copied[4:]}
    held += [[f"it {number} it", lines[number][1], lines[number][2].upper()] for number in copied[4:]]
    head = ("review", "stars", "who")
    main, test = write(tmp_path / "mine.csv", lines[:60], head=head), write(tmp_path / "held.csv", held, head=head)
    table = texts.look_over(main, "review", "stars", "who", test=test)
    made = prepared(table)
    assert sorted(made.task.test.inputs) == sorted(line[0] for line in held)
    kept = [*made.task.train.inputs, *made.task.validation.inputs]
    assert not {*map(plain_form, kept)} & {*map(plain_form, made.task.test.inputs)}
    known = {plain_form(line[0]) for line in held}
    assert sorted(kept) == sorted(
        text for text, _, who in lines[:60] if who not in shared and plain_form(text) not in known
    )
    assert any("stand in more than one table" in sentence for sentence in made.findings.leakage)
    assert any("near copies" in sentence for sentence in made.findings.leakage)
    assert any("copies stood in two tables" in fact for fact in made.findings.facts)


def test_a_table_for_validation_is_the_whole_validation(tmp_path):
    found = phrases(40, 0)
    files = {
        part: write(tmp_path / f"{part}.csv", labelled(found[start:stop]))
        for part, start, stop in (("train", 0, 20), ("validation", 20, 28), ("test", 28, 40))
    }
    made = prepared(texts.look_over(files.pop("train"), "review", "stars", **files))
    assert made.task.train.inputs == found[:20]
    assert made.task.validation.inputs == found[20:28]
    assert made.task.test.inputs == found[28:]


def test_labels_are_settled_over_all_tables(tmp_path):
    found = phrases(30, 0)
    main = write(tmp_path / "mine.csv", labelled(found[:20]))
    test = write(tmp_path / "held.csv", [[text, f"{label}.0"] for text, label in labelled(found[20:])])
    table = texts.look_over(main, "review", "stars", test=test)
    assert table.examples.class_names == ("1", "5")
    assert any("first in line 2 of held.csv" in sentence for sentence in table.findings.warnings)


def test_a_class_that_training_lacks_is_named_or_left_out(tmp_path):
    found = phrases(30, 0)
    main = write(tmp_path / "mine.csv", labelled(found[:20]))
    test = write(tmp_path / "held.csv", [*labelled(found[20:28]), [found[28], "3"], [found[29], "3"]])
    with pytest.raises(ValueError, match=r"2 rows of held.csv with the class '3' \(first in line 10\), which mine.csv"):
        texts.look_over(main, "review", "stars", test=test)
    made = prepared(texts.look_over(main, "review", "stars", test=test, on_error="skip"))
    assert made.task.class_names == ("1", "5")
    assert made.task.test.inputs == found[20:28]
    assert any("2 rows of held.csv with the class '3'" in sentence for sentence in made.findings.warnings)


def test_a_test_without_a_class_is_a_test(tmp_path):
    found = phrases(24, 0)
    lines = [[*line, f"author {number}"] for number, line in enumerate(labelled(found))]
    head = ("review", "stars", "who")
    main = write(tmp_path / "mine.csv", lines[:20], head=head)
    test = write(tmp_path / "held.csv", [line for line in lines[20:] if line[1] == "5"], head=head)
    made = prepared(texts.look_over(main, "review", "stars", "who", test=test))
    assert made.task.test.labels.tolist() == [1, 1]


def test_groups_that_leave_nothing_to_learn_from_are_told(tmp_path):
    found = phrases(30, 0)
    lines = [[*line, f"shop {number % 3}"] for number, line in enumerate(labelled(found))]
    head = ("review", "stars", "shop")
    main, test = (
        write(tmp_path / name, part, head=head) for name, part in (("a.csv", lines[:20]), ("b.csv", lines[20:]))
    )
    with pytest.raises(ValueError, match=r"Class '1' .*a.csv.* has 10 examples for training, and all but 0"):
        prepared(texts.look_over(main, "review", "stars", "shop", test=test))


@pytest.mark.daily(3)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("mine.csv", "--test", "mine.csv"), "--test mine.csv is the very table to learn from"),
        (("mine.csv", "--test", "held.csv", "--validation", "held.csv"), "is the very table to choose by"),
        (("mine.csv", "--test", "none.csv"), "--test none.csv is not there; give a table"),
        (("mine.csv", "--validation", "held.pdf"), "--validation held.pdf is no table"),
        (("mine.csv", "--test", "other.csv"), "other.csv has no column 'review'; its columns are 'what'"),
        (("mine.csv", "--test", "empty.csv"), "empty.csv has no row with a text and a label"),
        (("mine.csv", "--test", "cp1252.csv"), "cp1252.csv, line 2, is not written in utf-8-sig"),
    ],
)
def test_tables_that_will_not_do(tl, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    found = phrases(30, 0)
    write(tmp_path / "mine.csv", labelled(found[:20]))
    write(tmp_path / "held.csv", labelled(found[20:]))
    write(tmp_path / "other.csv", [["a", "1"]], head=("what", "stars"))
    write(tmp_path / "empty.csv", [["", "1"]])
    write(tmp_path / "cp1252.csv", [["café", "1"], *labelled(found[20:])], encoding="cp1252")
    (tmp_path / "held.pdf").write_text("no table")
    code, _, err = tl("finetune", *arguments, "--text", "review", "--label", "stars")
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
    assert not (tmp_path / "mine-finetuned").exists()


def test_tables_beside_a_folder_of_images_are_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("test", "validation"):
        settings = finetuning.Settings(**{name: tmp_path / "held.csv"})
        with pytest.raises(ValueError, match=f"--{name} .* is for tables, and .*photos is a folder of images"):
            finetuning.finetune(tmp_path / "photos", settings)


@pytest.mark.integration
def test_the_command_line_takes_a_test_table(tl, tmp_path, monkeypatch):
    def create(name, **options):
        bert = tiny_bert()
        return equip(bert, name, options["weights"], bert.preprocess)

    monkeypatch.setattr(models, "create", create)
    monkeypatch.setattr(recipe, "PROBE_STEPS", 40)
    monkeypatch.chdir(tmp_path)
    found = phrases(40, 0)
    write(tmp_path / "mine.csv", labelled(found[:28]))
    write(tmp_path / "held.csv", labelled(found[26:]), delimiter=";")
    options = ("--text", "review", "--label", "stars", "--steps", "2", "--test", "held.csv")
    code, out, _ = tl("finetune", "mine.csv", *options)
    assert code == 0
    assert ", 14 test texts, 2 classes." in out
    assert "copies stood in two tables" in out
    page = Page((tmp_path / "mine-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert "of 14 test texts are recognised rightly" in page.text
    assert "held.csv is separated by semicolons and has 14 rows for the test." in page.text
