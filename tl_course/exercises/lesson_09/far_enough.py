"""Lesson 09: how far a head can come."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="far_enough",
    lesson="09",
    title="Which heads can have learned?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "Adam moves a weight by about the rate in each step. So how far can it come in all of them?",
        "Multiply rate and steps, and compare with two hundredths, the size of the weights at the start.",
    ),
    inputs=lambda seed: [{}],
    reference="BCE",
    why=(
        "Rate times steps is about how far a weight can come: at least as far as its own size in B, C and E, and less "
        "than a third of it in A, D and F. Whether a head that can move has learned something good is another question."
    ),
    wrong=(
        Wrong(
            "the paper's rate trusted",
            "You chose A. Sixty steps at 2e-5 come about a thousandth far. That rate is for a whole BERT, whose "
            "layers are good already.",
            "ABCE",
            recognise=chose("A"),
        ),
        Wrong(
            "many steps trusted",
            "You chose D. Multiply: even 500 steps are few at 1e-5.",
            "BCDE",
            recognise=chose("D"),
        ),
        Wrong(
            "half way",
            "You chose F. Sixty steps at 1e-4 come six thousandths far, less than a third of the weights' size.",
            "BCEF",
            recognise=chose("F"),
        ),
        Wrong(
            "a small rate despised",
            "You left out C. A small rate comes as far as a large one, if it has the steps for it.",
            "BE",
            recognise=left_out("C"),
        ),
        Wrong(
            "only the largest",
            "You left out B or E. Multiply rate and steps for each of them: both come further than two hundredths.",
            "C",
            recognise=left_out("B", "E"),
        ),
    ),
    probe=letters,
)
