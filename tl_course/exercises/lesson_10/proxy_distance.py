"""Lesson 10: how far apart."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong


def _mistakes(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for sizes, rates in (
        ((60, 20), (0.1, 0.4)),
        ((15, 45), (0.3, 0.05)),
        ((20, 20), (0.2, 0.5)),
        ((12, 30), (0.6, 0.7)),
    ):
        domain = np.repeat([0, 1], sizes)
        wrong = rng.random(len(domain)) < np.array(rates)[domain]
        wrong[[0, -1]], wrong[[1, -2]] = True, False
        mixed = rng.permutation(len(domain))
        cases.append({"wrong": wrong[mixed], "domain": domain[mixed]})
    domain = np.array([0, 1, 0, 1, 1, 1, 0, 1, 1])
    unlucky = np.array([1, 1, 1, 0, 1, 1, 0, 0, 1], dtype=bool)  # worse than guessing on both
    return [*cases, *({"wrong": wrong, "domain": domain} for wrong in (unlucky, np.zeros(9, dtype=bool)))]


def _error(wrong: Tensor, domain: Tensor) -> Tensor:
    return (wrong[domain == 0].double().mean() + wrong[domain == 1].double().mean()) / 2


QUESTION = Question(
    slug="proxy_distance",
    lesson="10",
    title="From an error to a distance",
    kind="implement",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "The domains are not equally large. What error does somebody make who always names the larger one, and should "
        "that be a distance?",
        "Take the error on each domain by itself, and then the mean of the two: guessing then always gives one half.",
        "`wrong[domain == 0].float().mean()` is the error on one domain. At last `2 * (1 - 2 * error)`.",
    ),
    inputs=_mistakes,
    reference=lambda wrong, domain: 2 * (1 - 2 * _error(wrong, domain)),
    why=(
        "Zero for a classifier that can only guess, two for one that never errs, and a little below zero by bad luck. "
        "With each domain counted a half, that holds even if one of them has more texts."
    ),
    wrong=(
        Wrong(
            "larger domain rules",
            "You take the error over all texts. Where one domain has three times as many, naming it every time would "
            "give a distance of one, without anything being told apart. Count each domain a half.",
            lambda wrong, domain: 2 * (1 - 2 * wrong.double().mean()),
        ),
        Wrong(
            "not doubled",
            "This ends at one: the factor 2 before the bracket is missing.",
            lambda wrong, domain: 1 - 2 * _error(wrong, domain),
        ),
        Wrong(
            "one half is far",
            "A classifier that guesses errs half the time, and you would call this a distance of one: the 2 before "
            "the error is missing.",
            lambda wrong, domain: 2 * (1 - _error(wrong, domain)),
        ),
        Wrong(
            "upside down",
            "The wrong way round: the more mistakes, the *nearer* the domains. You used the share of right answers in "
            "the place of the error.",
            lambda wrong, domain: 2 * (1 - 2 * (1 - _error(wrong, domain))),
        ),
        Wrong(
            "cut off at zero",
            "You cut off below zero. The formula does not: about zero for equal domains means as often a little below "
            "as above. A mean over seeds of cut values would be above zero for no reason.",
            lambda wrong, domain: (2 * (1 - 2 * _error(wrong, domain))).clamp(min=0),
        ),
    ),
)
