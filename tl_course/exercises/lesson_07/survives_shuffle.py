"""Lesson 07: what a shuffle leaves."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="survives_shuffle",
    lesson="07",
    title="What survives a shuffle?",
    kind="predict",
    difficulty=1,
    minutes=4,
    points=0,
    hints=(
        "Which of these can you compute from a bag of numbers, without knowing where each of them stood?",
        "Mean, spread, largest and smallest belong to the bag. A filter is a place in the tensor, and loses its own.",
    ),
    inputs=lambda seed: [{}],
    reference="ADF",
    why=(
        "What can be computed from the bag of numbers survives: mean, spread, extremes. All that says which number "
        "stands where is gone: filters, their own sums, and what one layer has to do with the next. That is why the "
        "shuffled network is the control for *statistics alone*."
    ),
    wrong=(
        Wrong(
            "filters believed whole",
            "You chose B. The numbers are shuffled over the whole tensor, so each filter gets numbers of all others.",
            "ABDF",
            recognise=chose("B"),
        ),
        Wrong(
            "sums of filters believed whole",
            "You chose C. The sum of the whole tensor stays. That of one filter does not: it gets other numbers.",
            "ACDF",
            recognise=chose("C"),
        ),
        Wrong(
            "the function believed whole",
            "You chose E. The numbers are the same, and the network computes something else with them: its answers "
            "are those of a stranger.",
            "ADEF",
            recognise=chose("E"),
        ),
        Wrong(
            "spread left out",
            "You left out A. The spread is computed from all numbers, in any order.",
            "DF",
            recognise=left_out("A"),
        ),
        Wrong(
            "extremes left out",
            "You left out D or F. The largest number is still there, and so is the share of numbers near zero; only "
            "their places changed.",
            "A",
            recognise=left_out("D", "F"),
        ),
    ),
    probe=letters,
)
