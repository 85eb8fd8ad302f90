"""Lesson 13: when it pays."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="when_it_pays",
    lesson="13",
    title="When does it pay?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Weighing removes a bias and adds variance. In each of the six ask first: is there a bias, one that comes from "
        "*where* the source lies?",
        "A model that can be right everywhere has no such bias. A model that cannot, however simple it is, has to be "
        "told where to be right.",
        "Two of the six. In one of them the model is a line, in the other a single number.",
    ),
    inputs=lambda seed: [{}],
    reference="CE",
    why=(
        "In C a line cannot follow a curve, and in E one number cannot be the mean of young and old at once: both have "
        "to be told where the target is. In A there is no bias to remove. In B and F the weights know nothing of what "
        "is wrong. In D they have lost their aim. A cheap question before you weigh anything: is there a bias "
        "that weights could remove?"
    ),
    wrong=(
        Wrong(
            "straight rule",
            "In A the model can be right everywhere, so it is not biased. Even the true weights only throw away "
            "effective examples there.",
            "ACE",
            recognise=chose("A"),
        ),
        Wrong(
            "another rule",
            "In B the inputs are alike, so all weights are about one and change nothing. What differs is the rule, "
            "which no weight of inputs can see.",
            "BCE",
            recognise=chose("B"),
        ),
        Wrong(
            "shuffled",
            "In D the same weights sit on the wrong points: all of the cost in effective examples, and no aim. That is "
            "the control experiment: expect nothing of it.",
            "CDE",
            recognise=chose("D"),
        ),
        Wrong(
            "told apart",
            "In F hardly any source text lies where the target is. The odds of a classifier that is nearly certain are "
            "mostly its own mistakes, and a handful of odd texts would decide.",
            "CEF",
            recognise=chose("F"),
        ),
        Wrong(
            "curve forgotten",
            "You left out C. The line cannot follow the whole curve, so where it is right depends on where the points "
            "are. Weights move it to where you need it.",
            "E",
            recognise=left_out("C"),
        ),
        Wrong(
            "mean forgotten",
            "You left out E. One number for all ages is the simplest model there is, and it depends on who was asked: "
            "weighing by age is what every pollster does.",
            "C",
            recognise=left_out("E"),
        ),
    ),
    probe=letters,
)
