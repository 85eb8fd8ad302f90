"""Tables as programs write them and people spoil them: each is read as meant, or its row is named."""

import pytest

import tl_course as tl
from tl_course.data.tables import table_format, table_rows

ROWS = [f"text {number},{'good' if number % 2 else 'bad'}" for number in range(20)]


def found(file, columns=("what", "mood"), **options):
    return list(table_rows(table_format(file, columns, **options), columns))


def write(tmp_path, lines, encoding="utf-8"):
    file = tmp_path / "mine.csv"
    file.write_bytes("\n".join(lines).encode(encoding))
    return file


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le-mark", "utf-16-be-mark", "utf-32", "utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_heeded(tmp_path, encoding):
    mark = "\ufeff" if encoding.endswith("-mark") else ""
    lines = [f"{mark}what\tmood", *(row.replace(",", "\t") for row in ["größe,5", *ROWS])]
    file = write(tmp_path, lines, encoding.removesuffix("-mark"))
    rows = found(file)
    assert [row.values for row in rows[:2]] == [{"what": "größe", "mood": "5"}, {"what": "text 0", "mood": "bad"}]
    assert not any(row.fault for row in rows)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("what,mood\n".encode("utf-16-le") * 9, "UTF-16.*save it as CSV UTF-8, or name the encoding utf-16-le"),
        ("what,mood\n".encode("utf-16-be") * 9, "name the encoding utf-16-be"),
        (b"PK\x03\x04", "not a text file; save the sheet as CSV UTF-8.*a spreadsheet or an archive"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
        (b"PAR1", "a Parquet file"),
        (b"\x1f\x8b\x08", "packed with gzip"),
        (b"what\0\0\0\0\0\0\0,\x01\x02\x03", "mine.csv is not a text file"),
        (b"what,mood\n" * 20 + b"a\0b,bad\n", "mine.csv, line 21, holds a zero byte"),
        (b'\xef\xbb\xbf[\n {"what": "a", "mood": "bad"}]', "mine.csv is JSON and no table; save it as CSV"),
        (
            b'{"what": "a", "mood": "bad"}\n{"what": "b", "mood": "good"}',
            "mine.csv is JSON and no table; save it as CSV",
        ),
        (b"\n<!DOCTYPE html><title>Log in</title>", "mine.csv is a web page and no table; download the table"),
        (b"version https://git-lfs.github.com/spec/v1\n", "mine.csv is a Git LFS pointer .* git lfs pull"),
    ],
)
def test_what_is_no_table_is_said_and_how_to_convert_it(tmp_path, content, message):
    (tmp_path / "mine.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        found(tmp_path / "mine.csv")


@pytest.mark.parametrize("above", ["", " ", ",,", "\r\n,\r\n"])
def test_blank_lines_above_the_header_are_no_header(tmp_path, above):
    file = write(tmp_path, [above, "what,mood", *ROWS])
    rows = found(file)
    assert rows[0].values == {"what": "text 0", "mood": "bad"}
    assert rows[0].line == 3 + above.count("\n")
    assert tl.data.csv_text(file, text="what", label="mood").class_names == ("bad", "good")


def test_vertical_bars_separate_and_may_stand_in_a_label(tmp_path):
    file = write(tmp_path, ["what|mood", *(row.replace(",", "|") for row in ROWS)])
    assert found(file)[0].values == {"what": "text 0", "mood": "bad"}
    file = write(tmp_path, ["what,mood|tone", "text 0,bad|loud"])
    assert found(file, ["what", "mood|tone"])[0].values == {"what": "text 0", "mood|tone": "bad|loud"}


def test_an_encoding_that_is_named_is_kept(tmp_path):
    assert (
        found(write(tmp_path, ["what,mood", "größe,5"], "utf-16-le"), encoding="utf-16-le")[0].values["what"] == "größe"
    )
    assert found(write(tmp_path, ["what,mood", "größe,5"], "cp1252"), encoding="cp1252")[0].values["what"] == "größe"


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "\ufeffsep=;", "sep=|", "sep=\t"])
def test_a_line_that_says_the_separator_is_heeded_and_counted(tmp_path, first):
    separator = first.strip('"')[-1]
    file = write(tmp_path, [first, *(row.replace(",", separator) for row in ("what,mood", "a,x", "c"))])
    rows = found(file)
    assert rows[0].values["mood"] == "x"
    assert [row.line for row in rows] == [3, 4]
    file = write(tmp_path, ["sep=;", "what;mood", *(row.replace(",", ";") for row in ROWS)])
    assert tl.data.csv_text(file, text="what", label="mood").class_names == ("bad", "good")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "I liked it, really,pos",
            "has 3 cells, and the header has 2 (a text with a comma must stand in quotation marks)",
        ),
        ("I liked it,,pos", "has 3 cells"),
        ("I liked it", "has no value in column 'mood': it has 1 cell, and the header has 2 (a text with a line break"),
    ],
)
def test_cells_that_do_not_fit_the_header_are_told(tmp_path, line, sentence):
    [row] = found(write(tmp_path, ["what,mood", line]))
    assert row.fault.kind == "cells"
    assert sentence in row.fault.sentence


def test_separators_at_the_end_and_blank_rows_are_no_fault(tmp_path):
    rows = found(write(tmp_path, ["what,mood", "fine,good,,", "", ",,,", "  ", "well,good"]))
    assert [row.fault and row.fault.kind for row in rows] == [None, "empty", "empty", None]
    assert [row.line for row in rows] == [2, 4, 5, 6]


def test_missing_cells_that_are_not_needed_are_no_fault(tmp_path):
    [row] = found(write(tmp_path, ["what,mood,note", "fine,good"]))
    assert (row.fault, row.others) == (None, ("",))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (['"a "good" film",5'], "the row that begins on line 22 has text after a closing quotation mark"),
        (['"a text', 'of two lines" more,5'], "the row that begins on line 22 "),
        (['"never closed,5', *ROWS], "opened and never closed, in the row that begins on line 22"),
    ],
)
def test_a_stray_quotation_mark_is_told_by_its_line(tmp_path, bad, message):
    with pytest.raises(ValueError, match=message):
        found(write(tmp_path, ["what,mood", *ROWS, *bad, "fine,good"]))


@pytest.mark.parametrize("header", [" what , mood", "what\u200b,mood\u00a0", '"what","mood "', "mood,what ,id"])
def test_a_header_is_taken_without_what_cannot_be_seen(tmp_path, header):
    row = found(write(tmp_path, [header, "1,2,3" if "id" in header else "1,2"]))[0]
    assert sorted(row.values.values()) == ["1", "2"]


@pytest.mark.parametrize("header", ["what,mood,what", "what,mood, mood", "mood,what,what\u200b"])
def test_a_column_that_is_there_twice_is_refused(tmp_path, header):
    with pytest.raises(ValueError, match=r"mine\.csv has more than one column '\w+' \(numbers \d and \d\)"):
        found(write(tmp_path, [header, "1,2,3"]))


def test_other_columns_may_have_one_name(tmp_path):
    assert found(write(tmp_path, ["what,id,mood,id", "fine,3,good,4"]))[0].others == ("3", "4")


def test_a_column_s_name_may_go_over_lines_and_lines_may_end_as_on_old_computers(tmp_path):
    [row] = found(write(tmp_path, ['"what\nelse",mood,id', "fine,good,7"]), ["what else", "mood"])
    assert (row.values, row.others, row.line) == ({"what else": "fine", "mood": "good"}, ("7",), 3)
    (tmp_path / "old.csv").write_bytes(b"sep=;\rwhat;mood\rfine;good\rwell;bad\r")
    rows = found(tmp_path / "old.csv")
    assert [(row.line, row.values["mood"], row.fault) for row in rows] == [(3, "good", None), (4, "bad", None)]


def test_a_quotation_mark_that_spoils_the_header_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"mine\.csv has no column 'what'"):
        found(write(tmp_path, ['"what,mood', *ROWS]))
