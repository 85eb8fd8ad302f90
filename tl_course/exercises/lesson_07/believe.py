"""Lesson 07: when a heat map may be believed."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="believe",
    lesson="07",
    title="May this map be believed?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Which of these would a map pass that shows only the edges of the picture?",
        "A planted cue tells you where the truth lies. Other weights, or shuffled labels, tell you whether the map "
        "follows what the network has learned.",
    ),
    inputs=lambda seed: [{}],
    reference="BDF",
    why=(
        "B, D and F could have come out otherwise: there the truth is known, or what was learned is taken away. A nice "
        "outline, a second method of the same kind and a confident network could all be had from a map that explains "
        "nothing."
    ),
    wrong=(
        Wrong(
            "looks believed",
            "You chose A. A map that follows the outline of the animal may show edges, and these are in the picture "
            "with any network.",
            "ABDF",
            recognise=chose("A"),
        ),
        Wrong(
            "agreement believed",
            "You chose C. Two methods that share their formula can be wrong together; neither was held against a "
            "known truth.",
            "BCDF",
            recognise=chose("C"),
        ),
        Wrong(
            "confidence believed",
            "You chose E. How sure the network is says nothing about whether the map shows why.",
            "BDEF",
            recognise=chose("E"),
        ),
        Wrong(
            "the cue left out",
            "You left out B. There you know what the answer depends on, since you put it there.",
            "DF",
            recognise=left_out("B"),
        ),
        Wrong(
            "a control left out",
            "You left out D or F. Take away what was learned, by random weights or shuffled labels: a map of what was "
            "learned must change.",
            "B",
            recognise=left_out("D", "F"),
        ),
    ),
    probe=letters,
)
