"""Lesson 06: what the other pictures of a batch decide."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="company",
    lesson="06",
    title="Which answers depend on company?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "Ask of each pass one thing only: is BatchNorm in train mode or in eval mode?",
        "Gradients, frozen parameters and dropout have no say in which mean BatchNorm subtracts. Its mode decides.",
    ),
    inputs=lambda seed: [{}],
    reference="ACF",
    why=(
        "In train mode BatchNorm subtracts the mean of the batch, whether gradients flow or not and whether its "
        "parameters are frozen or not. In eval mode it subtracts a mean that it stored in training, so each picture "
        "is answered by itself."
    ),
    wrong=(
        Wrong(
            "order suspected",
            "You chose B. In eval mode no mean is taken over the batch, so a batch of one class does no harm.",
            "ABCF",
            recognise=chose("B"),
        ),
        Wrong(
            "gradients suspected",
            "You chose D. Gradients cost memory and time, and change no answer: they are not used before an optimiser "
            "takes a step.",
            "ACDF",
            recognise=chose("D"),
        ),
        Wrong(
            "small batch suspected",
            "You chose E. In eval mode the size of a batch does not matter either: nothing is computed over it.",
            "ACEF",
            recognise=chose("E"),
        ),
        Wrong(
            "no_grad believed",
            "You left out A. `torch.no_grad()` switches gradients off, and leaves the mode as it is.",
            "CF",
            recognise=left_out("A"),
        ),
        Wrong(
            "freezing believed",
            "You left out C. `requires_grad_(False)` freezes parameters. The mean of the batch is no parameter.",
            "AF",
            recognise=left_out("C"),
        ),
        Wrong(
            "only dropout suspected",
            "You left out F. Without dropout nothing is drawn at random, but BatchNorm still looks at the batch.",
            "AC",
            recognise=left_out("F"),
        ),
    ),
    probe=letters,
)
