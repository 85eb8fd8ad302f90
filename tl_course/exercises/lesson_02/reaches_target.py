"""Lesson 02: what reaches the target network."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="reaches_target",
    lesson="02",
    title="Who is heard by the target network?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "For each recipe ask the lesson's question: through which weights does the source's data reach `w_t`?",
        "A loss can only move `w_t` by a term that contains `w_t`. But a loss is not the only way for data to leave a "
        "trace: where does `w_t` start?",
        "Two of the five have a term with the source in it and no way from it to `w_t`.",
    ),
    inputs=lambda seed: [{}],
    reference="BCD",
    why=(
        "Shared weights, a penalty and a starting point each make a way for the source to reach `w_t`; a sum of "
        "two losses of separate weights makes none, and no value of α can change that. Look for the way before you "
        "believe a formula."
    ),
    wrong=(
        Wrong(
            "sum couples",
            "Two separate networks in one sum (A, E) do not couple: differentiate by `w_t`, and the source's term is "
            "gone. Another α only changes the length of the target's own gradient.",
            "ABCDE",
            recognise=chose("A", "E"),
        ),
        Wrong(
            "start forgotten",
            "You left out D. No term of its loss names the source, but training starts where the source's training "
            "ended: change the source's labels, and `w_t` starts, and ends, elsewhere.",
            "BC",
            recognise=left_out("D"),
        ),
        Wrong(
            "penalty forgotten",
            "You left out C. The source's data are not in the penalty, but their work is: `w_s` is what they made of "
            "it, and the penalty pulls `w_t` towards it.",
            "BD",
            recognise=left_out("C"),
        ),
        Wrong(
            "sharing forgotten",
            "You left out B. With shared weights the source's gradient moves the very weights that the target uses.",
            "CD",
            recognise=left_out("B"),
        ),
    ),
    probe=letters,
)
