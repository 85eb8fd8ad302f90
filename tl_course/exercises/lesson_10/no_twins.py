"""Lesson 10: twins."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong

_STEMS = ("what a day", "well made and short", "never again", "it s 5 o clock", "the battery died", "so so good")


def _dressed(text: str, rng: np.random.Generator) -> str:
    """The same words in other clothes."""
    words = text.split()
    joined = words[0] + "".join(rng.choice([" ", "-", ", ", "  ", "... "]) + word for word in words[1:])
    joined = joined.upper() if rng.random() < 0.4 else joined.capitalize() if rng.random() < 0.5 else joined
    return joined + str(rng.choice(["", "!", "!!!", ".", " :)", "?!"]))


def _twin_texts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(3):
        stems = [str(one) for one in rng.permutation(_STEMS)]
        train = [_dressed(one, rng) for one in stems[:4]] + [_dressed(stems[3], rng), stems[3], f"{stems[3]}!"]
        train += [f"{stems[0]} indeed", stems[0].upper(), stems[0].replace(" ", ""), stems[0].upper() + "!!"]
        test = [stems[0], _dressed(stems[1], rng), f"But {stems[2]}", _dressed(stems[5], rng)]
        cases.append({"train": train, "test": test})
    by_hand = {"train": ["Well-made!", "well made", "Wellmade", "WELL MADE", "made well"], "test": ["well made.", "ok"]}
    return [*cases, by_hand, {"train": ["a", "A", "b c"], "test": ["d"]}]


def _bare(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _keep(form) -> object:
    """An answer that calls texts twins that have one form."""
    return lambda train, test: [text for text in train if form(text) not in {form(other) for other in test}]


def _glued(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _deleted(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())


QUESTION = Question(
    slug="no_twins",
    lesson="10",
    title="Twins across the split",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "When are two texts twins here? Bring each to a bare form in which twins are equal.",
        "Small letters first. Then every character that is no letter or digit becomes a *space*: `c if c.isalnum() "
        "else ' '`. `' '.join(text.split())` leaves single spaces.",
        "Make a set of the bare forms of all test texts, and keep the training texts whose bare form is not in it.",
    ),
    inputs=_twin_texts,
    reference=_keep(_bare),
    why=(
        "What is left can be learned from without having met the test. The test stays as it is, so scores remain "
        "comparable with those of others; training gives way. And a text that occurs twice in training may stay: it is "
        "no twin of the test."
    ),
    wrong=(
        Wrong(
            "only equal texts",
            "You drop only texts that are equal letter by letter. *What a day!!!* in capitals is the twin of *what a "
            "day*: compare the words alone.",
            _keep(lambda text: text),
        ),
        Wrong(
            "only capitals",
            "Capitals no longer hide a twin, but an exclamation mark does. Compare the words alone, without "
            "punctuation.",
            _keep(lambda text: " ".join(text.lower().split())),
            recognise=lambda found, expected, cases: any(
                found == [_keep(form)(case["train"], case["test"]) for case in cases]
                for form in (str.lower, lambda text: " ".join(text.lower().split()))
            ),
        ),
        Wrong(
            "words glued together",
            "You delete punctuation where it should become a space: *well-made* turns into *wellmade*, which is no "
            "twin of *well made*.",
            _keep(_deleted),
        ),
        Wrong(
            "spaces deleted",
            "You compare without spaces, so *well made* and *wellmade* are taken for twins. They are other words.",
            _keep(_glued),
        ),
        Wrong(
            "dropped from the test",
            "You drop twins from the *test*, and with them the comparison with everybody who has the same test. Drop "
            "them from training.",
            lambda train, test: _keep(_bare)(test, train),
        ),
        Wrong(
            "doubles dropped",
            "You drop texts that occur twice in *training* as well, or give back bare forms. Only twins of test texts "
            "go, and what stays, stays as it was.",
            lambda train, test: list({_bare(text): text for text in _keep(_bare)(train, test)}.values()),
            recognise=lambda found, expected, cases: all(
                {_bare(text) for text in mine} == {_bare(text) for text in theirs}
                for mine, theirs in zip(found, expected, strict=True)
            ),
        ),
    ),
)
