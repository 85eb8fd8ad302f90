"""Lesson 03: what must be in the file."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="crosses_over",
    lesson="03",
    title="What has to cross over?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "The target gets a new head and an optimiser of its own. What is left that the second stage needs?",
        "A backbone is more than what has a gradient, and its numbers mean something only for pictures that are fed as "
        "it expects.",
    ),
    inputs=lambda seed: [{}],
    reference="ABE",
    why=(
        "The backbone with all its numbers, statistics included, and how to feed it. The source's head answers the "
        "source's question; it is needed to *test* the source model, or to use it as it is. The optimiser's state is "
        "for going on with the same training, and transfer begins another one."
    ),
    wrong=(
        Wrong(
            "head carried along",
            "C is the source's head. Its outputs stand for classes that the target does not have, and the second stage "
            "begins with a new one. It does no harm in the file, but it is not needed.",
            "ABCE",
            recognise=chose("C"),
        ),
        Wrong(
            "optimiser carried along",
            "D belongs to the source's training: you need it to *resume* that, step for step. The second stage has "
            "other data and another loss, and so an optimiser of its own.",
            "ABDE",
            recognise=chose("D"),
        ),
        Wrong(
            "examples carried along",
            "F stays behind. What the source's pictures had to say is in the weights: that is the point of a "
            "pretrained model, and why a network can be passed on where its pictures must not be.",
            "ABEF",
            recognise=chose("F"),
        ),
        Wrong(
            "buffers forgotten",
            "You left out B. Running statistics are no parameters, and without them every weight is in its place and "
            "the network is ruined.",
            "AE",
            recognise=left_out("B"),
        ),
        Wrong(
            "how to feed it forgotten",
            "You left out E. Size and statistics of the pictures belong to the weights: fed in another way, they read "
            "other pictures, and nothing raises.",
            "AB",
            recognise=left_out("E"),
        ),
    ),
    probe=letters,
)
