"""Lesson 01: domain or task."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="only_domain",
    lesson="01",
    title="Domain, task, or both?",
    kind="predict",
    difficulty=1,
    minutes=4,
    points=0,
    hints=(
        "Ask two things of each: are other inputs coming in, or the same ones more or less often? And is something "
        "else being asked about them?",
        "Inputs and how likely they are make the domain. Answers, and how they depend on the input, make the task.",
        "In one of the five nothing differs, in one only the question, in one both.",
    ),
    inputs=lambda seed: [{}],
    reference="AE",
    why=(
        "In A and E other inputs come in, and the same is asked about them. In B the question changes, and in D both "
        "do: these are transfer, too, since one difference is enough. C is ordinary learning with more data."
    ),
    wrong=(
        Wrong(
            "new question",
            "B asks something else about the *same* photographs: the task differs, and the domain does not.",
            "ABE",
            recognise=chose("B"),
        ),
        Wrong(
            "more of the same",
            "In C nothing differs: the same camera, the same garden, the same question. More examples of one domain "
            "are no other domain.",
            "ACE",
            recognise=chose("C"),
        ),
        Wrong(
            "both differ",
            "In D the inputs differ, and so do the answers: other letters stand on the pages, and the network must "
            "name other ones. The question was where *only* the domain differs.",
            "ADE",
            recognise=chose("D"),
        ),
        Wrong(
            "voices forgotten",
            "You left out A. Children's voices sound otherwise, so P(X) differs; the commands, and what they mean, are "
            "the same.",
            "E",
            recognise=left_out("A"),
        ),
        Wrong(
            "light forgotten",
            "You left out E. The space of pictures is the same, and how likely each of them is has changed: that is "
            "P(X), half of what a domain is.",
            "A",
            recognise=left_out("E"),
        ),
    ),
    probe=letters,
)
