"""`tl-course finetune` and `tl-course predict` on tables of texts: clean, unbalanced with copies, and broken ones."""

import csv
from pathlib import Path

import pytest
import torch
from tasks import tiny_bert
from test_finetune import Page

from tl_course import models
from tl_course.models.zoo import equip
from tl_course.recipes import planning, recipe, texts

COLUMNS = ("--text", "review", "--label", "stars")
QUICK = ("--steps", "2")


@pytest.fixture
def tl(tl, monkeypatch, tmp_path):
    """Run the command line in this process, in a folder of its own, with a BERT of two small layers."""

    def create(name, **options):
        bert = tiny_bert()
        return equip(bert, name, options["weights"], bert.preprocess)

    monkeypatch.setattr(models, "create", create)
    monkeypatch.setenv("TL_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recipe, "PROBE_STEPS", 40)
    return tl


def phrases(count: int, seed: int, word: str) -> list[str]:
    """Different texts that all hold one word."""
    draw = torch.Generator().manual_seed(seed)
    found = set()
    while len(found) < count:
        length = int(torch.randint(2, 9, (1,), generator=draw))
        words = ["a" if bit else "film" for bit in torch.randint(0, 2, (length,), generator=draw).tolist()]
        found.add(" ".join([*words, word, *words[:1]]))
    return sorted(found)


def rows(positive: int = 30, negative: int = 30) -> list[list[str]]:
    return [[text, "5"] for text in phrases(positive, 0, "good")] + [
        [text, "1"] for text in phrases(negative, 1, "bad")
    ]


def write(path: Path, lines: list[list[str]], *, head=("review", "stars"), delimiter=",", encoding="utf-8") -> Path:
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows([head, *lines])
    return path


@pytest.mark.integration
def test_a_table_becomes_a_report_and_a_model_that_predicts(tl, tmp_path):
    write(tmp_path / "mine.csv", rows())
    code, out, _ = tl("finetune", "mine.csv", *COLUMNS, *QUICK)
    assert code == 0
    assert "mine: 38 train, 10 validation, 12 test texts, 2 classes." in out
    assert "Test accuracy: " in out
    page = Page((tmp_path / "mine-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert "of 12 test texts are recognised rightly" in page.text
    assert "tl-course finetune mine.csv --text review --label stars --steps 2" in page.text
    code, out, _ = tl("predict", "mine-finetuned", "a good film", "a bad film")
    assert code == 0
    assert [line.split("\t")[0] for line in out.splitlines()] == ["a good film", "a bad film"]
    write(tmp_path / "new.csv", [["good a film", "x"], ["bad, a film", "y"]])
    code, out, _ = tl("predict", "mine-finetuned", "new.csv", "--text", "review", "--csv", "answers.csv", "--top", "1")
    assert code == 0
    with (tmp_path / "answers.csv").open(encoding="utf-8", newline="") as stream:
        found = list(csv.DictReader(stream))
    assert [row["input"] for row in found] == ["good a film", "bad, a film"]
    assert all(row["class_1"] in ("1", "5") for row in found)


@pytest.mark.full
def test_unbalanced_with_copies_and_empty_rows(tl, tmp_path):
    lines = rows(60, 12)
    extra = [lines[0], lines[0], [lines[1][0], "1"], ["", "5"], ["  ", "1"], ["a film", ""]]
    write(tmp_path / "mine.csv", lines + extra)
    code, out, _ = tl("finetune", "mine.csv", *COLUMNS, *QUICK)
    assert code == 0
    assert "separated by commas and has 78 rows." in out
    assert "3 rows left out for having no text or no label (lines 77, 78, 79)." in out
    assert "2 texts left out as a copy of another with the same label" in out
    assert "1 text stood in the table with different labels" in out
    assert "macro F1" in out
    page = Page((tmp_path / "mine-finetuned" / "report.html").read_text(encoding="utf-8"))
    assert "lines 3, 76" in page.text
    assert "The classes are uneven" in page.text


def test_a_column_that_is_called_encoding_may_have_empty_rows(tmp_path):
    lines = [*rows(5, 5), ["", "1"], ["nan", "5"]]
    file = write(tmp_path / "mine.csv", lines, head=("encoding", "stars"))
    table = texts.look_over(file, "encoding", "stars")
    assert len(table.texts) == 10
    assert "2 rows left out for having no text or no label (lines 12, 13)." in table.findings.facts


@pytest.mark.parametrize(
    ("delimiter", "name", "encoding"),
    [(",", "a.csv", "utf-8"), (";", "a.csv", "utf-8-sig"), ("\t", "a.tsv", "utf-8"), ("\t", "a.txt", "utf-8")],
)
def test_separators_and_byte_order_marks_are_found(tmp_path, delimiter, name, encoding):
    lines = [[f"{text}, ; “so”", label] for text, label in rows(6, 6)]
    table = texts.look_over(write(tmp_path / name, lines, delimiter=delimiter, encoding=encoding), "review", "stars")
    assert table.texts == [text for text, _ in lines]
    assert table.examples.class_names == ("1", "5")
    assert table.lines == list(range(2, 14))


def test_groups_stay_together(tl, tmp_path):
    lines = [[*row, f"author {number % 20}"] for number, row in enumerate(rows(40, 40))]
    file = write(tmp_path / "mine.csv", lines, head=("review", "stars", "who"))
    table = texts.look_over(file, "review", "stars", "who")
    prepared = texts.read(table, tiny_bert().preprocess, most_training=1000)
    author = {text: who for text, _, who in lines}
    authors = [
        {author[text] for text in getattr(prepared.task, part).inputs} for part in ("train", "validation", "test")
    ]
    assert sum(map(len, authors)) == len(set.union(*authors)) == 20
    assert "Texts with the same 'who' stand on one side: 20 groups." in prepared.findings.facts


def test_blank_groups_are_groups_of_their_own_and_one_large_group_is_told(tmp_path):
    lines = [[*row, ("Ann", " ann", "ANN\u200b")[number % 3]] for number, row in enumerate(rows(40, 40))]
    few = [*phrases(8, 5, "good film"), *phrases(8, 6, "bad film")]
    lines += [
        [text, "5" if "good" in text else "1", ("", " ", "nan", "-")[number % 4]] for number, text in enumerate(few)
    ]
    file = write(tmp_path / "mine.csv", lines, head=("review", "stars", "who"))
    table = texts.look_over(file, "review", "stars", "who")
    assert len(table.texts) == 96
    assert (
        "Texts with the same 'who' stand on one side: 2 groups, and 12 texts without one, each by itself "
        "(lines 82, 83, 84, 86, 87 and 7 more)." in table.findings.facts
    )
    prepared = texts.read(table, tiny_bert().preprocess, most_training=1000)
    for part in ("train", "validation", "test"):
        assert getattr(prepared.task, part).labels.bincount().min() > 0
    assert not set(prepared.task.test.inputs) & {line[0] for line in lines[:80]}
    [told] = [warning for warning in prepared.findings.warnings if "One group" in warning]
    assert told.startswith("One group, 'ann', holds 80 of 96 texts and stands on one side, so there are")


def test_a_class_that_is_left_out_as_blank_is_told(tmp_path):
    write(tmp_path / "mine.csv", [[text, {"1": "nan"}.get(stars, stars)] for text, stars in rows()])
    with pytest.raises(
        ValueError, match=r"\(30 rows left out for having no text or no label .*\) has only the class '5'"
    ):
        texts.look_over(tmp_path / "mine.csv", "review", "stars")


def test_groups_that_are_the_classes_are_refused(tmp_path):
    file = write(tmp_path / "mine.csv", [[*row, row[1]] for row in rows()], head=("review", "stars", "who"))
    table = texts.look_over(file, "review", "stars", "who")
    with pytest.raises(ValueError, match=r"Class '1' of the file mine\.csv stands in only 1 group, and 3 are needed"):
        texts.read(table, tiny_bert().preprocess, most_training=1000)


def test_another_script_is_told_and_a_long_text_is_cut_and_counted(tmp_path):
    lines = [[f"{text} " + "film " * (300 if number < 20 else 0), label] for number, (text, label) in enumerate(rows())]
    preprocess = tiny_bert().preprocess
    table = texts.look_over(write(tmp_path / "long.csv", lines), "review", "stars")
    assert texts.length_for(table.texts, preprocess) == 256
    assert texts.length_for([text for text, _ in rows()], preprocess) == 32
    model = tiny_bert()
    plan = planning.shortened(planning.Plan("minilm", None, "", 128, 1e9, 100), model, 256)
    assert (plan.macs, model.preprocess.max_length) == (2e9, 256)
    prepared = texts.read(table, model.preprocess, most_training=1000)
    assert "Texts are cut at 256 tokens, which shortens 20 texts." in prepared.findings.facts
    assert not prepared.findings.warnings

    few = [*rows(60, 60), ["очень хороший фильм", "5"], ["très bien joué", "5"]]
    table = texts.look_over(write(tmp_path / "few.csv", few), "review", "stars")
    prepared = texts.read(table, preprocess, most_training=1000)
    assert [warning for warning in prepared.findings.warnings if warning.startswith("1 text mostly in another script")]
    assert prepared.lists["In another script"] == ["lines 122"]

    lines = [[f"фильм номер {number}", "1" if number % 2 else "5"] for number in range(30)]
    table = texts.look_over(write(tmp_path / "russian.csv", lines), "review", "stars")
    [warning] = texts.read(table, preprocess, most_training=1000).findings.warnings
    assert "are English, and 100% of the letters are of another script" in warning


@pytest.mark.parametrize(
    "mark",
    [
        "\U0001f600",
        "\u2764\ufe0f",
        "\U0001f44d\U0001f3fd",
        "\U0001f1e9\U0001f1ea",
        "\U0001d41a\U0001d41b",
        "\u2139",
        "\uff57\uff4f\uff57",
    ],
)
def test_emoji_and_styled_letters_are_no_foreign_script(tmp_path, mark):
    file = write(tmp_path / "mine.csv", [[f"{text} {mark}", label] for text, label in rows()])
    [warning] = texts.read(
        texts.look_over(file, "review", "stars"), tiny_bert().preprocess, most_training=1000
    ).findings.warnings
    assert "of the tokens are emoji, symbols or styled letters, which the tokenizer does not know" in warning
    assert warning.startswith("About 1")
    few = [[f"{text} {mark if number == 7 else ''}", label] for number, (text, label) in enumerate(rows())]
    table = texts.look_over(write(tmp_path / "few.csv", few), "review", "stars")
    assert not texts.read(table, tiny_bert().preprocess, most_training=1000).findings.warnings


def test_another_language_is_told_beside_emoji(tmp_path):
    lines = [[f"фильм номер {number} \U0001f600", "1" if number % 2 else "5"] for number in range(30)]
    table = texts.look_over(write(tmp_path / "mine.csv", lines), "review", "stars")
    assert (
        "are English, and 100% of the letters"
        in texts.read(table, tiny_bert().preprocess, most_training=1000).findings.warnings[-1]
    )


def test_rows_swallowed_by_a_quotation_mark_are_told(tmp_path):
    lines = [f"{text},{label}" for text, label in rows(10, 10)]
    lines[4] = '"' + lines[4]
    lines[8] = lines[8].replace(",", '",')
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["review,stars", *lines]))
    message = r"mine\.csv, line 6, begins a text that goes to line 10 and holds what looks like 3 rows"
    with pytest.raises(ValueError, match=message):
        texts.look_over(file, "review", "stars")
    table = texts.look_over(file, "review", "stars", on_error="skip")
    assert len(table.texts) == 15
    assert table.findings.warnings[0].startswith("1 row left out as broken. The first: mine.csv, line 6, begins")


def test_a_text_of_several_lines_is_whole(tmp_path):
    lines = [[f"{text}\nfood,5\nfirst, second\nso much", label] for text, label in rows(5, 5)]
    assert len(texts.look_over(write(tmp_path / "mine.csv", lines), "review", "stars").texts) == 10


@pytest.mark.integration
def test_a_book_in_a_field_can_be_read(tmp_path):
    lines = [[f"{text} " + "film " * 40_000, label] for text, label in rows(4, 4)]
    assert len(texts.look_over(write(tmp_path / "book.csv", lines), "review", "stars").texts) == 8
    assert csv.field_size_limit() == 131_072


@pytest.mark.integration
@pytest.mark.parametrize(("size", "fits"), [(512, True), (513, False), (600, False)])
def test_more_tokens_than_a_bert_has_positions_are_refused(tl, tmp_path, size, fits):
    """`--size 600` ended in an IndexError of the embedding once a text was as long."""
    bert = tiny_bert()
    assert bert.config.max_position_embeddings == 512
    write(tmp_path / "mine.csv", [[f"{text} " + "film " * 599, label] for text, label in rows(5, 5)])
    code, _, err = tl("finetune", "mine.csv", *COLUMNS, "--steps", "0", "--size", size)
    assert code == (0 if fits else 2)
    if not fits:
        assert err == f"--size {size} is more than MiniLM-L6 reads; give at most 512 tokens.\n"
        assert not (tmp_path / "mine-finetuned").exists()


@pytest.mark.integration
def test_mistakes_are_one_sentence_and_leave_nothing(tl, tmp_path, monkeypatch):
    write(tmp_path / "mine.csv", rows(5, 5))
    write(tmp_path / "latin.csv", [*rows(5, 5), ["tr\xe8s bon", "5"]], encoding="latin-1")
    write(tmp_path / "one.csv", rows(5, 0))
    write(tmp_path / "tiny.csv", [*rows(5, 5), ["so so", "3"]])
    write(tmp_path / "numbers.csv", [[text, f"{number / 7}"] for number, (text, _) in enumerate(rows(30, 30))])
    (tmp_path / "sheet.csv").write_bytes(b"PK\x03\x04\x00\x00")
    (tmp_path / "empty.csv").write_text("")
    write(tmp_path / "comma.csv", [*rows(5, 5), ["good", " really", "5"]])
    (tmp_path / "quotes.csv").write_text('review,stars\n"open,1\n')
    before = sorted(path.name for path in tmp_path.iterdir())
    for arguments, message in [
        (["mine.csv"], "mine.csv is a table: name its columns, --text COLUMN --label COLUMN"),
        (
            ["mine.csv", "--text", "reviews", "--label", "stars"],
            "no column 'reviews'; its columns are 'review', 'stars'.",
        ),
        (["mine.csv", "--text", "review", "--label", "review"], "must be different columns"),
        (["latin.csv", *COLUMNS], "latin.csv, line 12, is not written in utf-8-sig; save the file as UTF-8"),
        (["mine.csv", *COLUMNS, "--encoding", "klingon"], "There is no encoding 'klingon'"),
        (["one.csv", *COLUMNS], "only the class '5'; a classifier needs at least two"),
        (["tiny.csv", *COLUMNS], "The class '3' in column 'stars' has only 1 text, and 3 are the fewest"),
        (["numbers.csv", *COLUMNS], "60 different values in 60 rows, which is no set of classes"),
        (["sheet.csv", *COLUMNS], "sheet.csv is not a text file; save the sheet as CSV UTF-8"),
        (["empty.csv", *COLUMNS], "no column 'review'; its columns are none at all"),
        (["quotes.csv", *COLUMNS], "opened and never closed, in the row that begins on line 2; close it"),
        (["comma.csv", *COLUMNS], "comma.csv, line 12, has 3 cells, and the header has 2 (a text with a comma must"),
        (["mine.csv", *COLUMNS, "--fit", "pad"], "mine.csv is a table; --fit is for images."),
        (["mine.csv", *COLUMNS, "--model", "resnet18"], "resnet18 is a network for images"),
    ]:
        code, _, err = tl("finetune", *arguments)
        assert code == 2, arguments
        assert message in err
        assert err.count("\n") == 1, err
        assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert tl("finetune", "latin.csv", *COLUMNS, *QUICK, "--encoding", "latin-1")[0] == 0
    code, out, _ = tl("finetune", "tiny.csv", *COLUMNS, *QUICK, "--on-error", "skip")
    assert code == 0
    assert "1 class left out as too small." in out
    code, out, _ = tl("finetune", "comma.csv", *COLUMNS, *QUICK, "--on-error", "skip")
    assert code == 0
    assert "1 row left out as broken. The first: comma.csv, line 12, has 3 cells" in out


def test_without_the_network_s_files_one_sentence_says_how_to_get_them(tl, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("TL_OFFLINE", "1")
    monkeypatch.setenv("TL_CACHE", str(tmp_path / "cache"))
    from tl_course.assets import AssetError

    with pytest.raises(AssetError, match=r"minilm.*tl-course fetch"):
        planning.plan_texts()


def test_the_wrong_kind_of_input_is_told(tl, tmp_path):
    bert = tiny_bert()
    models.save(equip(bert, "minilm", None, bert.preprocess), tmp_path / "texts", class_names=["no", "yes"])
    (tmp_path / "cat.jpg").write_bytes(b"")
    write(tmp_path / "mine.csv", rows(2, 2))
    for arguments, message in [
        (["cat.jpg"], "cat.jpg is an image, and this model was trained on texts"),
        (["mine.csv"], "mine.csv is a table: name its column of texts, --text COLUMN"),
        (["nowhere.csv", "--text", "review"], "There is no file nowhere.csv"),
        (["mine.csv", "--text", "what"], "mine.csv has no column 'what'; its columns are 'review', 'stars'."),
        ([" "], "One of the texts is empty"),
    ]:
        code, out, err = tl("predict", "texts", *arguments)
        assert (code, out) == (2, ""), arguments
        assert message in err
        assert err.count("\n") == 1
