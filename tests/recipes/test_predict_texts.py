"""`tl-course predict` with a model of texts: what is on disk is read or refused, and tables come back as they were."""

import csv

import pytest
from tasks import tiny_bert

from tl_course import models
from tl_course.models.zoo import equip
from tl_course.recipes.predicting import looks_like_a_path


@pytest.fixture
def saved(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bert = tiny_bert()
    return models.save(equip(bert, "minilm", None, bert.preprocess), tmp_path / "model", class_names=["no", "yes"])


def write(name, *lines, encoding="utf-8"):
    with open(name, "wb") as stream:
        stream.write("\n".join(lines).encode(encoding))


def answers(name="answers.csv"):
    with open(name, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def refused(tl, *arguments):
    code, out, err = tl("predict", "model", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), (arguments, out, err)
    return err


@pytest.mark.daily(5)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("new.txt", "new.txt is a file; save it as a table (CSV UTF-8) and name its column of texts, --text COLUMN"),
        ("sheet.xlsx", "sheet.xlsx is a file; save it as a table"),
        ("notes", "notes is a file; save it"),
        ("reviews", "reviews is a folder, and this model was trained on texts"),
        ("reviews/", "reviews/ is a folder"),
        ("reviews/one.txt", "reviews/one.txt is a file"),
        ("reviews/two", "There is no file or folder reviews/two; correct the path, or write a full stop"),
        ("typo.csv", "There is no file or folder typo.csv"),
        ("my new reviews.csv", "There is no file or folder my new reviews.csv"),
        ("./typo", "There is no file or folder ./typo"),
        ("/no/such/place", "There is no file or folder /no/such/place"),
        ("~/typo.txt", "There is no file or folder ~/typo.txt"),
        ("*.csv", "There is no file or folder *.csv"),
        ("typo/", "There is no file or folder typo/"),
        ("C:\\new\\texts", "There is no file or folder C:\\new\\texts"),
        ("photo.JPG", "There is no file or folder photo.JPG"),
    ],
)
def test_a_path_is_never_taken_for_a_text(tl, saved, tmp_path, given, message):
    (tmp_path / "reviews").mkdir()
    for name in ("new.txt", "sheet.xlsx", "notes", "reviews/one.txt"):
        write(name, "a good film")
    assert message in refused(tl, given)


@pytest.mark.daily(5)
@pytest.mark.parametrize(
    "text",
    [
        "A fine film.",
        "10/10",
        "and/or",
        "good",
        "It is based on a book, see plot.txt and more",
        "Fine...",
        "see www.example.org for more of it",
        "first line\nsee plot.txt",
        "a" * 5000,
        "so good/so bad",
        "What?!",
        "\0",
    ],
)
def test_a_text_is_never_taken_for_a_path(saved, text):
    assert not looks_like_a_path(text)


def test_what_ends_with_a_full_stop_is_a_text(tl, saved):
    assert tl("predict", "model", "typo.csv.", "10/10", "a" * 5000)[0] == 0


def test_a_blank_row_stays_blank_and_other_columns_are_passed_through(tl, saved):
    write("new.csv", "id,review,when", "7,a good film,May", "8,,June", "9, ,July", "10,nan,", "11,bad,August")
    code, out, _ = tl("predict", "model", "new.csv", "--text", "review", "--csv", "answers.csv", "--top", "1")
    assert code == 0
    assert "Skipped: 3 rows of new.csv without a text, left without an answer (lines 3, 4, 5)." in out
    assert "2 answers are in answers.csv." in out
    found = answers()
    assert list(found[0]) == ["input", "id", "when", "class_1", "probability_1"]
    assert [row["id"] for row in found] == ["7", "8", "9", "10", "11"]
    assert [row["when"] for row in found] == ["May", "June", "July", "", "August"]
    assert [bool(row["class_1"]) for row in found] == [True, False, False, False, True]
    assert [bool(row["probability_1"]) for row in found] == [True, False, False, False, True]
    code, out, _ = tl("predict", "model", "new.csv", "--text", "review", "--top", "1")
    assert out.splitlines()[2] == "\t(no text)"


def test_the_answers_are_the_same_beside_blank_rows(tl, saved):
    write("new.csv", "review", "a good film", "bad", "a film")
    write("gaps.csv", "id,review", "1,", "2,a good film", "3,", "4,bad", "5,a film", "6,")
    tl("predict", "model", "new.csv", "--text", "review", "--csv", "one.csv")
    tl("predict", "model", "gaps.csv", "--text", "review", "--csv", "two.csv")
    given = [row for row in answers("two.csv") if row["class_1"]]
    assert [row.pop("id") for row in given] == ["2", "4", "5"]
    assert given == answers("one.csv")


def test_tables_are_read_as_for_training(tl, saved):
    write("cp.csv", "id;review", "1;très bon", encoding="cp1252")
    assert "is not written in utf-8-sig; save the file as UTF-8" in refused(tl, "cp.csv", "--text", "review")
    assert tl("predict", "model", "cp.csv", "--text", "review", "--encoding", "cp1252", "--csv", "answers.csv")[0] == 0
    assert answers()[0]["input"] == "très bon"
    write("wide.csv", "sep=\t", "id\treview", "1\ttrès bon", encoding="utf-16")
    assert tl("predict", "model", "wide.csv", "--text", "review")[1].startswith("très bon\t")
    assert "There is no encoding 'klingon'" in refused(tl, "cp.csv", "--text", "review", "--encoding", "klingon")


def test_a_row_with_too_many_cells_is_named_or_left_without_an_answer(tl, saved):
    write("new.csv", "id,review", "1,good, really", "2,bad")
    assert "new.csv, line 2, has 3 cells, and the header has 2" in refused(tl, "new.csv", "--text", "review")
    code, out, _ = tl("predict", "model", "new.csv", "--text", "review", "--on-error", "skip", "--csv", "answers.csv")
    assert code == 0
    assert "Skipped: new.csv, line 2, has 3 cells" in out
    assert [(row["id"], bool(row["class_1"])) for row in answers()] == [("1", False), ("2", True)]


def test_columns_of_several_tables_and_columns_called_like_the_answers(tl, saved):
    write("one.csv", "id,review,class_1", "1,good,x")
    write("two.csv", "review,id,input,id", "bad,2,y,z")
    assert (
        tl("predict", "model", "one.csv", "two.csv", "--text", "review", "--top", "1", "--csv", "answers.csv")[0] == 0
    )
    first, second = answers()
    assert list(first) == ["input", "id", "class_1_2", "input_2", "id_2", "class_1", "probability_1"]
    assert (first["id"], first["class_1_2"], first["input_2"]) == ("1", "x", "")
    assert (second["id"], second["class_1_2"], second["input_2"], second["id_2"]) == ("2", "", "y", "z")
    assert first["class_1"] in ("no", "yes")


@pytest.mark.daily(2)
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("reviews", "reviews is a folder; with --text give the paths of tables"),
        ("gone.csv", "There is no file gone.csv; with --text give the paths of tables"),
        ("empty.csv", "empty.csv has no row below its header"),
        ("sheet.csv", "sheet.csv is not a text file"),
        ("twice.csv", "twice.csv has more than one column 'review' (numbers 1 and 3)"),
    ],
)
def test_tables_that_cannot_be_used_are_named(tl, saved, tmp_path, given, message):
    (tmp_path / "reviews").mkdir()
    write("empty.csv", "id,review", "")
    write("twice.csv", "review,id, review", "good,1,bad")
    (tmp_path / "sheet.csv").write_bytes(b"PK\x03\x04\0\0")
    assert message in refused(tl, given, "--text", "review")
