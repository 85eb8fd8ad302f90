"""Lesson 05: the rate that validation chooses."""

from __future__ import annotations

import numpy as np

from tl_course.exercises.question import Case, Question, Wrong

RATES = (1e-4, 3e-4, 1e-3, 3e-3, 1e-2)


def _tried(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases: list[Case] = []
    while len(cases) < 3:
        validation, test = (rng.uniform(0.3, 0.9, size=(len(RATES), 3)).round(3) for _ in range(2))
        means, best = validation.mean(axis=1), validation.max(axis=1)
        places = {int(means.argmax()), int(test.mean(axis=1).argmax()), int(best.argmax())}
        if len(places) == 3 and int(test.argmax()) // 3 not in places:  # each mistake ends at a rate of its own
            cases.append({"rates": list(RATES), "validation": validation.tolist(), "test": test.tolist()})
    return cases


def _choose_rate(rates: list, validation: list, test: list) -> tuple[float, float]:
    place = int(np.mean(validation, axis=1).argmax())
    return rates[place], float(np.mean(test[place]))


def _by_test(rates: list, validation: list, test: list) -> tuple[float, float]:
    place = int(np.mean(test, axis=1).argmax())
    return rates[place], float(np.mean(test[place]))


def _validation_reported(rates: list, validation: list, test: list) -> tuple[float, float]:
    place = int(np.mean(validation, axis=1).argmax())
    return rates[place], float(np.mean(validation[place]))


def _one_lucky_seed(rates: list, validation: list, test: list) -> tuple[float, float]:
    place = int(np.max(validation, axis=1).argmax())
    return rates[place], float(np.mean(test[place]))


def _best_seed_reported(rates: list, validation: list, test: list) -> tuple[float, float]:
    place = int(np.mean(validation, axis=1).argmax())
    return rates[place], float(np.max(test[place]))


QUESTION = Question(
    slug="choose_rate",
    lesson="05",
    title="The rate that validation chooses",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "Two questions, two kinds of pictures: which of them choose, and which of them judge?",
        "A rate has one accuracy for each seed. Take their mean before you compare rates.",
        "Find the place of the largest validation mean; give back the rate of that place and the *test* mean of that "
        "place.",
    ),
    inputs=_tried,
    reference=_choose_rate,
    why=(
        "Validation chose, the test judged, and no picture did both. Nor did a single lucky seed choose. What you "
        "report is what the rate can be expected to reach on new pictures."
    ),
    wrong=(
        Wrong(
            "chosen by the test",
            "This rate is the best one on the *test* pictures. They chose it, so its accuracy on them is partly luck. "
            "Choose by `validation`.",
            _by_test,
        ),
        Wrong(
            "validation reported",
            "The rate is right, but the accuracy is that of the validation pictures, which chose it: it flatters. "
            "Report the test pictures' mean at this rate.",
            _validation_reported,
        ),
        Wrong(
            "one lucky seed",
            "This rate holds the best single seed. Another draw of the labels would choose another rate: compare the "
            "*means* over the seeds.",
            _one_lucky_seed,
        ),
        Wrong(
            "best seed reported",
            "The rate is right, but the accuracy is that of its best seed. Report the mean over all seeds.",
            _best_seed_reported,
        ),
    ),
)
