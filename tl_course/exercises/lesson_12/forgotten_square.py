"""Lesson 12: the square that is forgotten."""

from __future__ import annotations

from tl_course.exercises.probes import value
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import above

QUESTION = Question(
    slug="forgotten_square",
    lesson="12",
    title="What is left of the gradient?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "By the student's logits, the divergence has the derivative (q_s − q_t)/T, with q the softened probabilities. "
        "What happens to each of its two parts when T doubles?",
        "One half comes from the T below the line. Now the difference above it: at a high temperature a softened "
        "probability is about (1 + (z − mean of z)/T)/C.",
        "Both parts are halved, and a half of a half is …",
    ),
    inputs=lambda seed: [{}],
    reference=0.25,
    why=(
        "One half is the chain rule, for the logits are divided by T; the other is that softer probabilities lie "
        "closer together. So the gradient shrinks as 1/T², and the factor T² keeps the teacher as loud as the labels "
        "when you turn the temperature."
    ),
    wrong=(
        Wrong(
            "half",
            "That is one of two halves. The logits are divided by T, which gives a half; but the two softened "
            "distributions also come closer to each other, and that is not in it yet.",
            0.5,
        ),
        Wrong(
            "unchanged",
            "The gradient is not the same: at a high temperature all probabilities are nearly equal, the teacher's and "
            "the student's, and there is little left to learn from.",
            1.0,
        ),
        Wrong(
            "an eighth",
            "That is one half too many. One comes from the T by which the logits are divided, one from the "
            "probabilities, which come closer; a third there is not.",
            0.125,
        ),
        Wrong(
            "a sixteenth",
            "You squared it once too often: 1/T² falls to a quarter when T doubles, 1/T⁴ to a sixteenth.",
            0.0625,
        ),
        Wrong(
            "grows",
            "The wrong way round: that is what the factor has to make good. Without it the gradient shrinks when the "
            "temperature rises.",
            4.0,
            recognise=above(1.01),
        ),
    ),
    probe=value,
    rtol=0.04,
)
