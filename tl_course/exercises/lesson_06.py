"""Questions on lesson 06, judging a fine-tuned model."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Case, Question, Wrong

LESSON = "06"

# --- an interval ---------------------------------------------------------------------------------------------------


def _counts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [{"right": int(rng.integers(1, n)), "n": n} for n in (int(rng.integers(20, 400)) for _ in range(3))]
    ends = ((10, 10), (0, 25), (1, 1), (29, 30), (2, 12))
    return [*drawn, *({"right": right, "n": n} for right, n in ends)]


def _interval(right: int, n: int, z: float = 1.96) -> list[float]:
    p = right / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return [centre - half, centre + half]


def _textbook(right: int, n: int) -> list[float]:
    p = right / n
    half = 1.96 * math.sqrt(p * (1 - p) / n)
    return [p - half, p + half]


def _around_p(right: int, n: int) -> list[float]:
    low, high = _interval(right, n)
    return [right / n - (high - low) / 2, right / n + (high - low) / 2]


def _undivided(right: int, n: int) -> list[float]:
    return [end * (1 + 1.96**2 / n) for end in _interval(right, n)]


INTERVAL = Question(
    slug="interval",
    lesson=LESSON,
    title="The accuracy and its interval",
    kind="repair",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "What does the textbook's formula say about ten of ten? Which formula of the lesson does not?",
        "Wilson's interval: its centre is pulled from p towards one half, and both centre and half width are divided "
        "by 1 + z²/n.",
        "centre = (p + z²/(2n)) / (1 + z²/n), half = z·√(p(1 − p)/n + z²/(4n²)) / (1 + z²/n).",
    ),
    inputs=_counts,
    reference=_interval,
    why=(
        'Ten of ten now say "at least 72 per cent", where the textbook\'s formula was certain. With few pictures the '
        "interval is honest about how little was seen; with many it agrees with the textbook's. Neither of them knows "
        "what another training run would have given."
    ),
    wrong=(
        Wrong(
            "textbook",
            "This is the textbook's interval. At ten of ten its width is zero, and near the ends it goes beyond 0 or "
            "1: it takes the measured p for the true one. Use Wilson's.",
            _textbook,
        ),
        Wrong(
            "textbook, cut off",
            "Cutting the textbook's interval off at 0 and 1 hides where it fails; it does not mend it. Ten of ten "
            "still has a width of zero.",
            lambda right, n: [min(max(end, 0.0), 1.0) for end in _textbook(right, n)],
        ),
        Wrong(
            "around p",
            "The half width is Wilson's, but its centre is not p: it is pulled towards one half, most of all where "
            "there are few pictures. At ten of ten yours goes above 1.",
            _around_p,
        ),
        Wrong(
            "not divided",
            "Both the centre and the half width are to be divided by 1 + z²/n. Without it the interval of few pictures "
            "lies too high.",
            _undivided,
        ),
        Wrong(
            "another z",
            "The interval has the right form and another width: 95 of a hundred belongs to z = 1.96. (1.645 belongs to "
            "90, and z = 1 to 68.)",
            lambda right, n: _interval(right, n, z=1.645),
            recognise=lambda found, expected, cases: any(
                all(
                    np.shape(one) == (2,) and np.allclose(one, _interval(**case, z=z), rtol=1e-3)
                    for one, case in zip(found, cases, strict=True)
                )
                for z in (1.0, 1.28, 1.2816, 1.64, 1.645, 1.6449, 2.0, 2.326, 2.576, 2.5758)
            ),
        ),
    ),
    rtol=1e-3,  # z is 1.96 or 1.959964
    atol=1e-4,
)

# --- recall from a confusion matrix --------------------------------------------------------------------------------


def _matrices(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = []
    for classes in (3, 5):
        matrix = rng.integers(1, 20, size=(classes, classes)) + np.diag(rng.integers(10, 40, size=classes))
        drawn.append({"matrix": matrix})
    absent, never_said = (rng.integers(1, 20, size=(4, 4)) for _ in range(2))
    absent[2], never_said[:, 1] = 0, 0
    return [*drawn, {"matrix": absent}, {"matrix": never_said}]


def _recall(matrix: Tensor) -> Tensor:
    return matrix.diagonal() / matrix.sum(dim=1)


RECALL = Question(
    slug="recall_by_class",
    lesson=LESSON,
    title="Of those that are, how many were called so?",
    kind="repair",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "Recall asks about the pictures that *are* of a class. Where do all pictures of class 2 stand: in a row or in "
        "a column?",
        "The right ones are on the diagonal, and a row's sum is the number of pictures of that class.",
        "`matrix.diagonal() / matrix.sum(dim=…)`: summing over which axis leaves one number for each row? PyTorch "
        "makes 0/0 NaN by itself.",
    ),
    inputs=_matrices,
    reference=_recall,
    why=(
        "A row holds all pictures of one class, so diagonal over row is recall; diagonal over column is precision. And "
        'a class without test pictures has no recall: NaN says "we do not know", 0 would say "it fails".'
    ),
    wrong=(
        Wrong(
            "precision",
            "This is precision: of the pictures that were *called* so, how many are. You divided by the sums of the "
            "columns; the pictures that *are* of a class stand in its row.",
            lambda matrix: matrix.diagonal() / matrix.sum(dim=0),
        ),
        Wrong(
            "share of all",
            "You divided by the number of all pictures. Then even a perfect network has a recall of one tenth for each "
            "of ten classes. Divide by the number of pictures of *this* class.",
            lambda matrix: matrix.diagonal() / matrix.sum(),
        ),
        Wrong(
            "nan hidden",
            "The rows are right, but a class of which no picture was tested got a number. Nothing is known about it: "
            "leave it NaN, or somebody will average it in.",
            lambda matrix: torch.nan_to_num(_recall(matrix)),
            recognise=lambda found, expected, cases: (
                all(np.shape(mine) == np.shape(theirs) for mine, theirs in zip(found, expected, strict=True))
                and all(
                    np.allclose(np.where(np.isnan(theirs), 0, mine), np.nan_to_num(theirs))
                    for mine, theirs in zip(found, expected, strict=True)
                )
                and not np.isnan(found[2]).any()
            ),
        ),
        Wrong(
            "one number",
            "This is one number, the accuracy over all classes. Recall is asked for class by class: an accuracy can be "
            "high while one class is never found.",
            lambda matrix: matrix.diagonal().sum() / matrix.sum(),
            recognise=lambda found, expected, cases: all(np.shape(one) == () for one in found),
        ),
        Wrong(
            "counts",
            "These are counts, the numbers on the diagonal. How much 40 right ones are worth depends on how many there "
            "were: divide.",
            lambda matrix: matrix.diagonal(),
        ),
    ),
)

# --- calibration ---------------------------------------------------------------------------------------------------


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


def _by_bin(combine):
    return lambda confidence, right, bins: combine(_gaps(confidence, right, bins))


CALIBRATION = Question(
    slug="calibration",
    lesson=LESSON,
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
        "Each bin counts by how many pictures are in it, and a gap counts whichever way it goes: too sure here does "
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
            lambda confidence, right, bins: abs(float(right.double().mean() - confidence.mean())),
            recognise=lambda found, expected, cases: all(
                np.isclose(np.abs(one), abs(case["right"].mean() - case["confidence"].mean()), rtol=1e-4, atol=1e-6)
                for one, case in zip(found, cases, strict=True)
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

# --- temperature ---------------------------------------------------------------------------------------------------


def _logits(seed: int) -> list[Case]:
    """A network that is too sure on validation pictures, in another measure on test pictures; then a modest one."""
    rng = np.random.default_rng(seed)
    cases = []
    for held_scale, test_scale in ((4.0, 10.0), (2.5, 0.6), (0.3, 2.0)):
        parts = []
        for count, scale in ((80, held_scale), (60, test_scale)):
            logits = rng.normal(size=(count, 3))
            parts += [scale * logits, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)]
        names = ("held_logits", "held_labels", "test_logits", "test_labels")
        cases.append(dict(zip(names, parts, strict=True)) | {"candidates": [0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 10.0]})
    return cases


def _softened(chosen_by, use=lambda logits, t: (logits / t).softmax(dim=1)):
    """Answers that choose a temperature by one measure or another, and use it in one way or another."""

    def answer(held_logits, held_labels, test_logits, test_labels, candidates):
        def score(t: float) -> float:
            return float(chosen_by(held_logits, held_labels, test_logits, test_labels, t))

        return use(test_logits, min(candidates, key=score))

    return answer


def _held_loss(held: Tensor, truth: Tensor, test: Tensor, test_truth: Tensor, t: float) -> Tensor:
    return F.cross_entropy(held / t, truth)


def _held_mistakes(held: Tensor, truth: Tensor, test: Tensor, test_truth: Tensor, t: float) -> Tensor:
    return ((held / t).argmax(dim=1) != truth).double().mean()


TEMPERATURE = Question(
    slug="temperature",
    lesson=LESSON,
    title="The right temperature",
    kind="implement",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "Two sets of pictures come in. Which of them may choose a number that you will use on the other?",
        "For each candidate T take the cross-entropy of `held_logits / T` with `held_labels`, and keep the T with the "
        "smallest.",
        "`T = min(candidates, key=lambda t: F.cross_entropy(held_logits / t, held_labels).item())`, then the softmax "
        "of `test_logits / T` over each row.",
    ),
    inputs=_logits,
    reference=_softened(_held_loss),
    why=(
        "One number, found on the validation pictures, and no answer changes: the largest logit stays the largest. The "
        "test labels were in your hands and you did not use them, so the calibration you report is one that new "
        "pictures will see."
    ),
    wrong=(
        Wrong(
            "chosen on the test",
            "T was chosen with the test labels. It fits those pictures, their accidents included, and the calibration "
            "that you report for them flatters. Choose it on the validation pictures.",
            _softened(lambda held, truth, test, test_truth, t: F.cross_entropy(test / t, test_truth)),
        ),
        Wrong(
            "multiplied",
            "The logits are multiplied by T. Then a T above 1 makes the network surer, which is the wrong way round: "
            "divide.",
            _softened(_held_loss, lambda logits, t: (logits * t).softmax(dim=1)),
        ),
        Wrong(
            "chosen by accuracy",
            "A temperature changes no answer, so all candidates have the same accuracy, and yours is just the first of "
            "them. Choose by the cross-entropy, which also asks how sure the answers are.",
            _softened(_held_mistakes),
        ),
        Wrong(
            "probabilities divided",
            "You divided the probabilities, not the logits: a row does not sum to one any more. T belongs before the "
            "softmax.",
            _softened(_held_loss, lambda logits, t: logits.softmax(dim=1) / t),
        ),
        Wrong(
            "no temperature",
            "These are the probabilities as they were: no temperature has reached them.",
            lambda held_logits, held_labels, test_logits, test_labels, candidates: test_logits.softmax(dim=1),
        ),
        Wrong(
            "over the pictures",
            "The softmax runs down the columns, over the pictures. What must sum to one are the classes of one "
            "picture: `dim=1`.",
            _softened(_held_loss, lambda logits, t: (logits / t).softmax(dim=0)),
        ),
    ),
)

# --- a paired comparison -------------------------------------------------------------------------------------------


def _two_networks(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for only_a, only_b in ((9, 3), (2, 8), (4, 4), (0, 5)):
        kinds = np.repeat([0, 1, 2, 3, 4], [12, only_a, only_b, 6, 5])
        labels = rng.integers(0, 5, size=len(kinds))
        wrong, other = (labels + 1) % 5, (labels + 2) % 5
        said_a = np.where((kinds == 0) | (kinds == 1), labels, wrong)
        said_b = np.where((kinds == 0) | (kinds == 2), labels, np.where(kinds == 4, other, wrong))
        order = rng.permutation(len(kinds))
        cases.append({"labels": labels[order], "said_a": said_a[order], "said_b": said_b[order]})
    same = rng.integers(0, 5, size=20)
    return [*cases, {"labels": same, "said_a": same, "said_b": same}]


def _tail(wins: int, tosses: int) -> float:
    """The chance that a fair coin shows heads at least so often."""
    return sum(math.comb(tosses, k) for k in range(wins, tosses + 1)) / 2**tosses


def _wins(labels: Tensor, said_a: Tensor, said_b: Tensor) -> tuple[int, int]:
    right_a, right_b = said_a == labels, said_b == labels
    return int((right_a & ~right_b).sum()), int((right_b & ~right_a).sum())


def _paired(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    only_a, only_b = _wins(labels, said_a, said_b)
    return [only_a, only_b, min(1.0, 2 * _tail(max(only_a, only_b), only_a + only_b))]


def _disagreements(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    only_a, _ = _wins(labels, said_a, said_b)
    tosses = int((said_a != said_b).sum())
    return [only_a, tosses - only_a, min(1.0, 2 * _tail(max(only_a, tosses - only_a), tosses))]


def _all_right(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
    a, b = int((said_a == labels).sum()), int((said_b == labels).sum())
    return [a, b, min(1.0, 2 * _tail(max(a, b), a + b))]


def _with_p(change):
    def answer(labels: Tensor, said_a: Tensor, said_b: Tensor) -> list[float]:
        return [*_wins(labels, said_a, said_b), change(*_wins(labels, said_a, said_b))]

    return answer


PAIRED = Question(
    slug="paired",
    lesson=LESSON,
    title="Two networks, the same pictures",
    kind="implement",
    difficulty=4,
    minutes=14,
    points=3,
    hints=(
        "Which pictures say anything about who is better? Not those that both got right, and not those that both got "
        "wrong, even if they were wrong in different ways.",
        "Count the pictures that only A got right, and those that only B got right. Their sum is the number of tosses; "
        "the larger count, how often the coin fell on one side.",
        "p = 2 · Σ comb(tosses, k) / 2^tosses for k from the larger count to `tosses`, and never more than 1.",
    ),
    inputs=_two_networks,
    reference=_paired,
    why=(
        "Only the pictures that one of them got right count, each as the toss of a coin, and both ends count, since "
        "you did not know beforehand which would win. The same two accuracies on *different* pictures would tell you "
        "far less."
    ),
    wrong=(
        Wrong(
            "swapped",
            "The two counts are swapped: the first is the number of pictures that only *A* got right.",
            lambda labels, said_a, said_b: _paired(labels, said_b, said_a),
            recognise=lambda found, expected, cases: all(
                list(mine[:2]) == list(theirs[1::-1]) for mine, theirs in zip(found, expected, strict=True)
            ),
        ),
        Wrong(
            "both wrong, differently",
            "You count a picture as a disagreement whenever the two answers differ. Where both are *wrong* in "
            "different ways, neither has won: compare each answer with the label.",
            _disagreements,
            recognise=lambda found, expected, cases: all(
                float(sum(one[:2])) == float((case["said_a"] != case["said_b"]).sum())
                for one, case in zip(found, cases, strict=True)
            ),
        ),
        Wrong(
            "all right answers",
            "These are all right answers of each network. The pictures that both got right are in both counts, and "
            "they say nothing about who is better.",
            _all_right,
            recognise=lambda found, expected, cases: all(
                float(one[0]) == float((case["said_a"] == case["labels"]).sum())
                for one, case in zip(found, cases, strict=True)
            ),
        ),
        Wrong(
            "one side",
            "The counts are right, and p is one-sided: the chance that the coin falls on the winner's side so often. "
            "You did not know who would win, so double it.",
            _with_p(lambda a, b: _tail(max(a, b), a + b)),
        ),
        Wrong(
            "A's side only",
            "The counts are right, but p starts at A's count, even when B has won. Take the larger of the two, whoever "
            "it belongs to.",
            _with_p(lambda a, b: min(1.0, 2 * _tail(a, a + b))),
        ),
        Wrong(
            "above one",
            "The counts are right, but where the two are equally good p is above 1. A probability is at most 1: both "
            "tails together hold the middle twice.",
            _with_p(lambda a, b: 2 * _tail(max(a, b), a + b)),
        ),
        Wrong(
            "larger than",
            "The counts are right, but p leaves out the very result that you saw: it is the chance of a result at "
            "*least* so one-sided.",
            _with_p(lambda a, b: min(1.0, 2 * _tail(max(a, b) + 1, a + b))),
        ),
    ),
)

# --- choosing ------------------------------------------------------------------------------------------------------

FLATTERS = Question(
    slug="flatters",
    lesson=LESSON,
    title="Which numbers flatter?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Ask of each: did the test pictures have any say in which number is reported?",
        "A choice need not be a formula. Looking at the mistakes and acting on what was seen is a choice, too.",
    ),
    inputs=lambda seed: [{}],
    reference="BDE",
    why=(
        "In B, D and E the test pictures chose, by an epoch, a seed, or by what a person saw. What was chosen by a "
        "noisy number owes part of it to the noise. A decides by other pictures, and C and F choose nothing at all."
    ),
    wrong=(
        Wrong(
            "validation suspected",
            "In A the validation pictures chose, and the test pictures were asked once: that is what the three splits "
            "are for. (Its *validation* score would flatter.)",
            "ABDE",
            recognise=lambda found, expected, cases: "A" in found[0],
        ),
        Wrong(
            "a mean suspected",
            "In C and F nothing is chosen: all seeds enter the mean, and a second measure of one and the same network "
            "is no second try.",
            "BCDE",
            recognise=lambda found, expected, cases: bool({"C", "F"} & set(found[0])),
        ),
        Wrong(
            "looking forgotten",
            "You left out E. She chose by her eyes: what she added answers mistakes on exactly these pictures. That is "
            "why the lesson looked at *validation* mistakes.",
            "BD",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
        Wrong(
            "best seed forgotten",
            "You left out D. Of five seeds the best is best partly by luck, and the test pictures said which it was.",
            "BE",
            recognise=lambda found, expected, cases: "D" not in found[0],
        ),
        Wrong(
            "epoch forgotten",
            "You left out B. Each epoch is another try, and the maximum of many noisy scores is high because of its "
            "noise.",
            "DE",
            recognise=lambda found, expected, cases: "B" not in found[0],
        ),
    ),
    probe=letters,
)


def _scores(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count in (6, 12, 9):
        validation, test = (rng.permutation(np.arange(40, 40 + 2 * count))[:count] / 100 for _ in range(2))
        best = int(validation.argmax())
        if best == int(test.argmax()) or best == count - 1:  # the choices must tell the answers apart
            validation = np.roll(validation, -1 if best else 1)
            best = int(validation.argmax())
            test[best] = 0.35
        cases.append({"validation": validation, "test": test})
    cases.append({"validation": np.array([0.5, 0.7, 0.7, 0.6]), "test": np.array([0.8, 0.5, 0.6, 0.4])})
    return [*cases, {"validation": np.array([0.61]), "test": np.array([0.58])}]


def _choose(validation: Tensor, test: Tensor) -> list[float]:
    best = int(validation.argmax())
    return [best, float(test[best])]


def _last_of_the_best(validation: Tensor, test: Tensor) -> list[float]:
    best = int((validation == validation.max()).nonzero()[-1])
    return [best, float(test[best])]


CHOOSE = Question(
    slug="choose_fairly",
    lesson=LESSON,
    title="Which epoch, and which number",
    kind="repair",
    difficulty=2,
    minutes=5,
    points=2,
    hints=(
        "Which of the two lists may decide? And which of them holds the number that you may report?",
        "`validation.argmax()` gives the epoch. The number to report is in the other list, at the same place.",
    ),
    inputs=_scores,
    reference=_choose,
    why=(
        "Validation chooses, the test is asked about that one network, and its answer stands, even if another epoch "
        "would have looked better. The number is often a little lower than the prettiest one. It is the one that new "
        "pictures will bear out."
    ),
    wrong=(
        Wrong(
            "chosen by the test",
            "The test scores chose the epoch, so the score that you report is the largest of many noisy numbers. Let "
            "the validation scores choose.",
            lambda validation, test: [int(test.argmax()), float(test.max())],
        ),
        Wrong(
            "validation reported",
            "The epoch is right, but the number is the validation score that chose it, and that flatters as well. "
            "Report the test score of that epoch.",
            lambda validation, test: [int(validation.argmax()), float(validation.max())],
        ),
        Wrong(
            "best of both",
            "The epoch was chosen by validation, and the number is the best test score of *any* epoch: it belongs to "
            "another network than the one you keep.",
            lambda validation, test: [int(validation.argmax()), float(test.max())],
        ),
        Wrong(
            "last epoch",
            "You take the last epoch, whatever the validation scores say. That is honest, but here one was to be "
            "chosen.",
            lambda validation, test: [len(test) - 1, float(test[-1])],
        ),
        Wrong(
            "last of equals",
            "Where two epochs are equally good on the validation pictures, the first was asked for: it costs less "
            "training. And the test must not break the tie either.",
            _last_of_the_best,
        ),
        Wrong(
            "counted from one",
            "The number is right, but epochs are counted from zero here, as `argmax` does.",
            lambda validation, test: [int(validation.argmax()) + 1, float(test[int(validation.argmax())])],
        ),
    ),
)

QUESTIONS = (INTERVAL, RECALL, CALIBRATION, TEMPERATURE, PAIRED, FLATTERS, CHOOSE)
