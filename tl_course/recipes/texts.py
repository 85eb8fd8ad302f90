"""A table of texts made ready: read with any separator, cleaned, divided, and measured in tokens."""

from __future__ import annotations

import csv
import unicodedata
import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from tl_course.data.labels import holding_several, look, number_or_text, settle_labels
from tl_course.data.own_texts import near_text_keys
from tl_course.data.preprocess import TextPreprocess
from tl_course.data.tables import DELIMITERS, Row, TableFormat, is_blank, table_format, table_rows
from tl_course.data.task import SPLITS, Split, Task, check_classes
from tl_course.recipes.prepared import Prepared, Skips, counted, tell_near_copies, tell_unused
from tl_course.recipes.splitting import Examples, SplitPositions, split_examples

# More different labels than this, and than a quarter of the rows, are no classes.
MOST_CLASSES = 20
# A class needs one text for each of the three parts.
FEWEST = 3
# Lengths in tokens to choose from: the shortest that cuts at most this share of the texts.
LENGTHS, MAY_BE_CUT = (32, 64, 128, 256), 0.05
# So many texts are looked at for their lengths and their letters.
LOOKED_AT = 2_000
# From these shares on, a reader is told that the tokenizer does not know the language.
MANY_UNKNOWN, MANY_FOREIGN = 0.05, 0.3
# Unicode's classes of emoji, of what joins and colours them, and of those that are too new to have one.
SYMBOLS = {"So", "Sk", "Sm", "Cf", "Cn", "Co", "Me"}


@dataclass(frozen=True)
class Table:
    """The rows of a table that can be used.

    Attributes
    ----------
    file : Path
    texts : list of str
    lines : list of int
        The line of the file on which each text ends.
    examples : Examples
    facts, warnings : list of str
        As in :class:`~tl_course.recipes.prepared.Prepared`.
    problems : Skips
    """

    file: Path
    texts: list[str]
    lines: list[int]
    examples: Examples
    facts: list[str]
    warnings: list[str]
    problems: Skips


def look_over(
    file: Path, text: str, label: str, group: str | None = None, *, encoding: str = "utf-8-sig", on_error: str = "raise"
) -> Table:
    """Read a table; rows without text or label are left out and counted.

    Parameters
    ----------
    file : Path
        Separated by commas, semicolons or tabs: by the one that gives the columns.
    text, label, group : str
        Names of columns.
    encoding : str
    on_error : {"raise", "skip"}
        What to do with rows of more cells than the header, and with classes that are too small to be divided.

    Raises
    ------
    ValueError
        When a column is missing, a row is broken, bytes do not fit the encoding, or the labels are no classes.
    """
    columns = list(dict.fromkeys([text, label, *([group] if group else [])]))
    if len({text, label, group}) < 3:
        raise ValueError(f"--text {text} and --label {label} (and --group) must be different columns.")
    table = table_format(file, columns, encoding=encoding)
    problems, rows, empty = Skips(on_error), [], []
    for row in table_rows(table, columns, may_be_blank=(group,) if group else ()):
        if row.fault is None:
            rows.append(row)
        elif row.fault.kind == "empty":
            empty.append(row.line)
        else:
            tell_fault(file, row, table.encoding, problems)
    rows = _whole(rows, table, text, label, problems)
    broken, warnings = problems.notes, []
    if broken:
        warnings.append(f"{counted(len(broken), 'row')} left out as broken. The first: {broken[0]}")
    separated = DELIMITERS.get(table.delimiter, repr(table.delimiter))
    count = counted(len(rows) + len(empty) + len(broken), "row")
    facts = [f"The table is separated by {separated} and has {count}."]
    if empty:
        facts.append(f"{counted(len(empty), 'row')} left out for having no text or no label ({lines_told(empty)}).")
    left = f" ({facts[-1].rstrip('.')})" if empty else ""
    class_names, labels, rows, told = _classes(rows, label, file, problems, left)
    texts = [row.values[text].strip() for row in rows]
    groups = _groups(rows, group, facts) if group else None
    names = [f"line {row.line}" for row in rows]
    near = near_text_keys(texts)
    examples = Examples(labels, class_names, texts, ["train"] * len(rows), groups, near=near, names=names)
    return Table(file, texts, [row.line for row in rows], examples, facts, warnings + told, problems)


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


def lines_told(lines: list[int], most: int = 5) -> str:
    """Name lines, the first few of them.

    >>> lines_told([3]), lines_told([3, 8], most=1)
    ('line 3', 'lines 3 and 1 more')
    """
    more = f" and {len(lines) - most:,} more" if len(lines) > most else ""
    return f"line{'s' * (len(lines) > 1)} {', '.join(map(str, lines[:most]))}{more}"


def _groups(rows: list[Row], group: str, facts: list[str]) -> list[str | int]:
    """Return the group of each row, spelt in any case; a blank cell is a group of its own, the number of its line."""
    blank = [row.line for row in rows if is_blank(row.values[group])]
    found = [row.line if is_blank(row.values[group]) else look(row.values[group]).casefold() for row in rows]
    facts.append(
        f"Texts with the same {group!r} stand on one side: {counted(len(set(found)) - len(blank), 'group')}"
        + (f", and {counted(len(blank), 'text')} without one, each by itself ({lines_told(blank)})." if blank else ".")
    )
    return found


def _classes(
    rows: list[Row], label: str, file: Path, problems: Skips, left: str = ""
) -> tuple[tuple[str, ...], Tensor, list[Row], list[str]]:
    """Return class names, labels and rows of the classes that are large enough, and what to know of them."""
    where = f"column {label!r} of {file.name}"
    written = [row.values[label] for row in rows]
    looks = set(map(look, written))
    different = len(looks) - len(holding_several(looks)) if len(looks) > MOST_CLASSES else len(looks)
    if different > max(MOST_CLASSES, len(rows) / 4):
        raise ValueError(
            f"C{where[1:]} has {different:,} different values in {len(rows):,} rows, which is no set of classes; name "
            "the column with the classes in --label."
        )
    before = problems.notes
    classes, told = settle_labels(written, [row.line for row in rows], where, problems)
    told += [f"Left out: {note}" for note in problems.notes[len(before) :]]
    counts = Counter(name for name in classes if name is not None)
    before = problems.notes
    for name in sorted(counts, key=number_or_text(set(counts))):
        if counts[name] < FEWEST:
            problems.add(
                f"The class {name!r} in column {label!r} has only {counted(counts[name], 'text')}, and {FEWEST} are "
                "the fewest that can be divided",
                "add some or correct the label",
            )
    if small := len(problems.notes) - len(before):
        told.append(f"{counted(small, 'class')} left out as too small.")
    class_names = tuple(name for name in sorted(counts, key=number_or_text(set(counts))) if counts[name] >= FEWEST)
    kept = [(row, class_names.index(name)) for row, name in zip(rows, classes, strict=True) if name in class_names]
    labels = torch.tensor([number for _, number in kept], dtype=torch.int64)
    check_classes(labels, class_names, f"{where}{left}")
    return class_names, labels, [row for row, _ in kept], told


def length_for(texts: list[str], preprocess: TextPreprocess) -> int:
    """Return the length in tokens to cut texts at: the shortest of a few that cuts at most one text in twenty."""
    tokens = token_counts(spread(texts), preprocess)
    return next((length for length in LENGTHS if share_above(tokens, length) <= MAY_BE_CUT), LENGTHS[-1])


def spread(texts: list[str]) -> list[str]:
    """Return some texts from all over a list."""
    return texts[:: -(-len(texts) // LOOKED_AT)]


def read(table: Table, preprocess: TextPreprocess, *, most_training: int, seed: int = 0) -> Prepared:
    """Divide a table's texts, and say what a reader should know of them.

    Raises
    ------
    ValueError
        When a class has too few different texts, or the groups too few documents.
    """
    title = f"the file {table.file.name}"
    split = split_examples(table.examples, most_training=most_training, seed=seed, title=title)
    parts, names = {}, {}
    for part in SPLITS:
        positions = split.positions[part].tolist()
        parts[part] = Split([table.texts[position] for position in positions], table.examples.labels[positions])
        names[part] = [f"line\N{NO-BREAK SPACE}{table.lines[position]}" for position in positions]
    task = Task(
        "csv_text",
        table.file.stem,
        "text",
        table.examples.class_names,
        **parts,
        source=f"the reader's own texts, file {table.file.name}",
    )
    prepared = Prepared(task, names, facts=list(table.facts), warnings=list(table.warnings))
    tell_unused(prepared, split)
    _warn_of_one_group(prepared, table)
    if cut := share_above(token_counts(spread(table.texts), preprocess), preprocess.max_length):
        about = f" (estimated from {LOOKED_AT:,})" if len(table.texts) > LOOKED_AT else ""
        shortened = counted(round(cut * len(table.texts)), "text")
        prepared.facts.append(f"Texts are cut at {preprocess.max_length} tokens, which shortens {shortened}{about}.")
    alike = "but for case, punctuation, spaces or the form of letters"
    lines = [f"line\N{NO-BREAK SPACE}{line}" for line in table.lines]
    tell_near_copies(prepared, split, table.examples.labels.tolist(), "text", alike, lines)
    _warn_of_copies(prepared, table, split)
    _warn_of_language(prepared, table, preprocess)
    return prepared


def token_counts(texts: list[str], preprocess: TextPreprocess) -> list[int]:
    """Count the tokens of texts, uncut."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tokenizer warns of texts that are longer than the network can read
        return [len(ids) for ids in preprocess.tokenizer(texts, verbose=False)["input_ids"]]


def share_above(counts: list[int], length: int) -> float:
    """Return the share of counts above a length.

    >>> share_above([10, 20, 30, 40], 32)
    0.25
    """
    return sum(count > length for count in counts) / len(counts)


def _warn_of_one_group(prepared: Prepared, table: Table) -> None:
    """Say so where one author or document outweighs all others, and the parts cannot have their usual sizes."""
    [(name, most)] = Counter(table.examples.groups or table.lines).most_common(1)
    if most > len(table.texts) / 2:
        task = prepared.task
        prepared.warnings.append(
            f"One group, {name!r}, holds {most:,} of {counted(len(table.texts), 'text')} and stands on one side, so "
            f"there are {counted(len(task.test), 'text')} to test and {len(task.validation):,} to choose by."
        )


def _warn_of_copies(prepared: Prepared, table: Table, split: SplitPositions) -> None:
    settled = split.settled
    if settled.copies:
        prepared.facts.append(
            f"{counted(settled.copies, 'text')} left out as a copy of another with the same label, so that no text is "
            "both learned from and tested on."
        )
    if settled.disputed:
        prepared.warnings.append(
            f"{counted(len(settled.disputed), 'text')} stood in the table with different labels; used once, with the "
            "label that most copies have, and not at all where none leads."
        )
        prepared.lists["The same text with several labels"] = [
            "lines " + ", ".join(str(table.lines[position]) for position in members) for members in settled.disputed
        ]
    if table.problems.notes:
        prepared.lists["Skipped"] = list(table.problems.notes)


def _warn_of_language(prepared: Prepared, table: Table, preprocess: TextPreprocess) -> None:
    sample = spread(table.texts)
    lettered = [without_symbols(text) for text in sample]
    unknown, foreign = unknown_share(lettered, preprocess), foreign_share(sample)
    symbols = unknown_share(sample, preprocess) if lettered != sample else 0.0
    if symbols - unknown >= MANY_UNKNOWN:
        prepared.warnings.append(
            f"About {symbols - unknown:.0%} of the tokens are emoji, symbols or styled letters, which the tokenizer "
            "does not know; what they say is not seen."
        )
    if unknown >= MANY_UNKNOWN or foreign >= MANY_FOREIGN:
        prepared.warnings.append(
            f"The network and its tokenizer are English, and {foreign:.0%} of the letters are of another script "
            f"({unknown:.0%} of the tokens are unknown to it); expect little, and take a multilingual network instead."
        )
        return
    strange = [line for line, text in zip(table.lines, table.texts, strict=True) if foreign_share([text]) > 0.5]
    if strange:
        prepared.warnings.append(
            f"{counted(len(strange), 'text')} mostly in another script, which the English tokenizer hardly reads; "
            "expect little of them."
        )
        prepared.lists["In another script"] = ["lines " + ", ".join(map(str, strange))]


def unknown_share(texts: list[str], preprocess: TextPreprocess) -> float:
    """Return which share of tokens the tokenizer does not know."""
    tokenizer = preprocess.tokenizer
    ids = [token for each in tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"] for token in each]
    return sum(token == tokenizer.unk_token_id for token in ids) / max(len(ids), 1)


def foreign_share(texts: list[str]) -> float:
    """Return which share of the letters is not Latin; emoji and styled letters are not counted.

    >>> [foreign_share([text]) for text in ("good", "хорошо", "ab 好", "\u2139 \U0001d41a")]
    [0.0, 1.0, 0.3333333333333333, 0.0]
    """
    letters = Counter(letter for text in texts for letter in text if letter.isalpha())
    letters = Counter({letter: count for letter, count in letters.items() if not _is_symbol(letter)})
    foreign = sum(count for letter, count in letters.items() if "LATIN" not in unicodedata.name(letter, ""))
    return foreign / max(letters.total(), 1)


def without_symbols(text: str) -> str:
    """Put spaces for emoji, symbols and styled letters.

    >>> without_symbols("so good \U0001f600!"), without_symbols("хорошо")
    ('so good  !', 'хорошо')
    """
    return text if text.isascii() else "".join(" " if _is_symbol(letter) else letter for letter in text)


def _is_symbol(letter: str) -> bool:
    """Say whether a letter is an emoji or a part of one, a symbol, or a Latin letter in disguise (bold, circled)."""
    if letter.isascii():
        return False
    styled = letter.isalpha() and unicodedata.normalize("NFKC", letter).isascii()
    return styled or unicodedata.category(letter) in SYMBOLS or letter in "\ufe0e\ufe0f"
