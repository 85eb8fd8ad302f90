"""Does the tokenizer know what the texts are written in? Other scripts, emoji and styled letters are told."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence

from tl_course.data.preprocess import TextPreprocess
from tl_course.recipes.prepared import counted

# From these shares on, a reader is told that the tokenizer does not know the language.
MANY_UNKNOWN, MANY_FOREIGN = 0.05, 0.3
# Unicode's classes of emoji, of what joins and colours them, and of those that are too new to have one.
SYMBOLS = {"So", "Sk", "Sm", "Cf", "Cn", "Co", "Me"}


def language_warnings(
    texts: Sequence[str], preprocess: TextPreprocess, sample: Sequence[str], english: bool = True
) -> tuple[list[str], list[int]]:
    """Return sentences on what the tokenizer does not know, and the positions of texts in another script.

    Parameters
    ----------
    texts : sequence of str
    preprocess : TextPreprocess
    sample : sequence of str
        Some of the texts, to estimate shares from.
    english : bool
        Whether the network is known to read English only, as the course's own do.
    """
    told = []
    lettered = [without_symbols(text) for text in sample]
    unknown, foreign = unknown_share(lettered, preprocess), foreign_share(sample)
    symbols = unknown_share(sample, preprocess) if lettered != sample else 0.0
    if symbols - unknown >= MANY_UNKNOWN:
        told.append(
            f"About {symbols - unknown:.0%} of the tokens are emoji, symbols or styled letters, which the tokenizer "
            "does not know; what they say is not seen."
        )
    if not english:
        if unknown >= MANY_UNKNOWN:
            told.append(
                f"The tokenizer does not know {unknown:.0%} of the tokens; expect little, and take a network that was "
                "trained on texts like these."
            )
        elif foreign >= MANY_FOREIGN:
            told.append(
                f"{foreign:.0%} of the letters are not Latin; look at the network's card whether it was trained on "
                "that language."
            )
        return told, []
    if unknown >= MANY_UNKNOWN or foreign >= MANY_FOREIGN:
        told.append(
            f"The network and its tokenizer are English, and {foreign:.0%} of the letters are of another script "
            f"({unknown:.0%} of the tokens are unknown to it); expect little, and take a multilingual network instead."
        )
        return told, []
    strange = [position for position, text in enumerate(texts) if foreign_share([text]) > 0.5]
    if strange:
        told.append(
            f"{counted(len(strange), 'text')} mostly in another script, which the English tokenizer hardly reads; "
            "expect little of them."
        )
    return told, strange


def unknown_share(texts: Sequence[str], preprocess: TextPreprocess) -> float:
    """Return which share of tokens the tokenizer does not know."""
    tokenizer = preprocess.tokenizer
    ids = [
        token for each in tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"] for token in each
    ]
    return sum(token == tokenizer.unk_token_id for token in ids) / max(len(ids), 1)


def foreign_share(texts: Sequence[str]) -> float:
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
