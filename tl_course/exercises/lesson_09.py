"""Questions on lesson 09, BERT text classification."""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tl_course.exercises.probes import letters, load_optimizers, need_function, state
from tl_course.exercises.question import Case, Question, Wrong
from tl_course.exercises.values import Data, Unfit, plain, tensors

LESSON = "09"

# --- the mean of the tokens that count -----------------------------------------------------------------------------


def _texts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for lengths in (rng.integers(2, 6, size=4), np.array([1, 6, 3]), np.array([5, 5])):
        mask = (np.arange(lengths.max())[None, :] < lengths[:, None]).astype(np.int64)
        cases.append({"states": rng.normal(loc=1.0, size=(*mask.shape, 3)), "mask": mask})
    return cases


def _total(states: Tensor, mask: Tensor) -> Tensor:
    return (states * mask.unsqueeze(-1)).sum(dim=1)


MEAN_POOL = Question(
    slug="mean_pool",
    lesson=LESSON,
    title="The mean, padding left out",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "A state of padding is not zero: BERT computes one for every place. Which of them must count?",
        "Multiply the states by the mask, so that padding becomes zero, and add along the tokens. The mask needs a "
        "third axis first.",
        "Divide each text's sum by *its own* number of tokens: `mask.sum(dim=1, keepdim=True)`.",
    ),
    inputs=_texts,
    reference=lambda states, mask: _total(states, mask) / mask.sum(dim=1, keepdim=True),
    why=(
        "A text's vector is now the same whichever texts share its batch. Without the mask it would change with the "
        "longest neighbour: the same sentence, shuffled into another batch, would get another answer."
    ),
    wrong=(
        Wrong(
            "padding averaged",
            "This averages over padding, too. Its states are not zero, so a short text beside a long one is mostly "
            "made of padding.",
            lambda states, mask: states.mean(dim=1),
        ),
        Wrong(
            "divided by the length of the batch",
            "Padding is out of the sum, but not out of the count: you divide by the length of the longest text. The "
            "vectors of short texts come out too short.",
            lambda states, mask: _total(states, mask) / mask.shape[1],
        ),
        Wrong(
            "not divided",
            "This is the sum over the tokens that count. A long text then has a long vector; divide by the number of "
            "its tokens.",
            _total,
        ),
        Wrong(
            "divided by all tokens",
            "The sum is right, and then you divide by the number of tokens in the whole *batch*. Each text has its own "
            "number: sum the mask along the tokens only.",
            lambda states, mask: _total(states, mask) / mask.sum(),
        ),
        Wrong(
            "only the first",
            "This is the state of the first token, `[CLS]`. It is another way to get one vector; asked for is the mean "
            "of all tokens that count.",
            lambda states, mask: states[:, 0],
        ),
    ),
)

# --- one attention head --------------------------------------------------------------------------------------------


def _queries(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for width, real in ((8, 6), (3, 4), (16, 1)):
        q, k = rng.normal(scale=1.5, size=(2, 6, width))
        mask = (np.arange(6) < real).astype(np.int64)
        cases.append({"q": q, "k": k, "v": rng.normal(size=(6, 5)), "mask": mask})
    return cases


def _scores(q: Tensor, k: Tensor, mask: Tensor) -> Tensor:
    return (q @ k.T / math.sqrt(q.shape[1])).masked_fill(mask == 0, -math.inf)


def _head(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    return _scores(q, k, mask).softmax(dim=1) @ v


def _with_scale(scale) -> object:
    """An answer that multiplies q·k by ``scale(d)``."""
    return lambda q, k, v, mask: _head(q * scale(q.shape[1]) * math.sqrt(q.shape[1]), k, v, mask)


ONE_HEAD = Question(
    slug="one_head",
    lesson=LESSON,
    title="One attention head",
    kind="implement",
    difficulty=3,
    minutes=12,
    points=3,
    hints=(
        "Start from the formula: a table of scores, one row for each token that looks, one column for each that is "
        "looked at.",
        "`q @ k.T / math.sqrt(q.shape[1])`. Then the softmax over the tokens that are looked at, which is along a row.",
        "Padding must get no weight, and the other weights of a row must still add up to one: set its scores to minus "
        "infinity *before* the softmax, with `masked_fill(mask == 0, -math.inf)`. At last `@ v`.",
    ),
    inputs=_queries,
    reference=_head,
    why=(
        "Each row is an average of values whose weights add up to one, and padding has no part in it. The root of d "
        "keeps the scores near one in size: without it the softmax of a wide head puts nearly all weight on one token, "
        "and its gradient dies."
    ),
    wrong=(
        Wrong(
            "padding seen",
            "Tokens look at padding: the mask has no effect, so the answer for a text depends on how far its batch was "
            "padded.",
            lambda q, k, v, mask: _head(q, k, v, torch.ones_like(mask)),
        ),
        Wrong(
            "masked too late",
            "You mask after the softmax. Padding gets no weight then, but it has taken its share of it before: the "
            "weights of a row no longer add up to one. Mask the scores.",
            lambda q, k, v, mask: (_scores(q, k, torch.ones_like(mask)).softmax(dim=1) * mask) @ v,
        ),
        Wrong(
            "zero is no mask",
            "You set the scores of padding to zero. The softmax of a zero is no zero: padding still gets weight, and "
            "more than a token with a negative score.",
            lambda q, k, v, mask: (_scores(q, k, torch.ones_like(mask)) * mask).softmax(dim=1) @ v,
        ),
        Wrong(
            "not scaled",
            "The scores are not divided by the root of d. In a wide head they are then large, and the softmax looks at "
            "one token only.",
            _with_scale(lambda d: 1.0),
        ),
        Wrong(
            "divided by d",
            "You divide by d, not by its root. A sum of d products of random numbers grows like the root of d; divided "
            "by d, all scores shrink to nothing, and every token looks everywhere alike.",
            _with_scale(lambda d: 1 / d),
        ),
        Wrong(
            "wrong axis",
            "The softmax runs along the wrong axis: the weights *given to* one token add up to one, where those that "
            "one token gives should. Use `dim=1`.",
            lambda q, k, v, mask: _scores(q, k, mask).softmax(dim=0) @ v,
            recognise=lambda found, expected, cases: _is_softmax_of_columns(found[0], cases[0]),
        ),
        Wrong(
            "keys ask",
            "Queries and keys have changed places: row i now holds what others want from token i.",
            lambda q, k, v, mask: _head(k, q, v, mask),
        ),
    ),
)


def _is_softmax_of_columns(found: Data, case: Case) -> bool:
    """In the first case nothing is masked, so that it shows the axis alone."""
    q, k, v, mask = tensors(case).values()
    return bool(np.allclose(found, (_scores(q, k, mask).softmax(dim=0) @ v).numpy(), rtol=1e-4))


# --- what a rare word weighs ---------------------------------------------------------------------------------------

_WORDS = ("the", "film", "films", "good", "plot", "goodness", "dull")


def _corpora(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    cases = []
    for word in ("film", "good", "unseen"):
        texts = [" ".join(rng.choice(_WORDS, size=rng.integers(3, 8))) for _ in range(int(rng.integers(4, 9)))]
        texts += ["the films and the goodness", f"a {'good film' if word != 'unseen' else 'story'} good film"]
        cases.append({"texts": texts, "word": word})
    # By hand: one text holds the word, two hold its letters, and it occurs three times.
    return [*cases, {"texts": ["film after film after film", "the films", "dull", "good"], "word": "film"}]


def _idf(texts: list[str], word: str, *, smooth: int = 1, plus: float = 1.0, log=math.log) -> float:
    having = sum(word in text.split() for text in texts)
    return log((smooth + len(texts)) / (smooth + having)) + plus


IDF = Question(
    slug="idf",
    lesson=LESSON,
    title="What a rare word weighs",
    kind="implement",
    difficulty=2,
    minutes=6,
    points=2,
    hints=(
        "The formula counts *texts*: how many there are, and how many of them hold the word, once or more.",
        "`text.split()` gives the words of a text; `word in text` would look for letters, and find *film* in *films*.",
        "`having = sum(word in text.split() for text in texts)`, then the natural logarithm of "
        "`(1 + len(texts)) / (1 + having)`, plus one.",
    ),
    inputs=_corpora,
    reference=_idf,
    why=(
        "A word of every text weighs 1, a rare one more, and the ones in the fraction keep a word that no text holds "
        "from dividing by zero. That much is all TF-IDF knows: whether a word is rare, and nothing of what it means."
    ),
    wrong=(
        Wrong(
            "letters, not words",
            "You look for the letters anywhere in a text, so *film* is found in *films*. Split the text into words "
            "first.",
            lambda texts, word: math.log((1 + len(texts)) / (1 + sum(word in text for text in texts))) + 1,
        ),
        Wrong(
            "occurrences",
            "You count how often the word occurs. A text that says it three times is still one text that holds it.",
            lambda texts, word: math.log((1 + len(texts)) / (1 + sum(text.split().count(word) for text in texts))) + 1,
        ),
        Wrong(
            "one at the end missing",
            "The one at the end is missing, so a word that every text holds would weigh nothing at all.",
            lambda texts, word: _idf(texts, word, plus=0.0),
        ),
        Wrong(
            "not smoothed",
            "The ones in the fraction are missing: for a word that no text holds this divides by zero. And such words "
            "come, in every test.",
            lambda texts, word: _idf(texts, word, smooth=0),
        ),
        Wrong(
            "other logarithm",
            "The logarithm is another one: the formula has ln, which is `math.log` with one argument.",
            lambda texts, word: _idf(texts, word, log=math.log10),
            recognise=lambda found, expected, cases: _other_logarithm(found, expected),
        ),
    ),
)


def _other_logarithm(found: list[Data], expected: list[Data]) -> bool:
    """Whether all logarithms are one multiple of the natural ones."""
    ratios = (np.array(found, dtype=float) - 1) / (np.array(expected, dtype=float) - 1)
    return ratios[0] > 0 and bool(np.allclose(ratios, ratios[0]))


# --- the share of padding ------------------------------------------------------------------------------------------


def _plans(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    plans = [[rng.integers(3, 60, size=size).tolist() for size in sizes] for sizes in ((8, 8, 3), (2, 9), (1, 1, 5))]
    return [{"batches": plan} for plan in [*plans, [[7, 7, 7], [12]], [[int(rng.integers(5, 50))]]]]


def _cells(batches: list[list[int]]) -> int:
    return sum(len(batch) * max(batch) for batch in batches)


def _real(batches: list[list[int]]) -> int:
    return sum(sum(batch) for batch in batches)


def _longest_everywhere(batches: list[list[int]]) -> float:
    longest = max(max(batch) for batch in batches)
    return 1 - _real(batches) / sum(len(batch) * longest for batch in batches)


PADDING_SHARE = Question(
    slug="padding_share",
    lesson=LESSON,
    title="Work for nothing",
    kind="implement",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "A batch is a rectangle. How high is it, how wide, and how many of its places hold a real token?",
        "With dynamic padding a batch is as wide as *its own* longest text: `len(batch) * max(batch)` places.",
        "Add the places of all batches, add the real tokens of all batches, and divide once, at the end.",
    ),
    inputs=_plans,
    reference=lambda batches: 1 - _real(batches) / _cells(batches),
    why=(
        "This is the share of the work that a GPU does for nothing. It changes with the plan alone: the same texts, "
        "sorted into buckets, need fewer places, and every answer stays what it was, because the mask hides padding."
    ),
    wrong=(
        Wrong(
            "mean of shares",
            "You average the shares of the batches. A small batch then counts as much as a large one; add places and "
            "tokens over all batches first.",
            lambda batches: sum(1 - sum(one) / (len(one) * max(one)) for one in batches) / len(batches),
        ),
        Wrong(
            "padding over real",
            "You divide the padding by the real tokens. A share is of *all* places; this ratio can pass one.",
            lambda batches: (_cells(batches) - _real(batches)) / _real(batches),
        ),
        Wrong(
            "longest of all",
            "Each batch is padded to the longest text of all batches here. With dynamic padding the longest of its own "
            "batch decides.",
            _longest_everywhere,
        ),
        Wrong(
            "share of real tokens",
            "This is the share of real tokens. What was asked for is what is left of one.",
            lambda batches: _real(batches) / _cells(batches),
        ),
        Wrong(
            "a number of tokens",
            "This is the number of padding tokens, where their share of all places was asked for.",
            lambda batches: _cells(batches) - _real(batches),
        ),
    ),
)

# --- a head that trains nothing ------------------------------------------------------------------------------------


class TinyBert(nn.Module):
    """The names of a BERT classifier (``bert``, ``dropout``, ``classifier``) on a few hundred weights, in float64.

    Parameters
    ----------
    classes : int
        Outputs of the head ``classifier``.
    seed : int
        Of the weights; global random state is left as it was.

    Examples
    --------
    >>> TinyBert(2, seed=0)(torch.zeros(4, 5, dtype=torch.int64)).shape
    torch.Size([4, 2])
    """

    def __init__(self, classes: int, seed: int):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.bert = nn.Sequential(nn.Embedding(20, 6), nn.Linear(6, 6), nn.Tanh())
            self.dropout = nn.Dropout(0.1)
            self.classifier = nn.Linear(6, classes)
        self.double()

    def forward(self, words: Tensor) -> Tensor:
        """Turn words N×L into N×classes logits."""
        return self.classifier(self.dropout(self.bert(words).mean(dim=1)))


def _sentences(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    return [
        {
            "seed": int(rng.integers(2**31)),
            "words": rng.integers(0, 20, size=(9, 4)),
            "labels": rng.permutation(np.arange(9) % 3),
            "head": rng.normal(size=(3, 6)),
            "rate": float(rng.uniform(0.2, 1)),
        }
        for _ in range(2)
    ]


def _trained_head(answer: object, case: Case) -> Data:
    """Let the answer prepare a model of two classes for three, then take four steps with its optimiser."""
    need_function(answer, "answer_head_only(model, new_head, rate)")
    given, model = tensors(case), TinyBert(2, case["seed"]).eval()
    head = nn.Linear(6, 3, dtype=torch.float64)
    head.load_state_dict({"weight": given["head"], "bias": torch.zeros(3, dtype=torch.float64)})
    optimizer = answer(model, head, case["rate"])
    if not callable(getattr(optimizer, "step", None)):
        raise Unfit(f"It gave back {type(optimizer).__name__}; give back the optimiser.")
    model.eval()
    for _ in range(4):
        model.zero_grad()
        F.cross_entropy(model(given["words"]), given["labels"]).backward()
        optimizer.step()
    return {"state": state(model), "logits": plain(model(given["words"]))}


def _head_only(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.requires_grad_(False)
    model.classifier = new_head
    return torch.optim.SGD(new_head.parameters(), lr=rate)


def _too_early(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    model.requires_grad_(False)
    model.classifier = new_head
    return optimizer


def _frozen_too(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.classifier = new_head
    model.requires_grad_(False)
    return torch.optim.SGD(model.parameters(), lr=rate)


def _all_of_it(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.classifier = new_head
    return torch.optim.SGD(model.parameters(), lr=rate)


def _old_head(model: nn.Module, new_head: nn.Module, rate: float) -> torch.optim.Optimizer:
    model.bert.requires_grad_(False)
    return torch.optim.SGD(model.classifier.parameters(), lr=rate)


def _is_moved(found: list[Data], cases: list[Case], *, body: bool, head: bool) -> bool:
    """Whether body and head moved from where they started, or did not, in the first case."""
    mine, start = found[0]["state"], state(TinyBert(2, cases[0]["seed"]))
    moved_body = not all(np.allclose(mine[name], start[name]) for name in start if name.startswith("bert."))
    return (moved_body, not np.allclose(mine["classifier.weight"], cases[0]["head"])) == (body, head)


HEAD_ONLY = Question(
    slug="head_only",
    lesson=LESSON,
    title="The head that trains nothing",
    kind="repair",
    difficulty=3,
    minutes=9,
    points=3,
    hints=(
        "No error, and a loss that never changes. Which tensors does `optimizer.step()` move: those of the model, or "
        "those that the optimiser was given?",
        "An optimiser keeps the parameters that it was given when it was made. Which head stood in the model at that "
        "moment?",
        "Freeze first, put `new_head` in the place of `model.classifier`, and make the optimiser last, from "
        "`new_head.parameters()`.",
    ),
    inputs=_sentences,
    reference=_head_only,
    why=(
        "The new head learns, and the body stays. An optimiser holds parameters, not models: whoever changes the model "
        "afterwards trains weights that nobody uses any more. As `backward()` finds a gradient, no error says so; "
        "only a count, or a look at what moved, does."
    ),
    wrong=(
        Wrong(
            "optimiser too early",
            "Nothing has moved: neither body nor head. The optimiser still holds the old head's weights, which are no "
            "longer in the model. Make it after the new head is in its place.",
            _too_early,
            recognise=lambda found, expected, cases: _is_moved(found, cases, body=False, head=False),
        ),
        Wrong(
            "new head frozen",
            "The new head is frozen along with the rest, so `backward()` finds no gradient. Freeze before you put it "
            "in, or wake it with `requires_grad_(True)`.",
            _frozen_too,
        ),
        Wrong(
            "old head",
            "The head is still the old one, for two classes, and the third class does not fit in. Put `new_head` in "
            "the place of `model.classifier`.",
            _old_head,
        ),
        Wrong(
            "body learns",
            "The head learns, and the body with it: that is fine-tuning, at the rate of a head. Freeze `model.bert`.",
            _all_of_it,
            recognise=lambda found, expected, cases: _is_moved(found, cases, body=True, head=True),
        ),
        Wrong(
            "body instead of head",
            "The wrong half learns: `model.bert` moves, and the new head stays as random as it was made.",
            lambda model, new_head, rate: (
                setattr(model, "classifier", new_head) or torch.optim.SGD(model.bert.parameters(), lr=rate)
            ),
            recognise=lambda found, expected, cases: _is_moved(found, cases, body=True, head=False),
        ),
    ),
    probe=_trained_head,
    prepare=load_optimizers,
)

# --- precision, recall and F1 --------------------------------------------------------------------------------------


def _counts(seed: int) -> list[Case]:
    rng = np.random.default_rng(seed)
    drawn = [[int(n) for n in rng.integers(1, 80, size=3)] for _ in range(3)]
    edges = [
        [0, 5, 9],
        [0, 0, int(rng.integers(1, 9))],
        [0, int(rng.integers(1, 9)), 0],
        [0, 0, 0],
        [1, 0, 0],
        [2, 60, 3],
    ]
    return [{"tp": tp, "fp": fp, "fn": fn} for tp, fp, fn in [*drawn, *edges]]


def _share(part: float, whole: float, empty: float = 0.0) -> float:
    return part / whole if whole else empty


def _three_scores(tp: int, fp: int, fn: int, empty: float = 0.0) -> list[float]:
    return [_share(tp, tp + fp, empty), _share(tp, tp + fn, empty), _share(2 * tp, 2 * tp + fp + fn, empty)]


def _of_both(combine) -> object:
    """An answer that makes its third number of precision and recall."""

    def answer(tp: int, fp: int, fn: int) -> list[float]:
        precision, recall, _ = _three_scores(tp, fp, fn)
        return [precision, recall, combine(precision, recall)]

    return answer


def _divides(tp: int, fp: int, fn: int) -> list[float]:
    return [tp / (tp + fp), tp / (tp + fn), 2 * tp / (2 * tp + fp + fn)]


def _divides_by_both(tp: int, fp: int, fn: int) -> list[float]:
    precision, recall = tp / (tp + fp), tp / (tp + fn)
    return [precision, recall, 2 * precision * recall / (precision + recall)]


THREE_SCORES = Question(
    slug="three_scores",
    lesson=LESSON,
    title="Precision, recall, F1, and nothing over nothing",
    kind="implement",
    difficulty=2,
    minutes=7,
    points=2,
    hints=(
        "Precision asks those that were *called* positive, recall those that *are*.",
        "Which of the three fractions can have a zero below the line, and when? Here such a fraction counts as zero.",
        "F1 from the counts: `2 * tp / (2 * tp + fp + fn)`. Test each denominator before you divide.",
    ),
    inputs=_counts,
    reference=_three_scores,
    why=(
        "The three are right on the edges, too. A classifier that never says *positive* has no precision to speak of; "
        "libraries call it 0 and warn. In a rare class this happens often, so say which value you took: with 1 in its "
        "place, silence would look perfect."
    ),
    wrong=(
        Wrong(
            "swapped",
            "Precision and recall have changed places. Precision divides by all that were *called* positive, TP + FP; "
            "recall by all that *are*, TP + FN.",
            lambda tp, fp, fn: _three_scores(tp, fn, fp),
        ),
        Wrong(
            "nothing over nothing",
            "It stops where nothing was called positive, or nothing is positive: then a denominator is zero. The "
            "fraction shall count as 0.",
            _divides,
        ),
        Wrong(
            "no precision and no recall",
            "It stops where nothing was found: the first denominators may be zero, and where precision and recall are "
            "both 0 so is the one of F1. Let such a fraction count as 0.",
            _divides_by_both,
        ),
        Wrong(
            "one for nothing",
            "Where there is nothing to divide by, this gives 1. Whoever never says *positive* would then be perfectly "
            "precise.",
            lambda tp, fp, fn: _three_scores(tp, fp, fn, empty=1.0),
        ),
        Wrong(
            "arithmetic mean",
            "Your F1 is the plain mean of precision and recall. The harmonic mean stays near the smaller of the two: "
            "calling everything positive must not earn one half.",
            _of_both(lambda precision, recall: (precision + recall) / 2),
        ),
        Wrong(
            "half of it",
            "Your F1 is half of what it should be: the factor 2 above the line is missing, so even a perfect "
            "classifier gets one half.",
            _of_both(lambda precision, recall: _share(precision * recall, precision + recall)),
        ),
    ),
)

# --- what a number can hide ----------------------------------------------------------------------------------------

NEVER_URGENT = Question(
    slug="never_urgent",
    lesson=LESSON,
    title="Which numbers hide it?",
    kind="predict",
    difficulty=2,
    minutes=5,
    points=0,
    hints=(
        "Write the table of counts: 950 ordinary texts, called so rightly; 50 urgent ones, called ordinary.",
        "The F1 of *ordinary* is 2·950 / (2·950 + 50), and that of *urgent* is 0. Now take the two averages of them.",
        "Macro: half of each. Weighted: 950 parts of a thousand of the one, 50 of the other.",
    ),
    inputs=lambda seed: [{}],
    reference="ABE",
    why=(
        "Accuracy 0.95, weighted F1 0.93, precision of *ordinary* 0.95: three fine numbers for a classifier that finds "
        "no urgent text. Macro F1 is 0.49 and tells, and the recall of *urgent*, 0, tells at once. So name the class "
        "you care for."
    ),
    wrong=(
        Wrong(
            "D hides nothing",
            "D hides nothing: none of the urgent texts is found, so their recall is 0. It is the number to ask for.",
            "ABDE",
            recognise=lambda found, expected, cases: "D" in found[0],
        ),
        Wrong(
            "macro",
            "C is below one half: in macro F1 each class counts the same, and one of the two has an F1 of 0.",
            "ABCE",
            recognise=lambda found, expected, cases: "C" in found[0],
        ),
        Wrong(
            "weighted forgotten",
            "You left out B. Weighted by frequency, the class that is never found counts a twentieth: 0.95 times an F1 "
            "of 0.97 remains.",
            "AE",
            recognise=lambda found, expected, cases: "B" not in found[0],
        ),
        Wrong(
            "accuracy forgotten",
            "You left out A. Nineteen texts of twenty are ordinary, and all of these come out right.",
            "BE",
            recognise=lambda found, expected, cases: "A" not in found[0],
        ),
        Wrong(
            "precision forgotten",
            "You left out E. Of the thousand texts called ordinary, 950 are: that is a high precision, of the class "
            "that nobody asked about.",
            "AB",
            recognise=lambda found, expected, cases: "E" not in found[0],
        ),
    ),
    probe=letters,
)

QUESTIONS = (ONE_HEAD, IDF, PADDING_SHARE, MEAN_POOL, HEAD_ONLY, THREE_SCORES, NEVER_URGENT)
