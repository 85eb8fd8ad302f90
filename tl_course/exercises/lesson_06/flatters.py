"""Lesson 06: choosing."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="flatters",
    lesson="06",
    title="Which numbers flatter?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Ask of each: did the test pictures have any say in which number is reported?",
        "A choice need not be a formula. Looking at the mistakes and acting on what was seen is a choice, too.",
    ),
    inputs=lambda seed: [{}],
    reference="BDE",
    why=(
        "In B, D and E the test pictures chose, by an epoch, a seed, or by what a person saw. What was chosen by a "
        "noisy number owes part of it to the noise. A decides by other pictures, and C and F choose nothing at all."
    ),
    wrong=(
        Wrong(
            "validation suspected",
            "In A the validation pictures chose, and the test pictures were asked once: that is what the three splits "
            "are for. (Its *validation* score would flatter.)",
            "ABDE",
            recognise=chose("A"),
        ),
        Wrong(
            "a mean suspected",
            "In C and F nothing is chosen: all seeds enter the mean, and a second measure of one and the same network "
            "is no second try.",
            "BCDE",
            recognise=chose("C", "F"),
        ),
        Wrong(
            "looking forgotten",
            "You left out E. She chose by her eyes: what she added answers mistakes on exactly these pictures. That is "
            "why the lesson looked at *validation* mistakes.",
            "BD",
            recognise=left_out("E"),
        ),
        Wrong(
            "best seed forgotten",
            "You left out D. Of five seeds the best is best partly by luck, and the test pictures said which it was.",
            "BE",
            recognise=left_out("D"),
        ),
        Wrong(
            "epoch forgotten",
            "You left out B. Each epoch is another try, and the maximum of many noisy scores is high because of its "
            "noise.",
            "DE",
            recognise=left_out("B"),
        ),
    ),
    probe=letters,
)
