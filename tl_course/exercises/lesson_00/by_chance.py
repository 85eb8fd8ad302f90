"""Lesson 00: what guessing would have found."""

from __future__ import annotations

from tl_course.exercises.probes import value
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import number

QUESTION = Question(
    slug="by_chance",
    lesson="00",
    title="What guessing would have found",
    kind="predict",
    difficulty=1,
    minutes=3,
    points=0,
    hints=(
        "Take one copy. Of the twelve originals one is its own. How often does a blind guess hit it?",
        "One time in twelve. And there are twelve copies that each have this chance.",
    ),
    inputs=lambda seed: [{}],
    reference=1,
    why=(
        "Twelve copies with one chance in twelve each make one on average; with a hundred pictures it is one, too. "
        "Now look at the bars of the lesson again. Of the grey copies, mean colour and pixels find hardly more than a "
        "blind guess, and the random networks a few more; in colour all of them find many more, the mean colour the "
        "most. What would have happened anyway is the first thing to ask of any result."
    ),
    wrong=(
        Wrong(
            "none",
            "Blind guesses are sometimes right. Each copy has one chance in twelve, and there are twelve of them.",
            0,
            recognise=number(0),
        ),
        Wrong(
            "one copy's chance",
            "That is the chance of *one* copy. Say how many of all twelve find theirs: add up their chances.",
            1 / 12,
            recognise=number(1 / 12, 100 / 12),
        ),
        Wrong(
            "half of them",
            "Half of them would be right if each had two originals to choose from. There are twelve.",
            6,
            recognise=number(6),
        ),
        Wrong(
            "a thousand words",
            "The thousand words belong to the head, which is not asked here. A copy chooses among twelve originals.",
            12 / 1000,
            recognise=number(12 / 1000, 1 / 1000),
        ),
    ),
    probe=value,
)
