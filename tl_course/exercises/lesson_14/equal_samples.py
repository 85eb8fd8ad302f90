"""Lesson 14: one domain, twice."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong

QUESTION = Question(
    slug="equal_samples",
    lesson="14",
    title="What is left when nothing differs?",
    kind="predict",
    difficulty=3,
    minutes=6,
    points=0,
    hints=(
        "A and C are about averages over many draws, B about single draws. An average of zero needs numbers on both "
        "sides of zero, unless all are zero.",
        "For D and E write K for the one table that there is. The biased estimate is mean + mean − 2·mean of K. In the "
        "unbiased one two of the three means leave out the diagonal. Which entries of K are the largest?",
    ),
    inputs=lambda seed: [{}],
    reference="ACD",
    why=(
        "The diagonal explains all five. Left in, it adds (2/n)(1 − E k) on average, and cancels only when the two "
        "batches are one. Left out, the average is right and single values fall on both sides of zero. So a small "
        "positive number proves nothing: compare with two batches of one domain."
    ),
    wrong=(
        Wrong(
            "B chosen",
            "B does not hold. What is *estimated* is a square, the estimate is not one: an average of zero over values "
            "that are not all zero needs some below.",
            "ABCD",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "E chosen",
            "E does not hold. The cross term has the ones of its diagonal in it, the other two terms leave theirs out: "
            "so more is taken away than was added, and the estimate is below zero.",
            "ACDE",
            recognise=lambda found, expected, cases: "E" in found[0],
        ),
        Wrong(
            "A forgotten",
            "You left out A. That is what *unbiased* means: right on average. No single value needs to be zero for it.",
            "CD",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "C forgotten",
            "You left out C. The diagonals add 1/n for each batch that the cross term does not have; half the batch, "
            "twice as much.",
            "AD",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "D forgotten",
            "You left out D. With one batch in both places all three tables are the same one, diagonal included: mean "
            "+ mean − 2·mean.",
            "AC",
            recognise=lambda found, expected, cases: "D" not in found[0],
        ),
    ),
    probe=letters,
)
