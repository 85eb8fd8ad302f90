"""Lesson 09: what a number can hide."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="never_urgent",
    lesson="09",
    title="Which numbers hide it?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Write the table of counts: 950 ordinary texts, called so rightly; 50 urgent ones, called ordinary.",
        "The F1 of *ordinary* is 2·950 / (2·950 + 50), and that of *urgent* is 0. Now take the two averages of them.",
        "Macro: half of each. Weighted: 950 parts of a thousand of the one, 50 of the other.",
    ),
    inputs=lambda seed: [{}],
    reference="ABE",
    why=(
        "Accuracy 0.95, weighted F1 0.93, precision of *ordinary* 0.95: three fine numbers for a classifier that finds "
        "no urgent text. Macro F1 is 0.49 and tells, and the recall of *urgent*, 0, tells at once. So name the class "
        "you care for."
    ),
    wrong=(
        Wrong(
            "D hides nothing",
            "D hides nothing: none of the urgent texts is found, so their recall is 0. It is the number to ask for.",
            "ABDE",
            recognise=chose("D"),
        ),
        Wrong(
            "macro",
            "C is below one half: in macro F1 each class counts the same, and one of the two has an F1 of 0.",
            "ABCE",
            recognise=chose("C"),
        ),
        Wrong(
            "weighted forgotten",
            "You left out B. Weighted by frequency, the class that is never found counts a twentieth: 0.95 times an F1 "
            "of 0.97 remains.",
            "AE",
            recognise=left_out("B"),
        ),
        Wrong(
            "accuracy forgotten",
            "You left out A. Nineteen texts of twenty are ordinary, and all of these come out right.",
            "BE",
            recognise=left_out("A"),
        ),
        Wrong(
            "precision forgotten",
            "You left out E. Of the thousand texts called ordinary, 950 are: that is a high precision, of the class "
            "that the question is not about.",
            "AB",
            recognise=left_out("E"),
        ),
    ),
    probe=letters,
)
