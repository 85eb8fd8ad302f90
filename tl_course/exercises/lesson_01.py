"""Questions on lesson 01, what transfer learning is and how its gain is measured."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from tl_course.exercises.probes import letters, value
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain

LESSON = "01"

# --- domain or task ------------------------------------------------------------------------------------------------

ONLY_DOMAIN = Question(
    slug="only_domain",
    lesson=LESSON,
    title="Domain, task, or both?",
    kind="predict",
    difficulty=1,
    minutes=4,
    points=0,
    hints=(
        "Ask two things of each: are other inputs coming in, or the same ones more or less often? And is something "
        "else being asked about them?",
        "Inputs and how likely they are make the domain. Answers, and how they depend on the input, make the task.",
        "In one of the five nothing differs, in one only the question, in one both.",
    ),
    inputs=lambda seed: [{}],
    reference="AE",
    why=(
        "In A and E other inputs come in, and the same is asked about them. In B the question changes, and in D both "
        "do: these are transfer, too, since one difference is enough. C is ordinary learning with more data."
    ),
    wrong=(
        Wrong(
            "new question",
            "B asks something else about the *same* photographs: the task differs, and the domain does not.",
            "ABE",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "more of the same",
            "In C nothing differs: the same camera, the same garden, the same question. More examples of one domain "
            "are no other domain.",
            "ACE",
            recognise=lambda found, expected, cases: "C" in found[0],
        ),
        Wrong(
            "both differ",
            "In D the inputs differ, and so do the answers: other letters stand on the pages, and other ones are to be "
            "named. Asked for was where *only* the domain differs.",
            "ADE",
            recognise=lambda found, expected, cases: "D" in found[0],
        ),
        Wrong(
            "voices forgotten",
            "You left out A. Children's voices sound otherwise, so P(X) differs; the commands, and what they mean, are "
            "the same.",
            "E",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "light forgotten",
            "You left out E. The space of pictures is the same, and how likely each of them is has changed: that is "
            "P(X), half of what a domain is.",
            "A",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)

# --- the axis of labels --------------------------------------------------------------------------------------------


def _words(answer: object, case: Case) -> Data:
    found = value(answer, case)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unfit('Write four words in a list, such as `["inductive", "inductive", …]`.')
    return [one.strip().casefold() for one in found]


LABEL_AXIS = Question(
    slug="label_axis",
    lesson=LESSON,
    title="Who has the labels?",
    kind="predict",
    difficulty=2,
    minutes=4,
    points=0,
    hints=(
        "For each, write down two things: does the source have labels, and does the target?",
        "Labels on the target: inductive. Only on the source: transductive. On neither: unsupervised.",
        "Semi-supervised is about the target's examples among themselves: few with labels, and many without, which are "
        "used as well.",
    ),
    inputs=lambda seed: [{}],
    reference=["inductive", "transductive", "unsupervised", "semi-supervised"],
    why=(
        "The words ask who has labels, and nothing else. Mind the second: adaptation to a target without labels is "
        "often *called* unsupervised, and in the words of Pan and Yang it is transductive, because the source has them."
    ),
    wrong=(
        Wrong(
            "source without a word",
            "The second has labels in the source. Unsupervised, in Pan and Yang's words, is where *neither* side has "
            "any; labels on the source alone make it transductive.",
            ["inductive", "unsupervised", "unsupervised", "semi-supervised"],
            recognise=lambda found, expected, cases: found[0][1] == "unsupervised",
        ),
        Wrong(
            "inductive and transductive",
            "You have inductive and transductive the wrong way round: inductive is where the *target* has labels.",
            ["transductive", "inductive", "unsupervised", "semi-supervised"],
            recognise=lambda found, expected, cases: found[0][:2] == ["transductive", "inductive"],
        ),
        Wrong(
            "unlabelled ones unused",
            "In the fourth some of the target's pictures have labels, and thousands without labels are *used*, too: "
            "that is semi-supervised.",
            ["inductive", "transductive", "unsupervised", "inductive"],
            recognise=lambda found, expected, cases: found[0][3] == "inductive",
        ),
        Wrong(
            "no label anywhere",
            "In the third nobody has written a label: not for the source, and not for the target. That is "
            "unsupervised.",
            ["inductive", "transductive", "transductive", "semi-supervised"],
            recognise=lambda found, expected, cases: found[0][2] != "unsupervised",
        ),
    ),
    probe=_words,
)

# --- labels to a threshold -----------------------------------------------------------------------------------------


def _curves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for budgets in ([10, 30, 100], [5, 20, 80, 320], [10, 100, 1000]):
        means = np.sort(rng.uniform(0.2, 0.9, size=len(budgets)))
        between = int(rng.integers(1, len(budgets)))
        at = means[between - 1] + rng.uniform(0.2, 0.8) * (means[between] - means[between - 1])
        cases.append({"budgets": budgets, "means": means.tolist(), "threshold": float(at)})
    low = float(rng.uniform(0.2, 0.3))
    edges = [
        ([10, 30, 100], [low, 0.4, 0.5], 0.8),
        ([10, 30, 100], [0.6 + low / 10, 0.7, 0.8], 0.5),
        ([10, 30, 100], [low, 0.4, 0.9], 0.4),
        ([10, 20, 40, 80], [low, 0.6, 0.45, 0.7], 0.5),  # it dips, and crosses again
        ([10, 30, 100], [0.5, 0.6, 0.7], 0.5),
        ([10, 30, 100], [low, 0.4, 0.5], 0.5),
    ]
    return [*cases, *({"budgets": b, "means": m, "threshold": t} for b, m, t in edges)]


def _needed(between) -> object:
    """An answer that puts the crossing where ``between(low, high, share)`` says."""

    def answer(budgets: list[int], means: list[float], threshold: float) -> float:
        if means[0] >= threshold:
            return budgets[0]
        for (low, before), (high, after) in pairwise(zip(budgets, means, strict=True)):
            if before < threshold <= after:
                return between(low, high, (threshold - before) / (after - before))
        return math.inf

    return answer


def _by_log(low: float, high: float, share: float) -> float:
    return low * (high / low) ** share


def _last_if_never(budgets: list[int], means: list[float], threshold: float) -> float:
    found = _needed(_by_log)(budgets, means, threshold)
    return budgets[-1] if found == math.inf else found


def _last_crossing(budgets: list[int], means: list[float], threshold: float) -> float:
    found = math.inf if means[0] < threshold else budgets[0]
    for (low, before), (high, after) in pairwise(zip(budgets, means, strict=True)):
        if before < threshold <= after:
            found = _by_log(low, high, (threshold - before) / (after - before))
    return found


LABELS_TO = Question(
    slug="labels_to",
    lesson=LESSON,
    title="Labels to a threshold",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Three cases: the curve starts at or above the threshold; it crosses between two budgets; it never gets there.",
        "Between two budgets walk in a straight line on the *logarithmic* axis: half the way from 10 to 1,000 is 100.",
        "With `share = (threshold - before) / (after - before)` the crossing is `low * (high / low) ** share`. For the "
        "third case: `float('inf')`.",
    ),
    inputs=_curves,
    reference=_needed(_by_log),
    why=(
        "Now transfer can be told in labels, which is what people pay for: so many with it, so many without. Where a "
        "curve never reaches the threshold, an honest answer is *more than we tried*, and no number at all."
    ),
    wrong=(
        Wrong(
            "straight on labels",
            "You interpolate on the labels themselves. The axis of budgets is logarithmic: from 10 to 30 is as far as "
            "from 30 to 90, and the straight line puts the crossing too far to the right.",
            _needed(lambda low, high, share: low + share * (high - low)),
        ),
        Wrong(
            "next budget",
            "This is the first budget that was tried and is enough. Go along the line between the two budgets to where "
            "it crosses.",
            _needed(lambda low, high, share: high),
        ),
        Wrong(
            "last budget if never",
            "Where the curve never reaches the threshold you give the last budget, as if it had been enough. It was "
            "not: give infinity.",
            _last_if_never,
        ),
        Wrong(
            "last crossing",
            "A curve may dip and cross twice, and you give the last crossing. The threshold is reached at the *first*.",
            _last_crossing,
        ),
        Wrong(
            "budget before",
            "This is the last budget that was *not* enough. Go along the line to where it crosses the threshold.",
            _needed(lambda low, high, share: low if share < 1 else high),
            recognise=lambda found, expected, cases: all(
                mine in case["budgets"] or mine == theirs
                for mine, theirs, case in zip(found, expected, cases, strict=True)
            ),
        ),
    ),
)

# --- does it hurt? -------------------------------------------------------------------------------------------------


def _seeds(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, shift in ((5, -0.06), (3, 0.02), (8, -0.01), (2, 0.1)):
        luck = rng.normal(scale=0.05, size=count)  # of the draw of labels, shared by both
        scratch = 0.6 + luck + rng.normal(scale=0.01, size=count)
        cases.append({"transfer": 0.6 + shift + luck + rng.normal(scale=0.01, size=count), "scratch": scratch})
    return cases


def _interval(difference: Tensor, error: Tensor, quantile: float) -> list[float]:
    mean = difference.mean()
    return [float(mean - quantile * error), float(mean + quantile * error)]


def _t(count: int) -> float:
    return float(stats.t.ppf(0.975, count - 1))


def _paired(transfer: Tensor, scratch: Tensor) -> list[float]:
    gain = transfer - scratch
    return _interval(gain, gain.std() / math.sqrt(len(gain)), _t(len(gain)))


def _unpaired(transfer: Tensor, scratch: Tensor) -> list[float]:
    error = torch.sqrt((transfer.var() + scratch.var()) / len(transfer))
    return _interval(transfer - scratch, error, _t(len(transfer)))


def _with_error(error, quantile=_t) -> object:
    """An answer with another standard error, or another quantile."""
    return lambda transfer, scratch: _interval(transfer - scratch, error(transfer - scratch), quantile(len(transfer)))


GAIN_INTERVAL = Question(
    slug="gain_interval",
    lesson=LESSON,
    title="Does it hurt?",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Both methods got the same labels under the same seed. Which numbers are free of a lucky draw: the accuracies, "
        "or their differences within a seed?",
        "Take the gain for each seed, transfer minus scratch. Its mean ± t·s/√n, with s the standard deviation of the "
        "*gains* and n the number of seeds.",
        "`gain.std()` divides by n − 1, as it should. `t_quantile(n)` gives t.",
    ),
    inputs=_seeds,
    reference=_paired,
    why=(
        "Luck in drawing labels is in both numbers of a seed and leaves with the difference, so few seeds go a long "
        "way. If all of the interval lies below zero, transfer hurts; if zero lies inside, you cannot tell yet, which "
        "is another thing than *no effect*."
    ),
    wrong=(
        Wrong(
            "not paired",
            "You treat the two lists as if they had nothing to do with each other. The draw of labels lifts or sinks "
            "both numbers of a seed; take the difference *within* each seed first.",
            _unpaired,
        ),
        Wrong(
            "other sign",
            "The sign is turned round: a gain is transfer *minus* scratch, so that negative transfer is negative.",
            lambda transfer, scratch: _paired(scratch, transfer),
        ),
        Wrong(
            "divided by n",
            "Your standard deviation divides by n. With three seeds that makes the interval a fifth too short: divide "
            "by n − 1.",
            _with_error(lambda gain: gain.std(correction=0) / math.sqrt(len(gain))),
        ),
        Wrong(
            "spread of one run",
            "You did not divide by √n: this says where the gain of *one more seed* may lie. Asked for is the mean.",
            _with_error(lambda gain: gain.std()),
        ),
        Wrong(
            "normal quantile",
            "You take the quantile of the normal distribution, which is for many seeds. With three seeds t is more "
            "than twice as large.",
            _with_error(lambda gain: gain.std() / math.sqrt(len(gain)), lambda count: stats.norm.ppf(0.975)),
            recognise=lambda found, expected, cases: all(
                np.isclose((high - low) / (other[1] - other[0]) * _t(len(case["scratch"])), 1.96, atol=0.005)
                for (low, high), other, case in zip(found, expected, cases, strict=True)
            ),
        ),
    ),
)

# --- a histogram of gradients --------------------------------------------------------------------------------------


def _patches(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [{"patch": rng.normal(size=shape), "bins": bins} for shape, bins in (((8, 8), 9), ((6, 9), 4), ((5, 4), 6))]
    down, across = np.meshgrid(np.arange(7.0), np.arange(6.0), indexing="ij")
    ramp = math.cos(0.7) * across + math.sin(0.7) * down
    return [*drawn, {"patch": ramp + float(rng.uniform(0, 1)), "bins": 6}, {"patch": -ramp, "bins": 6}]


def _changes(patch: Tensor) -> tuple[Tensor, Tensor]:
    """Central differences across and down, without the border."""
    return patch[1:-1, 2:] - patch[1:-1, :-2], patch[2:, 1:-1] - patch[:-2, 1:-1]


def _histogram(across: Tensor, down: Tensor, bins: int, weights: Tensor | None = None, turn: float = math.pi) -> Tensor:
    angle = torch.atan2(down, across) % turn
    place = (angle / turn * bins).long().clamp(max=bins - 1)
    weights = torch.hypot(across, down) if weights is None else weights
    return torch.zeros(bins, dtype=weights.dtype).index_add(0, place.flatten(), weights.flatten())


def _gradients(patch: Tensor, bins: int) -> Tensor:
    return _histogram(*_changes(patch), bins)


def _folded(patch: Tensor, bins: int) -> Tensor:
    """Angles from −π to π, those below zero set to the first bin."""
    across, down = _changes(patch)
    angle = torch.atan2(down, across).abs()
    return _histogram(torch.cos(angle), torch.sin(angle), bins, torch.hypot(across, down))


def _swapped(patch: Tensor, bins: int) -> Tensor:
    across, down = _changes(patch)
    return _histogram(down, across, bins)


def _counted(patch: Tensor, bins: int) -> Tensor:
    across, down = _changes(patch)
    return _histogram(across, down, bins, torch.ones_like(across))


def _full_turn(patch: Tensor, bins: int) -> Tensor:
    return _histogram(*_changes(patch), bins, turn=2 * math.pi)


def _shares(patch: Tensor, bins: int) -> Tensor:
    found = _gradients(patch, bins)
    return found / found.sum()


GRADIENTS = Question(
    slug="gradient_histogram",
    lesson=LESSON,
    title="A feature made by hand",
    kind="implement",
    difficulty=4,
    minutes=15,
    points=3,
    hints=(
        "Two small tables first, for all pixels that have four neighbours: how the brightness changes to the right, "
        "and how it changes downwards.",
        "`patch[1:-1, 2:] - patch[1:-1, :-2]` is the first. Strength: `torch.hypot(across, down)`. Angle: "
        "`torch.atan2(down, across) % math.pi`, so that light to dark and dark to light count as one direction.",
        "The bin is `(angle / math.pi * bins).long()`. Add up the *strengths* in each bin, for example with "
        "`torch.bincount(place.flatten(), weights=strength.flatten(), minlength=bins)`.",
    ),
    inputs=_patches,
    reference=_gradients,
    why=(
        "This is the heart of HOG, twenty years old and learned from nothing: it knows of edges because somebody "
        "thought of them. A light stroke on dark and a dark one on light give the same numbers, which is good for "
        "digits, and bad where the sign matters. A learned feature finds out which."
    ),
    wrong=(
        Wrong(
            "pixels counted",
            "You count pixels. Each is to weigh by the *strength* of its gradient, or the noise of a flat wall counts "
            "as much as an edge.",
            _counted,
        ),
        Wrong(
            "full turn",
            "Your bins cover the full circle. An edge from dark to light and one from light to dark are the same edge "
            "here: take angles modulo π.",
            _full_turn,
        ),
        Wrong(
            "mirrored",
            "You take the absolute value of the angle, which folds the circle the wrong way: strokes like / and like "
            "\\ fall into one bin. Take it modulo π.",
            _folded,
        ),
        Wrong(
            "axes swapped",
            "Across and down have changed places: the angle is `atan2(down, across)`, and the first index of a patch "
            "counts downwards.",
            _swapped,
        ),
        Wrong(
            "shares",
            "You divided by the total. It was not asked for here, and it makes a hardly visible edge equal to a strong "
            "one.",
            _shares,
        ),
        Wrong(
            "halved",
            "All numbers are half of what was asked for: here a change is the right neighbour minus the left one, "
            "undivided, though two pixels lie between them.",
            lambda patch, bins: _gradients(patch, bins) / 2,
        ),
    ),
)

# --- on equal footing ----------------------------------------------------------------------------------------------


def _comparisons(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count in (3, 4, 5):
        seeds = [int(one) for one in rng.choice(1000, size=count, replace=False)]
        cases.append({"labels": int(rng.integers(5, 50)), "steps": int(rng.integers(50, 300)), "seeds": seeds})
    return cases


def _accuracy(method: str, labels: int, steps: int, seed: int) -> float:
    """An invented accuracy: more labels and steps help, and each seed has its luck, mostly shared by both methods."""
    luck = 0.1 * math.sin(7.3 * seed) + 0.02 * math.sin(3.1 * seed + len(method))
    gain = 0.3 / math.sqrt(labels) if method == "fine_tune" else 0.0
    return 0.5 + gain + luck - 0.4 / math.sqrt(labels) - 3 / (steps + 10)


def _gains(answer: object, case: Case) -> Data:
    """Let the answer run what it likes, and see what it makes of it."""
    if not callable(answer):
        raise Unfit(
            f"It is {type(answer).__name__}, and a function was asked for: write `def answer_equal_footing(…):`."
        )

    def run(method: str, labels: int, steps: int, seed: int) -> float:
        if method not in ("scratch", "fine_tune"):
            raise ValueError(f"There is no method {method!r}; there are 'scratch' and 'fine_tune'.")
        return _accuracy(method, labels, steps, seed)

    return plain(answer(run, case["labels"], case["steps"], list(case["seeds"])))


def _compared(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps, seed) for seed in seeds]


def _one_baseline(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps, seeds[0]) for seed in seeds]


def _fewer_steps(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps // 2, seed) for seed in seeds]


def _broken(run, labels, steps, seeds):
    return [run("fine_tune", labels, steps, seed) - run("scratch", labels, steps // 2, seeds[0]) for seed in seeds]


def _best_against_mean(run, labels, steps, seeds):
    best = max(run("fine_tune", labels, steps, seed) for seed in seeds)
    return [best - run("scratch", labels, steps, seed) for seed in seeds]


EQUAL_FOOTING = Question(
    slug="equal_footing",
    lesson=LESSON,
    title="A gain that is one",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Write down with what each side of the difference was run: method, labels, steps, seed. Only one of the four "
        "may differ.",
        "Two things are unfair in the broken comparison. One is in the steps; the other shows when there is more than "
        "one seed.",
        "`run('fine_tune', labels, steps, seed) - run('scratch', labels, steps, seed)`, for each seed.",
    ),
    inputs=_comparisons,
    reference=_compared,
    why=(
        "Each gain compares two runs that differ in the method and in nothing else. With half the steps for the "
        "baseline you would have measured steps, with another seed luck, and called both transfer."
    ),
    wrong=(
        Wrong(
            "both unfair",
            "Both faults are still there: the baseline gets half the steps, and it is run under the first seed only.",
            _broken,
        ),
        Wrong(
            "half the steps",
            "The seeds agree now, but from scratch still gets half the steps. Part of your gain is what the other half "
            "would have brought.",
            _fewer_steps,
        ),
        Wrong(
            "one baseline for all",
            "The steps are equal now, but all gains are taken against the baseline of one seed: its luck is in every "
            "one of them. Run scratch under the *same* seed.",
            _one_baseline,
        ),
        Wrong(
            "best against each",
            "You take the best of the fine-tuned runs against each baseline. A best of several is lucky by "
            "construction; compare seed by seed.",
            _best_against_mean,
        ),
        Wrong(
            "other sign",
            "The sign is turned round: where transfer helps, a gain is positive.",
            lambda run, labels, steps, seeds: [-gain for gain in _compared(run, labels, steps, seeds)],
        ),
    ),
    probe=_gains,
)

QUESTIONS = (ONLY_DOMAIN, LABEL_AXIS, LABELS_TO, EQUAL_FOOTING, GAIN_INTERVAL, GRADIENTS)
