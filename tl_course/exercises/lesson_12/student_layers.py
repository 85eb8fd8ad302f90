"""Lesson 12: what the student starts from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import nn

from tl_course.exercises.lesson_12._shared import weights_of
from tl_course.exercises.networks import TinyEncoder, train
from tl_course.exercises.probes import load_optimizers, need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import Recogniser, agrees, all_of, differs, same_shape, shows
from tl_course.exercises.values import Data, Unfit, tensors


def _two_encoders(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**30)),
            "deep": deep,
            "shallow": shallow,
            "words": rng.integers(0, TinyEncoder.WORDS, size=(6, 4)),
            "labels": rng.permutation(np.arange(6) % 3),
        }
        for deep, shallow in ((6, 2), (6, 3), (4, 2), (3, 1))
    ]


def _started(answer: object, case: Case) -> Data:
    """Let the answer fill a student from its teacher; then train the student, and see whether the teacher moves."""
    need_function(answer, "answer_student_layers(teacher, student)")
    given = tensors(case)
    teacher = TinyEncoder(case["deep"], 3, case["seed"])
    student = answer(teacher, TinyEncoder(case["shallow"], 3, case["seed"] + 1))
    if not isinstance(student, nn.Module):
        raise Unfit(f"It gave back {type(student).__name__}; give back the student.")
    start = weights_of("student at the start", student)
    train(student, given["words"], given["labels"])
    return {**start, **weights_of("student afterwards", student), **weights_of("teacher afterwards", teacher)}


def _starting_from(
    chosen: Callable[[int, int], list[int]], *, embeddings: bool = True, head: bool = True
) -> Callable[[TinyEncoder, TinyEncoder], TinyEncoder]:
    """An answer that copies these layers of the teacher."""

    def answer(teacher: TinyEncoder, student: TinyEncoder) -> TinyEncoder:
        if embeddings:
            student.embeddings.load_state_dict(teacher.embeddings.state_dict())
        if head:
            student.classifier.load_state_dict(teacher.classifier.state_dict())
        for own, number in zip(student.layers, chosen(len(teacher.layers), len(student.layers)), strict=True):
            own.load_state_dict(teacher.layers[number].state_dict())
        return student

    return answer


def _first_of_each(deep: int, shallow: int) -> list[int]:
    return list(range(0, deep, deep // shallow))


def _shared(teacher: TinyEncoder, student: TinyEncoder) -> TinyEncoder:
    student.embeddings, student.classifier = teacher.embeddings, teacher.classifier
    step = len(teacher.layers) // len(student.layers)
    student.layers = nn.ModuleList(teacher.layers[::step])
    return student


def _right_but(part: str) -> Recogniser:
    """Recognise a student that starts as it should, but for this part, which is as it was made."""
    others = [f"student at the start: {one}.*" for one in ("embeddings", "layers", "classifier") if one != part]
    untouched = shows(_started, lambda teacher, student: student, names=(f"student at the start: {part}.*",))
    return all_of(agrees(*others), untouched)


QUESTION = Question(
    slug="student_layers",
    lesson="12",
    title="What a student starts from",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Three kinds of things have weights: the embeddings, the layers, and the head. Which of the teacher's layers "
        "does each of the student's take?",
        "`step = len(teacher.layers) // len(student.layers)`; the student's layer i takes the teacher's layer i · "
        "step. Copy the values: `student.x = teacher.x` would make both use the same weights.",
        "`own.load_state_dict(theirs.state_dict())` copies. Do it for the embeddings, for the head, and for every pair "
        "in `zip(student.layers, teacher.layers[::step])`.",
    ),
    inputs=_two_encoders,
    reference=_starting_from(_first_of_each),
    why=(
        "The student starts as its teacher with layers left out, and has weights of its own: the teacher stood still "
        "while it was trained. Each layer only *adds* to what it is given, so the rest still fits together. In "
        "DistilBERT's ablation a random start cost more than leaving out any one of the losses."
    ),
    wrong=(
        Wrong(
            "shared weights",
            "The student starts right, but it *shares* weights with its teacher: as it trained, the teacher moved too, "
            "and with it the targets. Assigning a module or `.data` copies nothing; `load_state_dict` or "
            "`copy.deepcopy` does.",
            _shared,
            recognise=all_of(
                agrees("student at the start: *"),
                same_shape("teacher afterwards: *"),  # no layer was taken from it
                differs("teacher afterwards: *"),
            ),
        ),
        Wrong(
            "first layers",
            "These are the teacher's *first* layers. `load_state_dict(…, strict=False)` does just that, since the "
            "names fit: its upper layers are lost. Take one of each group, spread over the depth.",
            _starting_from(lambda deep, shallow: list(range(shallow))),
        ),
        Wrong(
            "last layers",
            "These are the teacher's *last* layers, which were never given bare embeddings. Take one of each group, "
            "spread over the depth.",
            _starting_from(lambda deep, shallow: list(range(deep - shallow, deep))),
        ),
        Wrong(
            "last of each group",
            "You took the last layer of each group. Take the first: layers 0, step, 2 · step, and so on. "
            "Either can be defended; to compare results you must know which.",
            _starting_from(lambda deep, shallow: list(range(deep // shallow - 1, deep, deep // shallow))),
        ),
        Wrong(
            "head not copied",
            "The layers are right, and the head is as random as it was made: the student starts with its teacher's "
            "thoughts, and guesses.",
            _starting_from(_first_of_each, head=False),
            recognise=_right_but("classifier"),
        ),
        Wrong(
            "embeddings not copied",
            "The layers are right, but they are given random embeddings: no word means what it meant to the teacher. "
            "Copy the embeddings, too.",
            _starting_from(_first_of_each, embeddings=False),
            recognise=_right_but("embeddings"),
        ),
        Wrong(
            "layers not copied",
            "Embeddings and head are the teacher's, and the layers between them are random. What it has learned to "
            "make of the words is in them.",
            lambda teacher, student: (
                student.embeddings.load_state_dict(teacher.embeddings.state_dict()),
                student.classifier.load_state_dict(teacher.classifier.state_dict()),
                student,
            )[-1],
            recognise=_right_but("layers"),
        ),
        Wrong(
            "nothing copied",
            "Your student is as random as it was made: nothing of the teacher is in it.",
            lambda teacher, student: student,
        ),
    ),
    probe=_started,
    prepare=load_optimizers,
)
