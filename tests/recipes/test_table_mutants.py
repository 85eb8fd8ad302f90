"""Tables damaged by the thousand: read rightly, or refused in one sentence; never a text with the other one's class."""

import csv
import io
import re
from pathlib import Path

import numpy
import pytest
from draws import seeds

from tl_course.recipes import texts

LABELS = ("pos", "neg")
# Of texts that came through whole, the word says the label and the number the row.
WHOLE = re.compile(r"(fine|dull) thing (\d+)")
TAILS = (
    "",
    ", really",
    "; so so",
    " a|b",
    ' "well"',
    "\nsecond line",
    "\r\nlast",
    " café",
    " 好",
    "\t!",
    " '",
    " =1+1",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")
BYTES = b'"",;|\t\n\r\0\xff\xfe\xef\xbb\xbf\x80\xe9 \'\\=#a1.'


def rows_of(random: numpy.random.Generator, count: int = 12) -> list[list[str]]:
    rows = []
    for number in range(count):
        word, label = (("fine", "pos"), ("dull", "neg"))[number % 2]
        rows.append([f"id{number}", f"{word} thing {number}{random.choice(TAILS)}", label])
    return rows


def written(rows: list[list[str]], random: numpy.random.Generator) -> bytes:
    """A table in one of the many ways in which programs write them, all of them valid."""
    separator = str(random.choice([",", ";", "\t", "|"]))
    encoding = str(random.choice(ENCODINGS, p=[0.6, 0.2, 0.1, 0.1]))
    header = ["id", str(random.choice(["text", " text ", "te\u200bxt"])), "label"]
    stream = io.StringIO(newline="")
    end = str(random.choice(["\n", "\r\n", "\r"]))
    # where lines end with \r, Python's writer would leave a text with \n in it without quotation marks
    quoting = csv.QUOTE_ALL if end == "\r" else int(random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    if random.random() < 0.2:
        stream.write(f"sep={separator}{end}")
    if random.random() < 0.2:
        stream.write(end)
    writer = csv.writer(stream, delimiter=separator, lineterminator=end, quoting=quoting)
    for row in [header, *rows]:
        writer.writerow(row + [""] * int(random.integers(2) * random.integers(2)))
        if row is not header and random.random() < 0.05:
            stream.write(end)
    return stream.getvalue().encode(encoding)


def damaged(content: bytes, random: numpy.random.Generator) -> bytes:
    """A few bytes put in, changed or lost, the end cut off, or one line of the file said twice."""
    changed = bytearray(content)
    way = random.integers(5)
    if way < 3:
        for _ in range(random.integers(1, 5)):
            place = int(random.integers(len(changed)))
            byte = bytes([BYTES[random.integers(len(BYTES))]])
            changed[place : place + int(way > 0)] = byte * int(way < 2)
    elif way == 3:
        del changed[random.integers(len(changed)) :]
    else:
        lines = content.split(b"\n")
        place = int(random.integers(len(lines)))
        changed = bytearray(b"\n".join([*lines[:place], lines[place], *lines[place:]]))
    return bytes(changed)


def looked_over(file: Path, random: numpy.random.Generator) -> list[tuple[str, str]] | str:
    """What came of it: texts with their classes, or the sentence that refuses."""
    try:
        table = texts.look_over(file, "text", "label", on_error=str(random.choice(["raise", "skip"])))
    except ValueError as refusal:
        return str(refusal)
    names = [table.examples.class_names[number] for number in table.examples.labels.tolist()]
    return list(zip(table.texts, names, strict=True))


def read_mutants(folder: Path, count: int, seed: int) -> tuple[int, int]:
    """Look so many damaged tables over; return how many were read, and how many refused."""
    random, outcomes = numpy.random.default_rng(seed), [0, 0]
    file = folder / "mutant.csv"
    for number in range(count):
        content = damaged(written(rows_of(random), random), random)
        file.write_bytes(content)
        try:
            found = looked_over(file, random)
        except BaseException as error:
            raise AssertionError(f"mutant {number} of seed {seed}: {content!r}") from error
        outcomes[isinstance(found, str)] += 1
        if isinstance(found, str):
            assert "\n" not in found, (found, content)
            assert re.search(r"mutant\.csv|'text'|'label'|class", found), (found, content)
            continue
        for text, name in found:
            if whole := WHOLE.fullmatch(text):
                wrong = name in LABELS and (whole[1] == "fine") != (name == "pos")
                assert not wrong, (text, name, number, seed, content)
    return tuple(outcomes)


@pytest.mark.parametrize("seed", seeds(20))
def test_however_a_table_is_written_it_is_read_the_same(tmp_path, seed):
    random = numpy.random.default_rng(seed)
    for _ in range(40):
        rows = rows_of(random)
        content = written(rows, random)
        (tmp_path / "mine.csv").write_bytes(content)
        found = looked_over(tmp_path / "mine.csv", random)
        assert found == [(text.strip(), label) for _, text, label in rows], content


@pytest.mark.parametrize("seed", seeds(3))
def test_no_damaged_table_gives_a_traceback_or_another_class(tmp_path, seed):
    read, refused = read_mutants(tmp_path, 150, seed)
    assert read > 30
    assert refused > 20


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 106))
def test_none_of_thousands_of_damaged_tables_does(tmp_path, seed):
    read_mutants(tmp_path, 2_500, seed)
