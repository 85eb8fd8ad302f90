"""Lesson 04: eval() is not freezing."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="eval_or_freeze",
    lesson="04",
    title="Which of them stands still?",
    kind="predict",
    difficulty=3,
    minutes=6,
    points=0,
    hints=(
        "Two things can move: weights, if they get a gradient; and BatchNorm's running statistics, if it is in train "
        "mode. Ask both questions of each line.",
        "`no_grad()` and `requires_grad_(False)` answer the first question, `eval()` the second. None of them answers "
        "both.",
    ),
    inputs=lambda seed: [{}],
    reference="CE",
    why=(
        "C and E do both: no gradient, and no statistics that move. `eval()` and freezing are two switches for two "
        "things. A VGG without BatchNorm needs the second only, and there `eval()` on its convolutions does nothing at "
        "all; yours may have BatchNorm, so use both."
    ),
    wrong=(
        Wrong(
            "eval freezes",
            "A trains all its weights: `eval()` changes what BatchNorm and dropout do, and no gradient listens to it.",
            "ACE",
            recognise=chose("A"),
        ),
        Wrong(
            "statistics forgotten",
            "B and D have no gradients in `features`, but BatchNorm is in train mode there: its running means and "
            "variances move with every batch, under `no_grad()` too, and features of a picture with them.",
            "BCDE",
            recognise=chose("B", "D"),
        ),
        Wrong(
            "C forgotten",
            "You left out C. Gradients are off and so is the movement of the statistics: that is all there is to "
            "freezing.",
            "E",
            recognise=left_out("C"),
        ),
        Wrong(
            "E forgotten",
            "You left out E. What runs under `no_grad()` leaves no graph, so these weights get no gradient at all, and "
            "an optimiser passes over a weight that has none.",
            "C",
            recognise=left_out("E"),
        ),
    ),
    probe=letters,
)
