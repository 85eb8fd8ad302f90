"""Answers to ``idf`` as learners write them: right ones in other ways, wrong ones by name."""

import math

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer


def _idf_by_loop(texts, word):
    count = 0
    for text in texts:
        if word in set(text.split(" ")):
            count += 1
    return 1 + np.log(1 + len(texts)) - np.log(1 + count)


def _idf_by_sklearn(texts, word):
    words = TfidfVectorizer(token_pattern=r"\S+", vocabulary=[word]).fit(texts)
    return words.idf_[0]


def _idf_in_letters(texts, word):
    count = len([text for text in texts if word in text])
    return math.log((len(texts) + 1) / (count + 1)) + 1


def _idf_all_words(texts, word):
    count = " ".join(texts).split().count(word)
    return math.log((len(texts) + 1) / (count + 1)) + 1


def _idf_classic(texts, word):
    return math.log(len(texts) / sum(word in text.split() for text in texts)) + 1


RIGHT = [_idf_by_loop, _idf_by_sklearn]

WRONG = {
    "letters, not words": _idf_in_letters,
    "occurrences": _idf_all_words,
    "one at the end missing": lambda texts, word: _idf_by_loop(texts, word) - 1,
    "not smoothed": _idf_classic,
    "other logarithm": lambda texts, word: (_idf_by_loop(texts, word) - 1) / math.log(2) + 1,
}
