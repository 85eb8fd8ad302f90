"""Labels as people write them: what only looks different is one class."""

from __future__ import annotations

import re
import unicodedata


def plain(text: str) -> str:
    """Return a name in one Unicode form, without invisible letters, and with single spaces between its words.

    >>> plain(" new\\u00a0 york\\u200b"), plain("cafe\\u0301") == "caf\\u00e9"
    ('new york', True)
    """
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFC", visible).split())


def number_or_text(labels: set[str]) -> type:
    """Return the type that labels are ordered as: int where all are whole numbers, so that 10 follows 9, else str.

    >>> sorted({"10", "9"}, key=number_or_text({"10", "9"}))
    ['9', '10']
    """
    return int if all(re.fullmatch(r"\s*[+-]?\d+\s*", label) for label in labels) else str
