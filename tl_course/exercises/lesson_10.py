"""Questions on lesson 10, across domains of text."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tl_course.exercises.probes import letters
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain

LESSON = "10"

# --- the score, exactly --------------------------------------------------------------------------------------------


def _rated(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for count, zeros in ((60, 4), (40, 0), (25, 1)):
        rating = np.where(rng.random(count) < 0.7, 1, -1) * rng.uniform(0.06, 4, size=count)
        rating[:6] = [0.02, -0.03, 0.04, -0.01, 0.03, -0.02]
        rating[6 : 6 + zeros] = 0
        compound = np.clip(rating / 4 + rng.normal(scale=0.4, size=count), -0.99, 0.99)
        compound[:12] = [0.4, -0.3, 0.2, 0.01, 0.05, -0.05, 0.05, -0.05, 0.03, -0.2, 0.02, 0.6]
        cases.append({"rating": rating, "compound": compound})
    return [*cases, {"rating": np.array([1.0, 2.0, 0.0]), "compound": np.array([0.9, 0.05, 0.0])}]


def _sides(compound: Tensor) -> Tensor:
    return (compound >= 0.05).long() - (compound <= -0.05).long()


def _f1(truth: Tensor, said: Tensor, side: int) -> float:
    both = int((truth == side).sum() + (said == side).sum())
    return 2 * int(((truth == side) & (said == side)).sum()) / both if both else 0.0


def _weighted(truth: Tensor, said: Tensor, counted: Tensor | None = None) -> float:
    counted = truth if counted is None else counted
    return sum(_f1(truth, said, side) * float((counted == side).double().mean()) for side in (-1, 0, 1))


def _macro(truth: Tensor, said: Tensor) -> float:
    there = truth.unique().tolist()
    return sum(_f1(truth, said, side) for side in there) / len(there)


SIGN_F1 = Question(
    slug="sign_f1",
    lesson=LESSON,
    title="The score that stands in the table",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Make two lists of −1, 0 and 1: the true classes from `rating`, the answers from `compound`. They follow two "
        "*different* rules.",
        "The truth is `torch.sign(rating)`: neutral only at exactly zero. An answer is 1 from +0.05 up and −1 from "
        "−0.05 down, both included.",
        "For each class in the truth: F1 = 2 · right / (true ones + called ones), times the share of that class in the "
        "*truth*. Add these up.",
    ),
    inputs=_rated,
    reference=lambda rating, compound: _weighted(rating.sign(), _sides(compound)),
    why=(
        "Sign of the rating, thresholds for the answer, weights by frequency in the truth: with these three the "
        "published table comes out, and with any other choice another number does. Only now may you stand beside it."
    ),
    wrong=(
        Wrong(
            "thresholds for the truth",
            "You cut the *ratings* at ±0.05, too. The thresholds belong to VADER's score; the truth is the sign of the "
            "rating, and neutral is exactly zero.",
            lambda rating, compound: _weighted(_sides(rating), _sides(compound)),
        ),
        Wrong(
            "sign for both",
            "You take the sign of VADER's score, without its thresholds. Then it is hardly ever neutral, where the "
            "paper lets it be neutral between −0.05 and +0.05.",
            lambda rating, compound: _weighted(rating.sign(), compound.sign()),
        ),
        Wrong(
            "thresholds left out",
            "The thresholds themselves belong to the sides: *from* +0.05 up, *from* −0.05 down. You count a score of "
            "exactly 0.05 as neutral.",
            lambda rating, compound: _weighted(rating.sign(), (compound > 0.05).long() - (compound < -0.05).long()),
        ),
        Wrong(
            "macro",
            "This is macro F1, in which each class counts the same. Neutral, with a text or two, then decides a third "
            "of the score.",
            lambda rating, compound: _macro(rating.sign(), _sides(compound)),
            recognise=lambda found, expected, cases: _is_macro(found, cases),
        ),
        Wrong(
            "weighted by what was said",
            "You weigh each class by how often it was *called*. A method would then choose its own weights; take the "
            "shares of the truth.",
            lambda rating, compound: _weighted(rating.sign(), _sides(compound), _sides(compound)),
        ),
        Wrong(
            "accuracy",
            "This is accuracy, the share of right answers. It counts no class at all.",
            lambda rating, compound: float((rating.sign() == _sides(compound)).double().mean()),
        ),
    ),
)


def _is_macro(found: list[Data], cases: list[Case]) -> bool:
    """Whether all numbers are means over the classes of the truth, or over all three."""
    for mine, case in zip(found, cases, strict=True):
        truth, said = torch.tensor(case["rating"]).sign(), _sides(torch.tensor(case["compound"]))
        three = sum(_f1(truth, said, side) for side in (-1, 0, 1)) / 3
        if not any(np.isclose(mine, theirs) for theirs in (_macro(truth, said), three)):
            return False
    return True


# --- which cells may be compared -----------------------------------------------------------------------------------

DOWN_A_COLUMN = Question(
    slug="down_a_column",
    lesson=LESSON,
    title="What does the matrix say?",
    kind="predict",
    difficulty=2,
    minutes=6,
    points=0,
    hints=(
        "For each sentence find the cells that it compares. Do they stand in one column?",
        "Cells of one column answer for the same texts. The constant stands in each column, too.",
        "A difference of two losses is fair if each loss was taken down its own column; a raw score beside one of "
        "another column is not.",
    ),
    inputs=lambda seed: [{}],
    reference="ACE",
    why=(
        "A, C and E compare networks on the same texts. B and D compare two exams: even the constant answer gets 0.45 "
        "in one and 0.60 in another. Measured down the columns, what shops lose on forums (0.12) is three times what "
        "they lose on letters (0.04), the reverse of B."
    ),
    wrong=(
        Wrong(
            "along a row",
            "B reads along a row. 0.66 and 0.58 are scores in two different exams; take each from the 0.78 and the "
            "0.62 that were reached at home in the same column, and the order turns round.",
            "ABCE",
            recognise=lambda found, expected, cases: "B" in found[0],
        ),
        Wrong(
            "along the diagonal",
            "D reads along the diagonal, from one exam to another. Whether the texts are hard, or the ratings "
            "accidents, or the network learned little, 0.80 beside 0.62 cannot tell.",
            "ACDE",
            recognise=lambda found, expected, cases: "D" in found[0],
        ),
        Wrong(
            "A forgotten",
            "You left out A. 0.75 and 0.72 stand in one column: the same texts, the same labels, another source.",
            "CE",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "C forgotten",
            "You left out C. 0.60 against 0.62 at home, on the same texts: that is what a loss is.",
            "AE",
            recognise=lambda found, expected, cases: "C" not in found[0],
        ),
        Wrong(
            "E forgotten",
            "You left out E. The constant is a control, and it answered for the same texts: below it a source does "
            "harm, above it something was carried over.",
            "AC",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)

# --- whole documents -----------------------------------------------------------------------------------------------


def _shelves(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for sizes, count in (([4, 3, 5, 2, 4, 3], 6), ([1, 6, 2, 2, 5], 5), ([2, 2, 2, 2], 4), ([1] * 6, 3)):
        document = rng.permutation(np.repeat(rng.permutation(len(sizes)), sizes))
        order = rng.permutation(len(document))
        cases.append({"document": document.tolist(), "order": order.tolist(), "count": count})
    # By hand: the second text of the order belongs to the first one's document.
    return [*cases, {"document": [0, 0, 0, 1, 1, 2], "order": [1, 0, 3, 5, 2, 4], "count": 4}]


def _numbers(answer: object, case: Case) -> list[int]:
    """The numbers that the answer chose, sorted, however it wrote them."""
    if not callable(answer):
        raise Unfit(f"It is {type(answer).__name__}, and a function was asked for: write `def answer_…(…):`.")
    found = answer(*copy.deepcopy(case).values())
    found = found.tolist() if isinstance(found, Tensor | np.ndarray) else found
    if not isinstance(found, list | tuple | set | frozenset | range):
        raise Unfit(f"It gave back {type(found).__name__}; give back a list of whole numbers, one for each text.")
    chosen = [plain(one) for one in found]
    if not all(isinstance(one, int | np.ndarray) and not isinstance(one, bool) and np.ndim(one) == 0 for one in chosen):
        raise Unfit("Its list holds something else than whole numbers; there should be one for each text.")
    if len({int(one) for one in chosen}) < len(chosen):
        raise Unfit("A number stands in it more than once.")
    return sorted(int(one) for one in chosen)


def _of_documents(document: Sequence[int], chosen: set[int]) -> list[int]:
    return [place for place, one in enumerate(document) if one in chosen]


def _whole_documents(document: list[int], order: list[int], count: int) -> list[int]:
    chosen: set[int] = set()
    for place in order:
        if len(_of_documents(document, chosen)) >= count:
            break
        chosen.add(document[place])
    return _of_documents(document, chosen)


def _one_of_each(document: list[int], order: list[int], count: int) -> list[int]:
    """The first text of each document in the order, ``count`` of them."""
    first = {document[place]: place for place in reversed(order)}
    return [place for place in order if first[document[place]] == place][:count]


def _so_many_documents(document: list[int], order: list[int], count: int) -> list[int]:
    return _of_documents(document, set(list(dict.fromkeys(document[place] for place in order))[:count]))


def _cut_off(document: list[int], order: list[int], count: int) -> list[int]:
    chosen = list(dict.fromkeys(document[place] for place in order))
    return sorted(_of_documents(document, set(chosen)), key=lambda place: chosen.index(document[place]))[:count]


WHOLE_DOCUMENTS = Question(
    slug="whole_documents",
    lesson=LESSON,
    title="A split that does not leak",
    kind="repair",
    difficulty=3,
    minutes=10,
    points=3,
    hints=(
        "In the broken split, how many documents have sentences on both sides?",
        "Draw documents rather than sentences: when a sentence comes up in `order`, all of its document goes to the "
        "test.",
        "Keep a set of chosen documents. Go through `order`; stop as soon as the chosen ones hold `count` texts; else "
        "add `document[place]`. At last return all places whose document is chosen.",
    ),
    inputs=_shelves,
    reference=_whole_documents,
    why=(
        "No document stands on both sides, so the test asks about texts of which nothing was seen. The test comes out "
        "a little larger than asked for, which is the price. A split by sentences praises a network for having met the "
        "product, the film or the writer before."
    ),
    wrong=(
        Wrong(
            "sentences drawn",
            "These are the first `count` sentences of the order: their documents go on in the training set. Move "
            "*whole* documents.",
            lambda document, order, count: order[:count],
        ),
        Wrong(
            "every document touched",
            "No document is cut, but too many are taken: you take every document that the first `count` sentences "
            "belong to. Stop as soon as the chosen documents hold `count` texts.",
            lambda document, order, count: _of_documents(document, {document[place] for place in order[:count]}),
        ),
        Wrong(
            "documents counted",
            "You take `count` documents, where *texts* were meant: the test is several times too large.",
            _so_many_documents,
        ),
        Wrong(
            "one sentence of each",
            "You take one sentence of each document. The rest of the document stays to learn from: this leaks from "
            "every one of them.",
            _one_of_each,
        ),
        Wrong(
            "last document cut",
            "You cut the last document in two, so that exactly `count` texts are in the test. Its other half leaks; "
            "let the test be a little larger.",
            _cut_off,
            recognise=lambda found, expected, cases: all(
                len(mine) == case["count"] and set(mine) <= set(theirs)
                for mine, theirs, case in zip(found, expected, cases, strict=True)
            ),
        ),
    ),
    probe=_numbers,
)

# --- twins ---------------------------------------------------------------------------------------------------------

_STEMS = ("what a day", "well made and short", "never again", "it s 5 o clock", "the battery died", "so so good")


def _dressed(text: str, rng: np.random.Generator) -> str:
    """The same words in other clothes."""
    words = text.split()
    joined = words[0] + "".join(rng.choice([" ", "-", ", ", "  ", "... "]) + word for word in words[1:])
    joined = joined.upper() if rng.random() < 0.4 else joined.capitalize() if rng.random() < 0.5 else joined
    return joined + str(rng.choice(["", "!", "!!!", ".", " :)", "?!"]))


def _twin_texts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for _ in range(3):
        stems = [str(one) for one in rng.permutation(_STEMS)]
        train = [_dressed(one, rng) for one in stems[:4]] + [_dressed(stems[3], rng), stems[3], f"{stems[3]}!"]
        train += [f"{stems[0]} indeed", stems[0].upper(), stems[0].replace(" ", ""), stems[0].upper() + "!!"]
        test = [stems[0], _dressed(stems[1], rng), f"But {stems[2]}", _dressed(stems[5], rng)]
        cases.append({"train": train, "test": test})
    by_hand = {"train": ["Well-made!", "well made", "Wellmade", "WELL MADE", "made well"], "test": ["well made.", "ok"]}
    return [*cases, by_hand, {"train": ["a", "A", "b c"], "test": ["d"]}]


def _bare(text: str) -> str:
    return " ".join("".join(c if c.isalnum() else " " for c in text.lower()).split())


def _keep(form) -> object:
    """An answer that calls texts twins that have one form."""
    return lambda train, test: [text for text in train if form(text) not in {form(other) for other in test}]


def _glued(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())


def _deleted(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalnum() or c.isspace()).split())


NO_TWINS = Question(
    slug="no_twins",
    lesson=LESSON,
    title="Twins across the split",
    kind="implement",
    difficulty=2,
    minutes=8,
    points=2,
    hints=(
        "When are two texts twins here? Bring each to a bare form in which twins are equal.",
        "Small letters first. Then every character that is no letter or digit becomes a *space*: `c if c.isalnum() "
        "else ' '`. `' '.join(text.split())` leaves single spaces.",
        "Make a set of the bare forms of all test texts, and keep the training texts whose bare form is not in it.",
    ),
    inputs=_twin_texts,
    reference=_keep(_bare),
    why=(
        "What is left can be learned from without having met the test. The test stays as it is, so scores remain "
        "comparable with those of others; training gives way. And a text that occurs twice in training may stay: it is "
        "no twin of the test."
    ),
    wrong=(
        Wrong(
            "only equal texts",
            "You drop only texts that are equal letter by letter. *What a day!!!* in capitals is the twin of *what a "
            "day*: compare the words alone.",
            _keep(lambda text: text),
        ),
        Wrong(
            "only capitals",
            "Capitals no longer hide a twin, but an exclamation mark does. Compare the words alone, without "
            "punctuation.",
            _keep(lambda text: " ".join(text.lower().split())),
            recognise=lambda found, expected, cases: any(
                found == [_keep(form)(case["train"], case["test"]) for case in cases]
                for form in (str.lower, lambda text: " ".join(text.lower().split()))
            ),
        ),
        Wrong(
            "words glued together",
            "You delete punctuation where it should become a space: *well-made* turns into *wellmade*, which is no "
            "twin of *well made*.",
            _keep(_deleted),
        ),
        Wrong(
            "spaces deleted",
            "You compare without spaces, so *well made* and *wellmade* are taken for twins. They are other words.",
            _keep(_glued),
        ),
        Wrong(
            "dropped from the test",
            "You drop twins from the *test*, and with them the comparison with everybody who has the same test. Drop "
            "them from training.",
            lambda train, test: _keep(_bare)(test, train),
        ),
        Wrong(
            "doubles dropped",
            "You drop texts that occur twice in *training* as well, or give back bare forms. Only twins of test texts "
            "go, and what stays, stays as it was.",
            lambda train, test: list({_bare(text): text for text in _keep(_bare)(train, test)}.values()),
            recognise=lambda found, expected, cases: all(
                {_bare(text) for text in mine} == {_bare(text) for text in theirs}
                for mine, theirs in zip(found, expected, strict=True)
            ),
        ),
    ),
)

# --- one third from each -------------------------------------------------------------------------------------------


def _sources(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for sizes, count in (([40, 90, 20], 30), ([25, 12, 31], 20), ([9, 30, 14], 10), ([50, 20, 70, 30], 7)):
        numbers = rng.permutation(sum(sizes)).tolist()
        starts = np.cumsum([0, *sizes])
        sources = [numbers[start : start + size] for start, size in zip(starts, sizes, strict=False)]
        cases.append({"sources": sources, "count": count})
    return cases


def _from_each(sources: list[list[int]], shares: Sequence[int]) -> list[int]:
    return [text for source, share in zip(sources, shares, strict=True) for text in source[:share]]


def _shares(count: int, many: int) -> list[int]:
    return [count // many + (place < count % many) for place in range(many)]


def _proportional(sources: list[list[int]], count: int) -> list[int]:
    total = sum(len(source) for source in sources)
    return _from_each(sources, [count * len(source) // total for source in sources])


POOL = Question(
    slug="equal_pool",
    lesson=LESSON,
    title="A pool at equal labels",
    kind="repair",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "How many labels does the broken pool hold, and from how many sources do they come?",
        "`count // len(sources)` from each; what remains of the division goes to the first sources, one text each.",
        "`share = count // k + (place < count % k)` for the source at this place, and `source[:share]`.",
    ),
    inputs=_sources,
    reference=lambda sources, count: _from_each(sources, _shares(count, len(sources))),
    why=(
        "The pool has exactly as many labels as its rival from a single source, and equally many of each kind. Had it "
        "had three times as many, the comparison would have shown what more labels are worth, and not what more "
        "sources are."
    ),
    wrong=(
        Wrong(
            "first source only",
            "All come from the first source, or nearly all: joining lists and cutting off takes what stands in front.",
            lambda sources, count: [text for source in sources for text in source][:count],
        ),
        Wrong(
            "count from each",
            "You take `count` labels from *each* source: the pool has several times as many as its rival, and would "
            "win by number.",
            lambda sources, count: _from_each(sources, [count] * len(sources)),
        ),
        Wrong(
            "remainder lost",
            "The remainder is lost: where `count` cannot be divided, the pool has a label or two less than its rival. "
            "Give one more to each of the first sources.",
            lambda sources, count: _from_each(sources, [count // len(sources)] * len(sources)),
        ),
        Wrong(
            "remainder to the last",
            "The number is right, but the whole remainder comes from the last source. Give one more text to each of "
            "the *first* sources, so that no two differ by more than one.",
            lambda sources, count: _from_each(
                sources,
                [count // len(sources)] * (len(sources) - 1) + [count // len(sources) + count % len(sources)],
            ),
        ),
        Wrong(
            "by size",
            "You take from each source by its size. The largest source would rule the pool; asked for are equal parts.",
            _proportional,
        ),
    ),
    probe=_numbers,
)

# --- how far apart -------------------------------------------------------------------------------------------------


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


PROXY_DISTANCE = Question(
    slug="proxy_distance",
    lesson=LESSON,
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
        "With each domain counted a half, that holds whichever of them has more texts."
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
            "as above, and a mean over seeds of cut values would be above zero for no reason.",
            lambda wrong, domain: (2 * (1 - 2 * _error(wrong, domain))).clamp(min=0),
        ),
    ),
)

QUESTIONS = (SIGN_F1, DOWN_A_COLUMN, WHOLE_DOCUMENTS, NO_TWINS, POOL, PROXY_DISTANCE)
