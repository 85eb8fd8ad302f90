"""A table of texts made ready: read with any separator, cleaned, divided, and measured in tokens."""

from __future__ import annotations

import csv
import warnings
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median_low

import torch
from torch import Tensor

from tl_course.data.labels import holding_several, look, number_or_text, settle_labels
from tl_course.data.own_texts import near_text_keys
from tl_course.data.preprocess import TextPreprocess
from tl_course.data.tables import DELIMITERS, Row, TableFormat, is_blank, table_format, table_rows, utf8_despite
from tl_course.data.task import SPLITS, Split, Task, check_classes
from tl_course.recipes.findings import Findings
from tl_course.recipes.languages import language_warnings
from tl_course.recipes.prepared import (
    USUALLY,
    Prepared,
    Skips,
    counted,
    tell_absent,
    tell_near_copies,
    tell_tied,
    tell_unused,
)
from tl_course.recipes.splitting import MOST, Examples, SplitPositions, split_examples

# More different labels than this, and than a quarter of the rows, are no classes.
MOST_CLASSES = 20
# A class needs one text for each of the three parts.
FEWEST = 3
# Lengths in tokens to choose from: the shortest that cuts at most this share of the texts.
LENGTHS, MAY_BE_CUT = (32, 64, 128, 256), 0.05
# So many texts are looked at for their lengths and their letters.
LOOKED_AT = 2_000
# Of each so many letters, thousands of tokens.
LETTERS_LOOKED_AT = 50_000


@dataclass(frozen=True)
class Table:
    """The rows that can be used, of a table or of one for each part.

    Attributes
    ----------
    file : Path
        The table to learn from.
    texts : list of str
    lines : list of int
        The line of its file on which each text ends.
    examples : Examples
    findings : Findings
        What there is to say of the tables.
    problems : Skips
    files : dict of str to Path
        For each part that came as a table of its own, and for "train", the file.
    others : list of tuple
        For each text name and cell of the columns beside its own and the class: an id for example.
    """

    file: Path
    texts: list[str]
    lines: list[int]
    examples: Examples
    findings: Findings
    problems: Skips
    files: dict[str, Path]
    others: list[tuple[tuple[str, str], ...]]

    @property
    def to_learn_from(self) -> list[str]:
        """The texts of the table to learn from, without those of a test or validation table."""
        return [text for text, part in zip(self.texts, self.examples.parts, strict=True) if part == "train"]

    def told(self, positions: list[int]) -> str:
        """Name the places of some texts."""
        if len(self.files) == 1:
            return "lines " + ", ".join(str(self.lines[position]) for position in positions)
        return ", ".join(self.examples.names[position] for position in positions)


@dataclass(frozen=True)
class _Found:
    """A row, and the table it stands in."""

    row: Row
    part: str
    file: Path
    place: str  # its line, with the table's name where there are several
    others: tuple[tuple[str, str], ...]


def look_over(
    file: Path,
    text: str,
    label: str,
    group: str | None = None,
    *,
    test: Path | None = None,
    validation: Path | None = None,
    encoding: str = "utf-8-sig",
    on_error: str = "raise",
) -> Table:
    """Read a table; rows without text or label are left out and counted.

    Parameters
    ----------
    file : Path
        Separated by commas, semicolons or tabs: by the one that gives the columns.
    text, label, group : str
        Names of columns.
    test, validation : Path, optional
        Tables with the same columns that are the whole test, or validation; each may be separated and written in its
        own way.
    encoding : str
        Of the tables; of several, those that are UTF-8 are read as such in any case.
    on_error : {"raise", "skip"}
        What to do with rows of more cells than the header, with classes that are too small to be divided, and with
        classes of the test or validation that training does not have.

    Raises
    ------
    ValueError
        When a column is missing, a row is broken, bytes do not fit the encoding, or the labels are no classes.
    """
    columns = list(dict.fromkeys([text, label, *([group] if group else [])]))
    if len({text, label, group}) < 3:
        raise ValueError(f"--text {text} and --label {label} (and --group) must be different columns.")
    files = {part: given for part, given in (("train", file), ("validation", validation), ("test", test)) if given}
    _check_different(files)
    problems, findings, found, left_out = Skips(on_error), Findings(), [], ""
    for part in files:
        rows, told, empty = _read(part, files, columns, encoding, problems)
        found += rows
        for topic, sentences in (("Table", told), ("Left out", empty)):
            for sentence in sentences:
                findings.tell(topic, sentence)
        if part == "train":
            left_out = "".join(f" ({sentence.rstrip('.')})" for sentence in empty)
    if broken := problems.notes:
        said = f"{counted(len(broken), 'row')} left out as broken. The first: {broken[0]}"
        findings.tell("Left out", said, "warning")
    class_names, labels, found, told = _classes(found, label, files, problems, left_out)
    for sentence in told:
        findings.tell("Labels", sentence, "warning")
    texts = [each.row.values[text].strip() for each in found]
    groups = _groups(found, group, findings) if group else None
    names = [f"line {each.place}" for each in found]
    parts = [each.part for each in found]
    near = near_text_keys(texts)
    examples = Examples(labels, class_names, texts, parts, groups, near=near, names=names)
    lines = [each.row.line for each in found]
    return Table(file, texts, lines, examples, findings, problems, files, [each.others for each in found])


def _check_different(files: dict[str, Path]) -> None:
    for part, file in files.items():
        for other in list(files)[: list(files).index(part)]:
            if file.samefile(files[other]):
                usual = {"train": "to learn from", "validation": "to choose by", "test": "for the test"}
                raise ValueError(
                    f"--{part} {file} is the very table {usual[other]}; give another one, or leave --{part} out."
                )


def _read(
    part: str, files: dict[str, Path], columns: list[str], encoding: str, problems: Skips
) -> tuple[list[_Found], list[str], list[str]]:
    """Return the rows of a part's table that are whole, and sentences on the table and on its empty rows."""
    file, (text, label, *group), facts = files[part], columns, []
    several = len(files) > 1
    if several and (own := utf8_despite(file, encoding)):
        facts.append(f"{file.name} is written in UTF-8 and was read so, not as {encoding}.")
        encoding = own
    table = table_format(file, columns, encoding=encoding)
    rows, empty, before = [], [], len(problems.notes)
    for row in table_rows(table, columns, may_be_blank=group):
        if row.fault is None:
            rows.append(row)
        elif row.fault.kind == "empty":
            empty.append(row.line)
        else:
            tell_fault(file, row, table.encoding, problems)
    rows = _whole(rows, table, text, label, problems)
    separated = DELIMITERS.get(table.delimiter, repr(table.delimiter))
    count = counted(len(rows) + len(empty) + len(problems.notes) - before, "row")
    use = {"train": "", "validation": " to choose by", "test": " for the test"}[part]
    facts.append(f"{file.name if several else 'The table'} is separated by {separated} and has {count}{use}.")
    of = f" of {file.name}" * several
    told = f"{counted(len(empty), 'row')}{of} left out for having no text or no label ({lines_told(empty)})."
    if several and not rows:
        raise ValueError(f"{file.name} has no row with a text and a label; give a table with some.")
    names = table.other_columns(columns)

    def others(row: Row) -> tuple[tuple[str, str], ...]:
        return (*((name, row.values[name] or "") for name in group), *zip(names, row.others, strict=True))

    return [_Found(row, part, file, f"{row.line}{of}", others(row)) for row in rows], facts, [told] if empty else []


def _whole(rows: list[Row], table: TableFormat, text: str, label: str, problems: Skips) -> list[Row]:
    """Return the rows but those whose text holds other rows: a quotation mark was closed only far below."""
    known = {row.values[label] for row in rows}
    kept = []
    for row in rows:
        inner = row.values[text].splitlines()[1:]
        found = inner[:-1]  # what is swallowed ends within a row
        if found and all(_is_row(line, table, label, known) for line in found):
            problems.add(
                f"{table.file.name}, line {row.line - len(inner)}, begins a text that goes to line {row.line} and "
                f"holds what looks like {counted(len(found), 'row')}, as after a quotation mark that was never closed",
                "correct the row",
            )
        else:
            kept.append(row)
    return kept


def _is_row(line: str, table: TableFormat, label: str, known: set[str]) -> bool:
    if table.delimiter not in line:
        return False
    cells = next(csv.reader([line], delimiter=table.delimiter), [])
    return len(cells) == len(table.header) and cells[table.places([label])[label]] in known


def tell_fault(file: Path, row: Row, encoding: str, problems: Skips) -> None:
    """Note a broken row, or raise ValueError; a row in another encoding is never passed over."""
    if row.fault.kind == "encoding":
        raise ValueError(
            f"{file.name}, line {row.line}, is not written in {encoding}; save the file as UTF-8 (spreadsheets offer "
            "it as CSV UTF-8), or name its encoding, for example --encoding cp1252."
        )
    problems.add(f"{file.name}, line {row.line}, {row.fault.sentence}", "correct the row")


def lines_told(lines: Sequence[int | str], most: int = 5) -> str:
    """Name lines, the first few of them.

    >>> lines_told([3]), lines_told([3, 8], most=1)
    ('line 3', 'lines 3 and 1 more')
    """
    more = f" and {len(lines) - most:,} more" if len(lines) > most else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:most]))}{more}"


def _groups(found: list[_Found], group: str, findings: Findings) -> list[Hashable]:
    """Return the group of each row, spelt in any case; a blank cell is a group of its own, the place of its row."""
    blank = [each.place for each in found if is_blank(each.row.values[group])]
    groups = [
        (each.place,) if is_blank(each.row.values[group]) else look(each.row.values[group]).casefold() for each in found
    ]
    findings.tell(
        "Groups",
        f"Texts with the same {group!r} stand on one side: {counted(len(set(groups)) - len(blank), 'group')}"
        + (f", and {counted(len(blank), 'text')} without one, each by itself ({lines_told(blank)})." if blank else "."),
    )
    return groups


def _classes(
    found: list[_Found], label: str, files: dict[str, Path], problems: Skips, left_out: str = ""
) -> tuple[tuple[str, ...], Tensor, list[_Found], list[str]]:
    """Return class names, labels and rows of the classes that are large enough, and what to know of them."""
    where = f"column {label!r} of {files['train'].name}" if len(files) == 1 else f"column {label!r}"
    written = [each.row.values[label] for each in found]
    to_learn = [text for text, each in zip(written, found, strict=True) if each.part == "train"]
    looks = set(map(look, to_learn))
    different = len(looks) - len(holding_several(looks)) if len(looks) > MOST_CLASSES else len(looks)
    if different > max(MOST_CLASSES, len(to_learn) / 4):
        raise ValueError(
            f"C{where[1:]} has {different:,} different values in {len(to_learn):,} rows, which is no set of classes; "
            "name the column with the classes in --label."
        )
    before = problems.notes
    classes, told = settle_labels(written, [each.place for each in found], where, problems)
    told += [f"Left out: {note}" for note in problems.notes[len(before) :]]
    counts = Counter(
        name for name, each in zip(classes, found, strict=True) if name is not None and each.part == "train"
    )
    fewest = FEWEST + 1 - len(files)
    before = problems.notes
    for name in sorted(counts, key=number_or_text(set(counts))):
        if counts[name] < fewest:
            problems.add(
                f"The class {name!r} in column {label!r} has only {counted(counts[name], 'text')}, and {fewest} are "
                "the fewest that can be divided",
                "add some or correct the label",
            )
    if small := len(problems.notes) - len(before):
        told.append(f"{counted(small, 'class')} left out as too small.")
    class_names = tuple(name for name in sorted(counts, key=number_or_text(set(counts))) if counts[name] >= fewest)
    told += _unknown(found, classes, class_names, files, problems)
    kept = [(each, class_names.index(name)) for each, name in zip(found, classes, strict=True) if name in class_names]
    labels = torch.tensor([number for _, number in kept], dtype=torch.int64)
    title = f"column {label!r} of {files['train'].name}{left_out}"
    check_classes(labels[[each.part == "train" for each, _ in kept]], class_names, title)
    for part in files:
        if not any(each.part == part for each, _ in kept):
            raise ValueError(f"No row of {files[part].name} is of a class that is learned; give some of each.")
    return class_names, labels, [each for each, _ in kept], told


def _unknown(
    found: list[_Found], classes: list[str | None], known: tuple[str, ...], files: dict[str, Path], problems: Skips
) -> list[str]:
    """Settle rows of the test or validation whose class is not learned: no answer of any model could be right."""
    told = []
    for part, file in files.items():
        rows = [
            (each, name) for each, name in zip(found, classes, strict=True) if each.part == part and name is not None
        ]
        lost = Counter(name for _, name in rows if name not in known)
        for name, count in lost.items():
            first = next(each.row.line for each, own in rows if own == name)
            what = (
                f"{counted(count, 'row')} of {file.name} with the class {name!r} (first in line {first}), which "
                f"{files['train'].name} does not teach"
            )
            if part != "train":
                problems.add(what, "correct the label, or add such rows there")
                told.append(f"Left out: {what}.")
    return told


def length_for(texts: list[str], preprocess: TextPreprocess) -> int:
    """Return the length in tokens to cut texts at: the shortest of a few that cuts at most one text in twenty."""
    tokens = token_counts(spread(texts), preprocess)
    return next((length for length in LENGTHS if share_above(tokens, length) <= MAY_BE_CUT), LENGTHS[-1])


def spread(texts: list[str]) -> list[str]:
    """Return some texts from all over a list."""
    return texts[:: -(-len(texts) // LOOKED_AT)]


def sample(table: Table, count: int) -> Task:
    """Return some of a table's texts, from all over it, as a task whose training split they are."""
    positions = torch.arange(0, len(table.texts), max(1, len(table.texts) // count))[:count]
    some = Split([table.texts[position] for position in positions.tolist()], table.examples.labels[positions])
    return Task("csv_text", table.file.stem, "text", table.examples.class_names, some, some, some, "a sample")


def read(
    table: Table,
    preprocess: TextPreprocess,
    *,
    most_training: int,
    most_held: Mapping[str, int] = MOST,
    why: str = USUALLY,
    seed: int = 0,
    english: bool = True,
) -> Prepared:
    """Divide a table's texts, and say what a reader should know of them.

    ``why`` says why not all examples are used, where that is so; ``english`` whether the network is known to read
    English only, as the course's own do.

    Raises
    ------
    ValueError
        When a class has too few different texts, or the groups too few documents.
    """
    title = " and ".join(f"the file {file.name}" for file in table.files.values())
    most = {"most_training": most_training, "most_held": most_held}
    split = split_examples(table.examples, **most, seed=seed, title=title)
    parts, names = {}, {}
    for part in SPLITS:
        positions = split.positions[part].tolist()
        parts[part] = Split([table.texts[position] for position in positions], table.examples.labels[positions])
        names[part] = [_unbroken(table.examples.names[position]) for position in positions]
    task = Task(
        "csv_text",
        table.file.stem,
        "text",
        table.examples.class_names,
        **parts,
        source=f"the reader's own texts, {title.removeprefix('the ')}",
    )
    found = tuple(table.examples.labels.bincount(minlength=task.num_classes).tolist())
    tested = split.positions["test"].tolist()
    prepared = Prepared(
        task,
        names,
        table.findings.copy(),
        found,
        test_places=[(("line", str(table.lines[each])), ("input", table.texts[each])) for each in tested],
        test_columns=[table.others[each] for each in tested],
    )
    tell_unused(prepared, split, why)
    _warn_of_shared_groups(prepared, table, split)
    tell_tied(prepared, split, "text", table.examples.groups)
    tell_absent(prepared)
    _tell_lengths(prepared, table, preprocess)
    alike = "but for case, punctuation, spaces or the form of letters"
    places = list(map(_unbroken, table.examples.names))
    tell_near_copies(prepared, split, table.examples.labels.tolist(), "text", alike, places)
    _warn_of_copies(prepared, table, split)
    sentences, strange = language_warnings(
        table.texts, preprocess, [text[:LETTERS_LOOKED_AT] for text in spread(table.texts)], english
    )
    for sentence in sentences:
        prepared.findings.tell("Language", sentence, "warning")
    if strange:
        prepared.lists["In another script"] = [table.told(strange)]
    return prepared


def _unbroken(place: str) -> str:
    return place.replace("line ", "line\N{NO-BREAK SPACE}", 1)


def token_counts(texts: list[str], preprocess: TextPreprocess) -> list[int]:
    """Count the tokens of texts, uncut; of a very long one, from its first letters, since that takes seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tokenizer warns of texts that are longer than the network can read
        counted_of = [text[:LETTERS_LOOKED_AT] for text in texts]
        ids = preprocess.tokenizer(counted_of, verbose=False)["input_ids"]
        return [
            round(len(found) * max(len(text) / LETTERS_LOOKED_AT, 1)) for found, text in zip(ids, texts, strict=True)
        ]


def share_above(counts: list[int], length: int) -> float:
    """Return the share of counts above a length.

    >>> share_above([10, 20, 30, 40], 32)
    0.25
    """
    return sum(count > length for count in counts) / len(counts)


def _warn_of_shared_groups(prepared: Prepared, table: Table, split: SplitPositions) -> None:
    """Say what left training because its author or document stands in the table for the test, too."""
    if split.shared:
        groups = list(dict.fromkeys(table.examples.groups[position] for position in split.shared))
        prepared.findings.tell(
            "Groups",
            f"{counted(len(groups), 'group')} stand in more than one table, {groups[0]!r} for example: "
            f"{counted(len(split.shared), 'text')} of theirs left out of training or validation, so that the test "
            "knows none of them.",
            "leakage",
        )
        prepared.lists["Left out for a group of the test"] = [table.told(split.shared)]


def _tell_lengths(prepared: Prepared, table: Table, preprocess: TextPreprocess) -> None:
    counts = token_counts(spread(table.texts), preprocess)
    of = f" (of {len(counts):,} looked at)" if len(counts) < len(table.texts) else ""
    if min(counts) < max(counts):
        said = f"Texts have {min(counts):,} to {max(counts):,} tokens, half of them {median_low(counts):,} at most{of}."
        prepared.findings.tell("Lengths", said)
    if cut := share_above(counts, preprocess.max_length):
        about = f" (estimated from {len(counts):,})" if of else ""
        shortened = counted(round(cut * len(table.texts)), "text")
        said = f"Texts are cut at {preprocess.max_length} tokens, which shortens {shortened}{about}."
        prepared.findings.tell("Lengths", said)


def _warn_of_copies(prepared: Prepared, table: Table, split: SplitPositions) -> None:
    settled = split.settled
    if settled.copies:
        prepared.findings.tell(
            "Copies",
            f"{counted(settled.copies, 'text')} left out as a copy of another with the same label, so that no text is "
            "both learned from and tested on"
            + (
                "; where copies stood in two tables, the one on the side of the test was kept."
                if settled.across
                else "."
            ),
        )
    if settled.disputed:
        prepared.findings.tell(
            "Copies",
            f"{counted(len(settled.disputed), 'text')} stood in the table with different labels; used once, with the "
            "label that most copies have, and not at all where none leads.",
            "warning",
        )
        prepared.lists["The same text with several labels"] = list(map(table.told, settled.disputed))
    if table.problems.notes:
        prepared.lists["Skipped"] = list(table.problems.notes)
