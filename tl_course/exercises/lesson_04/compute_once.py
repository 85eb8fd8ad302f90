"""Lesson 04: computed once."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import need_function
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import close, each, right_except
from tl_course.exercises.values import Data, plain, tensors


def _epochs(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, size in ((7, 3), (8, 4), (5, 2)):
        orders = [rng.permutation(count).tolist() for _ in range(3)]
        cases.append({"images": rng.normal(size=(count, 4)), "orders": orders, "size": size})
    return cases


def _steps_taken(answer: object, case: Case) -> Data:
    """Note which pictures go through the backbone, and what each training step is given."""
    need_function(answer, "answer_compute_once(look, step, images, labels, orders, size)")
    given = tensors(case)
    images, orders = given["images"], [torch.tensor(order) for order in case["orders"]]
    seen, steps = [0] * len(images), []

    def look(some: Tensor) -> Tensor:
        for row in some:
            seen[int((images - row).abs().sum(dim=1).argmin())] += 1
        return some.detach() * 2 + 1

    def step(features: Tensor, labels: Tensor) -> None:
        steps.append({"features": plain(features), "labels": plain(labels)})

    answer(look, step, images.clone(), torch.arange(len(images)) * 10, orders, case["size"])
    return {"steps": steps, "how often each picture went through the backbone": seen}


def _compute_once(look, step, images, labels, orders, size):
    features = look(images)
    for order in orders:
        for index in order.split(size):
            step(features[index], labels[index])


def _every_epoch(look, step, images, labels, orders, size):
    for order in orders:
        for index in order.split(size):
            step(look(images[index]), labels[index])


def _labels_stay(look, step, images, labels, orders, size):
    features = look(images)
    for order in orders:
        for index, these in zip(order.split(size), labels.split(size), strict=True):
            step(features[index], these)


def _first_order(look, step, images, labels, orders, size):
    _compute_once(look, step, images, labels, orders[:1] * len(orders), size)


def _no_order(look, step, images, labels, orders, size):
    _compute_once(look, step, images, labels, [torch.arange(len(images))] * len(orders), size)


def _indexed_twice(look, step, images, labels, orders, size):
    features = look(images[orders[0]])
    _compute_once(lambda _: features, step, images, labels, orders, size)


def _is_torn_apart(found: Data, expected: Data, case: Case) -> bool:
    """Whether two steps show one label with different features: what belongs together did not stay so."""
    rows: dict[float, np.ndarray] = {}
    for step in found["steps"]:
        for label, row in zip(step["labels"], step["features"], strict=True):
            if not close(rows.setdefault(float(label), row), row):
                return True
    return False


QUESTION = Question(
    slug="compute_once",
    lesson="04",
    title="Once is enough",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "How often does one picture go through `look` in three epochs? Which line would have to move out of the loops?",
        "Compute all features before the first epoch, in the order of `images`. Row number i then belongs to label "
        "number i.",
        "In the loop, take `features[index]` where there was `look(images[index])`. The same `index` picks features "
        "and labels.",
    ),
    inputs=_epochs,
    reference=_compute_once,
    why=(
        "Each picture goes through the backbone once, and every step gets exactly what it got before, in the same "
        "order. So this is no approximation: E epochs for the price of one. Features and labels are picked by the "
        "same numbers, or the head learns from other pictures' labels."
    ),
    wrong=(
        Wrong(
            "labels left behind",
            "The features are shuffled and their labels are not: most pictures stand beside another one's label. The "
            "loss will hardly fall, and nothing will raise. Pick both by the same `index`.",
            _labels_stay,
            recognise=each(_is_torn_apart),
        ),
        Wrong(
            "every epoch",
            "The steps are right, but a picture still goes through the backbone more than once. It is frozen: what it "
            "says in the second epoch is what it said in the first.",
            _every_epoch,
            recognise=right_except("how often each picture went through the backbone"),
        ),
        Wrong(
            "one order",
            "Every epoch takes the batches of the first one. Keeping the features is no reason to stop shuffling: use "
            "each epoch's own order.",
            _first_order,
        ),
        Wrong(
            "no order",
            "Features are computed once, and then the batches come in the order of the pictures. `orders` says in "
            "which order each epoch wants them.",
            _no_order,
        ),
        Wrong(
            "shuffled table",
            "You computed the features in a shuffled order, and then picked rows by picture number: row i is not "
            "picture i any more. Fill the table in the order of `images`.",
            _indexed_twice,
        ),
    ),
    probe=_steps_taken,
)
