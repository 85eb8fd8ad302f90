"""Lesson 01: the axis of labels."""

from __future__ import annotations

from tl_course.exercises.probes import value
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import all_of, entry
from tl_course.exercises.values import Data, Unfit


def _words(answer: object, case: Case) -> Data:
    found = value(answer, case)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unfit('Write four words in a list, such as `["inductive", "inductive", …]`.')
    return [one.strip().casefold() for one in found]


QUESTION = Question(
    slug="label_axis",
    lesson="01",
    title="Who has the labels?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "For each, write down two things: does the source have labels, and does the target?",
        "Labels on the target: inductive. Only on the source: transductive. On neither: unsupervised.",
        "Semi-supervised is about the target's examples among themselves: few with labels, and many without, which are "
        "used as well.",
    ),
    inputs=lambda seed: [{}],
    reference=["inductive", "transductive", "unsupervised", "semi-supervised"],
    why=(
        "The words ask who has labels, and nothing else. Mind the second: adaptation to a target without labels is "
        "often *called* unsupervised. In the words of Pan and Yang it is transductive, because the source has labels."
    ),
    wrong=(
        Wrong(
            "source without a word",
            "The second has labels in the source. Unsupervised, in Pan and Yang's words, is where *neither* side has "
            "any; labels on the source alone make it transductive.",
            ["inductive", "unsupervised", "unsupervised", "semi-supervised"],
            recognise=entry(1, "unsupervised"),
        ),
        Wrong(
            "inductive and transductive",
            "You have inductive and transductive the wrong way round: inductive is where the *target* has labels.",
            ["transductive", "inductive", "unsupervised", "semi-supervised"],
            recognise=all_of(entry(0, "transductive"), entry(1, "inductive")),
        ),
        Wrong(
            "unlabelled ones unused",
            "In the fourth some of the target's pictures have labels, and thousands without labels are *used*, too: "
            "that is semi-supervised.",
            ["inductive", "transductive", "unsupervised", "inductive"],
            recognise=entry(3, "inductive"),
        ),
        Wrong(
            "no label anywhere",
            "In the third there is no label at all: not for the source, and not for the target. That is unsupervised.",
            ["inductive", "transductive", "transductive", "semi-supervised"],
            recognise=entry(2, "inductive", "transductive", "semi-supervised"),
        ),
    ),
    probe=_words,
)
