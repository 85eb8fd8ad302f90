"""Lesson 14: where alignment cannot help."""

from __future__ import annotations

from tl_course.exercises.probes import value
from tl_course.exercises.question import Question, Wrong

QUESTION = Question(
    slug="aligned_wrong",
    lesson="14",
    title="Perfectly aligned",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "On the source the head makes no mistake. On which share of the source does it say *cat*?",
        "The features of the target are distributed like those of the source, and the head sees nothing but features. "
        "On which share of the target does it say *cat*, then? And how many cats are there?",
    ),
    inputs=lambda seed: [{}],
    reference=0.4,
    why=(
        "It says *cat* to half of the target, and nine tenths are cats: at least four tenths get the wrong name, and "
        "no training can mend it, for the alignment itself is the cause. On aligned features a head can be right in "
        "both domains only where the classes are about equally frequent in both. Without target labels you do not see "
        "whether they are."
    ),
    wrong=(
        Wrong(
            "none",
            "So one would hope: no mistakes on the source, features alike, so none on the target. But count how often "
            "it says *cat* on the target, and how many cats there are.",
            0.0,
        ),
        Wrong(
            "one tenth",
            "That would be a head that says *cat* to everything on the target. Behind equal features it cannot: on the "
            "source it says *cat* to half, and so it does here.",
            0.1,
        ),
        Wrong(
            "one half",
            "One half is what guessing would give. Half of the target is called *cat*, and in the best case all of "
            "those are cats. How many cats are left over?",
            0.5,
        ),
        Wrong(
            "share that is right",
            "That is the largest share it can get right. Give the share of mistakes.",
            0.6,
        ),
        Wrong(
            "in percent",
            "In percent that is it. Write it as a share between 0 and 1.",
            40,
        ),
    ),
    probe=value,
)
