"""Lesson 04: when features may be kept."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="may_keep",
    lesson="04",
    title="May the features be kept?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "The question is always the same: is what the head is given for one picture the same in every epoch?",
        "Three things can change it: the picture, the backbone's weights, and the backbone's mode. What happens behind "
        "the features does not.",
    ),
    inputs=lambda seed: [{}],
    reference="ADF",
    why=(
        "Features may be kept as long as φ(x) is one fixed list of numbers per picture: a fixed picture, fixed "
        "weights, a fixed mode. What comes after them, be it order, dropout or another loss, is free. That is why "
        "`tl.data.features` refuses augmentation."
    ),
    wrong=(
        Wrong(
            "augmentation kept",
            "In B each epoch shows another cut of the picture, and its features are others. Kept features would freeze "
            "the first draw: no augmentation at all, under its name.",
            "ABDF",
            recognise=chose("B"),
        ),
        Wrong(
            "backbone moves",
            "In C the backbone moves, slowly but it does; in E its running statistics do. Then the table describes a "
            "backbone that no longer exists.",
            "ACDEF",
            recognise=chose("C", "E"),
        ),
        Wrong(
            "order forgotten",
            "You left out A. The order does not matter for the features: you find a row of the table by its "
            "picture's number, together with its label.",
            "DF",
            recognise=left_out("A"),
        ),
        Wrong(
            "fixed preparation forgotten",
            "You left out D. Normalising and cutting out the middle change a picture in the same way every time, so "
            "its features stay what they are.",
            "AF",
            recognise=left_out("D"),
        ),
        Wrong(
            "head's own business forgotten",
            "You left out F. Dropout in the *head* acts on what the features are handed to; the features themselves do "
            "not notice.",
            "AD",
            recognise=left_out("F"),
        ),
    ),
    probe=letters,
)
