"""Labels as people write them: what only looks different is one class, and a cell with several classes is told."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

from tl_course.data.task import Problems

# Zero-width joiners are part of the spelling in some scripts, and of some emoji.
JOINERS = "\u200c\u200d"
WHOLE_NUMBER = re.compile(r"[+-]?\d+([.,]00?)?")
# Hardly ever part of a name; the others part classes only where each part is a label, too.
SURE_SEPARATORS, SEPARATORS = "|;", ",/+&"


def plain(text: str) -> str:
    """Return a name in one Unicode form, without invisible letters, and with single spaces between its words.

    >>> plain(" new\\u00a0 york\\u200b"), plain("cafe\\u0301") == "caf\\u00e9"
    ('new york', True)
    """
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf" or letter in JOINERS)
    return " ".join(unicodedata.normalize("NFC", visible).split())


@lru_cache(maxsize=10_000)
def look(label: str) -> str:
    """Return what a label looks like: equal for labels that a reader cannot tell apart, and for one whole number.

    >>> look("pos\\u200b") == look("pos "), look("01") == look("1.0"), look("1.5") == look("1"), look("A") == look("a")
    (True, True, False, False)
    """
    seen = plain(label).strip(JOINERS)
    return str(int(re.split("[.,]", seen)[0])) if WHOLE_NUMBER.fullmatch(seen) else seen


def number_or_text(labels: set[str]) -> type:
    """Return the type that labels are ordered as: int where all are whole numbers, so that 10 follows 9, else str.

    >>> sorted({"10", "9"}, key=number_or_text({"10", "9"}))
    ['9', '10']
    """
    return int if all(re.fullmatch(r"\s*[+-]?\d+\s*", label) for label in labels) else str


def settle_labels(
    written: Sequence[str], lines: Sequence[int | str], where: str, problems: Problems
) -> tuple[list[str | None], list[str]]:
    """Return the class of each row, and sentences on labels that were taken for one.

    Parameters
    ----------
    written : sequence of str
        The labels as they stand in the table.
    lines : sequence of int or str
        Where each stands: the number of a line, and what else tells it from others.
    where : str
        What messages call the column.
    problems : Problems
        Is told of cells that hold several classes; where it skips, such rows have the class None.

    Raises
    ------
    ValueError
        When labels differ in capitals only, or cells hold several classes.

    Examples
    --------
    >>> classes, [told] = settle_labels(["1", "1.0", "1", "2"], [2, 3, 4, 5], "column 'stars'", Problems("raise"))
    >>> classes, told
    (['1', '1', '1', '2'], "Taken for one class: '1' (2 rows), '1.0' (1 row, first in line 3) in column 'stars'.")
    """
    first = {label: line for label, line in zip(reversed(written), reversed(lines), strict=True)}
    spellings = defaultdict(Counter)
    for label in written:
        spellings[look(label)][label] += 1
    leading = {seen: min(found, key=lambda each: (-found[each], len(each))) for seen, found in spellings.items()}
    told = []
    for seen, found in spellings.items():
        if len({plain(label) for label in found}) > 1 or len({label.strip() for label in found}) > 1:
            _, *others = sorted(found, key=lambda each: each != leading[seen])
            also = "".join(f", {label!r} ({_rows(found[label])}, first in line {first[label]})" for label in others)
            told.append(f"Taken for one class: {leading[seen]!r} ({_rows(found[leading[seen]])}){also} in {where}.")
    _check_capitals(leading, first, where)
    several = set(holding_several(leading))
    left_out = [line for label, line in zip(written, lines, strict=True) if look(label) in several]
    if left_out:
        example = next(label for label in written if look(label) in several)
        problems.add(
            f"{_rows(len(left_out))} of {where} with several classes in one cell (line {left_out[0]}: {example!r})",
            "keep one class for each row, or write such a class as one word",
        )
    return [None if look(label) in several else plain(leading[look(label)]) for label in written], told


def _check_capitals(leading: dict[str, str], first: dict[str, int], where: str) -> None:
    known: dict[str, str] = {}
    for seen, label in leading.items():
        other = known.setdefault(seen.casefold(), label)
        if other != label:
            raise ValueError(
                f"The labels {other!r} (line {first[other]}) and {label!r} (line {first[label]}) of {where} differ in "
                "capitals only; write them alike, or add a word to one if they are two classes."
            )


def holding_several(labels: Iterable[str]) -> list[str]:
    """Return the labels that hold several classes, as ``a|b`` does where ``a`` or ``b`` stands in another label, too.

    >>> holding_several(["a", "b", "c", "a|b", "b|c"]), holding_several(["yes", "no", "n/a", "in|out"])
    (['a|b', 'b|c'], [])
    >>> holding_several(["['a', 'b']", "['a']"]), holding_several(["1", "1,5", "5"]), holding_several(["x", "y", "x/y"])
    (["['a', 'b']"], [], ['x/y'])
    """
    labels = list(labels)
    found = []
    for separator in SURE_SEPARATORS + SEPARATORS:
        parts = {label: _parts(label, separator) for label in labels}
        standing = Counter(part for label in labels for part in parts[label])
        for label in labels:
            if len(parts[label]) < 2:
                continue
            shared = [standing[part] > 1 for part in parts[label]]
            alone = all([part] in parts.values() and not part.isdigit() for part in parts[label])
            if any(shared) if separator in SURE_SEPARATORS else alone:
                found.append(label)
    listed = [label for label in labels if re.fullmatch(r"[\[{]\s*['\"].*['\"]\s*,\s*['\"].*[\]}]", label)]
    return [label for label in labels if label in found or label in listed]


def _parts(label: str, separator: str) -> list[str]:
    return sorted({part.strip().casefold() for part in label.split(separator)} - {""})


def _rows(count: int) -> str:
    return f"{count:,} row{'s' * (count != 1)}"
