"""Lesson 03: a split that does not leak."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import some
from tl_course.exercises.values import Data, Unfit, plain, tensors


def _drawn(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [{"photographs": rng.normal(size=(count, 2)), "held": held} for count, held in ((6, 2), (9, 3), (4, 1))]


def _four_of_each(photographs: Tensor) -> tuple[Tensor, Tensor]:
    """Four versions of each photograph, as turning makes them: all photographs in one version before the next."""
    versions = torch.cat([photographs + 10 * k for k in range(4)])
    return versions, torch.arange(4).repeat_interleave(len(photographs))


def _both_sides(answer: object, case: Case) -> Data:
    need_function(answer, "answer_split_first(photographs, held, turn)")
    sides = answer(tensors(case)["photographs"], case["held"], _four_of_each)
    if not isinstance(sides, tuple | list) or len(sides) != 2:
        raise Unfit("Give back two sides, training and test, each a pair of pictures and labels.")
    if not all(isinstance(side, tuple | list) and len(side) == 2 for side in sides):
        raise Unfit("Each side is a pair: pictures and labels.")
    names = ("training pictures", "training labels", "test pictures", "test labels")
    return dict(zip(names, (plain(part) for side in sides for part in side), strict=True))


def _split_first(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[:-held]), turn(photographs[-held:])


def _turn_first(photographs: Tensor, held: int, turn) -> tuple:
    made, labels = turn(photographs)
    cut = len(made) - 4 * held
    return (made[:cut], labels[:cut]), (made[cut:], labels[cut:])


def _train_on_all(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs), turn(photographs[-held:])


def _test_not_turned(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[:-held]), (photographs[-held:], torch.zeros(held, dtype=torch.long))


def _sides_swapped(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[-held:]), turn(photographs[:-held])


def _first_held(photographs: Tensor, held: int, turn) -> tuple:
    return turn(photographs[held:]), turn(photographs[:held])


def _made_from(made: Data, photographs: np.ndarray) -> set[int]:
    """Which photographs the pictures of one side were made from."""
    rows = np.asarray(made)
    if rows.shape[1:] != photographs.shape[1:]:
        return set()
    versions = photographs + 10 * np.arange(4)[:, None, None]
    alike = np.isclose(rows[:, None, None], versions).all(axis=-1)
    return {int(number) for number in np.nonzero(alike)[2]}


def _leaks(found: Data, expected: Data, case: Case) -> bool:
    """Whether some photograph has versions on both sides, whichever they are and in whatever order."""
    train, test = (_made_from(found[f"{side} pictures"], case["photographs"]) for side in ("training", "test"))
    return bool(train & test)


QUESTION = Question(
    slug="split_first",
    lesson="03",
    title="First split, then turn",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "After turning there are four examples of each photograph. Where do the four of one photograph go in the "
        "broken version?",
        "Decide which *photographs* are for the test before anything is made from them.",
        "`photographs[:-held]` and `photographs[-held:]`, and `turn` each of the two.",
    ),
    inputs=_drawn,
    reference=_split_first,
    why=(
        "No photograph is on both sides, so the test asks about pictures that are new. Often several "
        "examples are made of one thing: turns of a photograph, letters over one background, X-rays of one patient. "
        "Then split the things, and not the examples."
    ),
    wrong=(
        Wrong(
            "trains on all",
            "The test photographs are among the training photographs. They were held out on one side only.",
            _train_on_all,
        ),
        Wrong(
            "the same photograph on both sides",
            "Versions of one photograph are on both sides: the network has seen each test picture before, turned. Its "
            "test accuracy says how well it recognises *photographs*. Split before you turn.",
            _turn_first,
            recognise=some(_leaks),
        ),
        Wrong(
            "test not turned",
            "No photograph leaks, but the test pictures are all upright: *upright* for every answer would be right. "
            "Turn the test photographs as well.",
            _test_not_turned,
        ),
        Wrong(
            "sides swapped",
            "The two sides are swapped: you train on the few photographs that you should hold out.",
            _sides_swapped,
        ),
        Wrong(
            "first held out",
            "Nothing leaks, but you held out the first photographs: hold out the *last*.",
            _first_held,
        ),
    ),
    probe=_both_sides,
)
