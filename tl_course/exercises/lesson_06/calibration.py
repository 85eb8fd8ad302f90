"""Lesson 06: calibration."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.recognisers import gives


def _answers(seed: int) -> list[Case]:
    """Confidence of each picture and whether it came out right; on no edge of a bin but 1, where there is no choice."""
    rng = np.random.default_rng(seed)
    cases = []
    for count, bins in ((60, 10), (40, 5), (30, 4), (3, 10)):
        edges = rng.integers(bins // 3, bins, size=count) / bins
        sure = edges + rng.uniform(0.1, 0.9, size=count) / bins
        sure[0] = 1.0
        right = rng.uniform(size=count) < np.where(rng.uniform(size=count) < 0.4, 0.9, sure - 0.25)
        right[0] = False
        cases.append({"confidence": sure, "right": right.astype(int), "bins": bins})
    return cases


def _gaps(confidence: Tensor, right: Tensor, bins: int) -> list[tuple[float, float]]:
    """For each bin that is not empty: its share of the pictures, and accuracy less confidence."""
    gaps = []
    for k in range(bins):
        inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)
        if inside.any():
            gap = right[inside].double().mean() - confidence[inside].mean()
            gaps.append((float(inside.double().mean()), float(gap)))
    return gaps


def _calibration(confidence: Tensor, right: Tensor, bins: int) -> float:
    return sum(share * abs(gap) for share, gap in _gaps(confidence, right, bins))


def _gap_of_all(confidence: Tensor, right: Tensor, bins: int) -> float:
    return float(right.double().mean() - confidence.mean())


def _by_bin(combine):
    return lambda confidence, right, bins: combine(_gaps(confidence, right, bins))


QUESTION = Question(
    slug="calibration",
    lesson="06",
    title="Does it know when it does not know?",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Go through the bins one by one. Which pictures are in it? How sure were they on average, and how many came "
        "out right?",
        "`inside = (confidence > k / bins) & (confidence <= (k + 1) / bins)` picks the pictures of bin k. Skip it if "
        "it is empty.",
        "Add up, over the bins, |share right − mean confidence| times the share of all pictures that is in the bin.",
    ),
    inputs=_answers,
    reference=_calibration,
    why=(
        "Each bin counts by how many pictures are in it, and a gap counts in both directions: too sure here does "
        "not make up for too modest there. Say how many bins you took, since the error depends on it, and compare "
        "only errors with the same bins."
    ),
    wrong=(
        Wrong(
            "bins alike",
            "Every bin counts the same here, one with a single picture as much as one with a thousand. Weigh each by "
            "its share of the pictures.",
            _by_bin(lambda gaps: sum(abs(gap) for _, gap in gaps) / len(gaps)),
        ),
        Wrong(
            "divided by all bins",
            "Every bin counts the same, and empty ones are counted too, as if they were without error. Weigh each bin "
            "by its share of the pictures.",
            lambda confidence, right, bins: sum(abs(gap) for _, gap in _gaps(confidence, right, bins)) / bins,
        ),
        Wrong(
            "gaps cancel",
            "Your gaps have signs, and so they cancel: a network too sure in one bin and too modest in another would "
            "look perfect. Take the absolute value of each bin's gap *before* adding.",
            lambda confidence, right, bins: abs(_gap_of_all(confidence, right, bins)),
            recognise=gives(
                _gap_of_all, lambda *inputs: -_gap_of_all(*inputs), lambda *inputs: abs(_gap_of_all(*inputs))
            ),
        ),
        Wrong(
            "worst bin",
            "This is the gap of the worst bin, which has a name of its own (maximum calibration error). The *expected* "
            "one is the mean over the pictures.",
            _by_bin(lambda gaps: max(abs(gap) for _, gap in gaps)),
        ),
        Wrong(
            "the surest lost",
            "A picture whose confidence is exactly 1 falls into none of your bins, and these are the mistakes that "
            "weigh most. The last bin must hold its upper edge.",
            lambda confidence, right, bins: (
                _calibration(confidence[confidence < 1], right[confidence < 1], bins)
                * float((confidence < 1).double().mean())
            ),
        ),
        Wrong(
            "not binned",
            "This compares each picture's confidence with its own 0 or 1, without bins. A picture that gets 0.8 can "
            "only be right or wrong; whether 0.8 is honest shows in the *mean* of many such pictures.",
            lambda confidence, right, bins: float((right - confidence).abs().mean()),
        ),
        Wrong(
            "squared",
            "The gaps are squared here: small ones nearly vanish. Take their absolute value.",
            _by_bin(lambda gaps: sum(share * gap**2 for share, gap in gaps)),
        ),
    ),
)
