"""Lesson 05: loud or silent."""

from __future__ import annotations

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Question, Wrong
from tl_course.exercises.recognisers import chose, left_out

QUESTION = Question(
    slug="loud_or_silent",
    lesson="05",
    title="Loud or silent?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "Go through the programs one by one: after these lines, which *parameters* have `requires_grad=True`?",
        "If no parameter has it, `backward()` raises. If some have it, training runs, whether or not they are those "
        "you meant.",
    ),
    inputs=lambda seed: [{}],
    reference="BD",
    why=(
        "A raises in the first `backward()`, which is the kindest thing a bug can do; C is right. B and D run, their "
        "loss falls, and the wrong things learn. A silent bug is found only by looking at what moved."
    ),
    wrong=(
        Wrong(
            "A is loud",
            "A is a bug, but not a silent one: no parameter is trainable, so the first `backward()` raises an error.",
            "AB",
            recognise=chose("A"),
        ),
        Wrong(
            "C is right",
            "C is no bug: `requires_grad_` with the underscore is a method of modules, and reaches all parameters of "
            "the head.",
            "BCD",
            recognise=chose("C"),
        ),
        Wrong(
            "D forgotten",
            "You left out D. Setting `requires_grad` on the model freezes nothing: all of it is trained, and no error "
            "says so.",
            "B",
            recognise=left_out("D"),
        ),
        Wrong(
            "B forgotten",
            "You left out B. The last stage has gradients, so `backward()` runs, and the head stays random.",
            "D",
            recognise=left_out("B"),
        ),
    ),
    probe=letters,
)
