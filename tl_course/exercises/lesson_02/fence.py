"""Lesson 02: a fence and the penalty that stands for it."""

from __future__ import annotations

from tl_course.exercises.probes import value
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import below

QUESTION = Question(
    slug="fence",
    lesson="02",
    title="The fence and its multiplier",
    kind="predict",
    difficulty=3,
    minutes=6,
    points=0,
    hints=(
        "Where do you end? The target's minimum lies outside, so you walk towards it until the fence stops you.",
        "At that θ the derivative of loss plus penalty must be zero: ½(θ − 11) + λ(θ − 1) = 0.",
        "θ = 5. Put it in: ½ · (−6) + λ · 4 = 0.",
    ),
    inputs=lambda seed: [{}],
    reference=0.75,
    why=(
        "You end on the fence, at θ = 5. There the target pulls outwards with 3 and the spring back with 4λ. So λ = ¾ "
        "stands for this fence, and every fence that is felt has a λ of its own. A fence wide enough to hold the "
        "target's minimum at 11 has λ = 0: no spring is needed."
    ),
    wrong=(
        Wrong(
            "not divided",
            "That is how hard the target pulls at θ = 5. The spring pulls back with λ times its *length*, and there it "
            "is 4 long.",
            3.0,
        ),
        Wrong(
            "factor two",
            "A factor of two is lost. The derivative of ½λ(θ − 1)² is λ(θ − 1), and that of ¼(θ − 11)² is ½(θ − 11).",
            0.375,
        ),
        Wrong(
            "curvature forgotten",
            "The derivative of ¼(θ − 11)² is ½(θ − 11), not θ − 11: the valley is half as steep as you took it.",
            1.5,
        ),
        Wrong(
            "upside down",
            "The wrong way round: the spring's length goes below the line, the target's pull above it.",
            4 / 3,
        ),
        Wrong(
            "never felt",
            "λ = 0 would let you go to the target's own minimum, θ = 11, and that lies outside the fence.",
            0.0,
        ),
        Wrong(
            "negative",
            "A multiplier is never negative: a spring that pushes would drive you away from the source. Look at the "
            "signs: downhill points out of the fence, the spring points in.",
            -0.75,
            recognise=below(-1e-6),
        ),
    ),
    probe=value,
    rtol=0.01,
)
