"""Lesson 10: which cells may be compared."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong

QUESTION = Question(
    slug="down_a_column",
    lesson="10",
    title="What does the matrix say?",
    kind="predict",
    difficulty=2,
    minutes=6,
    points=0,
    hints=(
        "For each sentence find the cells that it compares. Do they stand in one column?",
        "Cells of one column answer for the same texts. The constant stands in each column, too.",
        "A difference of two losses is fair if each loss was taken down its own column; a raw score beside one of "
        "another column is not.",
    ),
    inputs=lambda seed: [{}],
    reference="ACE",
    why=(
        "A, C and E compare networks on the same texts. B and D compare two exams: even the constant answer gets 0.45 "
        "in one and 0.60 in another. Measured down the columns, what shops lose on forums (0.12) is three times what "
        "they lose on letters (0.04), the reverse of B."
    ),
    wrong=(
        Wrong(
            "along a row",
            "B reads along a row. 0.66 and 0.58 are scores in two different exams; take each from the 0.78 and the "
            "0.62 that were reached at home in the same column, and the order turns round.",
            "ABCE",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "along the diagonal",
            "D reads along the diagonal, from one exam to another. Whether the texts are hard, or the ratings "
            "accidents, or the network learned little, 0.80 beside 0.62 cannot tell.",
            "ACDE",
            recognise=lambda found, expected, cases: "D" in found[0],
        ),
        Wrong(
            "A forgotten",
            "You left out A. 0.75 and 0.72 stand in one column: the same texts, the same labels, another source.",
            "CE",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "C forgotten",
            "You left out C. 0.60 against 0.62 at home, on the same texts: that is what a loss is.",
            "AE",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "E forgotten",
            "You left out E. The constant is a control, and it answered for the same texts: below it a source does "
            "harm, above it something was carried over.",
            "AC",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)
